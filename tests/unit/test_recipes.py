"""The recipes: complete, of known tasks and presets, and nothing that is scored on is trained on."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from din_model.checkpoint import WEIGHTS
from din_model.data import PatchSampler, read_hq
from din_model.loss import l1
from din_model.recipes import RECIPES, DataSet, read_recipes
from din_model.results import SETS
from din_model.tasks import TASKS, find_task
from din_model.train import Schedule

ROOT = Path(__file__).parents[2]
WHOLE = """
[data.photos]
where = "photos"
about = "photos"
licence = "free"
[network.sr_x2-din_t]
data = { photos = 2 }
validate = ["photos"]
iterations = 1
batch = 1
patch = 16
rate = 1e-3
"""


def test_every_task_has_a_recipe():
    recipes = read_recipes()
    assert {recipe.task.name for recipe in recipes.values()} == set(TASKS)
    for recipe in recipes.values():
        Schedule(recipe.schedule, recipe.rate, recipe.iterations, recipe.cool_down)
        l1(recipe.luma)
        # A training goes on from shipped weights, or from what a recipe before it makes.
        earlier = list(recipes)[: list(recipes).index(recipe.name)]
        assert not recipe.start or recipe.start in earlier or (WEIGHTS / f"{recipe.start}.safetensors").is_file()


def test_no_recipe_reads_what_is_scored_on():
    sets = tomllib.loads(SETS.read_text())
    scored = {
        (task, each["data"].rpartition(":")[2]) for task, each in ((t, e) for t in sets for e in sets[t].values())
    }
    for recipe in read_recipes().values():
        read = {data.where.rpartition(":")[2] for data in (*recipe.validate, *recipe.sets())}
        assert not {where for task, where in scored if task == recipe.task.name} & read, recipe.name
        assert not any(where.startswith("eval/") for where in read)


def test_what_is_held_out_is_not_trained_on(tmp_path):
    (tmp_path / "photos").mkdir()
    for name in ("1", "2", "3"):
        Image.new("RGB", (9, 9)).save(tmp_path / f"photos/{name}.png")
    data = DataSet("photos:photos", "", "", held_out="2|3")
    assert [s.hq.stem for s in data.samples(tmp_path)] == ["1"]
    assert [s.hq.stem for s in data.samples(tmp_path, held_out=True)] == ["2", "3"]
    whole = DataSet("photos", "", "")
    assert len(whole.samples(tmp_path)) == len(whole.samples(tmp_path, held_out=True)) == 3
    with pytest.raises(ValueError, match="has nothing left"):
        DataSet("photos", "", "", held_out=".").samples(tmp_path)


def test_photos_are_reduced_to_a_share_of_their_own(tmp_path):
    (tmp_path / "photos").mkdir()
    for name in "123":
        Image.radial_gradient("L").convert("RGB").resize((100, 60)).save(tmp_path / f"photos/{name}.png")
    samples = DataSet("photos:photos", "", "", reduce=(0.5, 0.75)).samples(tmp_path)
    sizes = [read_hq(sample).shape for sample in samples]
    assert len(set(sizes)) == 3
    assert all(30 <= h <= 45 and 50 <= w <= 75 and abs(w - h * 100 / 60) < 1.5 for h, w, _ in sizes)
    sampler = PatchSampler(find_task("sr_x2"), [(samples, 1.0)], seed=0, patch=8)
    hq = read_hq(sampler.samples[0])
    assert np.array_equal(sampler.hq(0), hq[: hq.shape[0] // 2 * 2, : hq.shape[1] // 2 * 2])
    with pytest.raises(ValueError, match="no photo .* at least 50x50"):  # 45 rows are left at most
        PatchSampler(find_task("sr_x2"), [(samples, 1.0)], seed=0, patch=25)


def test_both_photos_of_a_pair_are_reduced_alike(tmp_path):
    photo = Image.radial_gradient("L").convert("RGB")
    for part, shown in (("gt", photo), ("input", ImageOps.invert(photo))):
        (tmp_path / "pairs" / part).mkdir(parents=True)
        shown.resize((100, 60)).save(tmp_path / "pairs" / part / "1.png")
    samples = DataSet("pairs:pairs", "", "", reduce=(0.5, 0.75)).samples(tmp_path)
    lq, hq = PatchSampler(find_task("deblur"), [(samples, 1.0)], seed=0, patch=16).pair(0, 0)
    assert lq.shape == hq.shape
    assert 30 <= hq.shape[0] <= 45
    assert np.abs(lq.astype(int) + hq - 255).max() <= 2  # they are of the same place


def test_what_has_a_depth_map_is_not_reduced(tmp_path):
    for part in ("clear", "depth"):
        (tmp_path / "maps" / part).mkdir(parents=True)
        Image.new("RGB", (9, 9)).save(tmp_path / "maps" / part / "1.png")
    with pytest.raises(ValueError, match="only photos and pairs can be reduced"):
        DataSet("depth:maps", "", "", reduce=(0.5, 0.75)).samples(tmp_path)


def test_validation_leaves_what_training_leaves(tmp_path):
    (tmp_path / "photos").mkdir()
    Image.radial_gradient("L").convert("RGB").save(tmp_path / "photos/1.png")
    path = tmp_path / "recipes.toml"
    path.write_text(WHOLE.replace("sr_x2-din_t", "dehaze_outdoor-din_t"))
    (whole,) = read_recipes(path)["dehaze_outdoor-din_t"].validation_pairs(tmp_path)
    path.write_text(path.read_text() + "keep = { least = 0.2, most = 0.6 }")
    (part,) = read_recipes(path)["dehaze_outdoor-din_t"].validation_pairs(tmp_path)
    assert np.array_equal(part.lq, whole.lq)
    assert np.abs(part.hq - (0.6 * whole.hq + 0.4 * part.lq)).max() <= 0.5


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("sr_x2", "sr_x9", "unknown task 'sr_x9'"),
        ("din_t", "din_x", "no preset 'din_x'"),
        ("{ photos = 2 }", "{ other = 2 }", "'other' is missing"),
        ("iterations = 1", "", "iterations"),
        ("batch = 1", "batch = 1\nbatches = 1", "there is no batches"),
        ('where = "photos"', "", "where"),
        ("[data.photos]", "[data.photos", "recipes.toml: "),
    ],
)
def test_mistakes_are_told(tmp_path, old, new, said):
    path = tmp_path / "recipes.toml"
    path.write_text(WHOLE)
    assert read_recipes(path)["sr_x2-din_t"].data[0][1] == 2
    path.write_text(WHOLE.replace(old, new))
    with pytest.raises(ValueError, match=said):
        read_recipes(path)


def test_without_recipes(tmp_path):
    assert RECIPES.is_file()
    with pytest.raises(FileNotFoundError, match="no recipes at"):
        read_recipes(tmp_path / "none.toml")
