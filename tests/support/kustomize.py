"""Render Kubernetes manifests as ``kustomize build`` does, for what deploy/kubernetes uses of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonpatch
import yaml

Resource = dict[str, Any]

KNOWN = {"apiVersion", "kind", "resources", "configMapGenerator", "images", "patches"}


def render(folder: Path) -> list[Resource]:
    """Return the resources of a kustomization, without the hashes that kustomize appends to generated names.

    Raises:
        ValueError: it uses something else of kustomize, or a patch has no target.
    """
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    if unknown := kustomization.keys() - KNOWN:
        raise ValueError(f"{folder.name} uses {', '.join(sorted(unknown))}, which is not rendered here")
    resources = [found for name in kustomization["resources"] for found in read(folder / name)]
    resources += [config_map(folder, entry) for entry in kustomization.get("configMapGenerator", ())]
    for patch in kustomization.get("patches", ()):
        apply(patch, resources)
    images = {entry["name"]: f"{entry['newName']}:{entry['newTag']}" for entry in kustomization.get("images", ())}
    for resource in resources:
        for container in containers(resource):
            container["image"] = images.get(container["image"], container["image"])
    return resources


def read(path: Path) -> list[Resource]:
    """Return the resources of a folder's kustomization, or of a file."""
    return render(path) if path.is_dir() else list(yaml.safe_load_all(path.read_text()))


def config_map(folder: Path, entry: dict[str, Any]) -> Resource:
    """Return the ConfigMap that an entry of ``configMapGenerator`` makes of files."""
    data = {name: (folder / name).read_text() for name in entry["files"]}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": entry["name"]}, "data": data}


def apply(patch: dict[str, Any], resources: list[Resource]) -> None:
    """Change the resources that a JSON patch is for.

    Raises:
        ValueError: there is none.
    """
    targets = [found for found in resources if is_target(found, **patch["target"])]
    if not targets:
        raise ValueError(f"there is no {patch['target']}")
    for target in targets:
        jsonpatch.apply_patch(target, yaml.safe_load(patch["patch"]), in_place=True)


def is_target(resource: Resource, kind: str, name: str) -> bool:
    """Return whether a resource has that kind and name."""
    return (resource["kind"], resource["metadata"]["name"]) == (kind, name)


def containers(part: Any) -> Iterator[dict[str, Any]]:
    """Yield the containers that a resource has anywhere."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key in ("containers", "initContainers"):
                yield from value
            else:
                yield from containers(value)
    elif isinstance(part, list):
        for value in part:
            yield from containers(value)
