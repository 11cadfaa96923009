"""Rules of the code: one-way imports, no torch in app, and one package that imports tritonclient."""

import ast
import re
import subprocess
import sys

import pytest

from tests.support.files import ROOT


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


@pytest.mark.parametrize("forbidden", ["app", "din_model", "torch", "gradio"])
def test_imaging_imports_neither_side(forbidden):
    assert importers("imaging", forbidden) == set()


@pytest.mark.parametrize("forbidden", ["din_model", "torch"])
def test_app_does_not_know_the_network(forbidden):
    assert importers("app", forbidden) == set()


def test_tritonclient_has_one_importer():
    assert importers("app/client", "tritonclient")
    outside = [p for p in (ROOT / "app").rglob("*.py") if (ROOT / "app/client") not in p.parents]
    assert not any(name.split(".")[0] in ("tritonclient", "grpc") for path in outside for name in imports(path))
    outside = [p for p in (ROOT / "app").rglob("*.py") if (ROOT / "app/web") not in p.parents]
    assert not any(name.split(".")[0] == "gradio" for path in outside for name in imports(path))
    assert importers("app/web", "gradio")


def web_modules():
    return [path for path in (ROOT / "app/web").rglob("*.py") if path.name != "gradio_compat.py"]


def test_gradios_private_parts_are_touched_in_one_module():
    assert len(web_modules()) > 10
    private = {"constructor_args", "preprocess", "postprocess"}
    for path in web_modules():
        assert not [name for name in imports(path) if name.startswith("gradio.")], path
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                owner = node.value.id if isinstance(node.value, ast.Name) else ""
                is_foreign = node.attr.startswith("_") and not node.attr.endswith("__") and owner not in ("self", "cls")
                assert not is_foreign, (path, node.lineno)
                assert node.attr not in private, (path, node.lineno)
        assert "type: ignore" not in path.read_text(), path
        assert "redirect_stdout" not in path.read_text(), path


def test_markup_is_in_templates():
    for path in web_modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                fixed = "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
                assert not re.search(r"</?[a-zA-Z]", fixed), (path, node.lineno)


def test_degradations_and_metrics_are_plain_numpy():
    assert importers("imaging", "numpy")
    for name in ("torch", "scipy", "PIL"):
        assert importers("imaging", name) == set()


def test_what_tests_share_is_in_modules_that_are_no_tests():
    for path in (ROOT / "tests").rglob("*.py"):
        shared = [name for name in imports(path) if name.startswith("tests.")]
        assert not [name for name in shared if name.rpartition(".")[2].startswith(("test_", "conftest"))], path


def test_tests_use_public_names_only():
    """None reads a private attribute, but for one of accelerate: it keeps its state for the whole process."""
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.endswith("__"):
                owner = node.value.id if isinstance(node.value, ast.Name) else ""
                assert owner in ("self", "cls", "AcceleratorState"), (path, node.lineno)


LIGHT = """
import sys
extras = ["torch", "gradio", "jinja2", "psutil", "pytriton", "huggingface_hub", "safetensors"]
for name in (*extras, "prometheus_client", "opentelemetry", "ray"):
    sys.modules[name] = None  # importing it fails
import app.client, app.pipeline.restore, app.pipeline.reference_test, app.cli, app.logs, din
"""


def test_the_client_and_the_command_line_need_no_extra():
    subprocess.run([sys.executable, "-c", LIGHT], cwd=ROOT, check=True)


def test_importing_the_app_loads_no_torch():
    code = "import app.web.app, app.triton, app.cli, sys; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_importing_the_app_leaves_no_file_behind():
    assert list((ROOT / "app").rglob("*.pyi")) == []


def test_the_page_decodes_what_visitors_send_in_bounded_processes():
    """It takes ``decode`` and ``read_header`` from nowhere else; they are in app.codec, too."""
    users = []
    for path in (ROOT / "app/web").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in ("decode", "read_header"):
                assert getattr(node.value, "id", "") != "codec", (path, node.lineno)
                users += [path.name] if getattr(node.value, "id", "") == "bounded" else []
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("app.codec"):
                assert not {"decode", "read_header"} & {alias.name for alias in node.names}, path
    assert set(users) == {"api.py", "jobs.py", "slideshow.py", "tab.py", "uploads.py"}
