"""Scoring: the protocol's numbers and the command's JSON."""

import json

import numpy as np
import pytest
import skimage.data
from PIL import Image

from din_model.data import crop_to_multiple, degrade
from din_model.evaluate import main
from din_model.tasks import TASKS
from imaging.degradations.resize import bicubic_baseline
from imaging.metrics import psnr, ssim

TASK = TASKS["sr_x4"]


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "hq"
    folder.mkdir()
    for name in ("astronaut", "chelsea"):
        Image.fromarray(getattr(skimage.data, name)()[:201, 100:303]).save(folder / f"{name}.png")
    return folder


def test_json_holds_the_scores_of_every_photo(photos, tmp_path, capsys):
    path = tmp_path / "scores.json"
    assert main(["--task", "sr_x4", "--hq", str(photos), "--json", str(path)]) == 0
    scores = json.loads(path.read_text())
    assert (scores["task"], scores["images"]) == ("sr_x4", 2)
    assert [row["name"] for row in scores["per_image"]] == ["astronaut", "chelsea"]
    for figure in ("psnr", "ssim", "baseline_psnr", "baseline_ssim"):
        assert scores[figure] == pytest.approx(np.mean([row[figure] for row in scores["per_image"]]))
    assert scores["psnr"] > scores["baseline_psnr"] + 0.5
    assert scores["ssim"] > scores["baseline_ssim"]
    hq = crop_to_multiple(np.asarray(Image.open(photos / "astronaut.png")), 4)
    bicubic = bicubic_baseline(degrade(TASK, hq, np.random.default_rng(0)), hq.shape[:2])
    assert scores["per_image"][0]["baseline_psnr"] == pytest.approx(psnr(bicubic, hq, border=4))
    assert scores["per_image"][0]["baseline_ssim"] == pytest.approx(ssim(bicubic, hq, border=4))
    assert "mean of 2" in capsys.readouterr().out


def test_given_inputs_score_as_own_ones(photos, tmp_path):
    lq = tmp_path / "lq"
    lq.mkdir()
    for path in photos.iterdir():
        hq = crop_to_multiple(np.asarray(Image.open(path)), 4)
        Image.fromarray(degrade(TASK, hq, np.random.default_rng(0))).save(lq / path.name)
    own, given = tmp_path / "own.json", tmp_path / "given.json"
    assert main(["--task", "sr_x4", "--hq", str(photos), "--json", str(own)]) == 0
    assert main(["--task", "sr_x4", "--hq", str(photos), "--lq", str(lq), "--json", str(given)]) == 0
    assert json.loads(own.read_text()) == json.loads(given.read_text())


def test_self_ensemble_scores_at_least_as_high(photos, tmp_path):
    plain, plus = tmp_path / "plain.json", tmp_path / "plus.json"
    assert main(["--task", "sr_x4", "--hq", str(photos), "--json", str(plain)]) == 0
    assert main(["--task", "sr_x4", "--hq", str(photos), "--self-ensemble", "--json", str(plus)]) == 0
    assert json.loads(plus.read_text())["psnr"] > json.loads(plain.read_text())["psnr"]


def test_mistakes_are_one_sentence(photos, tmp_path, capsys):
    assert main(["--task", "sr_x4", "--hq", str(tmp_path / "nowhere")]) == 2
    assert main(["--task", "sr_x4", "--hq", str(photos), "--weights", str(tmp_path / "none.safetensors")]) == 2
    assert main(["--task", "sr_x4", "--preset", "din", "--hq", str(photos)]) == 2
    first, second, third = capsys.readouterr().err.strip().splitlines()
    assert first.startswith("error: there is no folder")
    assert second.startswith("error: there are no weights at")
    assert third.startswith("error: no weights of sr_x4 (preset din) are shipped")
