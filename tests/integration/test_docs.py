"""The code in the documentation runs as printed."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.restore import restore
from din_model import TASKS
from din_model.loading import load_checkpoint, shipped_weights
from din_model.results import read_sets
from tests.conftest import ROOT, png, read


def blocks(path: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL)


@pytest.mark.parametrize("index", [0, 1], ids=["tritonclient", "own client"])
def test_grpc_guide(index, triton, client, small_photo, tmp_path, monkeypatch):
    code = blocks(ROOT / "docs/grpc.md")
    assert len(code) == 2
    assert len(code[0].strip().splitlines()) <= 10
    Image.fromarray(small_photo).save(tmp_path / "photo.png")
    monkeypatch.chdir(tmp_path)
    exec(compile(code[index].replace("127.0.0.1:8001", triton.url), "docs/grpc.md", "exec"), {})
    expected = restore(png(small_photo), "sr_x4", client).after.rgb
    assert np.array_equal(read(tmp_path / "restored.png"), expected)


def test_readme_python(tmp_path, monkeypatch, small_photo):
    (code,) = blocks(ROOT / "README.md")
    Image.fromarray(small_photo).save(tmp_path / "photo.png")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    assert read(tmp_path / "restored.png").shape == (240, 336, 3)


def test_readme_table_is_what_the_weights_say():
    readme = (ROOT / "README.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", readme, re.MULTILINE))
    assert list(rows) == [task for task in TASKS if shipped_weights(task)]
    for task, row in rows.items():
        card = load_checkpoint(task).card
        _, measured_on, restored, before = row.split(" | ")
        assert measured_on == card["evaluated_on"]
        assert restored == f"{card['psnr']} dB"
        assert before.split(" dB")[0] == card["baseline_psnr"]


def test_results_are_those_of_the_shipped_weights():
    """docs/results.md was made after the last weights: it repeats each card's figure."""
    results = json.loads((ROOT / "docs/results.json").read_text())
    assert list(results) == list(read_sets(ROOT / "docs/sets.toml", ROOT))
    for task, rows in results.items():
        card = load_checkpoint(task).card
        ours = next(scores for method, scores in rows.items() if method.startswith("DIN, "))
        assert any(psnr == pytest.approx(float(card["psnr"]), abs=0.011) for psnr, _ in ours.values())


def test_readme_tree_names_what_is_there():
    readme = (ROOT / "README.md").read_text()
    tree = readme.split("## Tree")[1].split("```")[1]
    named = re.findall(r"^(\S+)", tree, re.MULTILINE)
    assert len(named) > 5
    for name in named:
        assert (ROOT / name).exists(), f"README names {name}"


def test_linked_files_exist():
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
