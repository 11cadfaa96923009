"""Shipping weights: scored as they ship, with a true card."""

import pytest
import skimage.data
import torch
from PIL import Image

from din_model import DIN, PRESETS
from din_model.checkpoint import load_weights, save_weights
from din_model.ship import main

FACTS = ["--data", "two photos", "--training", "not at all", "--licence", "none"]


def test_the_card_holds_the_scores_of_the_shipped_weights(tmp_path, capsys):
    hq = tmp_path / "hq"
    hq.mkdir()
    Image.fromarray(skimage.data.astronaut()[:128, :128]).save(hq / "astronaut.png")
    trained = tmp_path / "best.safetensors"
    config = PRESETS["din_t"]
    save_weights(trained, DIN(config).state_dict(), config, "sr_x4", "din_t", {"iterations": "7"}, torch.float32)
    assert main([str(trained), "--score", f"Crop={hq}", "--out", str(tmp_path / "out"), *FACTS]) == 0
    shipped = load_weights(tmp_path / "out/sr_x4-din_t.safetensors")
    assert shipped.card["evaluated_on"] == "Crop"
    # Untrained, the network is bicubic; it differs from the baseline by one rounding at most.
    assert float(shipped.card["psnr"]) == pytest.approx(float(shipped.card["baseline_psnr"]), abs=0.1)
    card = (tmp_path / "out/sr_x4-din_t.md").read_text()
    assert f"| Crop | {shipped.card['psnr']} |" in card
    assert "614,544 parameters" in card
    assert "7 iterations" in card
    assert capsys.readouterr().out.startswith("# sr_x4, din_t")


def test_mistakes_are_one_sentence(tmp_path, capsys):
    assert main([str(tmp_path / "none.safetensors"), "--score", f"Set={tmp_path}", *FACTS]) == 2
    assert capsys.readouterr().err.startswith("error: there are no weights at")
    with pytest.raises(SystemExit):
        main(["w.safetensors", "--score", "no-folder", *FACTS])
    assert "not of the form NAME=FOLDER or NAME=LAYOUT:FOLDER" in capsys.readouterr().err
