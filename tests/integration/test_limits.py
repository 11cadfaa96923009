"""The limits hold for every way into the page, and no way makes it ask another host for anything."""

import base64
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import httpx
import numpy as np
import pytest

from app.web import limits
from tests.support.files import ROOT, png
from tests.support.mcp import call_tool
from tests.support.processes import IMPATIENT_PAGE, running_page, wait_until
from tests.support.queue import Caller, event_numbers, restore_call, upload

WAIT_S = 120
REFUSAL = "URLs are not fetched here: send the photo itself."
NOT_UPLOADED = "This file has not been uploaded: send the photo itself."


@pytest.fixture(scope="module")
def page(triton):
    """A page of its own, whose queue may be filled: its address and its process."""
    with running_page("--triton-url", triton.url) as (url, process):
        yield url, process


@pytest.fixture(scope="module")
def url(page):
    return page[0]


def upload_noise(url, side):
    """Upload a square of noise; return it as the page's calls take it."""
    return upload(url, png(np.random.default_rng(0).integers(0, 256, (side, side, 3)).astype(np.uint8)))


@pytest.fixture(scope="module")
def medium(url):
    """A photo that takes long enough for several to be asked for meanwhile, and no longer: it is waited for."""
    return upload_noise(url, 500)


@pytest.fixture(scope="module")
def large(url):
    """A photo that takes seconds."""
    return upload_noise(url, 900)


@pytest.fixture
def call(url):
    """A function that makes callers."""
    numbers = event_numbers(url)
    return lambda **headers: Caller(url, numbers, **headers)


def refusal(caller, photo):
    """Ask for a restoration; return why it is refused, or nothing if it is queued."""
    answer = caller.join("restore", *restore_call(photo))
    return "" if answer.status_code == 200 else answer.text


def refusals(callers, photo):
    """Ask for a restoration by each caller at once; return why some are refused, at once or when their turn comes."""

    def ask(caller):
        return refusal(caller, photo) or caller.answers(1)[0].get("error", "")

    with ThreadPoolExecutor(len(callers)) as executor:
        return [why for why in executor.map(ask, callers) if why]


def test_a_direct_call_of_the_queue_has_the_same_share(call, medium):
    refused = refusals([call() for _ in range(limits.VISITOR_JOBS + 2)], medium)
    assert 1 <= len(refused) < limits.VISITOR_JOBS + 2  # one may be done before the last is queued
    assert all(f"You already have {limits.VISITOR_JOBS} jobs waiting or running" in why for why in refused)


def test_a_direct_call_of_the_queue_is_bound_to_the_number_of_photos(call, large):
    caller = call()
    answer = caller.join("restore_batch", *restore_call([large] * (limits.MAX_PHOTOS + 1)))
    refused = answer.text if answer.status_code != 200 else caller.answers(1)[0]["error"]
    assert f"exceed the limit of {limits.MAX_PHOTOS} at once" in refused


def test_what_a_visitor_writes_into_a_header_makes_no_new_visitor(call, medium):
    """The proxy on this machine appends the visitor's address to what the visitor has sent."""
    callers = [call(**{"X-Forwarded-For": f"10.0.0.{i}, 203.0.113.7"}) for i in range(limits.VISITOR_JOBS + 2)]
    refused = refusals(callers, medium)
    assert refused
    assert all("You already have" in why for why in refused)


def test_a_full_queue_refuses_jobs_and_nothing_else(url, call, large):
    """Visitors who close the page give up their jobs: nobody waits here until all are done."""
    visitors = [call(**{"X-Forwarded-For": f"203.0.113.{i}"}) for i in range(limits.QUEUED_JOBS // limits.VISITOR_JOBS)]
    late = call(**{"X-Forwarded-For": "198.51.100.1"})
    with ExitStack() as stack:
        for visitor in visitors:
            for _ in range(limits.VISITOR_JOBS):
                assert visitor.join("restore", *restore_call(large)).status_code == 200
            next(stack.enter_context(closing(visitor.messages())))
        wait_until(lambda: "server is busy: try again in a minute" in refusal(late, large), WAIT_S)
        assert "sr_x4" in httpx.post(f"{url}/gradio_api/run/tasks", json={"data": []}, timeout=WAIT_S).text


def test_tools_have_a_visitors_share_whatever_they_say_of_their_address(url):
    noise = np.random.default_rng(0).integers(0, 256, (600, 600, 3)).astype(np.uint8)
    inline = "data:image/png;base64," + base64.b64encode(png(noise)).decode()

    def ask(i):
        arguments = {"photo": inline, "task": "sr_x4"}
        return call_tool(url, "restore", arguments, headers={"X-Forwarded-For": f"10.0.0.{i}, 203.0.113.9"})

    with ThreadPoolExecutor(limits.VISITOR_JOBS + 3) as executor:
        answers = list(executor.map(ask, range(limits.VISITOR_JOBS + 3)))
    refused = [text for failed, text in answers if failed]
    assert 1 <= len(refused) < len(answers)
    assert all("You already have" in text for text in refused)


@pytest.mark.parametrize("address", ["http://example.com/a.png", "https://93.184.216.34/a.png", "http://127.0.0.1:1/x"])
def test_addresses_are_refused_wherever_a_photo_is_expected(url, call, address):
    served = httpx.get(f"{url}/gradio_api/file={address}")
    assert (served.status_code, served.json()["detail"]) == (403, REFUSAL)
    for given, refusal in (({"path": address}, REFUSAL), ({"path": "x.png", "url": address}, NOT_UPLOADED)):
        caller = call()
        answer = caller.join("restore", *restore_call({**given, "meta": {"_type": "gradio.FileData"}}))
        refused = answer.text if answer.status_code != 200 else caller.answers(1)[0]["error"]
        assert refusal in refused
        assert str(ROOT) not in refused


@pytest.mark.parametrize(("name", "photos"), [("restore", 1), ("restore_batch", 20)])
def test_a_job_ends_when_its_caller_goes(page, call, large, name, photos):
    _, process = page
    said = len(process.said())
    caller = call()
    caller.join(name, *restore_call([large] * photos if photos > 1 else large))
    with closing(caller.messages()) as messages:
        assert any(event.get("msg") == "progress" for event in messages)
    wait_until(lambda: "its caller has gone" in process.said()[said:], WAIT_S)


@pytest.mark.parametrize("meta", [{}, {"progressToken": 1}])
def test_a_job_ends_when_its_caller_by_mcp_goes(page, client, large, meta):
    url, process = page
    said, before = len(process.said()), client.usage()["sr_x4"].requests
    arguments = {"photos": [f"{url}/gradio_api/file={large['path']}"] * 20, "task": "sr_x4"}
    parameters = {"name": "restore_batch", "arguments": arguments, "_meta": meta}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": parameters}
    accept = {"Accept": "application/json, text/event-stream"}
    with httpx.stream("POST", f"{url}/gradio_api/mcp/", json=call, headers=accept, timeout=WAIT_S) as answer:
        assert answer.status_code == 200
        # A tile at least: the supervisor's probes count, too.
        wait_until(lambda: client.usage()["sr_x4"].requests > before + 12, WAIT_S)
    wait_until(lambda: "its caller has gone" in process.said()[said:], WAIT_S)


def test_an_upload_that_breaks_off_is_deleted_and_a_field_that_is_no_file_is_refused(triton, tmp_path):
    program = ("-c", IMPATIENT_PAGE)
    with running_page("--triton-url", triton.url, program=program, folder=tmp_path) as (url, _):
        head, boundary = b"Content-Disposition: form-data; name=files", b"--x\r\n"
        start = boundary + head + b"; filename=a.png\r\n\r\n" + b"x" * 100_000
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            request = "POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n"
            connection.sendall(request.encode() + b"Content-Type: multipart/form-data; boundary=x\r\n\r\n" + start)
            wait_until(lambda: begun_files(tmp_path), WAIT_S)
        wait_until(lambda: not begun_files(tmp_path), WAIT_S)
        answer = httpx.post(f"{url}/gradio_api/upload", data={"files": "x" * 1000}, files={"other": b"x"})
        assert answer.status_code == 400
        assert "Send files, and nothing else." in answer.text


def begun_files(folder):
    """The files of uploads that are not complete, in a page's folder below this one."""
    return [path for path in folder.glob("*/*") if path.is_file()]
