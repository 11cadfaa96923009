"""A visitor's job: photos go through the pipeline one after the other; each is shown and kept as soon as it is done."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from app import codec
from app.client import Priority, RestorationClient
from app.errors import PhotoError, RestorationError
from app.i18n import say
from app.pipeline.eta import Pace
from app.pipeline.reference_test import check_reference_size, reference_steps
from app.pipeline.restore import Steps, photo_steps, run
from app.tasks import Quality, Task
from app.web import storage
from app.web.restore.choices import examples
from app.web.restore.results import Outcome, keep_restored, show_before, show_reference_test, show_restored

T = TypeVar("T")


@dataclass(frozen=True)
class Order:
    """What is to be done with photos.

    Attributes:
        task: what to restore them for.
        quality: by which network, and whether as self-ensemble.
        is_reference_test: whether they are clean, and degraded first.
    """

    task: Task
    quality: Quality = Quality.FAST
    is_reference_test: bool = False


@dataclass(frozen=True, eq=False)  # one that is started again is another one
class Start:
    """A job as it was chosen when it was started, whatever is chosen afterwards.

    Attributes:
        photos: to be restored.
        order: what is to be done with them.
    """

    photos: tuple[Path, ...]
    order: Order


@dataclass(frozen=True, eq=False)  # as they belong to a job
class Results:
    """What has come of a job so far.

    Attributes:
        photos: all of the job.
        outcomes: of those that are done, in their order.
    """

    photos: tuple[Path, ...] = ()
    outcomes: tuple[Outcome, ...] = ()

    @property
    def is_complete(self) -> bool:
        return len(self.outcomes) == len(self.photos)

    @property
    def restored(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.error is None]


@dataclass(frozen=True)
class Advance:
    """How far a job is.

    Attributes:
        name: of the photo in work.
        done, total: its tiles.
        seconds: since it was begun.
        place: of the photo, from 1, and how many there are.
        is_loading: whether the server has to load the task's network first.
    """

    name: str
    done: int
    total: int
    seconds: float
    place: tuple[int, int]
    is_loading: bool = False


@dataclass(frozen=True)
class Preview:
    """A restored photo that can be shown already, while it is written without loss.

    Attributes:
        outcome: what came of the photo, without its master.
    """

    outcome: Outcome


Event = Advance | Preview | Outcome


class Workshop:
    """What all jobs of a page share: Triton, the pace it works at, and the examples it has restored already.

    Args:
        client: connection to Triton.
    """

    def __init__(self, client: RestorationClient) -> None:
        self.client, self.pace, self.tasks = client, Pace(), client.tasks()
        shown = (path for task in self.tasks.values() for path in examples(task))
        self._examples = {digest(path) for path in shown}
        self._lock = threading.Lock()
        self._restored: dict[tuple[str, str, Quality], Outcome] = {}

    def find_task(self, name: str | None) -> Task:
        """The task of that name; visitors of a server without tasks may send none.

        Raises:
            UnknownTaskError: there is none; the message says why.
        """
        return self.tasks[name] if name in self.tasks else self.client.task(name or "")

    def restored_example(self, task: Task) -> Outcome | None:
        """A task's first example, if it has been restored before."""
        first = examples(task)[:1]
        return self._restored.get((digest(first[0]), task.name, Quality.FAST)) if first else None

    def warm_up(self) -> None:
        """Restores the first task's first example: it can be shown at once, and the server's pace is known."""
        with contextlib.suppress(RestorationError):
            for task in [*self.tasks.values()][:1]:
                # Some tiles for every instance, so that each has loaded the network before its pace is taken.
                network = task.network()
                photo = codec.Photo(np.full((network.tile, 2 * network.instances * network.tile, 3), 128, np.uint8))
                run(photo_steps(photo, task, self.client))
                list(self.steps(examples(task)[:1], Order(task)))

    def steps(self, paths: Sequence[Path], order: Order) -> Iterator[Event]:
        """Does a job: tells how far it is, what can be shown, and at last what came of each photo, in their order."""
        made: list[Path] = []
        for number, path in enumerate(paths, 1):
            try:
                with contextlib.closing(self.photo_steps(path, order, (number, len(paths)))) as events:
                    for event in events:
                        if isinstance(event, Outcome) and event.master:
                            made.append(event.master)
                        storage.keep_young([*paths, *made])
                        yield event
            except RestorationError as error:
                yield Outcome(path.stem, order.task, order.quality, error=error)

    def photo_steps(self, path: Path, order: Order, place: tuple[int, int]) -> Generator[Event, None, None]:
        """The same for one photo.

        Raises:
            RestorationError: nothing was restored; the message says why.
        """
        # A visitor who waits for one photo goes before those who brought many.
        client = self.client.at(Priority.VISITOR if place[1] == 1 else Priority.BATCH)
        with storage.explain_missing():
            key = (digest(path), order.task.name, order.quality)
        is_example = key[0] in self._examples and not order.is_reference_test
        if is_example and key in self._restored:
            yield self._restored[key]
            return
        network = order.task.network(order.quality)
        about = Advance(path.stem, 0, 1, 0.0, place, is_loading=not self.client.has_restored(network))
        folder = storage.new_folder(is_kept=is_example)
        with storage.explain_missing():
            photo = codec.decode(path, 1 if order.is_reference_test else order.task.scale)
        if order.is_reference_test:
            test = yield from told(reference_steps(photo, order.task, client, order.quality), about, folder)
            result, shown = test.restoration, show_reference_test(test, path.stem, folder)
        else:
            with ThreadPoolExecutor(1) as aside:  # the server is at work meanwhile
                before = aside.submit(show_before, photo, order.task, folder)
                result = yield from told(photo_steps(photo, order.task, client, order.quality), about, folder)
                shown = show_restored(result, before.result(), path.stem, folder)
        yield Preview(shown)
        outcome = keep_restored(shown, result.after, folder)
        if not (about.is_loading or order.is_reference_test):  # or loading, or degrading, would be taken for slowness
            self.pace.learn(result)
        if is_example:
            with self._lock:
                self._restored[key] = outcome
        yield outcome


def check_photos(paths: Sequence[Path], task: Task, is_reference_test: bool = False) -> None:
    """Checks, by their headers alone, that there is a photo to restore, so that none waits its turn in vain.

    Raises:
        PhotoError: there is none, or none that can be used; the message says why the first one cannot.
    """
    refusals = []
    for path in paths:
        try:
            with storage.explain_missing():
                size = codec.read_header(path).size
            codec.check_size(size, 1 if is_reference_test else task.scale)
            if is_reference_test:
                check_reference_size(size, task)
        except PhotoError as error:
            refusals.append(error)
        else:
            return
    raise refusals[0] if refusals else PhotoError(say("error.no_photo"))


def told(steps: Steps[T], about: Advance, folder: Path) -> Generator[Advance, None, T]:
    """The steps of a photo as advances of its job; the folder that its results go to is kept meanwhile."""
    started = time.monotonic()
    while True:
        try:
            done, total = next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        storage.keep_young([folder / "restored.png"])
        loading = about.is_loading and done == 0
        yield replace(about, done=done, total=total, seconds=time.monotonic() - started, is_loading=loading)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
