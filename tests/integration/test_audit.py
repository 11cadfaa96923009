"""The reports of what ships, as far as they need no network."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.support.files import ROOT
from tests.support.processes import free_port
from tools import audit


@pytest.fixture(scope="module")
def components(tmp_path_factory):
    """The SBOM's components."""
    out = tmp_path_factory.mktemp("audit") / "sbom.json"
    audit.write_sbom(out)
    bom = json.loads(out.read_text())
    assert bom["bomFormat"] == "CycloneDX"
    return bom["components"]


@pytest.fixture(scope="module")
def triton(components):
    """The component of the server; unlike a package, it is there once."""
    (found,) = (one for one in components if one["name"] == "tritonserver")
    return found


def test_the_sbom_lists_every_locked_package_in_its_version(components):
    locked = audit.read_lock(audit.SHIPPED) + audit.read_lock(audit.TORCH)
    pins = re.findall(r"^[a-z0-9.-]+==", audit.SHIPPED.read_text() + audit.TORCH.read_text(), re.MULTILINE)
    assert len(locked) == len(pins) > 90
    listed = {(one["name"], one.get("version")) for one in components}
    assert {(package.name, str(package.specifier).removeprefix("==")) for package in locked} <= listed


def test_the_sbom_names_the_triton_in_the_wheel_and_the_weights(components, triton):
    assert (
        f"Triton {triton['version']}" in (ROOT / "docs/threat-model.md").read_text()
    )  # whose vulnerabilities it names
    weights = {path.stem for path in (ROOT / "din_model/weights").glob("*.safetensors")}
    listed = {one["name"]: one for one in components if one["type"] == "machine-learning-model"}
    assert listed.keys() == weights
    assert "GoPro: CC BY 4.0" in listed["deblur-din_128"]["properties"][0]["value"]


def test_the_threat_model_names_tests_that_exist():
    named = re.findall(r"`(\w+/test_\w+\.py)`", (ROOT / "docs/threat-model.md").read_text())
    assert named
    assert [name for name in named if not (ROOT / "tests" / name).is_file()] == []


def test_weights_without_a_card_are_not_listed(tmp_path):
    shutil.copy(ROOT / "din_model/weights/sr_x2-din_64.safetensors", tmp_path)
    with pytest.raises(audit.AuditError, match="does not name the licences"):
        audit.list_weights(tmp_path)


def test_the_licences_of_all_locked_packages_are_allowed(tmp_path):
    audit.write_licences(tmp_path / "licences.json")
    assert len(json.loads((tmp_path / "licences.json").read_text())) > 150


def test_a_licence_that_is_not_allowed_is_named():
    rules = tomllib.loads(audit.RULES.read_text())
    rules["exceptions"] = {"excused": "for a reason", "gone": "for another"}
    packages = {
        "fine": "MIT AND (Apache-2.0 OR BSD-3-Clause)",
        "fine-too": "ISC License (ISCL); MIT License",
        "excused": "UNKNOWN",
        "copyleft": "MIT AND AGPL-3.0",
        "nameless": "UNKNOWN",
    }
    assert audit.check_licences(packages, rules) == [
        "copyleft: MIT AND AGPL-3.0",
        "nameless: UNKNOWN",
        "gone: an exception for a package that is not locked",
    ]


def test_a_package_that_the_service_does_not_know_is_named(tmp_path, monkeypatch):
    """pip-audit itself succeeds then."""

    def answer(program, *arguments):
        report = {"dependencies": [{"name": "torch", "skip_reason": "not found"}], "fixes": []}
        Path(arguments[arguments.index("--output") + 1]).write_text(json.dumps(report))
        return subprocess.CompletedProcess(program, 0, "", "")

    monkeypatch.setattr(audit, "run", answer)
    with pytest.raises(audit.AuditError, match="1 of 1 packages were not looked up: torch"):
        audit.write_vulnerabilities(tmp_path / "vulnerabilities.json", audit.TORCH)


def test_without_a_network_no_package_counts_as_free_of_vulnerabilities(tmp_path, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    out = tmp_path / "vulnerabilities.json"
    out.write_text('{"dependencies": []}')  # of an earlier run
    with pytest.raises(audit.AuditError, match=r"requirements-torch\.txt were not looked up"):
        audit.write_vulnerabilities(out, audit.TORCH)
    assert not out.exists()
