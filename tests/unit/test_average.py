"""The mean of several trainings of one network."""

import pytest
import torch

from din_model import DIN, PRESETS, config
from din_model.average import main
from din_model.checkpoint import load_weights
from din_model.recipes import RECIPES, read_recipes
from din_model.ship import describe_training
from tests.support.tiny import TINY as TINY_X2

TINY = TINY_X2.for_task(scale=4, stride=1)
NAME = "sr_x4-din_96"


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(config.PRESETS, "din_96", TINY)


def end(folder, seed, network=TINY):
    """What a training ended with: its averaged weights are returned, others are beside them."""
    torch.manual_seed(seed)
    average, model = DIN(network).state_dict(), DIN(network).state_dict()
    (folder / NAME).mkdir(parents=True)
    spent = {"seconds": 9.0, "core_seconds": 1800.0, "best": 28.0}
    torch.save({"iteration": 400, "model": model, "average": average, "spent": spent}, folder / NAME / "last.pt")
    return average


def average(*runs, out, name=NAME):
    return main([name, "--runs", *(str(path) for path in runs), "--out", str(out)])


def test_each_weight_is_the_mean_of_the_trainings_ends(tiny, tmp_path):
    ends = [end(tmp_path / name, seed) for seed, name in enumerate("abc")]
    assert average(*(tmp_path / name for name in "abc"), out=tmp_path / "mean") == 0
    written = load_weights(tmp_path / "mean" / NAME / "best.safetensors")
    for name, tensor in written.model.state_dict().items():
        torch.testing.assert_close(tensor, (ends[0][name] + ends[1][name] + ends[2][name]) / 3)
    assert (written.task, written.preset) == ("sr_x4", "din_96")
    assert written.card == {"trainings": "3", "iterations": "1200", "core_hours": "1.5"}


def test_other_weights_count_as_a_training_does(tiny, tmp_path):
    ends = [end(tmp_path / name, seed) for seed, name in enumerate("ab")]
    average(tmp_path / "a", tmp_path / "a", out=tmp_path / "begun")
    begun = tmp_path / "begun" / NAME / "best.safetensors"
    runs = [str(tmp_path / name) for name in "ab"]
    assert main([NAME, "--runs", *runs, "--weights", str(begun), "--out", str(tmp_path / "mean")]) == 0
    written = load_weights(tmp_path / "mean" / NAME / "best.safetensors")
    for name, tensor in written.model.state_dict().items():
        torch.testing.assert_close(tensor, (2 * ends[0][name] + ends[1][name]) / 3)
    assert written.card["trainings"] == "2"


def test_the_card_says_what_was_averaged(tiny, tmp_path):
    for seed, name in enumerate("ab"):
        end(tmp_path / name, seed)
    average(tmp_path / "a", tmp_path / "b", out=tmp_path)
    recipe = read_recipes()[NAME]
    said = describe_training(recipe, load_weights(tmp_path / NAME / "best.safetensors"))
    assert f"the mean of the ends of 2 trainings ({recipe.trainings})" in said
    assert "800 iterations in all, 1.0 hours of one CPU core" in said


def test_mistakes_are_one_sentence(tiny, tmp_path, capsys):
    end(tmp_path / "a", 0)
    assert average(tmp_path / "a", tmp_path / "b", out=tmp_path) == 2
    assert capsys.readouterr().err == f"error: there is no training at {tmp_path / 'b' / NAME / 'last.pt'}\n"
    end(tmp_path / "b", 0, PRESETS["din_t"].for_task(4, 1))
    assert average(tmp_path / "a", tmp_path / "b", out=tmp_path) == 2
    assert capsys.readouterr().err == f"error: the trainings of {NAME} have different networks\n"
    (tmp_path / "b" / NAME / "last.pt").write_bytes(b"cut off")
    assert average(tmp_path / "a", tmp_path / "b", out=tmp_path) == 2
    assert capsys.readouterr().err.startswith("error: a training's last.pt is damaged: ")
    silent = tmp_path / "recipes.toml"
    silent.write_text("\n".join(line for line in RECIPES.read_text().splitlines() if not line.startswith("trainings")))
    assert main([NAME, "--runs", str(tmp_path / "a"), "--out", str(tmp_path), "--recipes", str(silent)]) == 2
    assert "how the trainings differ" in capsys.readouterr().err
    assert main([NAME, "--runs", str(tmp_path / "a"), "--weights", str(tmp_path / "c"), "--out", str(tmp_path)]) == 2
    assert f"there are no weights at {tmp_path / 'c'}" in capsys.readouterr().err
    assert average(tmp_path / "a", out=tmp_path, name="sr_x5-din_96") == 2
    assert "has no sr_x5-din_96" in capsys.readouterr().err
    assert not (tmp_path / NAME).exists()
