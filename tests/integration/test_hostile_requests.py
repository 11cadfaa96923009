"""Requests that nobody makes by accident: no crash, no path and no traceback in any answer."""

import resource
import socket
from contextlib import ExitStack

import grpc
import httpx
import numpy as np
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from app.client import RestorationClient
from app.pipeline.restore import restore
from app.triton import Triton, embedded
from tests.support.files import ROOT, png
from tests.support.processes import running_page
from tests.support.queue import Caller, event_numbers, restore_call, upload

WAIT_S = 120
CONNECTIONS = 1500
MODEL = "din_sr_x4"


@pytest.fixture(scope="module")
def url(triton):
    """A page that was given few file descriptors, as shells give them."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    try:
        with running_page("--triton-url", triton.url) as (url, _):
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
            yield url
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def check_answer(answer, but=""):
    """Nothing of the machine is in a refusal, but what was sent."""
    assert 400 <= answer.status_code < 500, (answer.request.url, answer.status_code, answer.text[:300])
    for secret in (str(ROOT), "Traceback", "root:", "site-packages"):
        assert secret not in answer.text or secret in but


@pytest.mark.parametrize(
    ("datatype", "shape", "content"),
    [
        ("UINT8", [1, 2**31, 2**31, 3], b"\0" * 192),
        ("UINT8", [2**62, 8, 8, 3], b"\0" * 192),
        ("UINT8", [1, 0, 8, 3], b""),
        ("UINT8", [0, 8, 8, 3], b""),
        ("UINT8", [1, -1, 8, 3], b"\0" * 192),
        ("UINT8", [1, 8, 8], b"\0" * 64),
        ("UINT8", [1, 8, 8, 4], b"\0" * 256),
        ("UINT8", [1, 8, 8, 3], b"\0" * 191),
        ("UINT8", [1, 8, 8, 3], b"\0" * 193),
        ("FP32", [1, 8, 8, 3], np.full(192, np.nan, np.float32).tobytes()),
        ("BYTES", [1, 8, 8, 3], b"\xff" * 192),
        ("NONSENSE", [1, 8, 8, 3], b"\0" * 192),
        ("", [], b""),
    ],
)
def test_malformed_tensors_are_refused_and_harm_nobody(triton, client, small_photo, datatype, shape, content):
    tensor = service_pb2.ModelInferRequest.InferInputTensor(name="lq", datatype=datatype, shape=shape)
    request = service_pb2.ModelInferRequest(model_name=MODEL, inputs=[tensor], raw_input_contents=[content])
    with grpc.insecure_channel(triton.url) as channel, pytest.raises(grpc.RpcError) as refused:
        service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request, timeout=WAIT_S)
    assert refused.value.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.INTERNAL)
    assert str(ROOT) not in refused.value.details()
    assert restore(png(small_photo), client.task("sr_x4"), client).tiles == 1


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=../../../../etc/passwd",
        "/gradio_api/file=..%2F..%2F..%2Fetc%2Fpasswd",
        "/gradio_api/file=%2Fproc%2Fself%2Fenviron",
        f"/gradio_api/file={ROOT}/pyproject.toml",
        "/static/../../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/assets/..%2f..%2fconfig",
        "/gradio_api/nothing",
        "/gradio_api/proxy=http://127.0.0.1/",
    ],
)
def test_paths_that_are_none_of_a_visitors_business(url, path):
    answer = httpx.get(httpx.URL(url, raw_path=path.encode()), timeout=WAIT_S)
    check_answer(answer, but=path)


@pytest.mark.parametrize("name", ["../../../x.png", "<script>alert(1)</script>.png", "a" * 5000 + ".png", "\0.png", ""])
def test_names_of_files_are_only_names(url, name):
    answer = httpx.post(f"{url}/gradio_api/upload", files={"files": (name, b"\x89PNG")}, timeout=WAIT_S)
    if answer.status_code == 200:
        (path,) = answer.json()
        assert ".." not in path
        assert "<" not in path
    else:
        check_answer(answer)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"data": 1}', b'{"data": [], "fn_index": 99999}', b"[" * 100_000, b"\xff\xfe"]
)
@pytest.mark.parametrize("route", ["queue/join", "call/restore", "run/restore", "cancel", "reset"])
def test_bodies_that_are_no_calls(url, route, body):
    sent = {"Content-Type": "application/json"}
    answer = httpx.post(f"{url}/gradio_api/{route}", content=body, headers=sent, timeout=WAIT_S)
    assert answer.status_code != 200 or route in ("cancel", "reset") or "event_id" in answer.text
    for secret in (str(ROOT), "Traceback", "site-packages"):
        assert secret not in answer.text


def test_thousands_of_connections_that_ask_for_nothing(url, small_photo):
    """More than the file descriptors that the page was started with, each with half a request."""
    host, port = url.removeprefix("http://").split(":")
    with ExitStack() as stack:
        for _ in range(CONNECTIONS):
            connection = stack.enter_context(socket.create_connection((host, int(port)), timeout=WAIT_S))
            connection.sendall(b"POST /gradio_api/queue/join HTTP/1.1\r\nHost: x\r\nContent-Le")
        caller = Caller(url, event_numbers(url))
        caller.join("restore", *restore_call(upload(url, png(small_photo))))
        (outcome,) = caller.answers(1)
    assert outcome["data"][1]["task"] == "sr_x4"


def test_a_shape_whose_size_overflows_costs_an_instance_and_no_photo(small_photo):
    """Triton computes 0 bytes for it and lets it through to the Python backend, which ends."""
    huge = service_pb2.ModelInferRequest.InferInputTensor(name="lq", datatype="UINT8", shape=[1, 2**62, 8, 3])
    request = service_pb2.ModelInferRequest(model_name=MODEL, inputs=[huge], raw_input_contents=[b""])
    with Triton(embedded.launch()) as own, RestorationClient(own.url) as client:
        own.wait_ready()
        task = client.task("sr_x4")
        expected = restore(png(small_photo), task, client).after.rgb
        with grpc.insecure_channel(own.url) as channel, pytest.raises(grpc.RpcError):
            service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request, timeout=WAIT_S)
        assert np.array_equal(restore(png(small_photo), task, client).after.rgb, expected)
