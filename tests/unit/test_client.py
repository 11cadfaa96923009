"""What the client says of addresses and of Triton's errors."""

import pytest
from tritonclient.grpc.model_config_pb2 import ModelConfig
from tritonclient.utils import InferenceServerException

from app.client import RestorationClient, explain, grpc_target, read_task
from app.errors import ServerError, ServerUnavailableError


def test_several_replicas_are_one_target():
    assert grpc_target("127.0.0.1:8001") == "ipv4:127.0.0.1:8001"
    assert grpc_target("127.0.0.1:8001, localhost:8002") == "ipv4:127.0.0.1:8001,127.0.0.1:8002"


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
        ("StatusCode.UNAVAILABLE", "Exceeds maximum queue size", ServerUnavailableError, "is busy"),
        ("StatusCode.DEADLINE_EXCEEDED", "Deadline Exceeded", ServerUnavailableError, "took too long"),
        ("StatusCode.UNAVAILABLE", "failed to connect", ServerUnavailableError, "may be restarting"),
        ("StatusCode.INTERNAL", "Stub process 'x' is not healthy.", ServerUnavailableError, "may be restarting"),
        ("StatusCode.INTERNAL", "lq has no pixels", ServerError, "refused the request: lq has no pixels"),
    ],
)
def test_triton_errors_become_sentences(status, message, kind, sentence):
    error = explain(InferenceServerException(message, status))
    assert type(error) is kind
    assert sentence in str(error)


def test_foreign_models_are_refused():
    with pytest.raises(ServerError, match="The model din_other is not one of din_model.export"):
        read_task(ModelConfig(name="din_other"))
