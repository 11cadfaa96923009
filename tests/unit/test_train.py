"""Training: it learns, it resumes exactly, it stops at the first sign of trouble."""

import csv
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from PIL import Image

from din_model import network, train
from din_model.checkpoint import load_weights
from din_model.network import DIN, DINConfig
from din_model.train import Schedule, Trainer, main

ROOT = Path(__file__).parents[2]
TINY = DINConfig(channels=8, growth=4, branches=2, wrdbs=2, rdbs=1, convs=3, tail="single", scale=2)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(skimage.data.astronaut()[:160, :200]).save(folder / "astronaut.png")
    return folder


@pytest.fixture(autouse=True)
def fresh_process():
    """accelerate keeps its precision for the whole process; other tests may have chosen another."""
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(autouse=True)
def tiny_preset(monkeypatch):
    monkeypatch.setitem(network.PRESETS, "din_t", TINY)


def arguments(photos, out, *more):
    common = ["--task", "sr_x2", "--preset", "din_t", "--data", photos, "--validate", photos, "--out", out]
    return [str(a) for a in (*common, "--batch", 2, "--rate", 2e-3, "--validate-every", 10, "--fp32", *more)]


def test_training_beats_its_start(photos, tmp_path):
    assert main(arguments(photos, tmp_path / "out", "--iterations", 60, "--ema-decay", 0.9)) == 0
    with (tmp_path / "out/curve.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(r["iteration"]) for r in rows] == [10, 20, 30, 40, 50, 60]
    assert float(rows[-1]["validation_psnr"]) > float(rows[0]["validation_psnr"]) + 0.1
    best = load_weights(tmp_path / "out/best.safetensors")
    assert best.task == "sr_x2"
    assert float(best.card["validation_psnr"]) == pytest.approx(
        max(float(r["validation_psnr"]) for r in rows), abs=1e-3
    )


def test_resumed_is_never_killed(photos, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert main(arguments(photos, whole, "--iterations", 20)) == 0
    # A killed run has saved its tenth iteration; the learning rate depends on the iteration, not on the run.
    assert main(arguments(photos, parts, "--iterations", 10)) == 0
    assert main(arguments(photos, parts, "--iterations", 20, "--resume")) == 0
    a, b = (torch.load(out / "last.pt", weights_only=True) for out in (whole, parts))
    assert a["iteration"] == b["iteration"] == 20
    for state in ("model", "average"):
        assert all(torch.equal(a[state][name], b[state][name]) for name in a[state])
    a, b = (load_weights(out / "best.safetensors").model.state_dict() for out in (whole, parts))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_the_curve_is_drawn(photos, tmp_path):
    assert main(arguments(photos, tmp_path / "out", "--iterations", 20)) == 0
    with Image.open(tmp_path / "out/curve.png") as curve:
        assert len(set(np.asarray(curve.convert("RGB")).reshape(-1, 3)[:, 2])) > 50  # lines and their smoothed edges


def test_two_processes_train_as_one_with_the_doubled_batch(photos, tmp_path):
    def train_in(processes, batch):
        out = tmp_path / f"{processes}"
        options = arguments(photos, out, "--iterations", 6, "--validate-every", 6, "--cpu")
        options[options.index("--batch") + 1] = str(batch)
        launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        # The preset is made tiny in the child too: both runs start from this file's network.
        code = f"""
            import sys
            from din_model import network, train
            from tests.unit.test_train import TINY
            network.PRESETS["din_t"] = TINY
            sys.exit(train.main({options!r}))
        """
        script = tmp_path / "script.py"
        script.write_text(textwrap.dedent(code))
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, *launch, str(script)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("validation") == 2, done.stdout  # the head line and one report: one process speaks
        return torch.load(out / "last.pt", weights_only=True)

    one, two = train_in(1, 4), train_in(2, 2)
    for state in ("model", "average"):
        for name, tensor in one[state].items():
            torch.testing.assert_close(two[state][name], tensor, rtol=1e-4, atol=1e-6)


def test_workers_prepare_the_same_batches(photos, tmp_path):
    assert main(arguments(photos, tmp_path / "own", "--iterations", 4)) == 0
    assert main(arguments(photos, tmp_path / "workers", "--iterations", 4, "--workers", 1)) == 0
    a, b = (torch.load(tmp_path / out / "last.pt", weights_only=True)["model"] for out in ("own", "workers"))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_first_run_may_ask_to_resume(photos, tmp_path):
    assert main(arguments(photos, tmp_path / "out", "--iterations", 10, "--resume")) == 0
    assert main(arguments(photos, tmp_path / "out", "--iterations", 20, "--resume")) == 0
    assert len((tmp_path / "out/curve.csv").read_text().splitlines()) == 3


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_state(photos, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    assert main(arguments(photos, out, "--iterations", 10)) == 0
    kept = (out / "last.pt").read_bytes()
    real_batches = train.Batches

    class Poisoned(real_batches):
        def __getitem__(self, iteration):
            lq, hq = super().__getitem__(iteration)
            return (lq * float("nan") if iteration == 13 else lq), hq

    monkeypatch.setattr(train, "Batches", Poisoned)
    assert main(arguments(photos, out, "--iterations", 30, "--resume")) == 1
    assert "the loss is nan at iteration 13; the last good state is in" in capsys.readouterr().err
    assert (out / "last.pt").read_bytes() == kept


def test_warm_start_takes_what_fits(photos, tmp_path):
    assert main(arguments(photos, tmp_path / "x2", "--iterations", 10)) == 0
    model = DIN(TINY.for_task(3, 1))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    train.warm_start(model, tmp_path / "x2/best.safetensors")
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert "branches.0.0.conv.weight" in changed
    assert not any(name.startswith("tail.") for name in changed)  # x3's tail has another shape


def test_missing_data_is_one_sentence(tmp_path, capsys):
    assert main(arguments(tmp_path / "nowhere", tmp_path / "out", "--iterations", 1)) == 2
    assert capsys.readouterr().err.startswith("error: there is no folder")


def test_schedules():
    halving = Schedule("halving", 1e-4, 1000, halve_every=200)
    assert [halving(i) for i in (0, 199, 200, 400)] == [1e-4, 1e-4, 5e-5, 2.5e-5]
    cosine = Schedule("cosine", 1e-3, 100, halve_every=1)
    assert cosine(0) == pytest.approx(1e-3)
    assert cosine(50) == pytest.approx(1e-3 * 0.505)
    assert cosine(100) == cosine(200) == pytest.approx(1e-5)


def test_the_average_follows_the_weights():
    trainer = Trainer(DIN(TINY), Accelerator(cpu=True), ema_decay=0.9, clip_norm=1.0)
    lq, hq = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 16, 16)
    for _ in range(3):
        trainer.step(lq, hq, 1e-3)
    name = "tail.0.weight"
    average, current = trainer.average.state_dict()[name], trainer.model.state_dict()[name]
    assert 0 < float((average - current).abs().max()) < float(current.abs().max())
