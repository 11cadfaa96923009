"""Triton breaks while the page works: no photo is lost, and the page tells why a task is out of service."""

import io
import os
import shutil
import signal
import zipfile
from contextlib import closing

import httpx
import numpy as np
import psutil
import pytest

from app.triton import REPOSITORY
from tests.support.files import png, read_bytes
from tests.support.processes import is_program, running_page, wait_until
from tests.support.queue import Caller, event_numbers, restore_call, upload

TASK, DYING = "sr_x4", "sr_x8"
PHOTOS = 6
WAIT_S = 120


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page over its own embedded Triton with two tasks: its address and its process."""
    repository = tmp_path_factory.mktemp("repository")
    for task in (TASK, DYING):
        shutil.copytree(REPOSITORY / f"din_{task}", repository / f"din_{task}")
    with running_page("--triton", "embedded", "--repository", str(repository)) as (url, process):
        yield url, process


def programs(page, word):
    """The processes of Triton below a page whose command line has that word at the end of one of its own."""
    return [
        found.pid
        for found in psutil.Process(page.pid).children(recursive=True)
        if found.status() != psutil.STATUS_ZOMBIE
        and is_program(found.pid)
        and any(part.endswith(word) for part in found.cmdline())
    ]


def restore_batch(url, photos, strike=lambda: None):
    """Restore photos while the second one is struck; return the pixels, the reports, and what was said meanwhile."""
    caller = Caller(url, event_numbers(url))
    said: list[str] = []
    caller.join("restore_batch", *restore_call(photos, TASK))
    with closing(caller.messages()) as messages:
        for event in messages:
            if event["msg"] == "process_completed":
                break
            for progress in event.get("progress_data", ()):
                if progress["desc"].startswith("Photo 2") and not any(text.startswith("Photo 2") for text in said):
                    strike()
                said.append(progress["desc"])
    archive, reports = event["output"]["data"]
    with zipfile.ZipFile(io.BytesIO(httpx.get(archive["url"], timeout=WAIT_S).content)) as found:
        pixels = [read_bytes(found.read(name)) for name in found.namelist()]
    return pixels, reports, said


@pytest.mark.parametrize(
    ("word", "number"),
    [
        ("bin/tritonserver", signal.SIGKILL),
        ("bin/tritonserver", signal.SIGSTOP),
        (f"din_{TASK}_0_0", signal.SIGKILL),
    ],
)
def test_a_batch_survives_what_happens_to_triton(page, word, number):
    url, process = page
    random = np.random.default_rng(0)
    photos = [upload(url, png(random.integers(0, 256, (64, 64, 3)).astype(np.uint8))) for _ in range(PHOTOS)]
    expected, _, said = restore_batch(url, photos)
    assert "waits" not in "".join(said)
    served = process.said().count("serves again")
    (struck,) = programs(process, word)
    found, reports, said = restore_batch(url, photos, lambda: os.kill(struck, number))
    assert [report.get("error") for report in reports] == [None] * PHOTOS
    assert len(found) == len(expected) == PHOTOS
    assert all(np.array_equal(*pair) for pair in zip(found, expected, strict=True))
    assert any(text.endswith("upload: The server is restarting: your photo waits") for text in said)
    assert process.said().count("serves again") == served + 1


def test_a_task_that_is_taken_out_of_service_is_told_with_its_reason(page):
    url, process = page
    photo = upload(url, png(np.zeros((8, 8, 3), np.uint8)))
    for _ in range(3):
        served = process.said().count("serves again")
        (instance,) = programs(process, f"din_{DYING}_0_0")
        os.kill(instance, signal.SIGKILL)
        wait_until(lambda: process.said().count("serves again") > served, WAIT_S)  # noqa: B023 - called within the turn
    assert f"The model din_{DYING} is taken out of service" in process.said()
    calls = {task: Caller(url, event_numbers(url)) for task in (DYING, TASK)}
    for task, caller in calls.items():
        caller.join("restore", *restore_call(photo, task))
    reason = f"The task {DYING} is out of service: its network kept failing on the server. The other tasks work."
    assert calls[DYING].answers(1)[0]["error"] == reason
    assert calls[TASK].answers(1)[0]["data"][1]["task"] == TASK
