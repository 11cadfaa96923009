"""A Ray cluster of one node with two workers on this machine, whose processes end with the test."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

from app.many import ray_cluster
from tests.support.processes import free_port, processes_with, wait_until

START_S = 100.0
ATTEMPTS = 5  # app.many.ray_cluster says why
WORKER = "ray::MapWorker"


# Each of Ray's processes imports jsonschema, which compiles a grammar for seconds where this package is installed.
SLOW = "rfc3987_syntax"


def environment(folder: Path) -> dict[str, str]:
    """The environment of Ray's processes: they start soon, report to nobody, and keep out of the user's folder."""
    modules = folder / "modules"
    modules.mkdir(exist_ok=True)
    (modules / f"{SLOW}.py").write_text("raise ImportError")  # jsonschema does without it
    ours = {"HOME": str(folder), "PYTHONPATH": str(modules), "RAY_AUTH_MODE": "disabled"}
    return {**os.environ, **ray_cluster.ENVIRONMENT, **ours}


@contextlib.contextmanager
def running(folder: Path, cpus: int = 2) -> Iterator[str]:
    """A cluster; yields its address, and leaves no process behind.

    Args:
        folder: for Ray's files and sockets, whose paths must be short.
        cpus: as many photos are restored at the same time.
    """
    node, address = next(filter(None, (start(folder, cpus) for _ in range(ATTEMPTS))))
    try:
        yield address
    finally:
        wait_until(lambda: not end(folder))
        node.wait()


def start(folder: Path, cpus: int) -> tuple[subprocess.Popen[bytes], str] | None:
    """Start a node; return it and its address, or None if it has not come up."""
    port, log = free_port(), folder / "ray.log"
    options = [f"--port={port}", f"--num-cpus={cpus}", f"--temp-dir={folder}", "--object-store-memory=100000000"]
    # Workers' ports are any that are free; the usual ones may include that of the node.
    options += ["--min-worker-port=0", "--max-worker-port=0", "--include-dashboard=false", "--disable-usage-stats"]
    options += ["--no-monitor", "--include-log-monitor=false"]
    with log.open("wb") as output:
        node = subprocess.Popen(
            [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", *options],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment(folder),
        )
    wait_until(lambda: "Ray runtime started" in log.read_text() or node.poll() is not None, START_S)
    if node.poll() is None:
        return node, f"127.0.0.1:{port}"
    wait_until(lambda: not end(folder))
    print(log.read_text())  # pytest shows it with a failure
    return None


def end(folder: Path) -> list[int]:
    """Kill the cluster's processes; return those that there were."""
    found = processes_with(str(folder))
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return found


def workers(folder: Path) -> list[int]:
    """The processes of the cluster that restore photos."""
    nodes = processes_with(str(folder))
    return [
        process.pid
        for process in psutil.process_iter(["cmdline", "ppid"])
        if process.info["ppid"] in nodes and "".join(process.info["cmdline"] or []).startswith(WORKER)
    ]
