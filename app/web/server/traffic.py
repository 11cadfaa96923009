"""Triton's counters, read once for all visitors, and the request rate over the last minute."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from itertools import pairwise

from app.client import RestorationClient
from app.errors import ServerError
from app.tasks import Tasks
from app.usage import Usage

WINDOW_S = 60.0
FRESH_S = 1.0  # newer readings are shared by all visitors
MAX_READINGS = int(WINDOW_S / FRESH_S) + 1


@dataclass(frozen=True)
class Interval:
    """The time between two readings, and the mean rate in it.

    Attributes:
        start_s, end_s: seconds ago.
        rate: requests per second.
    """

    start_s: float
    end_s: float
    rate: float


@dataclass(frozen=True)
class View:
    """The state of Triton at a reading.

    Attributes:
        tasks: that are served, by name.
        usage: Triton's counters of each network since it started, by name.
        intervals: of the last minute, from old to new.
        problem: why Triton could not be read; None where it could.
        is_read: whether Triton has been asked yet.
    """

    tasks: Tasks = field(default_factory=dict)
    usage: Mapping[str, Usage] = field(default_factory=dict)
    intervals: tuple[Interval, ...] = ()
    problem: ServerError | None = None
    is_read: bool = True

    @property
    def rate(self) -> float | None:
        """Mean requests per second over all intervals; None before there are two readings."""
        if not self.intervals:
            return None
        requests = sum(interval.rate * (interval.start_s - interval.end_s) for interval in self.intervals)
        return requests / (self.intervals[0].start_s - self.intervals[-1].end_s)


class Traffic:
    """The readings of the last minute, at most one per second however many visitors watch.

    Args:
        client: connection to Triton.
        clock: seconds, monotonic.
    """

    def __init__(self, client: RestorationClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._clock = client, clock
        self._asking = threading.Lock()
        self._read_s = float("-inf")
        self._readings: deque[tuple[float, int]] = deque(maxlen=MAX_READINGS)
        self._tasks: Tasks = {}
        self._counted: Set[str] = set()  # names of the networks that had counters when the tasks were read
        self.last = View(is_read=False)

    def read(self) -> View:
        """Return a new view, or the last one if it is fresh or another thread is reading."""
        if self._clock() - self._read_s >= FRESH_S and self._asking.acquire(blocking=False):
            try:
                self.last = self._ask()
                self._read_s = self._clock()
            finally:
                self._asking.release()
        return self.last

    def _ask(self) -> View:
        try:
            usage = self._client.usage()
            if usage.keys() != self._counted:
                self._tasks, self._counted = self._client.tasks(), usage.keys()
        except ServerError as error:
            self._counted = set()  # a restarted server may serve other models
            self._readings.clear()
            return View(problem=error)
        now_s, requests = self._clock(), total(usage, "requests")
        if self._readings and requests < self._readings[-1][1]:
            self._readings.clear()  # it restarted between two readings and counts anew
        self._readings.append((now_s, requests))
        return View(self._tasks, usage, intervals(self._readings, now_s))


def intervals(readings: deque[tuple[float, int]], now_s: float) -> tuple[Interval, ...]:
    """Return the rates between the readings of the last minute.

    Args:
        readings: time in seconds, and the requests answered until then.
        now_s: time by the same clock.
    """
    recent = [reading for reading in readings if now_s - reading[0] <= WINDOW_S]
    return tuple(
        Interval(now_s - start, now_s - end, (after - before) / (end - start))
        for (start, before), (end, after) in pairwise(recent)
    )


def total(usage: Mapping[str, Usage], counter: str) -> int:
    """Return the sum of a counter over all networks: ``requests`` or ``failures``."""
    return sum(getattr(used, counter) for used in usage.values())
