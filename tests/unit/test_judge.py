"""The judge of photos: what it looks at, its samples, its network, its training, and what the shipped one says."""

from dataclasses import replace

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from din_model import judge_data
from din_model.card import card_of, main
from din_model.checkpoint import WEIGHTS, CheckpointError, read_metadata
from din_model.datasets import Sample
from din_model.judge import JUDGE_WEIGHTS, KINDS, NAMES, Judge, load_judge, save_judge
from din_model.judge_data import DAMAGES, Exhibits, damaged, exhibit, part_of, truth_of
from din_model.tasks import TASKS
from din_model.train_judge import (
    calibration_error,
    confusion,
    fit_temperature,
    read_recipe,
    some_squares,
    stack,
    train,
)
from din_model.train_judge import main as train_judge
from imaging.look import SIDE, SQUARES, look

PHOTOS = {"astronaut": skimage.data.astronaut, "coffee": skimage.data.coffee, "chelsea": skimage.data.chelsea}


@pytest.fixture
def photo():
    return np.asarray(Image.fromarray(skimage.data.coffee()).resize((900, 600)))


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A data folder with a photo for each part of a training, and a pair; the recipe that names them."""
    for number, (name, load) in enumerate(PHOTOS.items()):
        folder = tmp_path / "data/photos"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(load()).resize((900, 700)).save(folder / f"{number}_{name}.png")
    parts = {"0_astronaut": "train", "1_coffee": "fit", "2_chelsea": "test"}
    for module in ("din_model.judge_data", "din_model.train_judge"):
        monkeypatch.setattr(f"{module}.part_of", lambda path: parts[path.stem])
    for side in ("gt", "input"):
        (tmp_path / "data/rainy" / side).mkdir(parents=True)
        Image.fromarray(skimage.data.rocket()).save(tmp_path / "data/rainy" / side / "rocket.png")
    small = {"samples": 12, "tests": 1, "iterations": 2, "batch": 4, "squares": 2, "side": 32}
    return tmp_path / "data", replace(read_recipe(), **small, photos={"photos": 1.0}, pairs={"rain": ["pairs:rainy"]})


@pytest.mark.parametrize("size", [(1, 1), (40, 300), (128, 128), (200, 130), (1000, 1500)])
def test_a_photo_of_any_size_is_looked_at_by_the_same_number_of_squares(size):
    photo = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    squares = look(photo)
    assert squares.shape == (SQUARES, SIDE, SIDE, 3)
    assert squares.dtype == np.uint8
    corner = squares[0][: min(SIDE, size[0]), : min(SIDE, size[1])]
    assert np.array_equal(corner, photo[:SIDE, :SIDE])
    assert np.array_equal(squares[-2][-1, -1], photo[-1, -1]) or min(size) < SIDE


def test_the_last_square_is_the_whole_photo():
    half = np.zeros((700, 1100, 3), np.uint8)
    half[:, 550:] = 200
    whole = look(half)[-1]
    assert np.array_equal(whole[:, : SIDE // 2], np.zeros((SIDE, SIDE // 2, 3)))
    assert np.array_equal(whole[:, SIDE // 2 :], np.full((SIDE, SIDE // 2, 3), 200))


def test_every_kind_has_a_damage_and_tasks_that_there_are():
    assert set(DAMAGES) == set(NAMES)
    assert [kind.name for kind in KINDS if not kind.tasks] == ["none"]
    proposed = [task for kind in KINDS for task in kind.tasks]
    assert set(proposed) <= set(TASKS)
    assert len(set(proposed)) == len(proposed)
    assert {TASKS[task].family.name for task in proposed} == {task.family.name for task in TASKS.values()}


@pytest.mark.parametrize("kind", NAMES)
def test_damage_is_seen_and_is_the_same_for_a_seed(kind, photo):
    first, again = (damaged(photo, kind, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, damaged(photo, kind, np.random.default_rng(4)))


def test_a_clean_picture_is_one_of_low_resolution_as_far_as_it_is_small():
    low, none = NAMES.index("low_resolution"), NAMES.index("none")
    assert truth_of("none", (600, 800))[none] == 1
    assert truth_of("none", (100, 150))[low] == 1
    middling = truth_of("none", (400, 400))
    assert middling[low] == middling[none] == 0.5
    assert truth_of("rain", (100, 150))[NAMES.index("rain")] == 1


def test_a_sixth_of_the_photos_each_is_held_back(tmp_path):
    parts = [part_of(tmp_path / f"photo_{number}.png") for number in range(1200)]
    assert {part: round(parts.count(part) / 200) for part in ("train", "fit", "test")} == {
        "train": 4, "fit": 1, "test": 1
    }  # fmt: skip


def test_the_kinds_take_turns_and_pairs_give_damage_and_none(tmp_path):
    for name, value in (("photo", 100), ("rainy", 200), ("clear", 50)):
        Image.fromarray(np.full((300, 300, 3), value, np.uint8)).save(tmp_path / f"{name}.png")
    pair = Sample(tmp_path / "clear.png", lq=tmp_path / "rainy.png")
    make = Exhibits([([tmp_path / "photo.png"], 1.0)], {"rain": [pair]}, 1.0, seed=0)
    made = [make(number) for number in range(6)]
    assert [NAMES[int(each.truth.argmax())] for each in made[:5]] == list(NAMES[:5])
    assert abs(float(made[NAMES.index("rain")].squares.mean()) - 200) < 5
    assert abs(float(made[NAMES.index("none")].squares.mean()) - 50) < 5
    assert np.array_equal(make(2).squares, made[2].squares)


def test_probabilities_are_of_any_number_of_squares_and_of_each_photo_alone():
    judge = Judge().eval()
    squares = torch.randint(0, 256, (3, SQUARES, SIDE, SIDE, 3), dtype=torch.uint8)
    size = torch.tensor([[100, 200], [3000, 4000], [128, 128]], dtype=torch.int32)
    with torch.inference_mode():
        together = judge.probabilities(squares[:, :-1], squares[:, -1], size)
        alone = judge.probabilities(squares[1:2, :-1], squares[1:2, -1], size[1:2])
        few = judge.probabilities(squares[:, :2, :40, :50], squares[:, -1], size)
    assert together.sum(1).tolist() == pytest.approx([1, 1, 1])
    assert together[1].tolist() == pytest.approx(alone[0].tolist(), abs=1e-5)
    assert few.shape == (3, len(NAMES))


def test_squares_are_drawn_anew_and_mirrored_together():
    squares = torch.arange(SQUARES).view(1, SQUARES, 1, 1, 1) + torch.zeros(2, SQUARES, SIDE, SIDE, 3)
    parts, whole = some_squares(squares, 4, 96, torch.Generator().manual_seed(0))
    assert (parts.shape, whole.shape) == ((2, 4, 96, 96, 3), (2, SIDE, SIDE, 3))
    assert whole.unique().tolist() == [SQUARES - 1]
    drawn = [set(photo.unique().tolist()) for photo in parts]
    assert all(len(numbers) == 4 and SQUARES - 1 not in numbers for numbers in drawn)


def test_the_temperature_makes_probabilities_honest():
    generator = torch.Generator().manual_seed(0)
    kinds = torch.randint(0, 6, (4000,), generator=generator)
    logits = torch.nn.functional.one_hot(kinds, 6) * 2.0 - torch.rand(4000, 6, generator=generator).log().neg().log()
    temperature = fit_temperature(3 * logits, kinds)
    honest, boasting = (torch.softmax(3 * logits / t, 1) for t in (temperature, 1.0))
    assert calibration_error(honest, kinds) < 0.5 * calibration_error(boasting, kinds)
    table = confusion(honest, kinds)
    assert (table.sum(), table.shape) == (4000, (6, 6))
    assert table.sum(1).tolist() == kinds.bincount().tolist()


def test_weights_are_read_as_they_were_written(tmp_path):
    judge = Judge()
    judge.temperature.fill_(1.5)
    save_judge(judge, tmp_path / "w.safetensors", {"accuracy": "0.5"})
    read = load_judge(tmp_path / "w.safetensors")
    assert not read.training
    assert float(read.temperature) == 1.5
    for name, tensor in judge.squares.state_dict().items():
        assert torch.allclose(read.squares.state_dict()[name].float(), tensor.float(), atol=1e-3), name


def test_other_weights_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="are not of a judge"):
        load_judge(WEIGHTS / "sr_x2-din_64.safetensors")
    with pytest.raises(CheckpointError, match="there are no weights"):
        load_judge(tmp_path / "none.safetensors")


def test_a_training_leaves_weights_and_a_card(data, tmp_path, capsys, monkeypatch):
    root, recipe = data
    said: list[str] = []
    judge, facts = train(recipe, root, said.append)
    assert said[-1].startswith("accuracy ")
    assert facts["tests"] == str(len(NAMES))
    assert f"{recipe.samples} pictures made of 1 photos and 1 pairs" in facts["trained_on"]
    path = tmp_path / "judge.safetensors"
    save_judge(judge, path, facts)
    assert main([str(path)]) == 0
    card = path.with_suffix(".md").read_text()
    assert card == card_of(path)
    assert card.startswith("# judge\n")
    assert "| motion blur | " in card


def test_a_training_without_its_data_is_one_sentence(tmp_path, capsys):
    assert train_judge(["--root", str(tmp_path), "--out", str(tmp_path / "w.safetensors")]) == 2
    assert capsys.readouterr().err == f"error: there is no folder {tmp_path / 'train/gopro_GOPR0372_07_00'}\n"
    (tmp_path / "judge.toml").write_text("samples = 1\n")
    assert train_judge(["--root", str(tmp_path), "--recipe", str(tmp_path / "judge.toml")]) == 2
    assert "is not a recipe of the judge" in capsys.readouterr().err


def test_stacked_exhibits_keep_their_places(photo):
    squares, sizes, truths = stack([exhibit(photo, "rain"), exhibit(photo[:200], "none")], 2)
    assert squares.shape == (2, SQUARES, SIDE, SIDE, 3)
    assert sizes.tolist() == [[600, 900], [200, 900]]
    assert truths.argmax(1).tolist()[0] == NAMES.index("rain")


def test_the_shipped_judge_is_small_and_states_what_it_is():
    assert JUDGE_WEIGHTS.stat().st_size < 1_000_000
    facts = read_metadata(JUDGE_WEIGHTS)
    assert float(facts["accuracy"]) > 0.75
    assert float(facts["calibration_error"]) < 0.1
    assert "research" in facts["licence"]


def test_the_shipped_judge_tells_damage_that_it_has_not_seen():
    """Photos of scikit-image, on which nothing was trained: two of three are told right, and chance is one of six."""
    judge, rng = load_judge(), np.random.default_rng(0)
    right = []
    for load in PHOTOS.values():
        large = np.asarray(Image.fromarray(load()).resize((1000, 700)))
        for kind in ("low_resolution", "motion_blur", "rain", "haze", "noise"):
            for _ in range(4):
                squares, size, _ = stack([exhibit(judge_data.damaged(large, kind, rng), kind)], 1)
                with torch.inference_mode():
                    said = judge(squares[:, :-1], squares[:, -1], size).argmax()
                right.append(NAMES[int(said)] == kind)
    assert sum(right) >= 2 / 3 * len(right)
