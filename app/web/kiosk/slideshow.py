"""The slideshow of the kiosk mode: pairs of photos before and after restoration."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from app import codec
from app.client import RestorationClient
from app.codec import bounded
from app.errors import PhotoError, RestorationError, ServerUnavailableError, UnknownTaskError
from app.i18n import say
from app.pipeline.restore import Restoration, Step, Steps, photo_steps
from app.tasks import Quality, Task
from app.web import storage
from app.web.examples import examples
from app.web.metrics import counting, watched

# Photos are reduced so that the result fits the screen; otherwise the effect would not be visible.
SCREEN_PIXELS = 1280 * 720
RETRY_S = 5.0
# The tasks that represent their families, where it is not the first task.
PREFERRED_TASKS = ("sr_x4", "derain_mixed")


@dataclass(frozen=True)
class Pair:
    """A photo before and after restoration.

    Attributes:
        task: the task that was run.
        before, after: files of pictures of equal size.
        sizes: (h, w) of the photo and of the result.
    """

    task: Task
    before: Path
    after: Path
    sizes: tuple[tuple[int, int], tuple[int, int]]


class Slideshow:
    """The pairs of the restored examples; a background thread restores them.

    Args:
        client: connection to Triton; its tasks are read once.

    Raises:
        ServerUnavailableError: no server responds.
    """

    def __init__(self, client: RestorationClient) -> None:
        self.client, self.tasks = client, client.tasks()
        self.pairs: tuple[Pair, ...] = ()
        self.error: RestorationError | None = None
        self.is_done = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self.fill, name="slideshow", daemon=True)

    def start(self) -> None:
        """Start to restore the examples in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the current tile, and wait for it; the connection to Triton may then be closed."""
        self._stopped.set()
        self._thread.join()

    def fill(self) -> None:
        """Restore all examples, the first one of each task first; retry while the server does not respond."""
        numbered = [(i, task, path) for task in self.tasks.values() for i, path in enumerate(examples(task))]
        waiting = deque((task, path) for _, task, path in sorted(numbered, key=lambda e: (e[0], e[1].order)))
        while waiting and not self._stopped.is_set():
            task, path = waiting.popleft()
            try:
                result = self._restore_example(path, task)
                if result is not None:
                    self.pairs += (save_pair(result, is_kept=True),)
            except RestorationError as error:
                self.error = error
                if isinstance(error, ServerUnavailableError):
                    waiting.appendleft((task, path))
                    self._stopped.wait(RETRY_S)
            else:
                self.error = None
        self.is_done = not waiting

    def _restore_example(self, path: Path, task: Task) -> Restoration | None:
        """Restore an example, and say meanwhile whether the server is there; return None if the slideshow is stopped.

        Raises:
            RestorationError: it could not be restored.
        """
        with closing(photo_steps(bounded.decode(path, task.scale), task, self.client)) as steps:
            while not self._stopped.is_set():
                try:
                    step = next(steps)
                except StopIteration as end:
                    restoration: Restoration = end.value
                    return restoration
                self.error = ServerUnavailableError(say("error.server_away")) if step.is_waiting else None
        return None

    def restore_photo(self, path: Path, family: str) -> Iterator[Step | Pair]:
        """Restore an uploaded photo, reduced so that the result fits the screen, and count it.

        Args:
            path: of the upload.
            family: of the task to run.

        Yields:
            The progress, and finally the pair.

        Raises:
            RestorationError: the file is not an upload, cannot be decoded, or could not be restored.
        """
        if not storage.is_stored(path):
            raise PhotoError(say("kiosk.not_ours"))
        task = self.task_of(family)
        yield (yield from watched(self._photo_steps(path, task), task.name, Quality.FAST))

    def _photo_steps(self, path: Path, task: Task) -> Steps[Pair]:
        """Restore an upload, step by step; errors are those of :meth:`restore_photo`."""
        with storage.explain_missing():
            photo = bounded.decode(path)
        small = codec.resize(photo, codec.fit(photo.size, SCREEN_PIXELS // task.scale**2))
        result = yield from counting(photo_steps(small, task, self.client), task.name, Quality.FAST)
        return save_pair(result)

    def task_of(self, family: str) -> Task:
        """Return the task that represents a family.

        Raises:
            UnknownTaskError: no such family is served.
        """
        tasks = [task for task in self.tasks.values() if task.family == family]
        if not tasks:
            offered = ", ".join(dict.fromkeys(task.family for task in self.tasks.values()))
            raise UnknownTaskError(say("error.unknown_task", name=family, offered=offered))
        return min(tasks, key=lambda task: (task.name not in PREFERRED_TASKS, task.order))


def save_pair(result: Restoration, is_kept: bool = False) -> Pair:
    """Write both pictures at the size of the result; they may be kept for as long as the page runs.

    Raises:
        StorageError: there is no room for them.
    """
    with storage.results_folder(is_kept) as folder:
        before, after = (
            storage.save_preview(photo, result.after.size, folder / name)
            for name, photo in (("before", result.before), ("after", result.after))
        )
    return Pair(result.task, before, after, (result.before.size, result.after.size))
