"""The comparison of ways to train: one thing is changed at a time, for the same processor time."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from PIL import Image

from benchmarks import recipe as benchmark
from din_model import ablations
from din_model.data import Pair, PatchSampler
from din_model.datasets import read_dataset
from din_model.recipes import read_recipes

RECIPE = read_recipes()["sr_x4-din_64"]


def test_every_way_changes_one_thing():
    plain, *changed = benchmark.ways(RECIPE)
    assert (plain.optimiser, plain.rate) == (RECIPE.optimiser, RECIPE.rate)
    for way in changed:
        differing = {f.name for f in fields(way) if getattr(way, f.name) != getattr(plain, f.name)} - {"name"}
        if differing == {"batch", "patch"}:  # as many pixels, cut otherwise
            assert way.batch * way.patch**2 == pytest.approx(plain.batch * plain.patch**2, rel=0.01), way.name
        elif differing != {"optimiser", "rate"}:  # each optimiser has its own rate
            assert len(differing) == 1, way.name
    assert len({replace(way, name="") for way in (plain, *changed)}) == len(changed) + 1


def test_every_patch_fits_into_the_smallest_photos_of_the_recipe():
    bsd_px = 321  # the height of its photos
    assert [way.name for way in benchmark.ways(RECIPE) if way.patch * RECIPE.task.scale > bsd_px] == []


def test_the_losses_are_what_they_are_called():
    clean = torch.zeros(1, 3, 8, 8)
    assert float(benchmark.charbonnier(clean, clean)) == pytest.approx(1e-3)
    assert float(benchmark.charbonnier(clean + 0.5, clean)) == pytest.approx(0.5, abs=1e-5)
    # An even difference of 0.5 is one of the 8x5 coefficients, 0.5 * 64 / 8.
    assert float(benchmark.with_frequencies(clean + 0.5, clean)) == pytest.approx(0.5 + 0.05 * 4 / 40)


def test_each_has_as_many_iterations_as_its_time_allows(tmp_path, monkeypatch):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)).save(tmp_path / "1.png")
    sampler = PatchSampler(RECIPE.task, [(read_dataset(f"photos:{tmp_path}"), 1.0)], 0, 8)
    way = replace(benchmark.ways(RECIPE)[0], batch=1, patch=8)
    pair = Pair("1", np.full((8, 8, 3), 90, np.uint8), np.full((32, 32, 3), 100, np.uint8), is_gray=False)
    counted = []

    def short_training(trainer, batches, schedule):
        counted.append(schedule.iterations)
        ablations.short_training(trainer, batches, schedule)
        return 0.5 * schedule.iterations

    # The precision of a process's first accelerator holds for all of them, and tests share their processes.
    monkeypatch.setattr(benchmark, "Accelerator", lambda mixed_precision, cpu: Accelerator(cpu=cpu))
    monkeypatch.setattr(benchmark, "short_training", short_training)
    iterations, psnr = benchmark.train(RECIPE, way, sampler, [pair], 1.5)
    assert (iterations, counted[-1]) == (3, 3)
    assert 5 < psnr < 60
