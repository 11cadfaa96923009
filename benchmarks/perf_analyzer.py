"""Measure Triton with its own load generator: ``python -m benchmarks.perf_analyzer`` (CPU, idle).

perf_analyzer is part of a wheel that is downloaded once to a folder for temporary files.
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
WHEEL = "tritonclient==2.50.0"  # the last one with the binary
FOLDER = Path(tempfile.gettempdir()) / "din-perf-analyzer"
# The libraries that the binary loads, and their names in the server's wheel.
LIBRARIES = {"libb64.so.0d": "libb64-*.so.0d", "libcudart.so.12": "libcudart-*.so.12*"}


def find_analyzer() -> Path:
    """Extract the binary from its wheel, which is not installed since another version of tritonclient is.

    Raises:
        SystemExit: the wheel could not be downloaded.
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
    """Create a folder with links to the libraries, by the names that the binary loads."""
    folder = FOLDER / "lib"
    folder.mkdir(exist_ok=True)
    for name, pattern in LIBRARIES.items():
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(next(find_wheel().libraries.glob(pattern)))
    return folder


def write_analyzer_data() -> Path:
    """Write the tile as perf_analyzer's input; unlike with random data, it then omits optional inputs."""
    tile = PHOTO[:SIDE, :SIDE]
    content = {"b64": base64.b64encode(tile.tobytes()).decode(), "shape": tile.shape}
    path = FOLDER / "tile.json"
    path.write_text(json.dumps({"data": [{"lq": content}]}))
    return path


def analyze(binary: Path, url: str, concurrency: int, requests: int) -> tuple[str, float]:
    """Run perf_analyzer.

    Returns:
        Its report, and the responses per second by its trace, which is more precise than the report.

    Raises:
        SystemExit: it failed; the message is its output.
    """
    trace = FOLDER / "trace.json"
    trace.unlink(missing_ok=True)  # it does not overwrite a file
    command = [str(binary), "-m", MODEL, "-u", url, "-i", "grpc", "--input-data", str(write_analyzer_data())]
    load = ["--concurrency-range", str(concurrency), "--request-count", str(requests)]
    environment = {**os.environ, "LD_LIBRARY_PATH": str(link_libraries())}
    done = subprocess.run(
        [*command, *load, "--profile-export-file", str(trace)], capture_output=True, text=True, env=environment
    )
    if done.returncode:
        said = (done.stdout + done.stderr).partition("Usage:")[0]  # it prints its manual after an error
        raise SystemExit(f"perf_analyzer failed: {said[-1000:].strip()}")
    traced = json.loads(trace.read_text())["experiments"][0]["requests"]
    nanoseconds = max(r["response_timestamps"][-1] for r in traced) - min(r["timestamp"] for r in traced)
    return done.stdout, len(traced) / nanoseconds * 1e9


def figure(report: str, name: str) -> float:
    """Return the number that follows a name in perf_analyzer's report.

    Raises:
        SystemExit: the report does not contain it.
    """
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
