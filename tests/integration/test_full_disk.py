"""A disk is full: a photo that finds no room is told so and the others are restored, and a Triton without any waits."""

import io
import os
import shutil
import signal
import zipfile

import httpx
import numpy as np
import psutil
import pytest

from app.client import RestorationClient
from app.pipeline.restore import restore
from app.triton import REPOSITORY, Triton, embedded
from tests.support.files import png, read_bytes
from tests.support.namespaces import fill, inside, with_small
from tests.support.processes import is_program, running_page, wait_until
from tests.support.queue import Caller, event_numbers, restore_call, upload

TASK = "sr_x8"  # whose results are large for what they cost
SENTENCE = "The server has no room for the result: try again in ten minutes."
WAIT_S = 120


@pytest.fixture
def own(tmp_path):
    """A Triton with that task alone, so that the page's first example is one of its."""
    shutil.copytree(REPOSITORY / f"din_{TASK}", tmp_path / f"repository/din_{TASK}")
    with Triton(embedded.launch(), tmp_path / "repository") as server:
        server.wait_ready()
        yield server


@pytest.fixture
def page(own, tmp_path):
    """A page with 3 MB for visitors' files: its address, its process, and the folder as this process sees it."""
    files = tmp_path / "files"
    files.mkdir()
    with running_page("--triton-url", own.url, folder=files, enter=with_small(files, "3m")) as (url, process):
        folder = inside(process.pid, files)
        # The first example has been restored: what the page keeps is written.
        wait_until(lambda: list(folder.glob("*/kept/*/restored.png")), WAIT_S)
        yield url, process, folder


def outcome(url, name, photo):
    """What a call ends with."""
    caller = Caller(url, event_numbers(url))
    caller.join(name, *restore_call(photo, TASK))
    return caller.answers(1)[0]


def test_a_full_disk_costs_one_photo_of_a_batch(page, own, small_photo):
    url, process, folder = page
    small = np.ascontiguousarray(small_photo[:24, :32])
    noise = np.random.default_rng(0).integers(0, 256, (140, 140, 3)).astype(np.uint8)  # 3 MB when enlarged
    photos = [upload(url, png(pixels)) for pixels in (small, noise, small)]
    archive, reports = outcome(url, "restore_batch", photos)["data"]
    assert [report.get("error") for report in reports] == [None, SENTENCE, None]
    with RestorationClient(own.url) as client:
        expected = restore(png(small), client.task(TASK), client).after.rgb
    with zipfile.ZipFile(io.BytesIO(httpx.get(archive["url"], timeout=WAIT_S).content)) as found:
        assert len(found.namelist()) == 2
        for name in found.namelist():
            assert np.array_equal(read_bytes(found.read(name)), expected)

    ballast = fill(folder)
    assert outcome(url, "restore", photos[0])["error"] == SENTENCE
    answer = httpx.post(f"{url}/gradio_api/upload", files={"files": png(noise)}, timeout=WAIT_S)
    assert (answer.status_code, "no room" in answer.text) == (507, True)
    ballast.unlink()
    assert outcome(url, "restore", photos[0])["data"][1]["task"] == TASK
    assert "No space left on device" in process.said()


def test_a_full_tmp_harms_no_running_triton_and_the_next_one_starts_when_there_is_room(
    own, tmp_path, monkeypatch, small_photo
):
    """Triton's own folder is there: programs, log and notes."""
    folder, small = tmp_path / "tmp", np.ascontiguousarray(small_photo[:24, :32])
    folder.mkdir()
    with RestorationClient(own.url) as client:
        expected = restore(png(small), client.task(TASK), client).after.rgb
    monkeypatch.setenv("TMPDIR", str(folder))
    options = ("--triton", "embedded", "--repository", str(tmp_path / "repository"))
    with running_page(*options, folder=tmp_path, enter=with_small(folder, "32m")) as (url, page):
        full = inside(page.pid, folder)
        assert list(full.glob("din-triton-*"))
        ballast = fill(full)

        def restored():
            picture, _ = outcome(url, "restore", upload(url, png(small)))["data"]
            return read_bytes(httpx.get(picture["url"], timeout=WAIT_S).content)

        assert np.array_equal(restored(), expected)
        assert "restarting it" not in page.said()

        below = psutil.Process(page.pid).children(recursive=True)
        (server,) = (found.pid for found in below if is_program(found.pid) and found.name() == "tritonserver")
        os.kill(server, signal.SIGKILL)
        # What the dead server had is filled, too, so that the next one finds no room.
        wait_until(lambda: fill(full) and "No space left on device" in page.said(), WAIT_S)
        ballast.unlink()
        wait_until(lambda: "serves again" in page.said().rpartition("No space left on device")[2], WAIT_S)
        assert np.array_equal(restored(), expected)
