"""Jobs: the photos of a request are restored one after the other, and each result is published when it is done."""

from __future__ import annotations

import contextlib
import hashlib
import math
import threading
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from app import codec
from app.client import Priority, RestorationClient
from app.codec import bounded
from app.errors import PhotoError, RestorationError
from app.i18n import say
from app.pipeline.chain import chain_steps
from app.pipeline.eta import EtaEstimator
from app.pipeline.reference_test import check_reference_size, reference_steps
from app.pipeline.restore import Steps, photo_steps, run
from app.tasks import Chain, Quality, Task, TaskRun, chain_name, check_steps, scales, split_chain
from app.tracing import traced
from app.web import limits, storage
from app.web.examples import examples
from app.web.metrics import CHAIN, counting, watched
from app.web.restore.results import (
    Outcome,
    preview_reference_test,
    preview_restored,
    read_original,
    read_result,
    save_before,
    save_master,
)

T = TypeVar("T")


@dataclass(frozen=True)
class JobOptions:
    """The options of a job.

    Attributes:
        chain: the task to run, or several, each on the result of the one before.
        quality: of every task: selects the network, and whether it runs as a self-ensemble.
        is_reference_test: whether the photos are clean and are degraded first; the chain is one task then.
    """

    chain: Chain
    quality: Quality = Quality.FAST
    is_reference_test: bool = False


@dataclass(frozen=True, eq=False)  # starting the same photos again is a new job
class Job:
    """A job, with the choices as they were when it was started.

    Attributes:
        photos: paths of the photos to restore.
        options: how to restore them.
        previous: the results that the job goes on with, of the same photos; None where it begins with the photos.
    """

    photos: tuple[Path, ...]
    options: JobOptions
    previous: Results | None = None


@dataclass(frozen=True, eq=False)  # results belong to one job
class Results:
    """The results of a job so far.

    Attributes:
        photos: all photos of the job.
        outcomes: one for each photo that is done, in order.
        previous: the results that the job went on with, or None.
    """

    photos: tuple[Path, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    previous: Results | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every photo is done."""
        return len(self.outcomes) == len(self.photos)

    @property
    def restored(self) -> list[Outcome]:
        """The outcomes without an error."""
        return [outcome for outcome in self.outcomes if outcome.error is None]


@dataclass(frozen=True)
class JobProgress:
    """The progress of a job.

    Attributes:
        name: stem of the current photo's file name.
        done, total: finished tiles of the photo, and all of them.
        seconds: since the photo was started.
        place: number of the photo, from 1, and the number of photos.
        is_loading: whether the server has to load the network first.
        is_waiting: whether no server responds; the photo waits for it.
    """

    name: str
    done: int
    total: int
    seconds: float
    place: tuple[int, int]
    is_loading: bool = False
    is_waiting: bool = False


@dataclass(frozen=True)
class Preview:
    """A restored photo that can be shown while its lossless file is still being written.

    Attributes:
        outcome: the outcome without its master file.
    """

    outcome: Outcome


Event = JobProgress | Preview | Outcome


class JobRunner:
    """Runs the jobs of a page; they share the connection, the time estimates and the cache of restored examples.

    Args:
        client: connection to Triton.

    Attributes:
        client: the connection.
        eta: the time estimates.
        tasks: those that the server had when the page was built.
        has_judge: whether it then had the network that judges photos.
    """

    def __init__(self, client: RestorationClient) -> None:
        self.client, self.eta, self.tasks = client, EtaEstimator(), client.tasks()
        self.has_judge = client.has_judge()
        shown = (path for task in self.tasks.values() for path in examples(task))
        self._examples = {digest(path) for path in shown}
        self._lock = threading.Lock()
        self._restored: dict[tuple[str, str, Quality], Outcome] = {}

    def find_chain(self, names: str | None) -> Chain:
        """Return the tasks of a chain by their names, separated by commas; one name is a chain, too.

        Raises:
            UnknownTaskError: they are too many, or one is not served; the message gives the reason.
        """
        return tuple(self.find_task(name) for name in split_chain(names or ""))

    def find_task(self, name: str | None) -> Task:
        """Return the task of that name; it is None where the server has no tasks.

        Raises:
            UnknownTaskError: no such task is served; the message gives the reason.
        """
        return self.tasks[name] if name in self.tasks else self.client.task(name or "")

    def warm_up(self) -> None:
        """Restore the first task's first example, so that it is cached and the server's speed is known."""
        # A ValueError says that the connection is closed: the page is ending already.
        with contextlib.suppress(RestorationError, ValueError):
            for task in [*self.tasks.values()][:1]:
                # Two tiles for each instance, so that each has loaded the network before its speed is measured.
                network = task.network()
                photo = codec.Photo(np.full((network.tile, 2 * network.instances * network.tile, 3), 128, np.uint8))
                run(photo_steps(photo, task, self.client))
                list(self.run(examples(task)[:1], JobOptions((task,))))
            if self.has_judge:
                self.client.judge(np.full((8, 8, 3), 128, np.uint8))

    def run(
        self, paths: Sequence[Path], options: JobOptions, earlier: Sequence[Outcome] = ()
    ) -> Generator[Event, None, None]:
        """Run a job.

        Args:
            paths: the photos.
            options: how to restore them.
            earlier: for each photo the outcome whose result is restored in its place; none to begin with the photos.

        Yields:
            For each photo in order: its progress, a preview when it can be shown, and its outcome.
        """
        photos = self.run_photos(paths, options, earlier)
        task, quality = chain_name(options.chain), options.quality.value
        yield from traced("job", photos, task=task, quality=quality, photos=len(paths))

    def run_photos(
        self, paths: Sequence[Path], options: JobOptions, earlier: Sequence[Outcome]
    ) -> Generator[Event, None, None]:
        """Run the photos of a job; arguments and events are those of :meth:`run`."""
        made = [file for outcome in earlier for file in outcome.files]
        for number, path in enumerate(paths, 1):
            base = earlier[number - 1] if earlier else None
            if base is not None and base.error is not None:
                yield base
                continue
            steps = self.run_photo(path, options, (number, len(paths)), base)
            try:
                with contextlib.closing(watched(steps, counted_name(options.chain), options.quality)) as events:
                    for event in events:
                        if isinstance(event, Outcome):
                            outcome = event  # handed on when it has been counted: its visitor may leave with it
                        else:
                            limits.check_time()
                            storage.touch([*paths, *made])
                            yield event
            except RestorationError as error:
                runs = tuple(TaskRun(task, options.quality) for task in options.chain)
                outcome = Outcome(path.stem, (base.runs if base else ()) + runs, error=error)
            made += outcome.files
            storage.touch([*paths, *made])
            yield outcome

    def run_photo(
        self, path: Path, options: JobOptions, place: tuple[int, int], earlier: Outcome | None = None
    ) -> Generator[Event, None, None]:
        """Restore one photo of a job.

        Args:
            path: the photo.
            options: how to restore it.
            place: its number, from 1, and the number of photos.
            earlier: the outcome whose result is restored in the photo's place, if any.

        Yields:
            Progress, a preview and the outcome.

        Raises:
            RestorationError: the photo could not be restored; the message gives the reason.
        """
        # A single photo takes precedence over a batch.
        client = self.client.with_priority(Priority.VISITOR if place[1] == 1 else Priority.BATCH)
        with storage.explain_missing():
            key = (digest(path), chain_name(options.chain), options.quality)
        is_alone = len(options.chain) == 1 and earlier is None and not options.is_reference_test
        is_example = is_alone and key[0] in self._examples
        if is_example and key in self._restored:
            yield self._restored[key]
            return
        networks = [task.network(options.quality) for task in options.chain]
        known = {network.name for network in networks if self.client.has_restored(network)}
        names = counted_name(options.chain), options.quality
        progress = JobProgress(path.stem, 0, 1, 0.0, place, is_loading=len(known) < len({n.name for n in networks}))
        with storage.results_folder(is_kept=is_example) as folder:
            with storage.explain_missing():
                if earlier is None:
                    photo = original = bounded.decode(path, 1 if options.is_reference_test else options.chain[0].scale)
                else:
                    photo, original = read_result(earlier), read_original(earlier)
            if options.is_reference_test:
                steps = reference_steps(photo, options.chain[0], client, options.quality)
                test = yield from with_progress(counting(steps, *names), progress, folder)
                result, shown = test.restoration, preview_reference_test(test, path.stem, folder)
            else:
                with ThreadPoolExecutor(1) as executor:  # the server is at work meanwhile
                    restoration = chain_steps(photo, options.chain, client, options.quality)
                    scale = photo.size[0] // original.size[0] * math.prod(scales(options.chain))
                    before = executor.submit(save_before, original, scale, folder)
                    result = yield from with_progress(counting(restoration, *names), progress, folder)
                    runs = earlier.runs if earlier is not None else ()
                    shown = preview_restored(result, before.result(), path.stem, folder, runs)
            yield Preview(shown)
            outcome = save_master(shown, result.after, folder)
        # Loading a network and degrading a photo take time that is not the network's.
        if not options.is_reference_test:
            for step in result.each:
                if step.task.network(step.quality).name in known:
                    self.eta.update(step)
        if is_example:
            with self._lock:
                self._restored[key] = outcome
        yield outcome


def check_results(outcomes: Sequence[Outcome], task: Task) -> None:
    """Check that at least one result can be restored by a task, before the job is queued.

    Raises:
        PhotoError: there is no result, or all are too large.
        UnknownTaskError: so many tasks have made it that none is allowed any more.
    """
    refusals = []
    for outcome in outcomes:
        if outcome.error is not None:
            continue
        check_steps(len(outcome.runs) + 1)
        try:
            codec.check_size(outcome.pictures[-1].size, task.scale)
        except PhotoError as error:
            refusals.append(error)
        else:
            return
    raise refusals[0] if refusals else PhotoError(say("error.no_photo"))


def counted_name(chain: Chain) -> str:
    """Return the name by which the page's metrics count a chain: that of its task, or one for all longer ones."""
    return chain[0].name if len(chain) == 1 else CHAIN


def check_photos(paths: Sequence[Path], chain: Chain, is_reference_test: bool = False) -> None:
    """Check by the headers that at least one photo can be restored, before the job is queued.

    Raises:
        PhotoError: there is no photo, or none is usable; the message is that of the first one.
    """
    refusals = []
    for path in paths:
        try:
            with storage.explain_missing():
                size = bounded.read_header(path).size
            codec.check_size(size, *((1,) if is_reference_test else scales(chain)))
            if is_reference_test:
                check_reference_size(size, chain[0])
        except PhotoError as error:
            refusals.append(error)
        else:
            return
    raise refusals[0] if refusals else PhotoError(say("error.no_photo"))


def with_progress(steps: Steps[T], progress: JobProgress, folder: Path) -> Generator[JobProgress, None, T]:
    """Convert the steps of a photo into progress of its job; the folder of its results is kept from being deleted."""
    started = time.monotonic()
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        storage.touch([folder / "restored.png"])
        yield replace(
            progress,
            done=step.done,
            total=step.total,
            seconds=time.monotonic() - started,
            is_loading=progress.is_loading and step.done == 0,
            is_waiting=step.is_waiting,
        )


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
