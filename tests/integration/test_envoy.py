"""The configuration of Envoy in deploy/kubernetes, in a real Envoy before a real Triton."""

import datetime
import http.client
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tritonclient.grpc import service_pb2, service_pb2_grpc

from app.client import ConnectionOptions, RestorationClient
from app.health import probe
from app.triton import Triton
from tests.support.manifests import KUBERNETES
from tests.support.processes import free_port, wait_until

ENVOY = Path(sys.executable).with_name("envoy")
BASE, MTLS = KUBERNETES / "base/envoy.yaml", KUBERNETES / "overlays/mtls/envoy.yaml"
START_S = 60


@dataclass(frozen=True)
class Ports:
    """Ports of this machine in the place of a cluster's addresses."""

    grpc: int
    mtls: int
    status: int
    administration: int


def local(part: Any, replaced: dict[int, int], triton: Sequence[int]) -> Any:
    """Return a configuration with other ports and on loopback alone, and with these Tritons."""
    if isinstance(part, dict):
        if part.get("address") == "triton":
            return {"address": "127.0.0.1", "port_value": triton[0]}
        if "port_value" in part:
            return {"address": "127.0.0.1", "port_value": replaced[part["port_value"]]}
        return {key: local(value, replaced, triton) for key, value in part.items()}
    if isinstance(part, list):
        return [local(value, replaced, triton) for value in part]
    return part


def endpoint(port: int) -> dict[str, Any]:
    return {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}}


@contextmanager
def running(folder: Path, tritons: Sequence[int], certificates: Path) -> Iterator[Ports]:
    """Envoy, as the overlay with mTLS starts it, until it is ready."""
    ports = Ports(*(free_port() for _ in range(4)))
    replaced = {8001: ports.grpc, 8443: ports.mtls, 9902: ports.status, 9901: ports.administration}
    base = local(yaml.safe_load(BASE.read_text()), replaced, tritons)
    (cluster,) = (found for found in base["static_resources"]["clusters"] if found["name"] == "triton")
    cluster["load_assignment"]["endpoints"][0]["lb_endpoints"] = [endpoint(port) for port in tritons]
    (folder / "envoy.yaml").write_text(yaml.safe_dump(base))
    mtls = local(yaml.safe_load(MTLS.read_text().replace("/etc/envoy-tls", str(certificates))), replaced, tritons)
    command = [str(ENVOY), "--config-path", str(folder / "envoy.yaml"), "--config-yaml", yaml.safe_dump(mtls)]
    with (folder / "envoy.log").open("w") as log:
        envoy = subprocess.Popen(
            [*command, "--disable-hot-restart", "--concurrency", "1"], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        wait_until(lambda: envoy.poll() is not None or get(ports.status, "/ready")[0] == 200, START_S)
        assert envoy.poll() is None, (folder / "envoy.log").read_text()
        yield ports
    finally:
        envoy.kill()
        envoy.wait()
        print((folder / "envoy.log").read_text())  # pytest shows it with a failure


def get(port: int, path: str) -> tuple[int, str]:
    """Status and body of the answer to an HTTP request; 0 where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()


Signed = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def certificate(name: str, authority: Signed | None) -> Signed:
    """A certificate for localhost and its key; without an authority it is one."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    issuer, signer = (authority[0].subject, authority[1]) if authority else (subject, key)
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    return built, key


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the secret has it, with a client's certificate besides."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = certificate("authority", None)
    (folder / "ca.crt").write_bytes(authority[0].public_bytes(serialization.Encoding.PEM))
    for name in ("tls", "client"):
        built, key = certificate(name, authority)
        (folder / f"{name}.crt").write_bytes(built.public_bytes(serialization.Encoding.PEM))
        plain = serialization.NoEncryption()
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        (folder / f"{name}.key").write_bytes(pem)
    return folder


@pytest.fixture(scope="module")
def envoy(tmp_path_factory: pytest.TempPathFactory, triton: Triton, certificates: Path) -> Iterator[Ports]:
    """Envoy before two replicas, of which one does not answer."""
    with running(tmp_path_factory.mktemp("envoy"), [triton.port, free_port()], certificates) as ports:
        healthy = 'membership_healthy{envoy_cluster_name="triton"} 1'
        wait_until(lambda: healthy in get(ports.status, "/stats/prometheus")[1])
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
    request = service_pb2.ModelInferRequest(model_name=network.tiles_model, raw_input_contents=[bytes(9 << 20)])
    with grpc.insecure_channel(f"127.0.0.1:{envoy.grpc}") as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            stub.ModelInfer(request, timeout=30)
    assert "413" in refused.value.details() or "too large" in refused.value.details().lower()


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


def test_outside_clients_need_a_certificate(envoy, certificates):
    authority = (certificates / "ca.crt").read_bytes()
    client = ((certificates / "client.key").read_bytes(), (certificates / "client.crt").read_bytes())
    for keys, is_let_in in ((client, True), ((None, None), False)):
        credentials = grpc.ssl_channel_credentials(authority, *keys)
        with grpc.secure_channel(f"localhost:{envoy.mtls}", credentials) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            if is_let_in:
                assert stub.ServerLive(service_pb2.ServerLiveRequest(), timeout=30).live
            else:
                with pytest.raises(grpc.RpcError) as refused:
                    stub.ServerLive(service_pb2.ServerLiveRequest(), timeout=30)
                assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
