"""Connect to a Ray cluster, or start one of one node on this machine, which ends with this process."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from typing import Any

from app.errors import ServerUnavailableError

LOCAL, RUNNING = "local", "auto"
# Ray gives its own processes 15 seconds to start, and no option for more: a busy machine exceeds that at times.
ATTEMPTS = 3
REACH_S = 5.0  # Ray itself would try for minutes
LOCAL_STORE_BYTES = 100_000_000  # of Ray's objects: the rows of a chunk are small
LOCAL_JOBS = 4
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",  # it would report to Ray's makers
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # what concerns the user is an error of a photo, or ours
    "RAY_enable_metrics_collection": "false",
}
QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}


@contextlib.contextmanager
def connected(address: str, jobs: int | None) -> Iterator[int]:
    """Connect to a cluster, or start workers here, and yield how many CPUs there are.

    Args:
        address: of the cluster, or :data:`LOCAL`.
        jobs: how many photos workers that are started here restore at the same time; None for :data:`LOCAL_JOBS`.

    Raises:
        ServerUnavailableError: the cluster does not respond, or cannot be started.
    """
    if address not in (LOCAL, RUNNING):
        reach(address)
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray  # here, as it is an extra, and takes seconds

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with contextlib.ExitStack() as until_end:
        if address == LOCAL:
            until_end.enter_context(started(jobs or LOCAL_JOBS))
        else:
            until_end.callback(ray.shutdown)
            try:
                ray.init(address, **QUIET)
            except Exception as error:  # Ray has no class for them
                raise ServerUnavailableError(f"Ray's cluster {address} does not respond: {reason_of(error)}") from error
        for number, handler in handlers.items():
            signal.signal(number, handler)  # Ray has set its own
        yield int(ray.cluster_resources().get("CPU", 1))


def reach(address: str) -> None:
    """Check that something listens at an address, ``HOST:PORT``.

    Raises:
        ServerUnavailableError: nothing does.
    """
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACH_S).close()
    except OSError as error:
        reason = error.strerror or error
        raise ServerUnavailableError(f"Ray's cluster {address} does not respond: {reason}.") from error


@contextlib.contextmanager
def started(cpus: int) -> Iterator[None]:
    """Start a cluster on this machine, and connect to it.

    Args:
        cpus: as many photos are restored at the same time.

    Raises:
        ServerUnavailableError: it does not start, at no attempt.
    """
    import ray

    for attempt in range(1, ATTEMPTS + 1):
        with tempfile.TemporaryDirectory(prefix="din-ray-", ignore_cleanup_errors=True) as folder:
            try:
                ray.init(
                    LOCAL,
                    num_cpus=cpus,
                    object_store_memory=LOCAL_STORE_BYTES,
                    include_dashboard=False,
                    _temp_dir=folder,
                    **QUIET,
                )
            except Exception as error:  # Ray has no class for them
                end_processes(folder)
                if attempt == ATTEMPTS:
                    reason = f"Ray's workers cannot be started here, {ATTEMPTS} attempts failed: {reason_of(error)}"
                    raise ServerUnavailableError(reason) from error
            else:
                try:
                    yield
                finally:
                    ray.shutdown()
                return


def end_processes(folder: str) -> None:
    """Kill the processes that a start has left which failed: their command lines name its folder."""
    import psutil

    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if any(folder in word for word in process.cmdline()):
                process.kill()


def reason_of(error: Exception) -> str:
    """Return the first sentence of one of Ray's errors."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return f"{line.partition('. ')[0].rstrip('.')}."
