"""The reference test: a clean photo is degraded as in the paper, restored, and compared with the original."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from app.codec import Photo
from app.errors import PhotoError
from app.i18n import say
from app.pipeline.restore import Restoration, Steps, photo_steps
from app.pipeline.server import Server
from app.tasks import Quality, Task
from imaging.degradations import DEGRADATIONS
from imaging.degradations.resize import bicubic_baseline
from imaging.metrics import WINDOW_SIZE, Metric, Score, score

# Degradation and metrics run in NumPy, at about 2 s per megapixel.
MAX_REFERENCE_PIXELS = 4_000_000
SEED = 0  # of the degradation, so that results are reproducible


@dataclass(frozen=True)
class ReferenceTest:
    """The result of a reference test.

    Attributes:
        clean: the photo, cropped to a multiple of the scale.
        baseline: the degraded photo at the size of the clean one, bicubically enlarged if it is smaller.
        restoration: result for the degraded photo.
        before, after: scores of baseline and restored photo.
    """

    clean: Photo
    baseline: Photo
    restoration: Restoration
    before: Score
    after: Score


def check_reference_size(size: tuple[int, int], task: Task) -> None:
    """Check that a photo of (h, w) is suitable for a reference test.

    Raises:
        PhotoError: it is too large or too small; the message states the limit.
    """
    h, w = cut_size(size, task.scale)
    smallest = max(task.scale, 2) * WINDOW_SIZE
    if min(h, w) < smallest:
        raise PhotoError(say("error.reference_test_small", limit=smallest))
    if h * w > MAX_REFERENCE_PIXELS:
        raise PhotoError(say("error.reference_test_large", limit=MAX_REFERENCE_PIXELS / 1e6))


def cut_size(size: tuple[int, int], scale: int) -> tuple[int, int]:
    """Return (h, w) rounded down to multiples of the scale."""
    return size[0] - size[0] % scale, size[1] - size[1] % scale


def degrade(clean: Photo, task: Task) -> tuple[Photo, Photo]:
    """Crop a photo to a multiple of the scale, and apply the degradation that the task reverses.

    Returns:
        The cropped photo and the degraded one, both opaque and of 8 bits.

    Raises:
        PhotoError: the photo is too large or too small.
    """
    check_reference_size(clean.size, task)
    h, w = cut_size(clean.size, task.scale)
    cut = np.ascontiguousarray(clean.rgb[:h, :w])
    lq = DEGRADATIONS[task.degradation].apply(cut, task.scale, np.random.default_rng(SEED))
    kept = replace(clean, rgb=cut, deep=None, alpha=None)
    return kept, replace(kept, rgb=np.ascontiguousarray(lq))


def reference_steps(photo: Photo, task: Task, client: Server, quality: Quality = Quality.FAST) -> Steps[ReferenceTest]:
    """Degrade a clean photo, restore it, and measure both.

    Args:
        photo: the clean photo.
        task: of ``client.tasks()``; its degradation is applied.
        client: connection to Triton.
        quality: selects the network, and whether it runs as a self-ensemble.

    Yields:
        The progress of the restoration.

    Returns:
        The photos and their scores.

    Raises:
        PhotoError: the photo is too large or too small.
        ServerError: the photo could not be restored.
    """
    clean, degraded = degrade(photo, task)
    restoration = yield from photo_steps(degraded, task, client, quality)
    baseline = replace(clean, rgb=degraded.rgb if task.scale == 1 else bicubic_baseline(degraded.rgb, clean.size))
    metric: Metric = "rgb" if task.metric == "rgb" else "y"
    before, after = (
        score(photo.rgb, clean.rgb, metric, task.scale, clean.is_gray) for photo in (baseline, restoration.after)
    )
    return ReferenceTest(clean, baseline, restoration, before, after)
