"""How long a photo will take, learnt from those before it."""

from __future__ import annotations

import threading

from app.pipeline.restore import ORIENTATIONS, Restoration, plan_tiles
from app.tasks import Network, Quality, Task

# What decoding, encoding and showing take, a result's pixel: measured on one core.
PAGE_S_PER_PIXEL = 0.12e-6
MEMORY = 0.7  # how much of the old pace each new photo leaves


def work(network: Network, size: tuple[int, int], quality: Quality) -> float:
    """Multiply-adds that a photo of (h, w) costs the busiest instance of its model."""
    plan = plan_tiles(size, network)
    tile = plan[0]
    pixels = (tile.rows.stop - tile.rows.start) * (tile.columns.stop - tile.columns.start)
    turns = -(-len(plan) // network.instances)  # instances work side by side
    passes = (1 + network.attention_rounds * (len(plan) > 1)) * (len(ORIENTATIONS) if quality.self_ensemble else 1)
    return float(turns * pixels * passes * network.mult_adds_per_pixel)


class Pace:
    """Multiply-adds a second of each network on this server; may be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._paces: dict[str, float] = {}

    def learn(self, result: Restoration) -> None:
        """Takes a finished photo into account."""
        network = result.task.network(result.quality)
        pace = work(network, result.before.size, result.quality) / max(result.seconds, 1e-3)
        with self._lock:
            known = self._paces.get(network.name, pace)
            self._paces[network.name] = MEMORY * known + (1 - MEMORY) * pace

    def expect_s(self, task: Task, size: tuple[int, int], quality: Quality) -> float | None:
        """Seconds that a photo of (h, w) will take; None before any photo has been restored."""
        network = task.network(quality)
        with self._lock:
            if not self._paces:
                return None
            pace = self._paces.get(network.name, sum(self._paces.values()) / len(self._paces))
        shown = size[0] * size[1] * task.scale**2
        return work(network, size, quality) / pace + PAGE_S_PER_PIXEL * shown
