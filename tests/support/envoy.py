"""The Envoy of deploy/kubernetes, before Tritons of this machine."""

import http.client
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support.certificates import Identities
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


def save(identities: Identities, folder: Path) -> None:
    """Write certificates as the secret has them."""
    certificate, key = identities.server
    for name, pem in (("ca.crt", identities.root), ("tls.crt", certificate), ("tls.key", key)):
        (folder / name).write_bytes(pem)


@contextmanager
def running_envoy(folder: Path, tritons: Sequence[int], identities: Identities) -> Iterator[Ports]:
    """Envoy, as the overlay with mTLS starts it, until it is ready."""
    save(identities, folder)
    ports = Ports(*(free_port() for _ in range(4)))
    replaced = {8001: ports.grpc, 8443: ports.mtls, 9902: ports.status, 9901: ports.administration}
    base = local(yaml.safe_load(BASE.read_text()), replaced, tritons)
    (cluster,) = (found for found in base["static_resources"]["clusters"] if found["name"] == "triton")
    cluster["load_assignment"]["endpoints"][0]["lb_endpoints"] = [endpoint(port) for port in tritons]
    (folder / "envoy.yaml").write_text(yaml.safe_dump(base))
    mtls = local(yaml.safe_load(MTLS.read_text().replace("/etc/envoy-tls", str(folder))), replaced, tritons)
    command = [str(ENVOY), "--config-path", str(folder / "envoy.yaml"), "--config-yaml", yaml.safe_dump(mtls)]
    with (folder / "envoy.log").open("w") as log:
        envoy = subprocess.Popen(
            [*command, "--disable-hot-restart", "--log-level", "warning", "--concurrency", "1"],
            stdout=log,
            stderr=subprocess.STDOUT,
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


def healthy_tritons(ports: Ports) -> int:
    """The number of Tritons that Envoy sends requests to."""
    line = 'membership_healthy{envoy_cluster_name="triton"} '
    return int(get(ports.status, "/stats/prometheus")[1].partition(line)[2].partition("\n")[0] or 0)
