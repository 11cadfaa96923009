"""Prints Triton as its own load generator sees it: ``python -m benchmarks.perf_analyzer`` (CPU, idle).

perf_analyzer comes in a wheel that is fetched once, into a folder beside the system's temporary files.
"""

import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from app.triton.embedded import find_wheel
from benchmarks.common import (
    MODEL,
    PHOTO,
    PRESENT,
    TASK,
    TILE_STREAMS,
    WARM_UP_S,
    print_row,
    serving,
    start_table,
    stream_tiles,
)

SECONDS = 12.0
SIDE, CONCURRENCY = 128, (1, 4, 16)
WHEEL = "tritonclient==2.50.0"  # the last one that carries the binary
FOLDER = Path(tempfile.gettempdir()) / "din-perf-analyzer"
# What the binary asks for, and how the server's wheel calls it.
LIBRARIES = {"libb64.so.0d": "libb64-*.so.0d", "libcudart.so.12": "libcudart-*.so.12*"}


def find_analyzer() -> Path:
    """The binary, out of a wheel that is kept beside it and never installed: another tritonclient is.

    Raises:
        SystemExit: the wheel could not be fetched.
    """
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    wheels = FOLDER.glob("tritonclient-*.whl")
    if (wheel := next(wheels, None)) is None:
        target = ["--no-deps", "--only-binary=:all:", "--platform=manylinux1_x86_64", f"--dest={FOLDER}"]
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", *target, WHEEL], check=False)
        wheel = next(FOLDER.glob("tritonclient-*.whl"), None)
    if wheel is None:
        raise SystemExit(f"perf_analyzer's wheel ({WHEEL}) could not be fetched")
    binary = FOLDER / "perf_analyzer"
    with zipfile.ZipFile(wheel) as archive:
        member = next(name for name in archive.namelist() if name.endswith("/perf_analyzer"))
        binary.write_bytes(archive.read(member))
    binary.chmod(0o755)
    return binary


def link_libraries() -> Path:
    """A folder with the libraries that the binary wants, under the names it wants."""
    folder = FOLDER / "lib"
    folder.mkdir(exist_ok=True)
    for name, pattern in LIBRARIES.items():
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(next(find_wheel().libraries.glob(pattern)))
    return folder


def write_analyzer_data() -> Path:
    """The tile as perf_analyzer reads it. With data from a file, unlike random data, it leaves optional inputs out."""
    tile = PHOTO[:SIDE, :SIDE]
    content = {"b64": base64.b64encode(tile.tobytes()).decode(), "shape": tile.shape}
    path = FOLDER / "tile.json"
    path.write_text(json.dumps({"data": [{"lq": content}]}))
    return path


def analyze(binary: Path, url: str, concurrency: int, requests: int) -> tuple[str, float]:
    """perf_analyzer's report, and the answers a second from its trace: its own figure counts in whole seconds.

    Raises:
        SystemExit: it failed; the message is what it said.
    """
    trace = FOLDER / "trace.json"
    trace.unlink(missing_ok=True)  # it overwrites none
    command = [str(binary), "-m", MODEL, "-u", url, "-i", "grpc", "--input-data", str(write_analyzer_data())]
    load = ["--concurrency-range", str(concurrency), "--request-count", str(requests)]
    environment = {**os.environ, "LD_LIBRARY_PATH": str(link_libraries())}
    done = subprocess.run(
        [*command, *load, "--profile-export-file", str(trace)], capture_output=True, text=True, env=environment
    )
    if done.returncode:
        said = (done.stdout + done.stderr).partition("Usage:")[0]  # it follows an error with all of its manual
        raise SystemExit(f"perf_analyzer failed: {said[-1000:].strip()}")
    traced = json.loads(trace.read_text())["experiments"][0]["requests"]
    nanoseconds = max(r["response_timestamps"][-1] for r in traced) - min(r["timestamp"] for r in traced)
    return done.stdout, len(traced) / nanoseconds * 1e9


def figure(report: str, name: str) -> float:
    """The number behind a name in perf_analyzer's report, or before it on the server's line."""
    found = re.search(rf"{name}:? ([\d.]+)", report)
    if found is None:
        raise SystemExit(f"perf_analyzer reports no {name!r}:\n{report}")
    return float(found[1])


def main() -> None:
    binary = find_analyzer()
    with serving(PRESENT) as (client, task):
        rate = stream_tiles(client, task, SIDE, max(TILE_STREAMS), WARM_UP_S).rate
        requests = max(20, round(SECONDS * rate))
        start_table(
            "perf_analyzer",
            f"{requests} tiles of {SIDE}x{SIDE} for {TASK} by gRPC, in the present configuration. "
            "The shares are of the server's average request.",
            *("concurrency", "infer/s", "p50, ms", "p95, ms", "server, ms", "queue, %", "compute, %"),
        )
        for concurrency in CONCURRENCY:
            report, infers = analyze(binary, client.url, concurrency, requests)
            server_us = figure(report, "Avg request latency")
            compute_us = sum(figure(report, f"compute {part}") for part in ("input", "infer", "output"))
            print_row(
                *(concurrency, f"{infers:.1f}"),
                *(f"{figure(report, f'p{q} latency') / 1e3:.1f}" for q in (50, 95)),
                *(f"{server_us / 1e3:.1f}", f"{100 * figure(report, 'queue') / server_us:.0f}"),
                f"{100 * compute_us / server_us:.0f}",
            )


if __name__ == "__main__":
    main()
