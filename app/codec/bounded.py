"""Decode visitors' photos in separate processes: none can exhaust the page's memory or time, or make it crash.

:mod:`app.codec.worker` is such a process. It is used again and again, and replaced if a photo exceeds a limit of it or
makes a decoder crash. Photos of the user's own, on the command line and in Python, are decoded in the user's process.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

from app.codec.header import Header
from app.codec.photo import Photo
from app.codec.transfer import Result, read_result
from app.codec.worker import OUT_OF_MEMORY
from app.errors import PhotoError
from app.i18n import say

WORKERS = max(2, min(4, (os.cpu_count() or 1) // 2))
PHOTOS_PER_WORKER = 500  # then it is replaced: decoders may leak
WAIT_S = 120.0  # for a worker
STOP_S = 5.0  # for an idle worker to end
HEADERS_KEPT = 1024
BUSY = "UNAVAILABLE"  # gRPC's status where it is not the photo's fault
ROOT = Path(__file__).parents[2]  # where Python finds the same package

T = TypeVar("T", Photo, Header)


@dataclass(frozen=True)
class Limits:
    """Limits of the decoding of one photo.

    Attributes:
        memory: address space of the process, in bytes; libraries take 0.2 GB of it.
        cpu_s: CPU time, which other work on the machine does not lengthen.
        wall_s: time until the answer.
    """

    memory: int = 2 << 30
    cpu_s: int = 15
    wall_s: int = 60


class Worker:
    """A decoding process, which is started when it is first needed, and its replacements."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._answered = 0

    def ask(self, request: dict[str, int], photo: IO[bytes]) -> Result:
        """Have a photo decoded, or its header read.

        Args:
            request: as :func:`app.codec.worker.answer` takes it.
            photo: the open file.

        Returns:
            What the process found; an error also if it exceeded a limit or crashed.

        Raises:
            OSError: it cannot be started.
        """
        if self._process is None or self._process.poll() is not None or self._answered == PHOTOS_PER_WORKER:
            self.stop()
            self._start()
        assert self._process is not None
        assert self._socket is not None
        self._answered += 1
        with anonymous_file() as result:
            try:
                socket.send_fds(self._socket, [json.dumps(request).encode()], [photo.fileno(), result.fileno()])
                if self._socket.recv(1):
                    result.seek(0)
                    return read_result(result)
                error = self._ended_by(self._process.wait())
            except TimeoutError:
                self._process.kill()
                error = too_slow(self._limits.wall_s)
            except ValueError:  # the process has been taken over by the photo
                self._process.kill()
                error = PhotoError(say("error.damaged"))
            except ConnectionError:  # it ended before it had read the whole request
                error = self._ended_by(self._process.wait())
        self.stop()
        with contextlib.suppress(OSError):  # the next photo tries again
            self._start()  # which takes a while: it is ready when the next photo comes
        return error

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        ours.settimeout(self._limits.wall_s)
        with theirs, contextlib.ExitStack() as failed:
            failed.callback(ours.close)
            self._process = subprocess.Popen(
                [sys.executable, "-m", "app.codec.worker", str(self._limits.memory), str(self._limits.cpu_s)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                cwd=ROOT,
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # whose buffers would count as memory
                process_group=0,  # Ctrl-C is for the page, which may have photos to finish
            )
            failed.pop_all()
        self._socket, self._answered = ours, 0

    def _ended_by(self, code: int) -> PhotoError:
        """Return the error of the photo that ended the process, by its exit code, negative for a signal."""
        if code == -signal.SIGXCPU:
            return too_slow(self._limits.cpu_s)
        if code in (OUT_OF_MEMORY, -signal.SIGKILL):  # by itself, or by the kernel
            return PhotoError(say("error.decode_memory"))
        return PhotoError(say("error.damaged"))

    def stop(self) -> None:
        """End the process: at once if it is at work, by itself if not."""
        if self._process is not None and self._socket is not None:
            with contextlib.suppress(OSError):  # the process has closed its end
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = self._socket = None


class Workers:
    """Some decoding processes, which are shared by all threads.

    Args:
        count: of photos that are decoded at the same time.
        limits: of each photo.
    """

    def __init__(self, count: int, limits: Limits = Limits()) -> None:
        self._idle: queue.LifoQueue[Worker] = queue.LifoQueue()  # so that no more are started than are needed
        self._all = [Worker(limits) for _ in range(count)]
        for worker in self._all:
            self._idle.put(worker)

    def ask(self, request: dict[str, int], path: Path) -> Result:
        """Have a worker decode a photo, or read its header.

        Raises:
            PhotoError: no worker became free, or could be started.
            OSError: the file cannot be opened.
        """
        with path.open("rb") as photo:
            try:
                worker = self._idle.get(timeout=WAIT_S)
            except queue.Empty as error:
                raise PhotoError(say("error.server_busy"), BUSY) from error
            try:
                return worker.ask(request, photo)
            except OSError as error:  # of starting a process: the machine has no place for one
                raise PhotoError(say("error.server_busy"), BUSY) from error
            finally:
                self._idle.put(worker)

    def close(self) -> None:
        """End the processes; what they are decoding is lost."""
        for worker in self._all:
            worker.stop()


workers = Workers(WORKERS)
atexit.register(workers.close)


def decode(path: Path, scale: int = 1) -> Photo:
    """Decode a photo as :func:`app.codec.decode` does, within the limits of a worker.

    Raises:
        PhotoError: empty, not an image, damaged, or above a limit.
        OSError: the file cannot be opened.
    """
    return found(workers.ask({"scale": scale}, path), Photo)


def read_header(path: Path) -> Header:
    """Read the header of an image file within the limits of a worker; of a file that has not changed, only once.

    Raises:
        PhotoError: empty, not an image, or damaged.
        OSError: the file cannot be opened.
    """
    status = path.stat()
    return unchanged_header(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(HEADERS_KEPT)
def unchanged_header(path: Path, changed_ns: int, length: int) -> Header:
    """Read the header of the file that had this time of change and this length in bytes."""
    return found(workers.ask({}, path), Header)


def found(result: Result, kind: type[T]) -> T:
    """Return the result if it is of that kind.

    Raises:
        PhotoError: it is this error.
    """
    if isinstance(result, PhotoError):
        raise result
    assert isinstance(result, kind)
    return result


def too_slow(limit_s: int) -> PhotoError:
    """Return the error of a photo that takes longer to decode."""
    return PhotoError(say("error.decode_time", seconds=limit_s))


def anonymous_file() -> IO[bytes]:
    """Return an unbuffered file without a name, in memory where the system has such files."""
    if sys.platform == "linux":
        return os.fdopen(os.memfd_create("photo"), "w+b", buffering=0)
    return tempfile.TemporaryFile(buffering=0)
