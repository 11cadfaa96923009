"""Notice instances of models that hang."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import psutil

from app.client import RestorationClient
from app.codec import Pixels
from app.errors import RestorationError
from app.tasks import Network

PICTURE = np.full((16, 16, 3), 128, np.uint8)
IDLE_S = 0.05  # processor time that an instance uses although it hangs: the heartbeat of Triton's stub


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


class Prober:
    """Sends a tiny picture now and then to each network that has been used; the others are not loaded by it.

    A network whose picture is not answered has an instance that hangs if one of them uses no processor time meanwhile.
    Those of a busy one all do.

    Args:
        client: connection to Triton.
        interval_s: between two pictures to one network.
        hung_s: after how long without an answer an instance is taken to hang.
    """

    def __init__(self, client: RestorationClient, interval_s: float = 5.0, hung_s: float = 5.0) -> None:
        self._client, self._interval_s, self._hung_s = client, interval_s, hung_s
        self._networks: dict[str, Network] = {}  # read when the server answers
        self._probes: dict[str, Probe] = {}

    def hung(self, processes: Mapping[str, psutil.Process]) -> list[str]:
        """Send the pictures that are due, and return the instances that hang.

        Args:
            processes: of the instances, by name.
        """
        found: list[str] = []
        with suppress(RestorationError):  # the server is away, which is no matter of a single instance
            if not self._networks:
                self._networks = {n.name: n for task in self._client.tasks().values() for n in task.networks}
            for name, used in self._client.usage().items():
                if used.requests and name in self._networks:
                    found += self._look(self._networks[name], processes)
        return found

    def _look(self, network: Network, processes: Mapping[str, psutil.Process]) -> list[str]:
        """Return the instances of a network that hang."""
        now, probe = time.monotonic(), self._probes.get(network.name)
        busy_s = busy(network.tiles_model, processes)
        if probe is None or (probe.answer.done() and now - probe.sent_s >= self._interval_s):
            self._probes[network.name] = Probe(self._client.submit(network, PICTURE), now, busy_s)
            return []
        if probe.answer.done() or now - probe.sent_s < self._hung_s:
            return []
        idle = [name for name, seconds in busy_s.items() if seconds - probe.busy_s.get(name, 0.0) < IDLE_S]
        if not idle:  # they all work: it is asked again later
            self._probes[network.name] = Probe(probe.answer, now, busy_s)
        return idle


def busy(model: str, processes: Mapping[str, psutil.Process]) -> dict[str, float]:
    """Return the processor time in seconds that each instance of a model has used, by the instance's name."""
    times: dict[str, float] = {}
    for name, process in processes.items():
        if name.rsplit("_", 2)[0] == model:
            with suppress(psutil.NoSuchProcess):
                used = process.cpu_times()
                times[name] = used.user + used.system
    return times
