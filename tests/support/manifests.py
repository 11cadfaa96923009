"""The resources of deploy/kubernetes, and strict checks of their fields."""

from collections.abc import Sequence
from typing import Any

import jsonschema
import kubernetes_validate

from tests.support.files import ROOT
from tests.support.kustomize import Resource

KUBERNETES = ROOT / "deploy/kubernetes"
OVERLAYS = sorted(path.name for path in (KUBERNETES / "overlays").iterdir())
# The oldest that knows all fields, and the newest that the schemas are there for.
VERSIONS = ("1.30", kubernetes_validate.latest_version())


def mapping(required: Sequence[str] = (), **properties: Any) -> dict[str, Any]:
    """Return the schema of an object that has these fields and no others."""
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


TEXT, LABELS = {"type": "string"}, {"type": "object", "additionalProperties": {"type": "string"}}
COMMON = {
    "apiVersion": TEXT,
    "kind": TEXT,
    "metadata": mapping(["name"], name=TEXT, labels=LABELS, annotations=LABELS),
}
ENDPOINT = mapping(["port", "path"], port=TEXT, path=TEXT, interval={"type": "string", "pattern": r"^\d+s$"})
# What the operator of Prometheus publishes, as far as it is used here.
POD_MONITOR = mapping(
    ["spec"],
    **COMMON,
    spec=mapping(
        ["selector", "podMetricsEndpoints"],
        selector=mapping(["matchLabels"], matchLabels=LABELS),
        podMetricsEndpoints={"type": "array", "minItems": 1, "items": ENDPOINT},
    ),
)
# What KServe publishes, as far as it is used here. The other fields of its predictor are those of a pod.
PREDICTOR = {
    "labels": LABELS,
    "minReplicas": {"type": "integer", "minimum": 1},
    "deploymentStrategy": {"type": "object"},
}
INFERENCE_SERVICE = mapping(["spec"], **COMMON, spec=mapping(["predictor"], predictor={"type": "object"}))


def as_deployment(service: Resource) -> Resource:
    """Return the Deployment that KServe's controller makes of an InferenceService, as far as its fields tell.

    Raises:
        jsonschema.ValidationError: a field is not KServe's.
    """
    jsonschema.validate(service, INFERENCE_SERVICE)
    predictor = service["spec"]["predictor"]
    own = {key: predictor[key] for key in predictor.keys() & PREDICTOR.keys()}
    jsonschema.validate(own, mapping(list(PREDICTOR), **PREDICTOR))
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"{service['metadata']['name']}-predictor", "labels": own["labels"]},
        "spec": {
            "replicas": own["minReplicas"],
            "strategy": own["deploymentStrategy"],
            "selector": {"matchLabels": own["labels"]},
            "template": {
                "metadata": {"labels": own["labels"]},
                "spec": {key: value for key, value in predictor.items() if key not in own},
            },
        },
    }


def check(resource: Resource) -> None:
    """Check a resource strictly: a field that its kind does not have is an error.

    Raises:
        jsonschema.ValidationError, kubernetes_validate.ValidationError: a field is unknown or has a wrong value.
    """
    if resource["kind"] == "PodMonitor":
        jsonschema.validate(resource, POD_MONITOR)
        return
    if resource["kind"] == "InferenceService":
        resource = as_deployment(resource)
    for version in VERSIONS:
        kubernetes_validate.validate(resource, version, strict=True)
