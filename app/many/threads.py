"""Restore several photos at the same time in this process; Triton, and the processes that decode, do the work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import islice

from app.client import Limit
from app.many.manifest import Item, Outcome

TICK_S = 0.2  # until a signal is seen


def in_threads(
    items: Iterator[Item], restore: Callable[[Item], Outcome], jobs: int, stop: threading.Event, limit: Limit
) -> Iterator[Outcome | None]:
    """Restore photos, several at a time, until there are no more, or a stop.

    Args:
        items: taken one by one as there is room: no more than twice ``jobs`` are known here.
        restore: restores one photo; it is called in several threads.
        jobs: how many photos are under way at the same time.
        stop: when it is set, the pending requests are cancelled.
        limit: of these requests.

    Yields:
        What became of each photo, as they are finished; None, every now and then, while there is nothing new.
    """
    pending: set[Future[Outcome]] = set()
    with ThreadPoolExecutor(jobs, thread_name_prefix="din-many") as threads:
        try:
            while True:
                if not stop.is_set():
                    pending |= {threads.submit(restore, item) for item in islice(items, 2 * jobs - len(pending))}
                if not pending:
                    return
                finished, pending = wait(pending, TICK_S, FIRST_COMPLETED)
                for future in finished:
                    with suppress(CancelledError):
                        yield future.result()
                yield None
                if stop.is_set():  # what is being stored is finished, and recorded
                    end(pending, limit)
        finally:
            end(pending, limit)


def end(pending: set[Future[Outcome]], limit: Limit) -> None:
    """Cancel photos that wait, and the requests of those under way."""
    limit.cancel()
    for future in pending:
        future.cancel()
