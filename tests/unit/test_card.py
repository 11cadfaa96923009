"""Model cards are rendered from what the weights files state of themselves."""

import json

import pytest

from din_model import DIN, PRESETS
from din_model.card import card_of, main, render_card
from din_model.checkpoint import WEIGHTS, CheckpointError, load_weights, read_metadata, save_weights
from din_model.recipes import find_recipe, read_recipes
from din_model.ship import describe

FACTS = {
    "task": "sr_x2",
    "preset": "din_t",
    "config": '{"scale": 2}',
    "parameters": "1234567",
    "scores": '{"Set5": {"psnr": 37.1, "ssim": 0.95, "baseline_psnr": 33.64, "baseline_ssim": 0.93}}',
    "measured_on": "luma, 2 border pixels cut",
    "trained_on": "one photo",
    "training": "L1, one iteration",
    "data_licence": "public domain",
    "licence": "Apache-2.0, as the code",
}


def test_a_card_states_everything_that_the_metadata_do():
    card = render_card(FACTS)
    assert card.startswith("# sr_x2, din_t\n\nDIN for *Enlarge 2×* (1,234,567 parameters)")
    assert "| Set5 | 37.10 | 0.9500 | 33.64 | 0.9300 |" in card
    for key in ("measured_on", "trained_on", "training", "data_licence", "licence", "config"):
        assert FACTS[key] in card, key


@pytest.mark.parametrize("key", FACTS)
def test_what_is_missing_is_named(key):
    with pytest.raises(ValueError, match=f"the metadata state no '{key}'"):
        render_card({name: value for name, value in FACTS.items() if name != key})


def test_a_card_of_an_unknown_task_is_refused():
    with pytest.raises(ValueError, match="unknown task 'sr_x5'"):
        render_card({**FACTS, "task": "sr_x5"})


def test_the_shipped_cards_are_those_of_the_shipped_weights():
    weights = sorted(WEIGHTS.glob("*.safetensors"))
    assert weights
    assert {path.stem for path in weights} == {path.stem for path in WEIGHTS.glob("*.md")}
    for path in weights:
        assert path.with_suffix(".md").read_text() == card_of(path), f"{path.name}: run `din card`"
        assert "research" in read_metadata(path)["licence"]


def test_the_command_writes_cards_beside_their_weights(tmp_path, capsys):
    config = PRESETS["din_t"].for_task(2, 1)
    path = tmp_path / "w.safetensors"
    facts = {key: FACTS[key] for key in FACTS if key not in ("task", "preset", "config")}
    save_weights(path, DIN(config).state_dict(), config, "sr_x2", "din_t", facts)
    assert main([str(path)]) == 0
    assert capsys.readouterr().out == f"{path.with_suffix('.md')}\n"
    assert "- **Trained on**: one photo." in path.with_suffix(".md").read_text()


def test_weights_that_state_too_little_are_one_sentence(tmp_path, capsys):
    config = PRESETS["din_t"].for_task(2, 1)
    path = tmp_path / "w.safetensors"
    with pytest.raises(CheckpointError, match="there are no weights at"):
        card_of(path)
    save_weights(path, DIN(config).state_dict(), config, "sr_x2", "din_t", {})
    assert main([str(path)]) == 2
    assert capsys.readouterr().err == f"error: {path} has no card: the metadata state no 'scores'\n"
    path.write_bytes(b"nothing")
    assert main([str(path)]) == 2
    assert "are damaged or not DIN's" in capsys.readouterr().err


@pytest.mark.parametrize("name", read_recipes())
def test_the_shipped_weights_state_what_their_recipe_does(name):
    shipped = load_weights(WEIGHTS / f"{name}.safetensors")
    said = describe(find_recipe(name), shipped, json.loads(shipped.card["scores"]))
    assert {key: shipped.card[key] for key in said} == said
