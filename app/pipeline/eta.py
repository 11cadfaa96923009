"""How long a photo will take, learnt from those before it."""

from __future__ import annotations

import threading

from app.pipeline.restore import ORIENTATIONS, Restoration, plan_tiles
from app.tasks import ServedTask

# What decoding, encoding and showing take, a result's pixel: measured on one core.
PAGE_S_PER_PIXEL = 0.12e-6
MEMORY = 0.7  # how much of the old pace each new photo leaves


def work(task: ServedTask, size: tuple[int, int], self_ensemble: bool) -> float:
    """Multiply-adds that a photo of (h, w) costs the busiest instance of its model."""
    plan = plan_tiles(size, task)
    tile = plan[0]
    pixels = (tile.rows.stop - tile.rows.start) * (tile.columns.stop - tile.columns.start)
    turns = -(-len(plan) // task.instances)  # instances work side by side
    passes = (1 + task.attention_rounds * (len(plan) > 1)) * (len(ORIENTATIONS) if self_ensemble else 1)
    return float(turns * pixels * passes * task.mult_adds_per_pixel)


class Pace:
    """Multiply-adds a second of each task on this server; may be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._paces: dict[str, float] = {}

    def learn(self, result: Restoration) -> None:
        """Takes a finished photo into account."""
        pace = work(result.task, result.before.size, result.self_ensemble) / max(result.seconds, 1e-3)
        with self._lock:
            known = self._paces.get(result.task.name, pace)
            self._paces[result.task.name] = MEMORY * known + (1 - MEMORY) * pace

    def expect_s(self, task: ServedTask, size: tuple[int, int], self_ensemble: bool) -> float | None:
        """Seconds that a photo of (h, w) will take; None before any photo has been restored."""
        with self._lock:
            if not self._paces:
                return None
            pace = self._paces.get(task.name, sum(self._paces.values()) / len(self._paces))
        shown = size[0] * size[1] * task.scale**2
        return work(task, size, self_ensemble) / pace + PAGE_S_PER_PIXEL * shown
