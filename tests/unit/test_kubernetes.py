"""The Kubernetes manifests: valid, and consistent with each other and with the image. No cluster is run."""

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from app.cli import parse_arguments, serve_page
from tests.support.files import ROOT
from tests.support.kustomize import Resource, containers, render
from tests.support.manifests import KUBERNETES, OVERLAYS, as_deployment, check

NAME = "app.kubernetes.io/name"
CLIENT = "din-client"  # the label of pods that may reach Triton


@pytest.fixture(scope="module", params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> list[Resource]:
    return render(KUBERNETES / "overlays" / request.param)


def of_kind(resources: list[Resource], kind: str) -> dict[str, Resource]:
    """The resources of a kind by name; an InferenceService counts as the Deployment that is made of it."""
    made = [as_deployment(found) for found in resources if found["kind"] == "InferenceService"]
    return {found["metadata"]["name"]: found for found in [*resources, *made] if found["kind"] == kind}


def pods(resources: list[Resource]) -> dict[str, dict[str, Any]]:
    """The pods' specifications, by the label that the others find them by."""
    templates = [found["spec"]["template"] for found in of_kind(resources, "Deployment").values()]
    return {template["metadata"]["labels"][NAME]: template["spec"] for template in templates}


def labels_in(part: Any) -> Iterator[str]:
    """The names of pods that a resource refers to."""
    if isinstance(part, dict):
        if NAME in part:
            yield part[NAME]
        if part.get("key") == NAME:
            yield from part["values"]
        part = list(part.values())
    if isinstance(part, list):
        for value in part:
            yield from labels_in(value)


def ports(pod: dict[str, Any]) -> dict[str, int]:
    return {port["name"]: port["containerPort"] for container in pod["containers"] for port in container["ports"]}


def test_every_resource_is_valid(overlay):
    assert {found["kind"] for found in overlay} >= {"Service", "NetworkPolicy", "PodMonitor", "PodDisruptionBudget"}
    for resource in overlay:
        check(resource)


@pytest.mark.parametrize("kind", ["Deployment", "HorizontalPodAutoscaler", "NetworkPolicy", "Service"])
def test_a_field_that_is_mistyped_is_refused(kind):
    resource = deepcopy(next(iter(of_kind(render(KUBERNETES / "overlays/cpu"), kind).values())))
    resource["spec"]["selektor"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        check(resource)


@pytest.mark.parametrize("kind", ["PodMonitor", "InferenceService"])
def test_a_field_that_no_custom_resource_has_is_refused(kind):
    resource = next(found for found in render(KUBERNETES / "overlays/kserve") if found["kind"] == kind)
    resource["spec"]["selektor"] = {}
    with pytest.raises(jsonschema.ValidationError):
        check(resource)


def test_a_predictor_has_no_fields_but_kserve_s_and_a_pod_s():
    service = next(found for found in render(KUBERNETES / "overlays/kserve") if found["kind"] == "InferenceService")
    service["spec"]["predictor"]["minReplica"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        check(service)


def test_no_pod_has_rights_or_can_write_its_image(overlay):
    assert pods(overlay).keys() == {"triton", "page", "envoy"}
    for pod in pods(overlay).values():
        assert pod["automountServiceAccountToken"] is False
        assert (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["runAsUser"]) == (True, 1000)
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
            assert "memory" in container["resources"]["limits"]


def test_every_name_that_a_resource_refers_to_is_there(overlay):
    found = pods(overlay)
    for kind in ("Service", "NetworkPolicy", "PodMonitor", "PodDisruptionBudget"):
        for resource in of_kind(overlay, kind).values():
            assert set(labels_in(resource["spec"])) <= found.keys()
            assert set(labels_in(resource["spec"]))
    for monitor in of_kind(overlay, "PodMonitor").values():
        (name,) = labels_in(monitor["spec"]["selector"])
        assert {endpoint["port"] for endpoint in monitor["spec"]["podMetricsEndpoints"]} <= ports(found[name]).keys()
    (scaler,) = of_kind(overlay, "HorizontalPodAutoscaler").values()
    assert scaler["spec"]["scaleTargetRef"]["name"] in of_kind(overlay, "Deployment")
    for pod in found.values():
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        for container in pod["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes.keys()
        maps = {volume["configMap"]["name"] for volume in volumes.values() if "configMap" in volume}
        variables = [variable for container in pod["containers"] for variable in container.get("env", ())]
        maps |= {found["valueFrom"]["configMapKeyRef"]["name"] for found in variables if "valueFrom" in found}
        assert maps <= of_kind(overlay, "ConfigMap").keys()


def test_services_and_policies_name_ports_that_the_pods_have(overlay):
    for service in of_kind(overlay, "Service").values():
        (name,) = labels_in(service["spec"])
        for port in service["spec"]["ports"]:
            target = port["targetPort"]
            assert target in ports(pods(overlay)[name]).keys() | ports(pods(overlay)[name]).values()
    policies = of_kind(overlay, "NetworkPolicy")
    assert policies.keys() == pods(overlay).keys()
    for name, policy in policies.items():
        opened = {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]}
        assert opened == set(ports(pods(overlay)[name]).values())
    assert policies["triton"]["spec"]["egress"] == []
    reached_from = [rule["from"] for rule in policies["triton"]["spec"]["ingress"]]
    assert {name for rule in reached_from for name in labels_in(rule)} == {"envoy", "page"}
    assert all(reached_from)
    for name in ("triton", "envoy"):
        (rule,) = (rule for rule in policies[name]["spec"]["ingress"] if {"port": 8001} in rule["ports"])
        assert {"podSelector": {"matchLabels": {CLIENT: "true"}}} in rule["from"]


def test_the_guide_names_the_label_and_the_secret_of_clients():
    guide = (ROOT / "docs/deployment.md").read_text()
    assert f'`{CLIENT}: "true"`' in guide
    (volume,) = (v for v in pods(render(KUBERNETES / "overlays/mtls"))["envoy"]["volumes"] if "secret" in v)
    (made,) = re.findall(r"create secret generic (\S+) --namespace din((?: --from-file=\S+)+)", guide)
    assert made[0] == volume["secret"]["secretName"]
    needed = re.findall(r"/etc/envoy-tls/(\S+?)\}", (KUBERNETES / "overlays/mtls/envoy.yaml").read_text())
    assert set(re.findall(r"--from-file=(\S+)", made[1])) == set(needed)
    assert len(needed) == 3


def test_every_image_is_named_in_the_overlay(overlay):
    named = {container["image"] for resource in overlay for container in containers(resource)}
    assert len(named) == 3
    assert all(image.startswith("registry.example/") for image in named)


def test_probes_of_triton_infer(overlay):
    (container,) = pods(overlay)["triton"]["containers"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        *program, name, option, url = container[probe]["exec"]["command"]
        assert program == [".venv/bin/python", "-m", "app"]
        assert parse_arguments([name, option, url]).triton_url == "127.0.0.1:8001"
        assert container[probe]["timeoutSeconds"] >= 10  # the probe's own limit is 8 s
    # The liveness probe has more patience than whoever restarts instances in the container.
    assert container["livenessProbe"]["periodSeconds"] * container["livenessProbe"]["failureThreshold"] >= 120


def test_the_page_asks_envoy_and_ends_in_time(overlay):
    pod = pods(overlay)["page"]
    (container,) = pod["containers"]
    arguments = container["args"]
    args = parse_arguments(arguments[arguments.index("app") + 1 :])
    assert args.run is serve_page
    assert args.port in ports(pod).values()
    address = next(variable["value"] for variable in container["env"] if variable["name"] == "TRITON_URL")
    name, _, port = address.partition(":")
    services = of_kind(overlay, "Service")
    assert int(port) in {found["port"] for found in services[name]["spec"]["ports"]}
    assert address in pod["initContainers"][0]["command"][-1]
    assert services["page"]["spec"]["sessionAffinity"] == "ClientIP"
    pause_s = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] >= pause_s + args.drain_s + 10


def test_triton_has_its_shared_memory(overlay):
    pod = pods(overlay)["triton"]
    (container,) = pod["containers"]
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert mounts.keys() == {"/tmp", "/dev/shm"}
    (memory,) = (volume for volume in pod["volumes"] if volume["name"] == mounts["/dev/shm"])
    assert memory["emptyDir"] == {"medium": "Memory", "sizeLimit": "256Mi"}


def test_an_inference_service_has_the_pods_of_the_deployment_on_a_gpu():
    deployment = pods(render(KUBERNETES / "overlays/gpu"))["triton"]
    service = pods(render(KUBERNETES / "overlays/kserve"))["triton"]
    (container,) = service["containers"]
    container["name"] = "triton"
    container["ports"][0] = {"name": "grpc", "containerPort": container["ports"][0]["containerPort"]}
    assert service == deployment


def test_the_autoscaler_has_its_metric():
    (scaler,) = of_kind(render(KUBERNETES / "overlays/cpu"), "HorizontalPodAutoscaler").values()
    (rule,) = yaml.safe_load((KUBERNETES / "prometheus-adapter.yaml").read_text())["rules"]["custom"]
    assert scaler["spec"]["metrics"][0]["pods"]["metric"]["name"] == rule["name"]["as"]


def test_envoy_lets_the_largest_tile_pass():
    envoy = (KUBERNETES / "base/envoy.yaml").read_text()
    (limit,) = (int(found) for found in re.findall(r"max_request_bytes: (\d+)", envoy))
    (connection,) = (int(found) for found in re.findall(r"per_connection_buffer_limit_bytes: (\d+)", envoy))
    configurations = [*ROOT.glob("model_repository/*/config.pbtxt"), *ROOT.glob("model_repository/*/configs/*.pbtxt")]
    texts = [path.read_text() for path in configurations]
    pixels = [int(n) for text in texts for n in re.findall(r'"max_pixels" value { string_value: "(\d+)"', text)]
    assert max(pixels) * 3 < limit - 65_536  # the rest are names and channel descriptors
    assert connection >= limit


def test_what_is_not_rendered_here_is_refused(tmp_path):
    (tmp_path / "kustomization.yaml").write_text("resources: []\nnamePrefix: x-\n")
    with pytest.raises(ValueError, match="uses namePrefix"):
        render(tmp_path)
    patch = "resources: []\npatches: [{target: {kind: Pod, name: x}, patch: ''}]\n"
    (tmp_path / "kustomization.yaml").write_text(patch)
    with pytest.raises(ValueError, match="there is no"):
        render(tmp_path)
