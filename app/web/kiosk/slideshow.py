"""What the stage shows: pairs of a photo as it was and as it became."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app import codec
from app.client import RestorationClient
from app.errors import PhotoError, RestorationError, ServerUnavailableError, UnknownTaskError
from app.i18n import say
from app.pipeline.restore import Restoration, photo_steps, restore
from app.tasks import Task
from app.web import storage
from app.web.restore.choices import examples

# A taken photo is first made so small that its result fits the screen: what was done to it can then be seen.
SCREEN_PIXELS = 1280 * 720
RETRY_S = 5.0
# What a photo is enlarged or freed from, where a family has several tasks and the first one is not the one to show.
TELLING = ("sr_x4", "derain_mixed")

Progress = tuple[int, int]


@dataclass(frozen=True)
class Pair:
    """A photo as it was and as it became.

    Attributes:
        task: what it was restored for.
        before, after: pictures of one size.
        sizes: (h, w) of the photo and of its result.
    """

    task: Task
    before: Path
    after: Path
    sizes: tuple[tuple[int, int], tuple[int, int]]


class Show:
    """The restored examples, which grow while they are restored.

    Args:
        client: connection to Triton; its tasks are read once.

    Raises:
        ServerUnavailableError: no server answers.
    """

    def __init__(self, client: RestorationClient) -> None:
        self.client, self.tasks = client, client.tasks()
        self.pairs: tuple[Pair, ...] = ()
        self.error: RestorationError | None = None
        self.is_done = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self.fill, name="show", daemon=True)

    def begin(self) -> None:
        """Starts restoring the examples in the background."""
        self._thread.start()

    def end(self) -> None:
        """Stops that after the photo in work: the connection to Triton may then be closed."""
        self._ended.set()
        self._thread.join()

    def fill(self) -> None:
        """Restores every example, first one of each task; waits where the server does not answer."""
        numbered = [(i, task, path) for task in self.tasks.values() for i, path in enumerate(examples(task))]
        waiting = deque((task, path) for _, task, path in sorted(numbered, key=lambda e: (e[0], e[1].order)))
        while waiting and not self._ended.is_set():
            task, path = waiting.popleft()
            try:
                result = restore(path.read_bytes(), task, self.client)
            except RestorationError as error:
                self.error = error
                if isinstance(error, ServerUnavailableError):
                    waiting.appendleft((task, path))
                    self._ended.wait(RETRY_S)
            else:
                self.error = None
                self.pairs += (keep(result, storage.new_folder(is_kept=True)),)
        self.is_done = not waiting

    def take(self, path: Path, family: str) -> Iterator[Progress | Pair]:
        """Restores a photo that was brought, first made so small that its result fits the screen.

        Yields:
            (tiles done, tiles in all), and at last the pair.

        Raises:
            RestorationError: it was not brought to the page, cannot be read, or was not restored.
        """
        if not storage.is_stored(path):
            raise PhotoError(say("stage.not_ours"))
        task = self.telling(family)
        with storage.explain_missing():
            photo = codec.decode(path)
        small = codec.resize(photo, codec.fit(photo.size, SCREEN_PIXELS // task.scale**2))
        result = yield from photo_steps(small, task, self.client)
        yield keep(result, storage.new_folder())

    def telling(self, family: str) -> Task:
        """The task that shows what a family does.

        Raises:
            UnknownTaskError: there is no such family.
        """
        tasks = [task for task in self.tasks.values() if task.family == family]
        if not tasks:
            offered = ", ".join(dict.fromkeys(task.family for task in self.tasks.values()))
            raise UnknownTaskError(say("error.unknown_task", name=family, offered=offered))
        return min(tasks, key=lambda task: (task.name not in TELLING, task.order))


def keep(result: Restoration, folder: Path) -> Pair:
    """Writes both pictures at the result's size."""
    before, after = (
        storage.save_preview(photo, result.after.size, folder / name)
        for name, photo in (("before", result.before), ("after", result.after))
    )
    return Pair(result.task, before, after, (result.before.size, result.after.size))
