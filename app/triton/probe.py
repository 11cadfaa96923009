"""Notice instances of models that hang, and models that answer with errors alone."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from app.client import RestorationClient
from app.codec import Pixels
from app.errors import RestorationError, ServerError, ServerMemoryError, ServerUnavailableError
from app.tasks import Network

AT_WORK = b"1"  # the note of an instance, written by backends/pytorch/model.py
PICTURE = np.full((16, 16, 3), 128, np.uint8)
IDLE_S = 0.05  # processor time that an instance uses although it hangs: the heartbeat of Triton's stub


# A server that is short of processor time keeps even idle instances waiting: this many times longer than one that is at
# work, an instance may leave a picture unanswered.
UNANSWERED = 4
MOST_CROWDED = 4.0  # a photo does not wait for ever
ERRORS = 3  # answers in a row that are errors, from a network that has restored something


@dataclass(frozen=True)
class Probe:
    """A tiny picture on its way.

    Attributes:
        answer: of the server.
        sent_s: when it was sent.
        busy_s: processor time that each instance of the network had used then.
    """

    answer: Future[Pixels]
    sent_s: float
    busy_s: Mapping[str, float]


@dataclass(frozen=True)
class Work:
    """What an instance was at when it was last seen to use the processor.

    Attributes:
        begun_ns: when it began, which tells one work from the next.
        since_s: when it was seen.
        busy_s: processor time that it had used then.
    """

    begun_ns: int
    since_s: float
    busy_s: float


class Prober:
    """Finds out whether the server hangs, and instances of models that do, in two ways.

    Each instance of this package's backend notes when it is at work: it hangs if it uses no processor time meanwhile.

    For one that hangs before that, a tiny picture is sent now and then to each network that has been used; the others
    are not loaded by it. If it is not answered for a longer time, the instances that use no processor time meanwhile
    hang. Those of a busy network all do.

    Args:
        client: connection to Triton.
        notes: folder with a file for each instance, of its name, which says whether it is at work.
        interval_s: between two pictures to one network.
        hung_s: after how long without an answer the server, and after how long without processor time an instance is
            taken to hang, on a machine that is not crowded.
    """

    def __init__(self, client: RestorationClient, notes: Path, interval_s: float = 5.0, hung_s: float = 5.0) -> None:
        self._client, self._notes, self._interval_s, self._hung_s = client, notes, interval_s, hung_s
        self._networks: dict[str, Network] = {}  # read when the server answers
        self._probes: dict[str, Probe] = {}
        self._work: dict[str, Work] = {}
        self._errors: Counter[str] = Counter()  # in a row, of each model
        self._answered_s = time.monotonic()  # when the server did last

    def answers(self) -> bool:
        """Ask the server whether it is there; return whether it answers."""
        if is_live := self._client.is_live():
            self._answered_s = time.monotonic()
        return is_live

    def is_silent(self) -> bool:
        """Return whether the server has not answered for so long that it hangs."""
        return time.monotonic() - self._answered_s >= self._hung_s * crowding()

    def hung(self, processes: Mapping[str, psutil.Process]) -> set[str]:
        """Send the pictures that are due, and return the instances that hang.

        Args:
            processes: of the instances, by name.
        """
        found = {name for name, process in processes.items() if self._hangs_at_work(name, process)}
        with suppress(RestorationError):  # the server is away, which is no matter of a single instance
            if not self._networks:
                self._networks = {n.name: n for task in self._client.tasks().values() for n in task.networks}
            for name, used in self._client.usage().items():
                if used.requests and name in self._networks:
                    found |= self._look(self._networks[name], processes)
        return found

    def failing(self) -> set[str]:
        """Return the models that have answered nothing but errors to the last pictures, although they once worked."""
        return {model for model, errors in self._errors.items() if errors >= ERRORS}

    def _hangs_at_work(self, name: str, process: psutil.Process) -> bool:
        """Return whether an instance has been at the same work for long without using the processor."""
        try:
            note = self._notes / name
            begun_ns, is_at_work = note.stat().st_mtime_ns, note.read_bytes() == AT_WORK
            busy_s = processor_s(process)
        except (OSError, psutil.NoSuchProcess):  # it has no notes, or has just ended
            return False
        now, work = time.monotonic(), self._work.get(name)
        if work is None or begun_ns != work.begun_ns or busy_s - work.busy_s >= IDLE_S:
            self._work[name] = Work(begun_ns, now, busy_s)
            return False
        return is_at_work and now - work.since_s >= self._hung_s * crowding()

    def _look(self, network: Network, processes: Mapping[str, psutil.Process]) -> set[str]:
        """Send a network its picture if it is due, and return its instances that hang if one is not answered."""
        now, probe = time.monotonic(), self._probes.get(network.name)
        busy_s = busy(network.tiles_model, processes)
        if probe is None or (probe.answer.done() and now - probe.sent_s >= self._interval_s):
            failed = probe is not None and is_broken(probe.answer)
            self._errors[network.tiles_model] = self._errors[network.tiles_model] + 1 if failed else 0
            self._probes[network.name] = Probe(self._client.submit(network, PICTURE), now, busy_s)
            return set()
        if probe.answer.done() or now - probe.sent_s < UNANSWERED * self._hung_s * crowding():
            return set()
        idle = {name for name, seconds in busy_s.items() if seconds - probe.busy_s.get(name, 0.0) < IDLE_S}
        if not idle:  # they all work: it is asked again later
            self._probes[network.name] = Probe(probe.answer, now, busy_s)
        return idle


def is_broken(answer: Future[Pixels]) -> bool:
    """Return whether an answer is an error that does not pass by itself, as want of memory and full queues do."""
    error = None if answer.cancelled() else answer.exception()
    return isinstance(error, ServerError) and not isinstance(error, ServerUnavailableError | ServerMemoryError)


def crowding() -> float:
    """Return how many processes share a core of this machine, 1 to 4: so many times longer may any of them wait."""
    return min(MOST_CROWDED, max(1.0, psutil.getloadavg()[0] / (psutil.cpu_count() or 1)))


def busy(model: str, processes: Mapping[str, psutil.Process]) -> dict[str, float]:
    """Return the processor time in seconds that each instance of a model has used, by the instance's name."""
    times: dict[str, float] = {}
    for name, process in processes.items():
        if name.rsplit("_", 2)[0] == model:
            with suppress(psutil.NoSuchProcess):
                times[name] = processor_s(process)
    return times


def processor_s(process: psutil.Process) -> float:
    """Return the processor time in seconds that a process has used."""
    used = process.cpu_times()
    return used.user + used.system
