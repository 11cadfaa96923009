"""Estimates of the time that a photo takes, from the times of earlier photos."""

from __future__ import annotations

import threading

from app.pipeline.restore import Restoration, passes, plan_tiles
from app.tasks import Network, Quality, Task

# Seconds of decoding, encoding and display per output pixel, measured on one core.
PAGE_S_PER_PIXEL = 0.12e-6
SMOOTHING = 0.7  # weight of the old rate in the exponential moving average


def multiply_adds(network: Network, size: tuple[int, int], quality: Quality) -> float:
    """Return the multiply-adds that a photo of (h, w) costs the busiest instance of its model."""
    plan = plan_tiles(size, network)
    tile = plan[0]
    pixels = (tile.rows.stop - tile.rows.start) * (tile.columns.stop - tile.columns.start)
    turns = -(-len(plan) // network.instances)  # instances run in parallel
    rounds = 1 + network.descriptor_rounds * (len(plan) > 1)
    return float(turns * pixels * rounds * passes(network, quality) * network.mult_adds_per_pixel)


class EtaEstimator:
    """Moving averages of each network's multiply-adds per second on this server; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rates: dict[str, float] = {}  # multiply-adds per second by the network's name

    @property
    def is_known(self) -> bool:
        """Whether a photo was restored, so that times can be estimated."""
        return bool(self._rates)

    def update(self, result: Restoration) -> None:
        """Take a finished photo into account."""
        network = result.task.network(result.quality)
        rate = multiply_adds(network, result.before.size, result.quality) / max(result.seconds, 1e-3)
        with self._lock:
            known = self._rates.get(network.name, rate)
            self._rates[network.name] = SMOOTHING * known + (1 - SMOOTHING) * rate

    def expect_s(self, task: Task, size: tuple[int, int], quality: Quality) -> float | None:
        """Return the expected seconds for a photo of (h, w); None before the first photo has been restored.

        The rate of a network that has not run yet is the mean over the others.
        """
        network = task.network(quality)
        with self._lock:
            if not self._rates:
                return None
            rate = self._rates.get(network.name, sum(self._rates.values()) / len(self._rates))
        output_pixels = size[0] * size[1] * task.scale**2
        return multiply_adds(network, size, quality) / rate + PAGE_S_PER_PIXEL * output_pixels
