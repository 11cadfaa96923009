"""Two pages on one machine, each with its own Triton, beside what a crash of a third one has left behind."""

import os
import shutil
import signal
import tempfile
from contextlib import ExitStack
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest

from app.pipeline.restore import restore
from app.triton import REPOSITORY
from app.triton.process import GUARDIAN, LATE
from tests.support.files import png, read_bytes
from tests.support.processes import command_line, processes_with, running_page, server_folder, wait_until
from tests.support.queue import Caller, event_numbers, restore_call, upload

TASK = "sr_x4"
WAIT_S = 120


@pytest.fixture
def options(tmp_path):
    """Those of a page over an embedded Triton with one task, which starts quickly."""
    shutil.copytree(REPOSITORY / f"din_{TASK}", tmp_path / f"repository/din_{TASK}")
    return "--triton", "embedded", "--repository", str(tmp_path / "repository")


def restored(url, photo):
    """The pixels of a photo that a page has restored."""
    caller = Caller(url, event_numbers(url))
    caller.join("restore", *restore_call(upload(url, png(photo)), TASK))
    picture, _ = caller.answers(1)[0]["data"]
    return read_bytes(httpx.get(picture["url"], timeout=WAIT_S).raise_for_status().content)


def below(page):
    """The processes that a page has started."""
    return [process.pid for process in psutil.Process(page.pid).children(recursive=True)]


def regions(folder):
    """What a Triton has in the shared memory."""
    return list(Path("/dev/shm").glob(folder + "*"))


def crash(options):
    """Kill a page and the guardian that would clean up behind it; return the name of its Triton's folder."""
    with ExitStack() as stack:
        _, page = stack.enter_context(running_page(*options))
        folder = server_folder(below(page))
        (guardian,) = (pid for pid in below(page) if str(GUARDIAN) in command_line(pid))
        os.kill(guardian, signal.SIGSTOP)
        page.kill()
        os.kill(guardian, signal.SIGKILL)
    return folder


def test_two_demos_do_not_disturb_each_other(options, client, small_photo):
    crashed = crash(options)
    expected = restore(png(small_photo), client.task(TASK), client).after.rgb
    with running_page(*options) as (url, page):
        with running_page(*options) as (other_url, other):
            folders = [server_folder(below(demo)) for demo in (page, other)]
            assert len({crashed, *folders}) == 3
            assert np.array_equal(restored(url, small_photo), expected)
            assert np.array_equal(restored(other_url, small_photo), expected)
        assert not regions(folders[1])
        assert not Path(tempfile.gettempdir(), folders[1]).exists()
        wait_until(lambda: regions(server_folder(below(page))), WAIT_S)
        assert np.array_equal(restored(url, small_photo), expected)
        # A machine that stood still for a second is no fault of the other demo.
        assert not [line for line in page.said().splitlines() if "restarting it" in line and LATE not in line]
    wait_until(lambda: not processes_with(crashed), WAIT_S)
    assert not regions(crashed)
    assert not Path(tempfile.gettempdir(), crashed).exists()
