"""Shipping weights: scored as they ship, only where they are better, with a true card."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import skimage.data
import torch
from PIL import Image

from din_model import DIN, PRESETS, config
from din_model.card import card_of
from din_model.checkpoint import load_weights, save_weights
from din_model.network import count_parameters
from din_model.recipes import read_recipes
from din_model.ship import describe_training, main
from tests.support.tiny import TINY as TINY_X2

TINY = TINY_X2.for_task(scale=4, stride=1)
CARD = {"iterations": "7", "core_hours": "0.1", "validation_psnr": "30.0"}
RECIPES = """
[data.photos]
where = "photos"
about = "a photo of an astronaut"
licence = "public domain"

[common]
data = { photos = 1 }
validate = ["photos"]
iterations = 100
batch = 2
patch = 48
rate = 1e-3

[network.sr_x4-din_s]

[network.sr_x4-din_t]
start = "sr_x2-din_t"
"""


@pytest.fixture
def data(tmp_path, monkeypatch):
    for preset in ("din_s", "din_t"):
        monkeypatch.setitem(config.PRESETS, preset, TINY)
    (tmp_path / "hq").mkdir()
    Image.fromarray(skimage.data.astronaut()[:128, :128]).save(tmp_path / "hq/astronaut.png")
    (tmp_path / "sets.toml").write_text('[sr_x4]\nCrop = { data = "hq", note = "one photo" }\n')
    (tmp_path / "recipes.toml").write_text(RECIPES)
    return tmp_path


def trained(data: Path, name: str, noise: float) -> None:
    """A run's weights that are worse the more noise they add to the bicubic enlargement."""
    torch.manual_seed(0)
    model = DIN(TINY)
    with torch.no_grad():
        model.get_parameter("tail.0.weight").normal_(0, noise)
    task, _, preset = name.partition("-")
    path = data / "runs" / name / "best.safetensors"
    save_weights(path, model.state_dict(), TINY, task, preset, CARD, torch.float32)


def ship(data, *names):
    common = ["--root", data, "--runs", data / "runs", "--recipes", data / "recipes.toml", "--out", data / "out"]
    return main([str(a) for a in (*names, *common, "--sets", data / "sets.toml")])


def test_the_card_holds_the_scores_of_the_shipped_weights_and_the_recipe(data):
    trained(data, "sr_x4-din_t", 0)
    assert ship(data, "sr_x4-din_t") == 0
    shipped = load_weights(data / "out/sr_x4-din_t.safetensors")
    assert shipped.card["evaluated_on"] == "Crop (one photo)"
    # Untrained, the network is bicubic; it differs from the baseline by one rounding at most.
    assert float(shipped.card["psnr"]) == pytest.approx(float(shipped.card["baseline_psnr"]), abs=0.1)
    card = (data / "out/sr_x4-din_t.md").read_text()
    assert f"| Crop (one photo) | {shipped.card['psnr']} |" in card
    for said in ("a photo of an astronaut (100% of the patches)", "public domain", "7 iterations of 100", "Muon"):
        assert said in card
    assert card == card_of(data / "out/sr_x4-din_t.safetensors")
    assert shipped.card["parameters"] == str(count_parameters(shipped.model))
    assert list(json.loads(shipped.card["scores"])) == ["Crop (one photo)"]
    assert "batch 2 of 48x48 patches" in card
    assert "started from `sr_x2-din_t`" in card


@pytest.mark.parametrize(("research_only", "licence"), [("", "research"), ("research_only = false", "Apache-2.0")])
def test_research_data_make_research_weights(data, research_only, licence):
    recipes = RECIPES.replace('licence = "public domain"', f'licence = "public domain"\n{research_only}')
    (data / "recipes.toml").write_text(recipes)
    trained(data, "sr_x4-din_t", 0)
    assert ship(data, "sr_x4-din_t") == 0
    assert licence in load_weights(data / "out/sr_x4-din_t.safetensors").card["licence"]


def test_only_what_is_better_is_shipped(data, capsys):
    def shipped():
        return {path.stem for path in (data / "out").glob("*.safetensors")}

    trained(data, "sr_x4-din_t", 0.01)
    assert ship(data, "sr_x4-din_t") == 0
    trained(data, "sr_x4-din_t", 0.02)
    before = (data / "out/sr_x4-din_t.safetensors").read_bytes()
    assert ship(data, "sr_x4-din_t") == 0
    assert (data / "out/sr_x4-din_t.safetensors").read_bytes() == before
    trained(data, "sr_x4-din_s", 0.02)  # slower and worse
    assert ship(data, "sr_x4-din_s") == 0
    assert shipped() == {"sr_x4-din_t"}
    assert capsys.readouterr().out.count("not shipped") == 2
    trained(data, "sr_x4-din_s", 0.005)  # slower and better
    assert ship(data, "sr_x4-din_s") == 0
    assert shipped() == {"sr_x4-din_t", "sr_x4-din_s"}
    trained(data, "sr_x4-din_t", 0)  # now there is no reason to have the slower one
    assert ship(data, "sr_x4-din_t") == 0
    assert shipped() == {"sr_x4-din_t"}


def test_the_next_set_decides_where_the_first_does_not(data, capsys):
    """Black is black to every untrained network, a gray wall is not gray to all."""
    for name, level in (("black", 0), ("gray", 128)):
        (data / name).mkdir()
        Image.new("RGB", (128, 128), (level, level, level)).save(data / name / "photo.png")
    (data / "sets.toml").write_text(
        "[sr_x4]\n" + "".join(f'{n} = {{ data = "{n}", note = "" }}\n' for n in ("black", "gray"))
    )
    for noise in (0.01, 0.02, 0.005):
        trained(data, "sr_x4-din_t", noise)
        assert ship(data, "sr_x4-din_t") == 0
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if "dB" not in line] == [
        f"sr_x4-din_t: {how}" for how in ("shipped", "not shipped", "shipped")
    ]
    assert [line.count("on black / gray") for line in said if "dB" in line] == [0, 1, 1]


def test_mistakes_are_one_sentence(data, capsys):
    assert ship(data, "sr_x4-din_t") == 2
    assert capsys.readouterr().err.startswith("error: there are no weights at")
    assert ship(data, "sr_x2-din_t") == 2
    assert "has no sr_x2-din_t; it has sr_x4-din_s, sr_x4-din_t" in capsys.readouterr().err
    (data / "sets.toml").write_text("")
    assert ship(data, "sr_x4-din_t") == 2
    assert "names no set for sr_x4" in capsys.readouterr().err


def test_the_presets_of_the_recipes_are_shippable():
    assert {recipe.preset for recipe in read_recipes().values()} <= set(PRESETS)


def test_the_card_says_how_patches_were_turned_what_a_camera_added_and_the_loss(tmp_path):
    path = tmp_path / "best.safetensors"
    save_weights(path, DIN(TINY).state_dict(), TINY, "sr_x4", "din_t", CARD)
    recipes, checkpoint = read_recipes(), load_weights(path)
    rain, blur = recipes["derain_mixed-din_64"], recipes["deblur-din_128"]
    assert "flips and half turns, a camera's noise and JPEG in 40% of the inputs, learning" in describe_training(
        replace(rain, camera=0.4), checkpoint
    )
    assert "flips and rotations, learning" in describe_training(replace(blur, camera=0.0), checkpoint)
    assert describe_training(replace(blur, luma=0.75), checkpoint).startswith("L1 (75% of it on luma), ")


def test_the_card_says_where_the_end_of_a_training_was_taken(tmp_path):
    path = tmp_path / "best.safetensors"
    recipe = replace(read_recipes()["sr_x4-din_64"], trainings="averaged with another", trained_share=1.0, start="")
    save_weights(path, DIN(TINY).state_dict(), TINY, "sr_x4", "din_t", {**CARD, "trainings": "1"})
    assert "(0.999), the end of the training, averaged with another; " in describe_training(recipe, load_weights(path))
    recipe = replace(recipe, trainings="", trained_share=0.5)
    expected = "the end of the training, of that 50% and the rest as it began; "
    assert expected in describe_training(recipe, load_weights(path))
