"""The shared memory is as small as Docker makes it, or full: the server works, or says what to do, and comes back."""

import os
import shutil
import signal
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest

from app.pipeline.restore import restore
from app.triton import REPOSITORY
from tests.support.files import png, read_bytes
from tests.support.namespaces import fill, inside, with_small
from tests.support.processes import is_program, running_page, wait_until
from tests.support.queue import Caller, event_numbers, restore_call, upload

TASK = "sr_x8"  # whose results are large for what they cost
SHARED_MEMORY = Path("/dev/shm")
WAIT_S = 120


def outcome(url, photo, task=TASK):
    """What a call of ``restore`` ends with."""
    caller = Caller(url, event_numbers(url))
    caller.join("restore", *restore_call(upload(url, png(photo)), task))
    return caller.answers(1)[0]


def pixels(url, photo):
    """A photo that the page has restored."""
    picture, _ = outcome(url, photo)["data"]
    return read_bytes(httpx.get(picture["url"], timeout=WAIT_S).content)


def test_all_models_start_in_64_mb_and_restore_a_photo(client, small_photo):
    with running_page("--triton", "embedded", enter=with_small(SHARED_MEMORY, "64m")) as (url, page):
        assert np.array_equal(pixels(url, small_photo), restore(png(small_photo), client.task(TASK), client).after.rgb)
        assert "is not served" not in page.said()


@pytest.fixture
def options(tmp_path):
    """Those of a page over an embedded Triton with one task."""
    shutil.copytree(REPOSITORY / f"din_{TASK}", tmp_path / f"repository/din_{TASK}")
    return "--triton", "embedded", "--repository", str(tmp_path / "repository")


def test_where_no_instance_fits_the_page_says_what_to_do(options):
    with (
        pytest.raises(AssertionError, match="could not load a single model.*shared memory.*--shm-size"),
        running_page(*options, enter=with_small(SHARED_MEMORY, "512k")),
    ):
        pass


def test_a_full_shared_memory_is_told_and_the_server_comes_back_when_there_is_room(options, client, small_photo):
    expected = restore(png(small_photo), client.task(TASK), client).after.rgb
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3)).astype(np.uint8)
    with running_page(*options, enter=with_small(SHARED_MEMORY, "16m")) as (url, page):
        memory = inside(page.pid, SHARED_MEMORY)
        ballast = fill(memory)
        found = outcome(url, noise)  # in smaller tiles, or refused
        notices = found["data"][1]["notices"] if "data" in found else [found["error"]]
        assert "memory" in "".join(notices)

        below = psutil.Process(page.pid).children(recursive=True)
        (server,) = (found.pid for found in below if is_program(found.pid) and found.name() == "tritonserver")
        os.kill(server, signal.SIGKILL)
        # What the dead server had is filled, too, so that the next one finds no room.
        wait_until(lambda: fill(memory) and page.said().count("restarting it") > 1, WAIT_S)
        told = page.said().rpartition("ended (killed by SIGKILL)")[2]
        assert "shared memory" in told
        assert "serves again" not in told
        ballast.unlink()
        wait_until(lambda: "serves again" in page.said(), WAIT_S)
        assert np.array_equal(pixels(url, small_photo), expected)
