"""The configuration of Envoy in deploy/kubernetes, in a real Envoy before a real Triton."""

import subprocess
from collections.abc import Iterator

import grpc
import numpy as np
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from app.client import ConnectionOptions, RestorationClient
from app.errors import MessageSizeError
from app.health import probe
from app.triton import Triton
from tests.support.certificates import Identities, identities
from tests.support.envoy import BASE, ENVOY, Ports, get, healthy_tritons, running_envoy
from tests.support.processes import free_port, wait_until


@pytest.fixture(scope="module")
def known() -> Identities:
    return identities("localhost")


@pytest.fixture(scope="module")
def envoy(tmp_path_factory: pytest.TempPathFactory, triton: Triton, known: Identities) -> Iterator[Ports]:
    """Envoy before two replicas, of which one does not answer."""
    with running_envoy(tmp_path_factory.mktemp("envoy"), [triton.port, free_port()], known) as ports:
        wait_until(lambda: healthy_tritons(ports) == 1)
        yield ports


def test_the_configuration_is_valid_as_it_is(tmp_path):
    done = subprocess.run([ENVOY, "--mode", "validate", "-c", BASE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "eprecated" not in done.stderr
    broken = tmp_path / "broken.yaml"
    broken.write_text(BASE.read_text().replace("lb_policy:", "lb_polcy:"))
    assert subprocess.run([ENVOY, "--mode", "validate", "-c", broken], capture_output=True, check=False).returncode


def test_photos_pass_and_the_replica_that_is_away_gets_none(envoy, client, small_photo):
    with RestorationClient(f"127.0.0.1:{envoy.grpc}", ConnectionOptions(timeout_s=60)) as through:
        network = through.task("sr_x4").network()
        expected = client.submit(network, small_photo).result()
        for _ in range(8):
            assert np.array_equal(through.submit(network, small_photo).result(), expected)
        assert "restored a tiny picture" in probe(through)


def test_more_than_the_largest_tile_is_refused_before_it_reaches_triton(envoy, client):
    network = client.task("sr_x4").network()
    large = np.zeros((1800, 1800, 3), np.uint8)
    with (
        RestorationClient(f"127.0.0.1:{envoy.grpc}") as through,
        pytest.raises(MessageSizeError, match=r"a proxy before it allows \(Payload Too Large\)"),
    ):
        through.submit(network, large).result()
    request = service_pb2.ModelInferRequest(model_name=network.tiles_model, raw_input_contents=[large.tobytes()])
    with grpc.insecure_channel(f"127.0.0.1:{envoy.grpc}") as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            stub.ModelInfer(request, timeout=30)
    assert (refused.value.code(), refused.value.details()) == (grpc.StatusCode.UNKNOWN, "Payload Too Large")


def test_shared_memory_and_other_administration_are_not_there(envoy):
    with grpc.insecure_channel(f"127.0.0.1:{envoy.grpc}") as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        assert stub.ServerLive(service_pb2.ServerLiveRequest(), timeout=30).live
        for call, request in (
            (stub.SystemSharedMemoryStatus, service_pb2.SystemSharedMemoryStatusRequest()),
            (stub.LogSettings, service_pb2.LogSettingsRequest()),
            (stub.TraceSetting, service_pb2.TraceSettingRequest()),
        ):
            with pytest.raises(grpc.RpcError) as refused:
                call(request, timeout=30)
            assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert get(envoy.status, "/quitquitquit")[0] == 404


def test_outside_clients_need_a_certificate(envoy, known):
    certificate, key = known.client
    for keys, is_let_in in (((key, certificate), True), ((None, None), False)):
        credentials = grpc.ssl_channel_credentials(known.root, *keys)
        with grpc.secure_channel(f"localhost:{envoy.mtls}", credentials) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            if is_let_in:
                assert stub.ServerLive(service_pb2.ServerLiveRequest(), timeout=30).live
            else:
                with pytest.raises(grpc.RpcError) as refused:
                    stub.ServerLive(service_pb2.ServerLiveRequest(), timeout=30)
                assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
