"""The sheets of tools/before_after.py."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from din_model.loading import shipped_presets

SCRIPT = Path(__file__).parents[2] / "tools/before_after.py"


@pytest.fixture(scope="module")
def before_after():
    spec = importlib.util.spec_from_file_location("before_after", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_sheets_show_the_input_and_every_network(before_after, tmp_path, capsys):
    photo = skimage.data.astronaut()[:64, 180:260]
    for name in ("a", "b"):
        (tmp_path / "in/street_blur").mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo).save(tmp_path / f"in/street_blur/{name}.png")
    assert before_after.main(["--root", str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 0
    columns = 1 + len(shipped_presets("deblur"))
    assert columns > 1
    with Image.open(tmp_path / "out/street_blur.png") as sheet:
        assert sheet.size == (columns * (80 + before_after.GAP) - before_after.GAP, 2 * (64 + before_after.CAPTION))
        assert np.array_equal(np.asarray(sheet)[before_after.CAPTION : before_after.CAPTION + 64, :80], photo)
    assert "street_blur.png" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("folder", "message"), [("none", "there is no folder"), ("in", "the name of snow has none of")]
)
def test_invalid_folders_are_errors(before_after, tmp_path, capsys, folder, message):
    (tmp_path / "in/snow").mkdir(parents=True)
    assert before_after.main(["--root", str(tmp_path / folder), "--out", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err
