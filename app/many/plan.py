"""Choose the photos that are to be restored."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from app import codec
from app.many.manifest import Item, Manifest, Outcome, State
from app.many.photo import UNKNOWN, Job
from app.many.walk import Found
from app.tasks import file_suffix

INVALID = "INVALID_ARGUMENT"  # gRPC's status of a photo that cannot be used


def plan(
    found: Iterable[Found],
    job: Job,
    manifest: Manifest,
    tries_again: bool,
    skip: Callable[[State], None],
    report: Callable[[Outcome], None],
) -> Iterator[Item]:
    """Yield the photos that are to be restored, each noted as begun; the others are skipped or reported.

    Args:
        found: the photos.
        job: what is done to them.
        manifest: knows what became of them before.
        tries_again: whether photos that were refused are to be restored.
        skip: called with the state of each photo that is left out.
        report: called with each photo that can have no result.
    """
    for each in found:
        if each.problem is not None:
            reason = f"The folder cannot be read ({each.problem.strerror})."
            report(Outcome(Item(each.path, None), State.FAILED, reason, UNKNOWN))
            continue
        try:
            status = each.path.stat()
        except OSError as error:
            reason = f"The photo cannot be read ({error.strerror})."
            report(Outcome(Item(each.path, None), State.FAILED, reason, UNKNOWN))
            continue
        item = Item(each.path, result_of(each.place, job), status.st_mtime_ns, status.st_size)
        if (state := manifest.settled(item, tries_again)) is not None:
            skip(state)
        elif not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
            report(refused(item, "This is not a file."))
        elif other := manifest.begin(item):
            report(refused(item, f"{other} has the same result, {item.result}: restore them into separate folders."))
        else:
            yield item


def result_of(place: Path, job: Job) -> Path:
    """Return where the result of a photo belongs, below the folder of the results."""
    suffix = file_suffix(job.task, job.quality)
    return place.with_name(codec.output_name(place.stem, suffix, job.output, job.strength))


def refused(item: Item, reason: str) -> Outcome:
    """Return the outcome of a photo that can have no result."""
    return Outcome(Item(item.photo, None, item.changed_ns, item.length), State.REFUSED, reason, INVALID)
