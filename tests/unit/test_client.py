"""The client's messages about addresses and Triton's errors."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from tritonclient.grpc.model_config_pb2 import ModelConfig, ModelInstanceGroup
from tritonclient.utils import InferenceServerException

from app.client import RestorationClient, explain, resolve
from app.errors import ModelGoneError, ServerBusyError, ServerError, ServerUnavailableError
from app.tasks import Quality, read_tasks
from app.usage import Usage, read_usage, usage_between
from din_model.config import FASTEST_FIRST, PRESETS
from din_model.network import count_mult_adds

LIBTORCH_REFUSAL = """PyTorch execute failure: The following operation failed in the TorchScript interpreter.
Traceback of TorchScript, serialized code (most recent call last):
  File "code/__torch__/din_model/export.py", line 3, in checked
builtins.ValueError: lq has no pixels
"""


def test_several_replicas_are_one_connection():
    assert resolve("127.0.0.1:8001") == ["127.0.0.1:8001"]
    assert resolve("127.0.0.1:8001, localhost:8002,localhost:8001") == ["127.0.0.1:8001", "127.0.0.1:8002"]


@pytest.mark.parametrize("url", ["", "localhost", ":8001", "localhost:grpc", "http://localhost:8001/x"])
def test_malformed_addresses_are_named(url):
    with pytest.raises(ServerUnavailableError, match="is not an address of the form HOST:PORT"):
        RestorationClient(url)


def test_unknown_hosts_are_named():
    with pytest.raises(ServerUnavailableError, match=r"The host 'no-such-host\.invalid' is unknown"):
        RestorationClient("no-such-host.invalid:8001")


@pytest.mark.parametrize(
    ("status", "message", "kind", "sentence"),
    [
        ("StatusCode.UNAVAILABLE", "Exceeds maximum queue size", ServerBusyError, "is busy"),
        ("StatusCode.DEADLINE_EXCEEDED", "Deadline Exceeded", ServerUnavailableError, "took too long"),
        ("StatusCode.UNAVAILABLE", "failed to connect", ServerUnavailableError, "may be restarting"),
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


def exported(task: str, preset: str, *, is_fastest: bool, mult_adds: int) -> ModelConfig:
    """The configuration of a network as `din export` writes it."""
    parameters = {
        **dict.fromkeys(("label", "family", "family_label", "variant", "degradation", "metric"), "text"),
        **dict.fromkeys(("psnr", "baseline_psnr", "evaluated_on"), ""),
        **dict.fromkeys(("size_multiple", "tile", "overlap", "whole_pixels", "max_pixels", "scale"), "1"),
        **dict.fromkeys(("attention_rounds", "attention_width", "order"), "0"),
        **{"task": task, "preset": preset, "precision": "fp32", "mult_adds_per_pixel": str(mult_adds)},
    }
    config = ModelConfig(name=f"din_{task}" if is_fastest else f"din_{task}-{preset}")
    config.instance_group.add(kind=ModelInstanceGroup.KIND_CPU, count=1)
    for name, value in parameters.items():
        config.parameters[name].string_value = value
    return config


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
