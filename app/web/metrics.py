"""What the page counts for Prometheus; :mod:`app.web.scrape` has the port that it is read on.

Labels are names of tasks, qualities, networks and states, of which there are few: nothing of a visitor or of a photo.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Generator
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics

from app.errors import PhotoError, RestorationError, ServerError, StorageError
from app.pipeline.restore import Steps
from app.tasks import Quality, Tasks
from app.tracing import traced
from app.web.limits import TooManyError

log = logging.getLogger(__name__)

S = TypeVar("S")
T = TypeVar("T")

CHAIN = "chain"  # in the place of a task's name where several have run: there are many chains
OUTCOMES = ("restored", "refused", "failed", "cancelled")
REASONS = ("busy", "photo", "other")
SECONDS = (0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 240, 480)

disable_created_metrics()  # when each was begun, which would be as many series again
REGISTRY = CollectorRegistry()
PHOTOS = Counter("din_page_photos", "Photos, by how they ended.", ("task", "quality", "outcome"), registry=REGISTRY)
PHOTO_SECONDS = Histogram(
    "din_page_photo_seconds",
    "Time that a photo took which was restored, from reading its file to its result.",
    ("task", "quality"),
    buckets=SECONDS,
    registry=REGISTRY,
)
TILES = Counter("din_page_tiles", "Answers of Triton, a tile each.", ("task", "quality"), registry=REGISTRY)
REFUSED_JOBS = Counter(
    "din_page_refused_jobs",
    "Jobs that were not queued: the page was busy or the visitor had their share, no photo was usable, or else.",
    ("reason",),
    registry=REGISTRY,
)
ProcessCollector(registry=REGISTRY)


def expect(tasks: Tasks) -> None:
    """Begin every counter at zero: what is not there yet has no rate."""
    for reason in REASONS:
        REFUSED_JOBS.labels(reason)
    for name, qualities in [*((task.name, task.qualities) for task in tasks.values()), (CHAIN, tuple(Quality))]:
        for quality in qualities:
            PHOTO_SECONDS.labels(name, quality.value)
            TILES.labels(name, quality.value)
            for outcome in OUTCOMES:
                PHOTOS.labels(name, quality.value, outcome)


def watched(steps: Generator[S, None, T], task: str, quality: Quality) -> Generator[S, None, T]:
    """Count, trace and log a photo.

    Args:
        steps: of the photo, from reading its file to its result.
        task, quality: how it is restored.
    """
    return (yield from traced("photo", counted(steps, task, quality), task=task, quality=quality.value))


def counted(steps: Generator[S, None, T], task: str, quality: Quality) -> Generator[S, None, T]:
    """Count and log a photo by how its steps end; they are closed before that where the visitor does not wait."""
    started, outcome = time.monotonic(), "failed"
    try:
        result = yield from steps
        outcome = "restored"
        PHOTO_SECONDS.labels(task, quality.value).observe(time.monotonic() - started)
        return result
    except GeneratorExit:
        outcome = "cancelled"
        raise
    except RestorationError as error:
        outcome = "failed" if isinstance(error, ServerError | StorageError) else "refused"
        raise
    finally:
        PHOTOS.labels(task, quality.value, outcome).inc()
        log.info("A photo was %s (%s, %s) after %.2f s", outcome, task, quality.value, time.monotonic() - started)


def counting(steps: Steps[T], task: str, quality: Quality) -> Steps[T]:
    """Count the tiles of a photo as they are done."""
    counter, done = TILES.labels(task, quality.value), 0
    with contextlib.closing(steps):
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                result: T = end.value
                return result
            counter.inc(max(0, step.done - done))  # a photo that starts again counts from zero
            done = step.done
            yield step


def refuse(error: RestorationError) -> None:
    """Count a job that was not queued."""
    is_busy, is_photo = isinstance(error, TooManyError), isinstance(error, PhotoError)
    REFUSED_JOBS.labels("busy" if is_busy else "photo" if is_photo else "other").inc()
