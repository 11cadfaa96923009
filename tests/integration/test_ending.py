"""The page ends: jobs under way are finished, no more are taken, and nothing is left behind."""

import base64
import signal
import time
from contextlib import closing

import httpx
import numpy as np
import pytest

from tests.support.files import png
from tests.support.mcp import call_tool
from tests.support.processes import running_page, wait_until
from tests.support.queue import Caller, event_numbers, restore_call, upload

WAIT_S = 120


@pytest.fixture
def page(triton, tmp_path):
    """A page with a folder of its own for visitors' files: its address, its process, and the folder."""
    with running_page("--triton-url", triton.url, "--drain-s", "200", folder=tmp_path) as (url, process):
        yield url, process, tmp_path


def start_job(url):
    """Have a photo restored that takes seconds; return the queue's messages after its first tile."""
    noise = np.random.default_rng(0).integers(0, 256, (700, 700, 3)).astype(np.uint8)
    caller = Caller(url, event_numbers(url))
    caller.join("restore", *restore_call(upload(url, png(noise))))
    messages = caller.messages()
    for event in messages:
        if event.get("msg") == "progress":
            return messages
    raise AssertionError("the job did not start")


def test_a_signal_lets_the_job_finish_and_takes_no_more(page):
    url, process, folder = page
    messages = start_job(url)
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: "Jobs to finish first: 1" in process.said())
    health = httpx.get(f"{url}/health")
    assert (health.status_code, health.text) == (503, "The page is stopping.\n")
    small = upload(url, png(np.zeros((8, 8, 3), np.uint8)))
    assert "busy: try again" in Caller(url, event_numbers(url)).join("restore", *restore_call(small)).text
    restored, report = next(event["output"]["data"] for event in messages if event.get("msg") == "process_completed")
    assert httpx.get(restored["url"], timeout=WAIT_S).status_code == 200
    assert report["task"] == "sr_x4"
    assert process.wait(WAIT_S) == 130
    assert list(folder.iterdir()) == []


def test_a_second_signal_ends_at_once(page):
    url, process, folder = page
    with closing(start_job(url)):
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: "another signal ends at once" in process.said())
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 128 + signal.SIGTERM
        assert time.monotonic() - started < 5
    assert list(folder.iterdir()) == []


def test_a_batch_that_takes_too_long_ends_with_what_is_done(triton, tmp_path):
    rng = np.random.default_rng(0)
    with running_page("--triton-url", triton.url, "--drain-s", "30", folder=tmp_path) as (url, process):
        photos = [upload(url, png(rng.integers(0, 256, (size, size, 3)).astype(np.uint8))) for size in (16, 2000, 16)]
        caller = Caller(url, event_numbers(url))
        caller.join("restore_batch", *restore_call(photos))
        messages = caller.messages()
        next(m for m in messages if m.get("msg") == "progress" and m["progress_data"][0]["length"] > 9)
        process.send_signal(signal.SIGTERM)
        archive, reports = next(m["output"]["data"] for m in messages if m.get("msg") == "process_completed")
        assert httpx.get(archive["url"], timeout=WAIT_S).status_code == 200
        assert ["error" in report for report in reports] == [False, True, True]
        assert "does not respond" in reports[1]["error"]
        assert process.wait(WAIT_S) == 130


def test_a_page_with_users_is_closed_to_others(triton, tmp_path):
    users = tmp_path / "users"
    users.write_text("ann:secret\n")
    users.chmod(0o600)
    with running_page("--triton-url", triton.url, "--users", str(users)) as (url, _):
        for path in ("/", "/config", "/gradio_api/info", "/gradio_api/mcp/", "/gradio_api/openapi.json"):
            assert httpx.get(url + path).status_code == 401, path
        assert httpx.get(f"{url}/health", timeout=WAIT_S).status_code == 200
        assert httpx.get(f"{url}/config", auth=("ann", "secret"), timeout=WAIT_S).status_code == 200
        foreign = {"Origin": "https://elsewhere.example"}
        answer = httpx.post(f"{url}/gradio_api/run/tasks", json={"data": []}, headers=foreign, auth=("ann", "secret"))
        assert answer.status_code == 403
        assert "sr_x4" in call_tool(url, "tasks", {}, auth=("ann", "secret"))[1]
        inline = "data:image/png;base64," + base64.b64encode(png(np.zeros((8, 8, 3), np.uint8))).decode()
        failed, text = call_tool(url, "restore", {"photo": inline, "task": "sr_x4"}, auth=("ann", "secret"))
        assert not failed, text
