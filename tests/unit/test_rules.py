"""The house rules: one-way imports, a light app, and one file for tritonclient."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def importers(package, name):
    files = [p for p in (ROOT / package).rglob("*.py") if "backends" not in p.parts]
    assert files
    return {p.name for p in files if any(i == name or i.startswith(name + ".") for i in imports(p))}


@pytest.mark.parametrize("forbidden", ["app", "gradio", "tritonclient"])
def test_din_model_does_not_know_who_serves_it(forbidden):
    assert importers("din_model", forbidden) == set()


@pytest.mark.parametrize("forbidden", ["din_model", "torch"])
def test_app_does_not_know_the_network(forbidden):
    assert importers("app", forbidden) == set()


def test_tritonclient_has_one_importer():
    assert importers("app", "tritonclient") == {"client.py"}
    assert importers("app", "gradio") == {"ui.py"}


def test_degradations_and_metrics_are_plain_numpy():
    for name in ("torch", "scipy"):
        assert importers("din_model/degradations", name) == set()
        assert name not in imports(ROOT / "din_model/metrics.py")


def test_importing_the_app_loads_no_torch():
    code = "import app.ui, app.server, app.__main__, sys; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_importing_the_app_leaves_no_file_behind():
    assert list((ROOT / "app").rglob("*.pyi")) == []
