"""What several kinds of tests share: bundled photos, and one real Triton for the whole run."""

import io
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from app.client import RestorationClient
from app.triton import Triton, embedded
from din_model.data import degrade
from din_model.export import shipped_models
from din_model.tasks import TASKS

ROOT = Path(__file__).parents[1]
# The networks that are shipped, by the names that they are served under, with task and preset.
SHIPPED = {
    model.removeprefix("din_"): (task, preset) for task in TASKS for model, preset in shipped_models(task).items()
}
STARTUP_S = 180  # also beside much other work


def pytest_addoption(parser):
    parser.addoption("--refresh-goldens", action="store_true", help="write the golden pictures anew, then look at them")


@pytest.fixture(scope="session")
def triton() -> Iterator[Triton]:
    """The embedded Triton with the built models; a missing one is a failure, never a skip."""
    with Triton(embedded.launch()) as server:
        server.wait_ready()
        yield server


@pytest.fixture
def client(triton) -> Iterator[RestorationClient]:
    with RestorationClient(triton.url, timeout_s=60) as connection:
        yield connection


@pytest.fixture(scope="session")
def small_photo() -> np.ndarray:
    """A real photo made four times smaller: uint8 (60, 84, 3)."""
    return degrade(TASKS["sr_x4"], skimage.data.astronaut()[:240, 100:436], np.random.default_rng(0))


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def read(path) -> np.ndarray:
    """The pixels of a picture on disk, by Pillow alone."""
    with Image.open(path) as image:
        return np.asarray(image)


def exif_of(path) -> dict[int, object]:
    """The EXIF of a picture on disk, by Pillow alone."""
    with Image.open(path) as image:
        return dict(image.getexif())


def free_port() -> int:
    """A loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_page(*options: str, program: tuple[str, ...] = ("-m", "app"), folder: Path | None = None):
    """The page as ``python -m app`` starts it: yields its address and its process.

    Another ``program`` may start it otherwise; ``folder`` is where it keeps visitors' files.
    """
    port = free_port()
    with tempfile.NamedTemporaryFile("w+") as output:
        process = subprocess.Popen(
            [sys.executable, *program, "--port", str(port), *options],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "GRADIO_TEMP_DIR": str(folder or tempfile.gettempdir())},
        )
        process.said = lambda: Path(output.name).read_text()
        try:
            wait_until(lambda: "The page is at" in process.said() or process.poll() is not None, STARTUP_S)
            assert process.poll() is None, process.said()
            yield f"http://127.0.0.1:{port}", process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            finally:
                process.kill()
                print(process.said())  # pytest shows it with a failure


def wait_until(condition, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


@pytest.fixture(scope="session")
def page_url(triton) -> Iterator[str]:
    with running_page("--triton-url", triton.url) as (url, _):
        yield url
