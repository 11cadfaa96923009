"""The command ``din restore-many``."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from types import FrameType

from app.client import Limit, Priority, RestorationClient
from app.codec.bounded import Limits, Workers
from app.errors import StorageError
from app.many import by_ray
from app.many.manifest import Item, Manifest, Outcome
from app.many.photo import PARTS, Job, Restorer, Setup
from app.many.plan import plan
from app.many.progress import Display, Tally, count
from app.many.ray_cluster import LOCAL
from app.many.threads import in_threads
from app.many.walk import check_source, walk
from app.output_options import add_output_options, chosen
from app.signals import INTERRUPTED, interrupt, on_signals
from app.triton_options import add_triton_options, connection_options, find_triton

ERRORS = "errors.jsonl"  # in the folder of the results
JOBS = 4


def add_many_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``din restore-many``."""
    add_triton_options(parser)
    parser.add_argument(
        "source", type=Path, metavar="IN", help="a folder of photos, or a text file with the path of one on each line"
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for the restored files, and what became of each")
    add_output_options(parser)
    parser.add_argument(
        "--jobs",
        type=read_jobs,
        metavar="N",
        help=f"how many photos are under way at the same time; default: {JOBS}, on a Ray cluster one for each CPU",
    )
    parser.add_argument(
        "--retry-errors",
        action="store_true",
        help="try photos again that could not be used; those that failed for another reason always are",
    )
    parser.add_argument(
        "--ray",
        nargs="?",
        const=LOCAL,
        type=by_ray.read_address,
        metavar="ADDRESS",
        help="restore by the workers of a Ray cluster, HOST:PORT, or auto; without an address by workers started here",
    )


def read_jobs(text: str) -> int:
    """Read a number of photos.

    Raises:
        argparse.ArgumentTypeError: it is no number, or below 1.
    """
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of photos, 1 or more")
    return int(text)


def restore_many(args: argparse.Namespace) -> int:
    """Restore all photos of a folder or a list that are not restored yet.

    Raises:
        StorageError: another process does, with this folder of results; or it was begun with other options; or the
            disk is full.
        RestorationError: there is no photo, task or server.
    """
    choice = chosen(args, args.quality)
    job = Job(choice.task, choice.quality, choice.output, args.out.resolve(), choice.strength)
    check_source(args.source, job.out)
    options = connection_options(args)
    with (
        contextlib.closing(open_folder(job)) as manifest,
        find_triton(args) as triton,
        RestorationClient(triton.url, options) as connection,
    ):
        client = connection.with_priority(Priority.BATCH)
        setup = Setup(job, client.chain(job.task), triton.url, options)
        manifest.keep_options(job.options())
        stop = threading.Event()
        on_signals(lambda number, frame: end_soon(stop, number, frame))
        tally = Tally()
        try:
            restore_all(args, setup, client, manifest, tally, stop)
        finally:
            manifest.export_errors(job.out / ERRORS)
    print(f"{tally.done} restored, {tally.errors} failed, {tally.before} restored before")
    if tally.errors:
        print(f"{job.out / ERRORS} has the errors")
    return INTERRUPTED if stop.is_set() else int(tally.errors > 0)


def restore_all(
    args: argparse.Namespace,
    setup: Setup,
    client: RestorationClient,
    manifest: Manifest,
    tally: Tally,
    stop: threading.Event,
) -> None:
    """Restore the photos that are not restored yet, and record what becomes of each.

    Args:
        args: the options.
        setup: what is done to every photo, and where.
        client: connection to Triton.
        manifest: of the folder of results.
        tally: counts the photos.
        stop: ends the work when it is set.

    Raises:
        StorageError: nothing more can be stored.
    """
    display = Display(tally)

    def report(outcome: Outcome) -> None:
        manifest.record(outcome)
        display.add(outcome)

    count(args.source, setup.job.out, tally, stop)
    found = walk(args.source, setup.job.out)
    items = until(stop, plan(found, setup.job, manifest, args.retry_errors, display.skip, report))
    with contextlib.closing(backend(args, setup, client, items, stop)) as outcomes:
        for outcome in outcomes:
            if outcome is not None and outcome.ends:
                raise StorageError(outcome.error)
            if outcome is not None:
                report(outcome)
            display.refresh()
    display.end()


def backend(
    args: argparse.Namespace, setup: Setup, client: RestorationClient, items: Iterator[Item], stop: threading.Event
) -> Generator[Outcome | None, None, None]:
    """Restore photos in this process, or by Ray; yields and errors are those of either."""
    if args.ray:
        yield from by_ray.by_ray(items, setup, args.ray, args.jobs, stop)
        return
    jobs, limit = args.jobs or JOBS, Limit()
    with contextlib.closing(Workers(jobs, Limits())) as workers:
        restorer = Restorer(setup.job, setup.chain, client.within(limit), workers)
        yield from in_threads(items, restorer, jobs, stop, limit)


def until(stop: threading.Event, items: Iterator[Item]) -> Iterator[Item]:
    """Yield photos until a stop."""
    for item in items:
        if stop.is_set():
            return
        yield item


def open_folder(job: Job) -> Manifest:
    """Create the folder of the results, or open it again: what a killed process left half done is deleted.

    Raises:
        StorageError: it cannot be used, or another process does, or it was begun with other options.
    """
    parts = job.out / PARTS
    try:
        job.out.mkdir(parents=True, exist_ok=True)
        manifest = Manifest(job.out)
        with contextlib.ExitStack() as failed:
            failed.callback(manifest.close)
            manifest.check_options(job.options())
            manifest.forget_begun()
            shutil.rmtree(parts, ignore_errors=True)
            parts.mkdir(exist_ok=True)
            failed.pop_all()
    except OSError as error:
        raise StorageError(f"The folder {job.out} cannot be used ({error.strerror}).") from error
    return manifest


def end_soon(stop: threading.Event, number: int, frame: FrameType | None) -> None:
    """Handle the first signal: what is being stored is finished. Another one ends the work at once."""
    on_signals(interrupt)
    stop.set()
