"""The end of a photo's requests: at its deadline, or when it is cancelled."""

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError, Future
from typing import Any

from app.errors import DeadlineError

CLOCKS_S = 0.01


class Limit:
    """When the requests of one photo have to end. Thread-safe.

    Args:
        deadline_s: from now on; None for none.
    """

    def __init__(self, deadline_s: float | None = None) -> None:
        self.deadline_s = deadline_s
        self._end_s = float("inf") if deadline_s is None else time.monotonic() + deadline_s
        self._pending: set[Future[Any]] = set()
        self._is_cancelled = False
        self._lock = threading.Lock()

    def remaining_s(self) -> float:
        """Return the time that is left; infinity where there is no deadline.

        Raises:
            DeadlineError: none is left.
            CancelledError: the photo was cancelled.
        """
        if self._is_cancelled:
            raise CancelledError
        remaining_s = self._end_s - time.monotonic()
        if remaining_s <= 0:
            raise self.error()
        return remaining_s

    def left_s(self) -> float | None:
        """Return the time that is left, 0 or less where none is; None where there is no deadline."""
        return None if self.deadline_s is None else self._end_s - time.monotonic()

    def is_over(self) -> bool:
        """Return whether no time is left; gRPC's clock may be a little ahead of this one."""
        return time.monotonic() >= self._end_s - CLOCKS_S

    def error(self) -> DeadlineError:
        """Return the error that says that the time is over."""
        return DeadlineError(f"The photo was not restored within its deadline of {self.deadline_s:g} seconds.")

    def watch(self, future: Future[Any]) -> None:
        """Cancel a request, too, when the photo is cancelled."""
        with self._lock:
            self._pending.add(future)
        future.add_done_callback(self._forget)
        if self._is_cancelled:
            future.cancel()

    def cancel(self) -> None:
        """Cancel the pending requests, and let no others begin."""
        with self._lock:
            self._is_cancelled = True
            pending = list(self._pending)
        for future in pending:
            future.cancel()

    def _forget(self, future: Future[Any]) -> None:
        with self._lock:
            self._pending.discard(future)
