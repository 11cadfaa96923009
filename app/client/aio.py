"""The client for programs with an event loop: :class:`AsyncRestorationClient`.

Each photo is restored by the same pipeline as everywhere, in a thread that mostly waits. The number of threads bounds
how many photos are in work, and so the memory that they take; the others wait for their turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from contextvars import copy_context
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

from app.client.limit import Limit
from app.client.options import ConnectionOptions
from app.client.picture import Picture
from app.client.sync import RestorationClient
from app.errors import AddressError
from app.judgement import Judgement
from app.pipeline.restore import Progress, Restoration, Step, follow
from app.tasks import Quality, Task

T = TypeVar("T")


class AsyncRestorationClient:
    """A connection to one Triton, or to several replicas in turn, whose methods are awaited in one event loop.

    Args:
        url: addresses as of :class:`~app.client.RestorationClient`.
        options: of the connection.
        photos_at_once: how many photos are in work at the same time; each has up to eight requests under way.

    Raises:
        AddressError: an address is malformed, or ``photos_at_once`` is below 1.
    """

    def __init__(self, url: str, options: ConnectionOptions | None = None, photos_at_once: int = 4) -> None:
        if photos_at_once < 1:
            raise AddressError(f"photos_at_once is {photos_at_once}: give 1 or more.")
        self._client = RestorationClient(url, options)
        self._threads = ThreadPoolExecutor(photos_at_once, thread_name_prefix="din-client")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; photos in work fail."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    async def restore(
        self,
        picture: Picture,
        task: str,
        quality: str = Quality.FAST,
        *,
        deadline_s: float | None = None,
        progress: Progress | None = None,
    ) -> Restoration:
        """Restore a photo; :meth:`RestorationClient.restore` describes arguments, result and errors.

        Args:
            picture: an image file, its content, or uint8 (H, W, 3) RGB pixels.
            task: for example ``sr_x4``, or a chain of tasks, ``derain_heavy,sr_x2``.
            quality: ``fast``, ``finer`` or ``best``.
            deadline_s: time limit of the whole photo, waiting for its turn included.
            progress: called in the event loop with (tiles done, tiles in all).
        """
        async with aclosing(self.steps(picture, task, quality, deadline_s=deadline_s)) as steps:
            async for step in steps:
                if isinstance(step, Restoration):
                    return step
                if progress is not None:
                    progress(step.done, step.total)
        raise AssertionError("the last step is the restoration")

    async def steps(
        self, picture: Picture, task: str, quality: str = Quality.FAST, *, deadline_s: float | None = None
    ) -> AsyncGenerator[Step | Restoration, None]:
        """Restore a photo step by step.

        Its requests are cancelled when the iteration ends early: by cancelling the task that iterates, by an exception
        in it, or by closing the generator (``contextlib.aclosing``).

        Args:
            picture: an image file, its content, or uint8 (H, W, 3) RGB pixels.
            task: for example ``sr_x4``, or a chain of tasks, ``derain_heavy,sr_x2``.
            quality: ``fast``, ``finer`` or ``best``.
            deadline_s: time limit of the whole photo, waiting for its turn included.

        Yields:
            The progress, and at last the restoration.
        """
        loop, limit = asyncio.get_running_loop(), Limit(deadline_s)
        found: asyncio.Queue[Step | None] = asyncio.Queue()
        steps = self._client.steps(picture, task, quality, limit)

        def report(step: Step) -> None:
            loop.call_soon_threadsafe(found.put_nowait, step)

        def end(done: asyncio.Future[Restoration]) -> None:
            """Wake who waits for the next step; of an error that nobody waits for any more, asyncio would complain."""
            found.put_nowait(None)
            if not done.cancelled():
                done.exception()

        work = loop.run_in_executor(self._threads, copy_context().run, follow, steps, report)
        work.add_done_callback(end)
        try:
            while (step := await within(limit, found.get())) is not None:
                yield step
            yield await work
        finally:
            limit.cancel()
            work.cancel()

    async def judge(self, picture: Picture, *, deadline_s: float | None = None) -> Judgement:
        """Judge what a photo needs; arguments, result and errors are those of :meth:`RestorationClient.judge`."""
        return await asyncio.to_thread(partial(self._client.judge, picture, deadline_s=deadline_s))

    async def task(self, name: str) -> Task:
        """Return the task of that name; errors are those of :meth:`RestorationClient.task`."""
        return await asyncio.to_thread(self._client.task, name)

    async def tasks(self) -> dict[str, Task]:
        """Return the tasks that are ready to use; errors are those of :meth:`RestorationClient.tasks`."""
        return await asyncio.to_thread(self._client.tasks)

    async def is_live(self) -> bool:
        """Return whether a server responds."""
        return await asyncio.to_thread(self._client.is_live)


async def within(limit: Limit, awaited: Awaitable[T]) -> T:
    """Await something until a limit.

    Raises:
        DeadlineError: the time is over.
    """
    try:
        async with asyncio.timeout(limit.left_s()):
            return await awaited
    except TimeoutError:
        raise limit.error() from None
