"""The client's messages about Triton's errors, and what it reads of models and counters."""

import re
from dataclasses import replace
from types import SimpleNamespace

import grpc
import pytest
from tritonclient.grpc.model_config_pb2 import ModelConfig
from tritonclient.utils import InferenceServerException

from app.client import explain
from app.errors import (
    CertificateError,
    MessageSizeError,
    ModelGoneError,
    RestorationError,
    ServerBusyError,
    ServerError,
    ServerUnavailableError,
)
from app.tasks import Quality, read_tasks
from app.usage import Usage, read_usage, usage_between
from din_model.config import FASTEST_FIRST, PRESETS
from din_model.network import count_mult_adds
from tests.support.files import ROOT
from tests.support.replica import exported

CLOSED = "connections to all backends failing; last error: UNAVAILABLE: ipv4:10.0.0.1:8001: Socket closed"

LIBTORCH_REFUSAL = """PyTorch execute failure: The following operation failed in the TorchScript interpreter.
Traceback of TorchScript, serialized code (most recent call last):
  File "code/__torch__/din_model/export.py", line 3, in checked
builtins.ValueError: lq has no pixels
"""


@pytest.mark.parametrize(
    ("status", "message", "kind", "sentence"),
    [
        ("StatusCode.UNAVAILABLE", "Exceeds maximum queue size", ServerBusyError, "is busy"),
        ("StatusCode.DEADLINE_EXCEEDED", "Deadline Exceeded", ServerUnavailableError, "took too long"),
        ("StatusCode.UNAVAILABLE", "failed to connect", ServerUnavailableError, "may be restarting"),
        (
            "StatusCode.UNAVAILABLE",
            "errors resolving x.y:8001: not found",
            ServerUnavailableError,
            "x.y:8001 is unknown",
        ),
        ("StatusCode.UNAVAILABLE", CLOSED, ServerUnavailableError, "closes every connection"),
        ("StatusCode.UNAVAILABLE", "last error: CERTIFICATE_VERIFY_FAILED", CertificateError, "is not accepted"),
        ("StatusCode.UNKNOWN", "Payload Too Large", MessageSizeError, "proxy before it allows (Payload Too Large)"),
        ("StatusCode.UNKNOWN", "Received http2 header with status: 413", MessageSizeError, "status: 413)"),
        (
            "StatusCode.RESOURCE_EXHAUSTED",
            "CLIENT: Received message larger than max (9 vs. 4)",
            MessageSizeError,
            "raise the limit there",
        ),
        ("StatusCode.CANCELLED", "CANCELLED", ServerUnavailableError, "may be restarting"),  # by a server that stops
        ("StatusCode.CANCELLED", "Channel closed!", ServerError, "Channel closed!"),  # by the client
        ("StatusCode.PERMISSION_DENIED", "RBAC: denied", ServerError, "refused the request: RBAC: denied"),
        ("StatusCode.NOT_FOUND", "unknown model: 'x' has no versions", ModelGoneError, "may be restarting"),
        ("StatusCode.INTERNAL", "Stub process 'x' is not healthy.", ServerUnavailableError, "may be restarting"),
        ("StatusCode.INVALID_ARGUMENT", "lq has no pixels", ServerError, "refused the request: lq has no pixels"),
        ("StatusCode.INTERNAL", LIBTORCH_REFUSAL, ServerError, "refused the request: lq has no pixels"),
        ("StatusCode.INTERNAL", "", ServerError, "refused the request: it gave no reason"),
    ],
)
def test_triton_errors_become_sentences(status, message, kind, sentence):
    error = explain(InferenceServerException(message, status))
    assert type(error) is kind
    assert sentence in str(error)


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        ("UNAVAILABLE", "Exceeds maximum queue size", "UNAVAILABLE"),
        ("DEADLINE_EXCEEDED", "Deadline Exceeded", "DEADLINE_EXCEEDED"),
        ("UNAUTHENTICATED", "no token", "UNAUTHENTICATED"),
        ("INTERNAL", LIBTORCH_REFUSAL, "INVALID_ARGUMENT"),  # the network's own refusal
        ("INTERNAL", "unknown model: 'x'", "NOT_FOUND"),
        ("UNKNOWN", "Payload Too Large", "RESOURCE_EXHAUSTED"),
        ("INTERNAL", "CUDA out of memory", "RESOURCE_EXHAUSTED"),
        ("INTERNAL", "std::bad_alloc", "RESOURCE_EXHAUSTED"),
        ("INTERNAL", "Failed to process the request(s), message: MemoryError: <EMPTY>", "RESOURCE_EXHAUSTED"),
        ("INTERNAL", "Stub process 'x' is not healthy.", "UNAVAILABLE"),
        ("INTERNAL", "?", "INTERNAL"),
    ],
)
def test_errors_have_the_status_that_a_service_can_pass_on(status, message, expected):
    assert explain(InferenceServerException(message, f"StatusCode.{status}")).status == expected


def test_every_error_has_a_status_of_grpc_and_a_row_in_the_guide():
    kinds = [RestorationError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    guide = (ROOT / "docs/grpc.md").read_text()
    own = [kind for kind in kinds if kind.__module__ == "app.errors"]
    assert len(own) > 10
    for kind in own[1:]:
        status = kind("x").status
        assert status in grpc.StatusCode.__members__
        assert re.search(rf"^\| `{kind.__name__}` \| `{status}`", guide, re.MULTILINE), kind


def counting(requests, task="deblur"):
    return {task: Usage(requests=requests, queue_s=requests / 10, batches={1: requests})}


def test_what_ran_is_the_sum_over_all_replicas():
    used = usage_between({"a": counting(5), "b": counting(100)}, {"a": counting(8), "b": counting(104)}, "deblur")
    assert used is not None
    assert (used.requests, used.batches) == (7, {1: 7})
    assert used.queue_s == pytest.approx(0.7)
    since_none = usage_between({"a": {}}, {"a": counting(3)}, "deblur")
    assert since_none is not None
    assert since_none.requests == 3


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        ({}, {}),  # none has answered
        ({"a": counting(5)}, {"a": counting(9), "b": counting(100)}),  # one was away before
        ({"a": counting(5), "b": counting(100)}, {"a": counting(9)}),  # one is away now
        ({"a": counting(5), "b": counting(100)}, {"a": counting(9), "b": counting(1)}),  # one has started anew
        ({"a": counting(5)}, {"a": {"deblur": Usage(requests=9, queue_s=0.1, batches={1: 9})}}),  # and has caught up
        ({"a": counting(5)}, {"a": {"deblur": Usage(requests=9, queue_s=0.9, batches={4: 2})}}),
    ],
)
def test_what_ran_is_not_told_where_a_replica_cannot_be_asked(opening, closing):
    assert usage_between(opening, closing, "deblur") is None


def test_both_models_of_a_task_count_for_it():
    def model(name, count):
        times = dict.fromkeys(("queue", "compute_input", "compute_infer", "compute_output"), SimpleNamespace(ns=10**9))
        stats = SimpleNamespace(success=SimpleNamespace(count=count), fail=SimpleNamespace(count=1), **times)
        return SimpleNamespace(name=name, inference_stats=stats, batch_stats=[])

    statistics = SimpleNamespace(model_stats=[model("din_deblur", 2), model("din_deblur-tiles", 40), model("other", 9)])
    assert read_usage(statistics) == {"deblur": Usage(requests=42, failures=2, queue_s=2.0, compute_s=6.0)}


def test_the_fastest_network_is_the_one_with_the_task_s_own_name():
    assert FASTEST_FIRST.index("din_64") < FASTEST_FIRST.index("din_t")
    fewest, most = (count_mult_adds(replace(PRESETS[name], scale=2), (32, 32)) for name in ("din_t", "din_64"))
    assert fewest < most
    slow = exported("sr_x2", "din_96", is_fastest=False, mult_adds=2 * most)
    narrow = exported("sr_x2", "din_t", is_fastest=False, mult_adds=fewest)
    wide = exported("sr_x2", "din_64", is_fastest=True, mult_adds=most)
    task = read_tasks([slow, narrow, wide])["sr_x2"]
    assert [network.preset for network in task.networks] == ["din_64", "din_t", "din_96"]
    assert task.network(Quality.FAST).name == "sr_x2"


def test_foreign_models_are_refused():
    with pytest.raises(ServerError, match="The model din_other is not one of `din export`"):
        read_tasks([ModelConfig(name="din_other")])
