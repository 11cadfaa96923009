"""The code in the documentation runs as printed."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.pipeline.restore import restore
from din_model import TASKS
from din_model.loading import load_checkpoint, shipped_weights
from din_model.results import SETS, read_sets
from din_model.scores import read_measured
from tests.support.files import ROOT, png, read
from tests.support.served import SHIPPED


def blocks(path: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL)


@pytest.mark.parametrize("index", [0, 1, 2], ids=["own client", "in an event loop", "tritonclient"])
def test_grpc_guide(index, triton, client, small_photo, tmp_path, monkeypatch):
    code = blocks(ROOT / "docs/grpc.md")
    assert len(code) == 4  # tests/unit/test_connection_files.py runs the last one
    assert len(code[2].strip().splitlines()) <= 10
    Image.fromarray(small_photo).save(tmp_path / "photo.png")
    monkeypatch.chdir(tmp_path)
    exec(compile(code[index].replace("127.0.0.1:8001", triton.url), "docs/grpc.md", "exec"), {})
    expected = restore(png(small_photo), client.task("sr_x4"), client).after.rgb
    assert np.array_equal(read(tmp_path / "restored.png"), expected)


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """The example for Node.js with what it needs, and the program that runs it."""
    folder = tmp_path_factory.mktemp("examples") / "node"
    shutil.copytree(ROOT / "docs/examples/node", folder, ignore=shutil.ignore_patterns("node_modules"))
    programs = Path(sys.executable).parent
    options = ("--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund")
    subprocess.run([programs / "npm", "install", *options], cwd=folder, check=True, timeout=240)
    return [str(programs / "node"), str(folder / "restore.js")]


def test_the_example_for_node_restores_the_same_pixels(node, triton, client, small_photo, tmp_path):
    Image.fromarray(small_photo).save(tmp_path / "photo.png")
    run_program(*node, triton.url, "sr_x4", str(tmp_path / "photo.png"), str(tmp_path / "restored.png"))
    expected = restore(png(small_photo), client.task("sr_x4"), client).after.rgb
    assert np.array_equal(read(tmp_path / "restored.png"), expected)


def test_the_example_for_node_tells_what_is_wrong(node, triton, small_photo, tmp_path):
    Image.fromarray(small_photo).save(tmp_path / "photo.png")
    program = [*node, triton.url, "sr_x9", str(tmp_path / "photo.png"), str(tmp_path / "restored.png")]
    done = subprocess.run(program, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1
    assert re.fullmatch("NOT_FOUND: .*unknown model: 'din_sr_x9'.*\n", done.stderr), done.stderr
    assert not (tmp_path / "restored.png").exists()


@pytest.fixture
def here(tmp_path, monkeypatch, small_photo):
    """A folder with the photos that the guide for programs speaks of, to run its examples in."""
    Image.fromarray(small_photo).save(tmp_path / "photo.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "downloads"))
    return tmp_path


def run_program(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_api_guide_python(here, page_url, small_photo, client):
    code = blocks(ROOT / "docs/api.md")[0].replace("http://127.0.0.1:7860", page_url)
    *_, one, several = run_program(sys.executable, "-c", code).splitlines()
    restored, tiles, *_ = one.split()
    assert np.array_equal(read(restored), restore(png(small_photo), client.task("sr_x4"), client).after.rgb)
    assert tiles == "1"
    archive, errors = several.split(" ", 1)
    assert Path(archive).suffix == ".webp"
    assert re.fullmatch(r"\['restored', 'The file is not an image .*'\]", errors)


def test_api_guide_rest(here, page_url, small_photo, client):
    (code,) = re.findall(r"```bash\n(.*?)```", (ROOT / "docs/api.md").read_text(), re.DOTALL)
    run_program("bash", "-ec", code.replace("http://127.0.0.1:7860", page_url))
    expected = restore(png(small_photo), client.task("sr_x4"), client).after.rgb
    assert np.array_equal(read(here / "restored.png"), expected)


def test_api_guide_tools(here, page_url, client):
    code = blocks(ROOT / "docs/api.md")[1].replace("http://127.0.0.1:7860", page_url)
    *tools, tasks = run_program(sys.executable, "-c", code).splitlines()
    assert {tool.split(" - ")[0] for tool in tools} == {"judge", "restore", "restore_batch", "tasks"}
    assert all(name in tasks for name in client.tasks())


def test_features_in_the_page_guide_are_tested():
    named = re.findall(r"`(\w+/\w+\.py)::(\w+)`", (ROOT / "docs/page.md").read_text())
    assert len(named) > 20
    for path, name in named:
        functions = [
            node.name
            for node in ast.parse((ROOT / "tests" / path).read_text()).body
            if isinstance(node, ast.FunctionDef)
        ]
        assert name in functions, f"there is no {name} in {path}"


def test_readme_python(tmp_path, monkeypatch, small_photo):
    (code,) = blocks(ROOT / "README.md")
    Image.fromarray(small_photo).save(tmp_path / "photo.png")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    assert read(tmp_path / "restored.png").shape == (240, 336, 3)


def test_the_table_of_tasks_is_what_the_weights_state():
    page = (ROOT / "docs/tasks.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", page, re.MULTILINE))
    assert list(rows) == [task for task in TASKS if shipped_weights(task)]
    for task, row in rows.items():
        card = load_checkpoint(task).card
        _, measured_on, restored, before = row.split(" | ")
        assert measured_on == card["evaluated_on"]
        assert restored == f"{card['psnr']} dB"
        assert before.split(" dB")[0] == card["baseline_psnr"]
    for name, network in SHIPPED.items():
        if name not in TASKS:
            card = load_checkpoint(*network).card
            assert f"`{name}`: {card['psnr']} dB on {card['evaluated_on']}" in page


def test_results_are_those_of_the_shipped_weights():
    """docs/results.md was made after the last weights: it repeats each card's figure."""
    results = read_measured()
    assert list(results) == list(read_sets(SETS, ROOT))
    for task, rows in results.items():
        card = load_checkpoint(task).card
        ours = next(scores for method, scores in rows.items() if method.startswith("DIN, "))
        assert any(psnr == pytest.approx(float(card["psnr"]), abs=0.011) for psnr, _ in ours.values())
