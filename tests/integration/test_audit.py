"""The reports of what ships, as far as they need no network."""

import json
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
    """The SBOM's components by name."""
    out = tmp_path_factory.mktemp("audit") / "sbom.json"
    audit.write_sbom(out)
    bom = json.loads(out.read_text())
    assert bom["bomFormat"] == "CycloneDX"
    names = [component["name"] for component in bom["components"]]
    assert len(names) == len(set(names))
    return {component["name"]: component for component in bom["components"]}


def test_the_sbom_lists_every_locked_package_in_its_version(components):
    locked = audit.read_lock(audit.SHIPPED) + audit.read_lock(audit.TORCH)
    pins = sum(" --hash" not in line and "==" in line.split(";")[0] for line in audit.SHIPPED.read_text().splitlines())
    assert len(locked) == pins + 1 > 90
    for package in locked:
        assert package.specifier.contains(components[package.name]["version"])


def test_the_sbom_names_the_triton_in_the_wheel_and_the_weights(components):
    version = components["tritonserver"]["version"]
    assert f"Triton {version}" in (ROOT / "docs/threat-model.md").read_text()  # whose vulnerabilities it names
    weights = {path.stem for path in (ROOT / "din_model/weights").glob("*.safetensors")}
    assert weights == {name for name, one in components.items() if one["type"] == "machine-learning-model"}
    assert "GoPro: CC BY 4.0" in components["deblur-din_128"]["properties"][0]["value"]


def test_weights_without_a_card_are_not_listed(tmp_path):
    shutil.copy(ROOT / "din_model/weights/sr_x2-din_t.safetensors", tmp_path)
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
    with pytest.raises(audit.AuditError, match="not looked up for torch"):
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
