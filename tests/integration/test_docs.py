"""The code in the documentation runs as printed."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.restore import restore
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
