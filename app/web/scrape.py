"""The port that Prometheus reads the page's metrics on, and those that are looked up whenever it does."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Protocol

import gradio as gr
from prometheus_client import start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.client import RestorationClient
from app.errors import RestorationError, ServerStartError
from app.health import probe
from app.web import limits, storage, upload_room
from app.web.gradio_compat import job_numbers
from app.web.metrics import REGISTRY, expect


class Started(Protocol):
    """A Triton that the page uses."""

    @property
    def restarts(self) -> int | None:
        """How often the page has restarted it; None where something else does."""


@dataclass(frozen=True, eq=False)
class State(Collector):
    """What is looked up whenever Prometheus asks.

    Attributes:
        client: connection to Triton.
        triton: as the page knows it.
        jobs: returns the numbers of waiting and running jobs.
        most_jobs: both together.
        stored: returns the bytes of uploads and results.
        most_stored: the bytes that they may have.
        networks: names of those that were served when the page began.
    """

    client: RestorationClient
    triton: Started
    jobs: Callable[[], tuple[int, int]]
    most_jobs: int
    stored: Callable[[], int]
    most_stored: int
    networks: Collection[str]

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        jobs = GaugeMetricFamily("din_page_jobs", "Jobs that wait and run.", labels=["state"])
        for state, number in zip(("waiting", "running"), self.jobs(), strict=True):
            jobs.add_metric([state], number)
        yield jobs
        yield GaugeMetricFamily("din_page_jobs_limit", "Jobs that may wait and run.", self.most_jobs)
        yield GaugeMetricFamily("din_page_storage_bytes", "Bytes of uploads and results.", self.stored())
        yield GaugeMetricFamily("din_page_storage_limit_bytes", "Bytes that they may have.", self.most_stored)
        if self.triton.restarts is not None:
            yield CounterMetricFamily(
                "din_page_triton_restarts", "Restarts of the page's Triton.", self.triton.restarts
            )
        is_live = self.client.is_live()
        yield GaugeMetricFamily("din_page_triton_up", "1 if Triton answers, else 0.", is_live)
        is_healthy = is_live and self._restores()
        yield GaugeMetricFamily("din_page_healthy", "1 if Triton restores a tiny picture, else 0.", is_healthy)
        if is_live:
            yield from self._served()

    def _restores(self) -> bool:
        """Return whether Triton restores a tiny picture, as /health does."""
        try:
            probe(self.client)
        except RestorationError:
            return False
        return True

    def _served(self) -> Iterator[Metric]:
        """Yield which networks are served; nothing if Triton has just gone."""
        try:
            broken = self.client.broken().keys()
        except RestorationError:
            return
        served = GaugeMetricFamily(
            "din_page_network_served",
            "1 if Triton serves a network, 0 if it is withdrawn or broken.",
            labels=["network"],
        )
        for network in sorted({*self.networks, *broken}):
            served.add_metric([network], network not in broken)
        yield served


@contextlib.contextmanager
def serve(host: str, port: int, page: gr.Blocks, client: RestorationClient, triton: Started) -> Iterator[None]:
    """Let Prometheus read the metrics at a port of their own, as long as the context lasts.

    Args:
        host, port: of the metrics.
        page: whose queue holds the jobs.
        client: connection to Triton.
        triton: the one that the page uses.

    Raises:
        ServerStartError: the port cannot be used.
    """
    tasks = client.tasks()
    expect(tasks)
    state = State(
        client,
        triton,
        jobs=lambda: job_numbers(page, limits.QUEUE),
        most_jobs=limits.QUEUED_JOBS,
        stored=storage.used,
        most_stored=upload_room.MAX_STORED,
        networks=[network.name for task in tasks.values() for network in task.networks],
    )
    try:
        server, thread = start_http_server(port, host, REGISTRY)
    except (OSError, OverflowError) as error:
        raise ServerStartError(f"The metrics cannot use port {port} of {host} ({error}).") from error
    REGISTRY.register(state)
    try:
        yield
    finally:
        REGISTRY.unregister(state)
        server.shutdown()
        server.server_close()
        thread.join()
