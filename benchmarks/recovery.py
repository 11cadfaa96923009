"""Measure how long Triton is away after a fault: ``python -m benchmarks.recovery [--times 5]``.

From the fault until a tiny picture is answered again by the process that has replaced the broken one.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import time

import numpy as np
import psutil

from app.client import ConnectionOptions, RestorationClient
from app.errors import ServerError
from app.tasks import Network
from app.triton import Policy, Triton, embedded
from benchmarks.common import print_row, start_table
from tests.support.processes import process_of

TASK = "sr_x4"
LIMIT_S = 60.0
PICTURE = np.full((16, 16, 3), 128, np.uint8)
INSTANCE = f"din_{TASK}_0_0"
FAULTS = {
    "the server is killed": ("bin/tritonserver", signal.SIGKILL),
    "the server is stopped (SIGSTOP)": ("bin/tritonserver", signal.SIGSTOP),
    "an instance is killed": (INSTANCE, signal.SIGKILL),
    "an instance crashes (SIGSEGV)": (INSTANCE, signal.SIGSEGV),
    "an instance is stopped (SIGSTOP)": (INSTANCE, signal.SIGSTOP),
}


def recover(triton: Triton, word: str, number: signal.Signals) -> float:
    """Break a process, and return after how many seconds the task is served again.

    Raises:
        TimeoutError: it took longer than the limit.
    """
    with RestorationClient(triton.url, ConnectionOptions(timeout_s=1.0)) as client:
        network = client.task(TASK).network()
        pid, started = process_of(triton.port, word), time.monotonic()
        os.kill(pid, number)
        while psutil.pid_exists(pid) or not answers(client, network):
            if time.monotonic() - started > LIMIT_S:
                raise TimeoutError(f"{word} was not replaced within {LIMIT_S:.0f} s")
            time.sleep(0.02)
        return time.monotonic() - started


def answers(client: RestorationClient, network: Network) -> bool:
    """Return whether the server restores a tiny picture."""
    try:
        client.submit(network, PICTURE).result()
    except ServerError:
        return False
    return True


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recovery", description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    times = parser.parse_args().times
    start_table(
        "Recovery", f"Seconds until a picture is restored again, {times} times each.", "fault", "median", "longest"
    )
    policy = Policy(model_failures=1000, restarts=1000, longest_delay_s=0.0)
    with Triton(embedded.launch(), policy=policy) as triton:
        triton.wait_ready()
        for name, (word, number) in FAULTS.items():
            found = [recover(triton, word, number) for _ in range(times)]
            print_row(name, f"{statistics.median(found):.1f}", f"{max(found):.1f}")


if __name__ == "__main__":
    main()
