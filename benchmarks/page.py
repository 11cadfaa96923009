"""Measure the page: ``python -m benchmarks.page`` (CPU, idle).

Prints the start-up time, memory, the time of a 512x512 photo at 4x, the difference between tiles and the whole photo,
and the waiting times in a browser, as medians of several runs.
"""

import functools
import io
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import skimage.data
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from app import codec
from app.client import RestorationClient
from app.codec import Pixels
from app.i18n import say
from app.pipeline.restore import pixel_steps, restore, run
from app.tasks import Network
from app.triton import Triton, embedded
from benchmarks.common import free_port

ROOT = Path(__file__).parent.parent
RUNS = 7
RESTED_S = 5.0  # its instances have given back what they do not need
START_RUNS = 3
TASK = "sr_x4"
CHROMIUM_FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
EXAMPLE = "astronaut"
# Resolves to the time from the first paint to that of the first pair of pictures, in ms.
PAIR_PAINT = """new Promise((resolve) => {
    const [{ startTime: first }] = performance.getEntriesByName('first-paint');
    new PerformanceObserver((list) => {
        const pair = list.getEntries().find(({ url }) => url.includes('/intro/'));
        if (pair) resolve(pair.startTime - first);
    }).observe({ type: 'largest-contentful-paint', buffered: true });
})"""
SECONDS = say("report.seconds").into("en")  # names the line with the network's time in the page's report


@contextmanager
def started_page() -> Iterator[tuple[str, int]]:
    """Run a page; yield its URL and process ID when it is ready."""
    port = free_port()
    command = [sys.executable, "-m", "app", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as page:
        assert page.stdout is not None
        while "The page is at" not in page.stdout.readline():
            pass
        try:
            yield f"http://127.0.0.1:{port}", page.pid
        finally:
            page.terminate()


def start_page() -> tuple[float, float]:
    """Return the start-up time of the page in seconds, and its resident memory in MB."""
    started = time.monotonic()
    with started_page() as (_, pid):
        seconds = time.monotonic() - started
        status = Path(f"/proc/{pid}/status").read_text()
    return seconds, int(status.split("VmRSS:")[1].split()[0]) / 1000


def timed(function: Callable[[], object]) -> float:
    """Return the time of a call in seconds."""
    started = time.monotonic()
    function()
    return time.monotonic() - started


def first_answer(client: RestorationClient, network: Network, tile: Pixels) -> Pixels:
    """Restore a tile on the server."""
    return client.submit(network, tile).result()


def server_memory_gb() -> float:
    """Return the memory of Triton and its stub processes in GB; shared pages count once."""
    processes = psutil.Process().children(recursive=True)
    return sum(p.memory_full_info().pss for p in processes) / 1e9


def start_server() -> float:
    """Return the start-up time of the server in seconds."""
    started = time.monotonic()
    with Triton(embedded.launch()) as triton:
        triton.wait_ready()
        return time.monotonic() - started


def paint_s(tab: Page) -> float:
    """Return the first contentful paint in seconds."""
    return float(tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")) / 1e3


def pair_s(tab: Page) -> float:
    """Return the time from the first paint to that of a photo before and after restoration, in seconds."""
    return float(tab.evaluate(PAIR_PAINT)) / 1e3


def arrive(tab: Page, url: str) -> None:
    """Open the page with the task selected."""
    tab.goto(f"{url}/?task={TASK}")
    tab.wait_for_selector(f"#task input[value={TASK}]:checked")


def wait_for_report(tab: Page, name: str) -> None:
    """Wait for the report of a photo, which can then be downloaded."""
    tab.wait_for_function("name => document.querySelector('#report h3')?.textContent.includes(name)", arg=name)


def wait_for_pictures(tab: Page) -> None:
    """Wait until the comparison has loaded both pictures."""
    tab.wait_for_function(
        """() => {
            const pictures = [...document.querySelector('din-compare').shadowRoot.querySelectorAll('.layer img')];
            return pictures.length >= 2 && pictures.every(image => image.complete && image.naturalWidth);
        }"""
    )


def browse(photo: Pixels) -> None:
    """Print the waiting times in a browser, and the share that is not the network's."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with (
        tempfile.TemporaryDirectory() as folder,
        started_page() as (url, _),
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS) as browser,
    ):
        paints, pairs, arrivals, cached, uncached, kept, shares = [], [], [], [], [], [], []
        tab = browser.new_page()
        for _ in range(RUNS + 1):
            started = time.monotonic()
            arrive(tab, url)
            arrivals.append(time.monotonic() - started)
            paints.append(paint_s(tab))
            pairs.append(pair_s(tab))
        for i in range(RUNS + 1):
            path = Path(folder) / f"photo{i}.png"
            Image.fromarray(np.roll(photo, i, 1)).save(path)
            arrive(tab, url)
            tab.set_input_files("#photos input[type=file]", path)
            tab.wait_for_selector("#uploaded p")
            started = time.monotonic()
            tab.click("#restore")
            wait_for_pictures(tab)
            uncached.append(time.monotonic() - started)
            wait_for_report(tab, path.stem)
            kept.append(time.monotonic() - started)
            fact = tab.locator("#report tr").filter(has_text=SECONDS).locator("td")
            network = float(fact.evaluate("cell => cell.textContent").split()[0])
            shares.append(1 - network / uncached[-1])
        for _ in range(RUNS + 1):
            arrive(tab, url)
            started = time.monotonic()
            tab.locator("#samples button").first.click()
            wait_for_report(tab, EXAMPLE)
            wait_for_pictures(tab)
            cached.append(time.monotonic() - started)
        # The first runs, which load networks and fill caches, are left out.
        print_figure("first paint in a browser", f"{statistics.median(paints[1:]):.2f} s")
        print_figure("from there to a photo before and after", f"{statistics.median(pairs[1:]):.2f} s")
        print_figure("all of the page", f"{statistics.median(arrivals[1:]):.2f} s")
        print_figure("a cached example, from the click to both pictures", f"{statistics.median(cached[1:]):.2f} s")
        print_figure("an uncached 512x512 photo at 4x, likewise", f"{statistics.median(uncached[1:]):.2f} s")
        print_figure("until it can be downloaded", f"{statistics.median(kept[1:]):.2f} s")
        print_figure("the page's own share of the time to both pictures", f"{100 * statistics.median(shares[1:]):.0f}%")


def print_figure(name: str, value: str) -> None:
    """Print a row of the table."""
    print(f"| {name} | {value} |", flush=True)


def main() -> None:
    servers = [start_server() for _ in range(START_RUNS)]
    starts = [start_page() for _ in range(START_RUNS)]
    photo = skimage.data.astronaut()
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "PNG")
    data = buffer.getvalue()
    print("| figure | value |\n|---|---|")
    print_figure("`python -m app` to a usable page", f"{statistics.median(s for s, _ in starts):.1f} s")
    print_figure("resident memory of the page's process", f"{max(mb for _, mb in starts):.0f} MB")
    with Triton(embedded.launch()) as triton, RestorationClient(triton.url) as client:
        triton.wait_ready()
        networks = [network for task in client.tasks().values() for network in task.networks]
        print_figure(f"the server alone, {len(networks)} networks", f"{statistics.median(servers):.1f} s")
        print_figure("its memory then", f"{server_memory_gb():.1f} GB")
        tile = np.zeros((32, 32, 3), np.uint8)
        firsts = [timed(functools.partial(first_answer, client, network, tile)) for network in networks]
        print_figure("what the first picture waits for its network", f"{statistics.median(firsts):.1f} s")
        large = np.zeros((192, 192, 3), np.uint8)
        for network in networks:  # several requests at once, so that every instance gets one
            for answer in [client.submit(network, large) for _ in range(6)]:
                answer.result()
        time.sleep(RESTED_S)
        print_figure(
            "the server's memory when all its instances have restored tiles of 192x192", f"{server_memory_gb():.1f} GB"
        )
        task = client.task(TASK)
        network, result = task.network(), restore(data, task, client)
        seconds = statistics.median(timed(lambda: restore(data, task, client)) for _ in range(RUNS))
        encode = statistics.median(timed(lambda: codec.encode_png(result.after)) for _ in range(RUNS))
        print_figure(f"512x512 photo at 4x, {network.preset}, {result.tiles} tiles", f"{seconds:.2f} s")
        print_figure("encoding its 2048x2048 PNG", f"{encode:.2f} s")
        hop = np.zeros((1, 1, 3), np.uint8)
        hops = [timed(lambda: client.submit(network, hop).result()) for _ in range(200)]
        print_figure("one 1x1 tile, there and back", f"{statistics.median(hops) * 1e3:.1f} ms")
        reference = run(pixel_steps(photo, replace(network, whole_pixels=512 * 512), client))
        error = np.mean((result.after.rgb.astype(float) - reference) ** 2)
        print_figure("tiled against whole, 512x512", f"{10 * np.log10(255**2 / error):.1f} dB")
    browse(photo)


if __name__ == "__main__":
    main()
