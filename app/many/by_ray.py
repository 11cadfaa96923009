"""Restore photos by the workers of a Ray cluster, with Ray Data: Tritons on several machines are kept busy.

The workers need the same package, the photos and the folder of the results under the same paths, and Triton's addresses
as this process has them. Only this process writes the manifest.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from app.client import Priority, RestorationClient
from app.codec.bounded import Limits, Workers
from app.errors import ServerUnavailableError
from app.many.manifest import Item, Outcome, State
from app.many.photo import Restorer, Setup
from app.many.ray_cluster import LOCAL, RUNNING, connected

ADDRESS = re.compile(r"[\w.-]+:\d+|\[[\da-fA-F:.%]+\]:\d+")
LAST_PORT = 65_535
CHUNK = 5_000  # photos of one Ray dataset, which are all known to Ray at the same time


def read_address(text: str) -> str:
    """Read the address of a cluster.

    Raises:
        argparse.ArgumentTypeError: it has another form, or no such port.
    """
    known = text in (LOCAL, RUNNING)
    if not known and not (ADDRESS.fullmatch(text) and int(text.rpartition(":")[2]) <= LAST_PORT):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT or {RUNNING}; write --ray after IN and OUT")
    return text


def by_ray(
    items: Iterator[Item], setup: Setup, address: str, jobs: int | None, stop: threading.Event
) -> Iterator[Outcome]:
    """Restore photos by a cluster until there are no more, or a stop.

    Each photo is a block of its own: one that is finished is recorded, whatever becomes of its worker. A photo whose
    worker dies is given to another.

    Args:
        items: taken in chunks.
        setup: what is done to every photo, and where.
        address: of the cluster, or :data:`LOCAL` to start workers here.
        jobs: the most workers; None for one for each CPU.
        stop: ends the work when it is set.

    Yields:
        What became of each photo, as they are finished.

    Raises:
        ServerUnavailableError: the cluster does not respond, or has ended.
    """
    chunk = list(islice(items, CHUNK))
    if not chunk:  # to connect takes a while
        return
    with connected(address, jobs) as cpus:
        import ray
        import ray.data

        logging.getLogger("ray.data").setLevel(logging.ERROR)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = context.print_on_execution_start = False
        pool = ray.data.ActorPoolStrategy(min_size=1, max_size=jobs or cpus)
        try:
            while chunk:
                rows = [{"number": number, **row_of(item)} for number, item in enumerate(chunk)]
                dataset = ray.data.from_items(rows, override_num_blocks=len(rows))
                restored = dataset.map(RowRestorer, fn_constructor_args=(setup,), compute=pool, num_cpus=1)
                for row in restored.iter_rows():
                    yield outcome_of(chunk[row["number"]], row)
                    if stop.is_set():
                        return
                chunk = list(islice(items, CHUNK))
        except ray.exceptions.RayError as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            raise ServerUnavailableError(f"Ray's workers cannot go on: {reason}") from error


def row_of(item: Item) -> dict[str, Any]:
    """Return a photo as a row of a dataset."""
    return {"photo": os.fsencode(item.photo), "result": os.fsencode(item.result or "")}


def outcome_of(item: Item, row: dict[str, Any]) -> Outcome:
    """Return what a worker has answered of a photo."""
    return Outcome(item, State(row["state"]), row["error"], row["status"], bool(row["ends"]))


class RowRestorer:
    """A worker's restorer of rows.

    Args:
        setup: what is done to every photo, and where.
    """

    def __init__(self, setup: Setup) -> None:
        client = RestorationClient(setup.url, setup.options).with_priority(Priority.BATCH)
        self._restore = Restorer(setup.job, setup.chain, client, Workers(1, Limits()))

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Restore a row's photo."""
        outcome = self._restore(Item(Path(os.fsdecode(row["photo"])), Path(os.fsdecode(row["result"]))))
        return {
            "number": row["number"],
            "state": str(outcome.state),
            "error": outcome.error,
            "status": outcome.status,
            "ends": outcome.ends,
        }
