"""Prints what serving costs and brings: ``python benchmarks/serving.py [--seconds S] [PART ...]`` (CPU, idle).

hop            a tile through the embedded Triton against the same tile in this process
visitors       photos a minute of this page and of a plain Gradio app, for 1, 4 and 16 visitors at once
sweep          instances, threads, batch, queue delay and tile, one at a time around the present configuration
perf_analyzer  Triton's own load generator, for its view of queue and compute

Without PART all of them, but perf_analyzer only if its wheel has been fetched before; naming it fetches it.
"""

import argparse
import base64
import io
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest import mock

import httpx
import numpy as np
import skimage.data
import torch
from gradio_client import Client, handle_file
from PIL import Image

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from app import server  # noqa: E402
from app.client import RestorationClient, ServedTask  # noqa: E402
from app.codec import Pixels  # noqa: E402
from app.server import KEPT_MEMORY, REPOSITORY, EmbeddedTriton, find_wheel, free_port  # noqa: E402

TASK, SCALE = "sr_x4", 4
MODEL = f"din_{TASK}"
PHOTO = skimage.data.astronaut()  # 512x512

HOP_SIDE, HOP_PAIRS, EMPTY_HOP_PAIRS = 256, 40, 300
VISITORS = (1, 4, 16)
RETRY_S = 1.0  # what a caller that was refused waits
TILE_STREAMS = (1, 8)
WARM_UP_S = 1.0
SWEEP_SHARE = 0.25  # of --seconds, for each row
ANALYZER_SIDE, ANALYZER_CONCURRENCY = 128, (1, 4, 16)
ANALYZER_WHEEL = "tritonclient==2.50.0"  # the last one that carries the binary
ANALYZER_FOLDER = Path(tempfile.gettempdir()) / "din-perf-analyzer"
# What the binary asks for, and how the server's wheel calls it.
ANALYZER_LIBRARIES = {"libb64.so.0d": "libb64-*.so.0d", "libcudart.so.12": "libcudart-*.so.12*"}


# Tables


def start_table(title: str, caption: str, *header: str) -> None:
    print(f"\n## {title}\n\n{caption}\n")
    print_row(*header)
    print("|" + "---|" * len(header), flush=True)


def print_row(*cells: object) -> None:
    """Rows appear as they are measured."""
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


# Load: callers that call again as soon as they have their answer


@dataclass
class Load:
    """What a number of callers saw.

    Attributes:
        seconds: from the first call to the last answer.
        latencies: seconds of every call that succeeded.
        failures: what the others were told.
    """

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, q: float) -> float:
        return float(np.percentile(self.latencies, q)) if self.latencies else float("nan")


def keep_busy(callers: list[Callable[[], object]], seconds: float) -> Load:
    """Lets every caller call again and again until the time is up.

    What is under way then is waited for and counts, or the slow answers would be the ones left out.
    """
    load = Load()
    started = time.monotonic()

    def repeat(call: Callable[[], object]) -> None:
        while time.monotonic() - started < seconds:
            asked = time.monotonic()
            try:
                call()
            except Exception as error:
                load.failures.append(f"{type(error).__name__}: {error}".splitlines()[0][:160])
                time.sleep(RETRY_S)
            else:
                load.latencies.append(time.monotonic() - asked)

    with ThreadPoolExecutor(len(callers)) as threads:
        list(threads.map(repeat, callers))
    load.seconds = time.monotonic() - started
    return load


# A Triton of one model in one configuration


@dataclass(frozen=True)
class Setting:
    """One configuration of the server and the tile it is sent; the defaults are the present ones on two cores."""

    instances: int = 2
    threads: int = 1
    batch: int = 4
    delay_us: int = 0
    side: int = 192

    @property
    def cores(self) -> int:
        return self.instances * self.threads


PRESENT = Setting()
SETTINGS = [
    PRESENT,
    replace(PRESENT, instances=1),
    replace(PRESENT, instances=1, threads=2),
    replace(PRESENT, threads=2),
    replace(PRESENT, batch=1),
    replace(PRESENT, delay_us=2000),
    replace(PRESENT, side=128),
    replace(PRESENT, side=256),
    PRESENT,  # once more: how far the machine wandered meanwhile
]


def configure(text: str, setting: Setting) -> str:
    """A model's ``cpu.pbtxt`` with the setting written into it."""
    delay = f"max_queue_delay_microseconds: {setting.delay_us} " if setting.delay_us else ""
    text = re.sub(r"max_queue_delay_microseconds: *\d+ *", "", text)
    for pattern, value in (
        (r"(KIND_CPU count: *)\d+", rf"\g<1>{setting.instances}"),
        (r"(max_batch_size: *)\d+", rf"\g<1>{setting.batch}"),
        (r"(dynamic_batching \{ *)", rf"\g<1>{delay}"),
    ):
        text, found = re.subn(pattern, value, text)
        if found != 1:
            raise ValueError(f"{pattern} is {found} times in the model's configuration, not once")
    return text


@contextmanager
def held_to(cores: int) -> Iterator[None]:
    """Holds what is started meanwhile to so many cores, which its backend then shares out among its instances."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


@contextmanager
def serving(setting: Setting) -> Iterator[tuple[RestorationClient, ServedTask]]:
    """An embedded Triton in that configuration, every instance of which has loaded its network."""
    with tempfile.TemporaryDirectory(prefix="din-serving-") as folder:
        shutil.copytree(REPOSITORY / MODEL, Path(folder) / MODEL)
        config = Path(folder) / MODEL / "configs" / "cpu.pbtxt"
        config.write_text(configure(config.read_text(), setting))
        with held_to(setting.cores):
            triton = EmbeddedTriton(Path(folder))
        with triton, RestorationClient(triton.url) as client:
            triton.wait_ready()
            task = client.task(TASK)
            stream_tiles(client, task, setting.side, max(TILE_STREAMS), WARM_UP_S)
            yield client, task


def stream_tiles(client: RestorationClient, task: ServedTask, side: int, streams: int, seconds: float) -> Load:
    """Sends one tile after the other in each of several streams."""
    tile = PHOTO[:side, :side]
    return keep_busy([lambda: client.submit(task, tile).result()] * streams, seconds)


# hop


def load_module() -> Callable[[Pixels], Pixels]:
    """The served network in this process, called as the backend calls it."""
    torch.set_num_threads(PRESENT.threads)
    module = torch.jit.load(REPOSITORY / MODEL / "1" / "model.pt").eval()

    def restore(pixels: Pixels) -> Pixels:
        with torch.inference_mode(), torch.jit.optimized_execution(False):
            answer = module(torch.from_numpy(pixels)[None])
        return (answer[0] if isinstance(answer, tuple) else answer)[0].numpy()

    return restore


def timed(function: Callable[[], object]) -> float:
    """Milliseconds."""
    started = time.perf_counter()
    function()
    return (time.perf_counter() - started) * 1e3


def time_pairs(first: Callable[[], object], second: Callable[[], object], pairs: int) -> tuple[float, float, float]:
    """Medians of both, and of what the second took more than the first right beside it; they take turns in leading."""
    times: list[tuple[float, float]] = []
    for i in range(pairs):
        if i % 2:
            late = timed(second)
            times.append((timed(first), late))
        else:
            times.append((timed(first), timed(second)))
    a, b = (statistics.median(column) for column in zip(*times, strict=True))
    return a, b, statistics.median(late - early for early, late in times)


def measure_hop(seconds: float) -> None:
    """What a tile pays for going through Triton; the number of pairs is fixed, whatever the seconds."""
    module = load_module()
    rows = [(HOP_SIDE, HOP_PAIRS), (1, EMPTY_HOP_PAIRS)]
    with serving(replace(PRESENT, side=HOP_SIDE)) as (client, task):
        tiles = {side: np.ascontiguousarray(PHOTO[:side, :side]) for side, _ in rows}
        same = all(np.array_equal(module(tile), client.submit(task, tile).result()) for tile in tiles.values())
        start_table(
            "The hop",
            f"One tile of {TASK} at a time, {PRESENT.threads} thread: TorchScript in this process and the embedded "
            "Triton by its client in turns. Medians; the extra time is the median over the pairs. "
            f"Both restore {'the same picture to the bit' if same else 'DIFFERENT pictures'}.",
            *("tile", "pairs", "in process, ms", "served, ms", "extra, ms", "extra, %"),
        )
        for side, pairs in rows:
            tile = tiles[side]
            for _ in range(5):
                module(tile), client.submit(task, tile).result()
            a, b, extra = time_pairs(
                lambda tile=tile: module(tile), lambda tile=tile: client.submit(task, tile).result(), pairs
            )
            share = f"{100 * extra / a:.1f}" if side == HOP_SIDE else "the hop alone"
            print_row(f"{side}x{side}", pairs, f"{a:.2f}", f"{b:.2f}", f"{extra:.2f}", share)


# visitors


@dataclass(frozen=True)
class Page:
    """A page to visit: how it is started, and what its event takes besides the photo."""

    name: str
    program: tuple[str, ...]
    inputs: tuple[str, ...] = ()


PLAIN_APP = str(Path(__file__).with_name("plain_app.py"))
PAGES = [
    Page("this page", ("-m", "app"), (TASK,)),
    Page("plain Gradio, eager float32", (PLAIN_APP,)),
    Page("plain Gradio, eager bfloat16", (PLAIN_APP, "--bf16")),
]


@contextmanager
def running(page: Page) -> Iterator[str]:
    """The page in a process of its own: yields its address once it says that it is there."""
    port = free_port()
    command = [sys.executable, *page.program, "--port", str(port)]
    with tempfile.TemporaryDirectory(prefix="din-serving-") as folder:
        as_users_have = {name: value for name, value in os.environ.items() if name not in KEPT_MEMORY}
        environment = {**as_users_have, "GRADIO_TEMP_DIR": folder, "GRADIO_ANALYTICS_ENABLED": "False"}
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment) as process:
            try:
                if not any("The page is at" in line for line in process.stdout):
                    raise SystemExit(f"{page.name} did not start")
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()


def visitor(url: str, page: Page, photo: Path) -> Callable[[], None]:
    """One person with a connection: uploads the photo, waits for it, and fetches the pictures of the answer."""
    client = Client(url, verbose=False, download_files=False, analytics_enabled=False)

    def visit() -> None:
        answer = client.predict(handle_file(str(photo)), *page.inputs, api_name="/restore")
        for address in picture_addresses(answer):
            check_picture(httpx.get(address, timeout=60).raise_for_status().content)

    return visit


def picture_addresses(answer: object) -> set[str]:
    """Where the files of an answer are; one that is shown twice is fetched once, as browsers do."""
    if isinstance(answer, dict):
        return {answer["url"]} if "url" in answer else set()
    if isinstance(answer, (list, tuple)):
        return {address for part in answer for address in picture_addresses(part)}
    return set()


def check_picture(data: bytes) -> None:
    """Checks that a visitor was given a whole PNG of the right size."""
    with Image.open(io.BytesIO(data)) as picture:
        if picture.format != "PNG" or picture.size != (PHOTO.shape[1] * SCALE, PHOTO.shape[0] * SCALE):
            raise ValueError(f"got a {picture.format} of {picture.size}")


def measure_visitors(seconds: float) -> None:
    """Photos a minute of the page and of the plain app, each in a process of its own, one after the other."""
    start_table(
        "Visitors",
        f"Each sends a 512x512 photo for {TASK}, fetches both PNG files of the comparison and comes again, for "
        f"{seconds:.0f} s. The page keeps its own limits, the plain app Gradio's. Who is refused counts as a failure "
        f"and comes back after {RETRY_S:.0f} s.",
        *("page", "visitors", "photos a minute", "p50, s", "p95, s", "photos", "failures"),
    )
    failures: Counter[tuple[str, int, str]] = Counter()
    with tempfile.TemporaryDirectory(prefix="din-serving-") as folder:
        photo = Path(folder) / "photo.png"
        Image.fromarray(PHOTO).save(photo)
        for page in PAGES:
            with running(page) as url:
                visitors = [visitor(url, page, photo) for _ in range(max(VISITORS))]
                keep_busy(visitors[:2], WARM_UP_S)  # every instance loads its network
                for count in VISITORS:
                    load = keep_busy(visitors[:count], seconds)
                    failures.update((page.name, count, reason) for reason in load.failures)
                    times = (f"{load.percentile(q):.2f}" for q in (50, 95))
                    print_row(
                        page.name, count, f"{60 * load.rate:.1f}", *times, len(load.latencies), len(load.failures)
                    )
    print()
    for (name, count, reason), times in failures.items():
        print(f"- {name}, {count} visitors: {times} x {reason}")


# sweep


def measure_sweep(seconds: float) -> None:
    """Every setting on its own server, with one stream of tiles and with several."""
    cores = len(os.sched_getaffinity(0))
    possible = [setting for setting in SETTINGS if setting.cores <= cores]
    left_out = ", ".join(f"{s.instances}x{s.threads}" for s in SETTINGS if s.cores > cores)
    start_table(
        "The sweep",
        f"Tiles of {TASK} through the embedded Triton, {seconds * SWEEP_SHARE:.0f} s a figure, one factor changed at "
        "a time; the first row comes again at the end. The backend shares the cores out among its instances, so a "
        "server is held to instances x threads of them."
        + (f" Left out, for they need more than the {cores} cores here: {left_out}." if left_out else ""),
        *("instances", "threads", "batch", "delay, us", "tile", "streams"),
        *("megapixels in/s", "p50, ms", "p95, ms", "failures"),
    )
    for s in possible:
        with serving(s) as (client, task):
            for streams in TILE_STREAMS:
                load = stream_tiles(client, task, s.side, streams, seconds * SWEEP_SHARE)
                times = (f"{1e3 * load.percentile(q):.0f}" for q in (50, 95))
                megapixels = f"{load.rate * s.side**2 / 1e6:.3f}"
                print_row(
                    *(s.instances, s.threads, s.batch, s.delay_us, s.side, streams),
                    *(megapixels, *times, len(load.failures)),
                )


# perf_analyzer


def find_analyzer(may_fetch: bool) -> Path | None:
    """The binary, out of a wheel that is kept beside it and never installed: another tritonclient is.

    Args:
        may_fetch: whether the wheel may be downloaded where it is missing.

    Returns:
        Its path, or None without the wheel.
    """
    ANALYZER_FOLDER.mkdir(mode=0o700, exist_ok=True)
    wheels = ANALYZER_FOLDER.glob("tritonclient-*.whl")
    if (wheel := next(wheels, None)) is None and may_fetch:
        target = ["--no-deps", "--only-binary=:all:", "--platform=manylinux1_x86_64", f"--dest={ANALYZER_FOLDER}"]
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", *target, ANALYZER_WHEEL], check=False)
        wheel = next(ANALYZER_FOLDER.glob("tritonclient-*.whl"), None)
    if wheel is None:
        return None
    binary = ANALYZER_FOLDER / "perf_analyzer"
    with zipfile.ZipFile(wheel) as archive:
        member = next(name for name in archive.namelist() if name.endswith("/perf_analyzer"))
        binary.write_bytes(archive.read(member))
    binary.chmod(0o755)
    return binary


def link_libraries() -> Path:
    """A folder with the libraries that the binary wants, under the names it wants."""
    folder = ANALYZER_FOLDER / "lib"
    folder.mkdir(exist_ok=True)
    for name, pattern in ANALYZER_LIBRARIES.items():
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(next(find_wheel().libraries.glob(pattern)))
    return folder


def write_analyzer_data() -> Path:
    """The tile as perf_analyzer reads it. With data from a file, unlike random data, it leaves optional inputs out."""
    tile = PHOTO[:ANALYZER_SIDE, :ANALYZER_SIDE]
    content = {"b64": base64.b64encode(tile.tobytes()).decode(), "shape": tile.shape}
    path = ANALYZER_FOLDER / "tile.json"
    path.write_text(json.dumps({"data": [{"lq": content}]}))
    return path


def analyze(binary: Path, url: str, concurrency: int, requests: int) -> tuple[str, float]:
    """perf_analyzer's report, and the answers a second from its trace: its own figure counts in whole seconds.

    Raises:
        SystemExit: it failed; the message is what it said.
    """
    trace = ANALYZER_FOLDER / "trace.json"
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


def measure_perf_analyzer(seconds: float, may_fetch: bool) -> None:
    """Triton as its own load generator sees it."""
    binary = find_analyzer(may_fetch)
    if binary is None:
        reason = "could not be fetched" if may_fetch else "is not here; naming the part fetches it"
        print(f"\n## perf_analyzer\n\nLeft out: its wheel ({ANALYZER_WHEEL}) {reason}.")
        return
    # The watch's questions are requests too, and would lower the averages of Triton's statistics.
    with mock.patch.object(server, "WATCH_INTERVAL_S", 3600.0), serving(PRESENT) as (client, task):
        rate = stream_tiles(client, task, ANALYZER_SIDE, max(TILE_STREAMS), WARM_UP_S).rate
        requests = max(20, round(seconds * rate))
        start_table(
            "perf_analyzer",
            f"{requests} tiles of {ANALYZER_SIDE}x{ANALYZER_SIDE} for {TASK} by gRPC, in the present configuration. "
            "The shares are of the server's average request.",
            *("concurrency", "infer/s", "p50, ms", "p95, ms", "server, ms", "queue, %", "compute, %"),
        )
        for concurrency in ANALYZER_CONCURRENCY:
            report, infers = analyze(binary, client.url, concurrency, requests)
            server_us = figure(report, "Avg request latency")
            compute_us = sum(figure(report, f"compute {part}") for part in ("input", "infer", "output"))
            print_row(
                *(concurrency, f"{infers:.1f}"),
                *(f"{figure(report, f'p{q} latency') / 1e3:.1f}" for q in (50, 95)),
                *(f"{server_us / 1e3:.1f}", f"{100 * figure(report, 'queue') / server_us:.0f}"),
                f"{100 * compute_us / server_us:.0f}",
            )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", choices=["hop", "visitors", "sweep", "perf_analyzer"])
    parser.add_argument("--seconds", type=float, default=20.0, help="of each row; a quarter of it in the sweep")
    return parser.parse_args()


def cpu_name() -> str:
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else "unknown CPU"


def keep_memory() -> None:
    """Starts this program again with the allocator's settings of the server's instances, for the tile in process."""
    if not KEPT_MEMORY.items() <= os.environ.items():
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **KEPT_MEMORY})


def main() -> None:
    args = parse_arguments()
    keep_memory()
    print(f"{cpu_name()}, {len(os.sched_getaffinity(0))} cores, torch {torch.__version__}")
    parts = {
        "hop": measure_hop,
        "visitors": measure_visitors,
        "sweep": measure_sweep,
        "perf_analyzer": lambda seconds: measure_perf_analyzer(seconds, may_fetch="perf_analyzer" in args.parts),
    }
    for name, measure in parts.items():
        if not args.parts or name in args.parts:
            measure(args.seconds)


if __name__ == "__main__":
    main()
