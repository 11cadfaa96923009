"""Restore one photo of many, and put the result in its place."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import uuid
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path

from app import codec
from app.client import ConnectionOptions, RestorationClient
from app.codec import Photo
from app.codec.bounded import Workers, found
from app.errors import PhotoError, RestorationError, ServerUnavailableError
from app.many.manifest import Item, Outcome, State
from app.pipeline.chain import chain_steps
from app.pipeline.restore import run
from app.tasks import Chain, Quality

log = logging.getLogger(__name__)

PARTS = ".parts"  # in the folder of the results: files that are not yet whole
# Nothing more can be stored, whatever its name.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
UNKNOWN = "UNKNOWN"  # gRPC's status of what is neither the server's nor the photo's fault


@dataclass(frozen=True)
class Job:
    """What is done to every photo.

    Attributes:
        task: for example ``sr_x4``, or a chain, ``derain_heavy,sr_x2``.
        quality: selects the network, and whether it runs as a self-ensemble.
        output: how results are encoded.
        out: folder of the results, absolute.
        strength: in percent: how much of the restoration is seen.
    """

    task: str
    quality: Quality
    output: codec.Output
    out: Path
    strength: int = codec.WHOLE

    def options(self) -> dict[str, str]:
        """Return what has to stay the same from run to run, by the names on the command line."""
        return {
            "--task": self.task,
            "--quality": str(self.quality),
            "--format": self.output.format,
            "--percent": str(self.output.percent),
            "--strength": str(self.strength),
            "--without-exif": "no" if self.output.metadata else "yes",
        }


@dataclass(frozen=True)
class Setup:
    """What a worker needs to restore photos.

    Attributes:
        job: what is done to every photo.
        chain: the task as it is served now, or the tasks of a chain.
        url, options: of the connection to Triton.
    """

    job: Job
    chain: Chain
    url: str
    options: ConnectionOptions


class Restorer:
    """Restores photos of a job one by one; thread-safe.

    Args:
        job: what is done to every photo.
        chain: the task as it is served now, or the tasks of a chain.
        client: connection to Triton.
        workers: processes that decode: a photo that makes a decoder crash, or takes all memory, is one error.
    """

    def __init__(self, job: Job, chain: Chain, client: RestorationClient, workers: Workers) -> None:
        self.job, self._chain, self._client, self._workers = job, chain, client, workers

    def __call__(self, item: Item) -> Outcome:
        """Restore a photo and put the result in its place.

        Raises:
            CancelledError: the requests were cancelled.
        """
        try:
            with contextlib.suppress(ServerUnavailableError):  # each photo waits for the server, with the former task
                self._chain = self._client.recent_chain(self.job.task)
            before = found(self._workers.ask({"scale": self._chain[0].scale}, item.photo), Photo)
            restored = run(chain_steps(before, self._chain, self._client, self.job.quality))
            content = codec.encode(codec.blend(before, restored.after, self.job.strength), self.job.output)
        except CancelledError:
            raise
        except RestorationError as error:
            is_final = isinstance(error, PhotoError) and error.status == PhotoError.usual_status
            return Outcome(item, State.REFUSED if is_final else State.FAILED, str(error), error.status)
        except OSError as error:
            return Outcome(item, State.FAILED, f"The photo cannot be read ({error.strerror}).", UNKNOWN)
        except Exception as error:  # of any kind: one photo does not end the work on a million others
            log.info("%s", item.photo, exc_info=True)
            return Outcome(item, State.FAILED, f"An unexpected error ({type(error).__name__}): {error}", UNKNOWN)
        try:
            assert item.result is not None
            put(content, self.job.out / item.result, self.job.out / PARTS)
        except OSError as error:
            problem = f"The result {item.result} cannot be stored ({error.strerror})."
            return Outcome(item, State.FAILED, problem, UNKNOWN, ends=error.errno in FULL)
        return Outcome(item, State.DONE)


def put(content: bytes, target: Path, parts: Path) -> None:
    """Write a file so that it is in its place as a whole or not at all, and on the disk afterwards.

    Args:
        content: of the file.
        target: its place; the folder is created.
        parts: a folder on the same file system, where the file has a name of its own until it is whole.

    Raises:
        OSError: it cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = parts / uuid.uuid4().hex
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    with contextlib.suppress(OSError):  # not every file system has it
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
