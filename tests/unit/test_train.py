"""Training: it learns, it resumes exactly, it keeps to its time, it stops at the first sign of trouble."""

import csv
import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
import skimage.data
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from PIL import Image

from din_model import config, train
from din_model.checkpoint import load_weights
from din_model.data import Batches
from din_model.network import DIN
from din_model.tasks import TASKS, Family, Task
from din_model.train import Schedule, Stop, Trainer, claimed, main
from din_model.warm_start import warm_start
from imaging.degradations import Degradation
from tests.support.tiny import TINY

ROOT = Path(__file__).parents[2]
RECIPES = """
[data.photos]
where = "photos"
about = "one photo"
licence = "free"

[common]
data = {{ photos = 1 }}
validate = ["photos"]
batch = {batch}
patch = 48
rate = 2e-3
ema_decay = 0.9

[network.sr_x2-din_t]
iterations = {iterations}

[network.sr_x3-din_t]
start = "sr_x2-din_t"
iterations = {iterations}
"""
RUN = "sr_x2-din_t"


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(skimage.data.astronaut()[:160, :200]).save(folder / "astronaut.png")
    (tmp_path / "sets.toml").write_text('[sr_x2]\nPhotos = { data = "photos" }\n[sr_x3]\nPhotos = { data = "photos" }')
    return tmp_path


@pytest.fixture(autouse=True)
def fresh_process(monkeypatch):
    """accelerate keeps its precision, and signals their handlers, for the whole process."""
    AcceleratorState._reset_state(reset_partial_state=True)
    monkeypatch.setattr("signal.signal", lambda *_: None)


@pytest.fixture(autouse=True)
def tiny_preset(monkeypatch):
    monkeypatch.setitem(config.PRESETS, "din_t", TINY)


@pytest.fixture(autouse=True)
def shipped(monkeypatch):
    """Return what training ships, as (network, weights)."""
    calls = []
    monkeypatch.setattr(train, "ship", lambda recipe, weights, sets: calls.append((recipe.name, weights)))
    return calls


def arguments(data, runs, iterations, *more, batch=2):
    (data / "recipes.toml").write_text(RECIPES.format(iterations=iterations, batch=batch))
    common = ["--root", data, "--runs", runs, "--recipes", data / "recipes.toml", "--sets", data / "sets.toml"]
    return [str(a) for a in (*common, "--log", runs / "log.csv", "--validate-every", 10, "--fp32", *more)]


def log(runs):
    with (runs / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def last(runs, name=RUN):
    return torch.load(runs / name / "last.pt", weights_only=True)


def test_training_beats_its_start_and_is_shipped(data, shipped):
    runs = data / "runs"
    assert main(arguments(data, runs, 60, RUN)) == 0
    rows = log(runs)
    assert [int(r["iteration"]) for r in rows] == [10, 20, 30, 40, 50, 60]
    assert float(rows[-1]["validation_psnr"]) > float(rows[0]["validation_psnr"]) + 0.1
    assert 0 < float(rows[0]["seconds"]) <= float(rows[-1]["seconds"])
    best = load_weights(runs / RUN / "best.safetensors")
    assert best.task == "sr_x2"
    assert float(best.card["validation_psnr"]) == pytest.approx(
        max(float(r["validation_psnr"]) for r in rows), abs=1e-3
    )
    assert shipped == [(RUN, runs / RUN / "best.safetensors")]


def test_a_new_task_is_trained_by_a_recipe_of_its_own(data, shipped, monkeypatch, capsys):
    negative = Degradation("negative", lambda hq, scale, rng: ~hq, is_random=False)
    monkeypatch.setitem(
        TASKS,
        "negative",
        Task("negative", "Develop a negative", Family("negative", "Develop"), "Film", "For negatives.", negative),
    )
    monkeypatch.setitem(config.PRESETS, "din_t", replace(TINY, scale=1))
    runs = data / "runs"
    options = arguments(data, runs, 20, "negative-din_t")
    recipes = data / "recipes.toml"
    recipes.write_text(recipes.read_text().partition("[network")[0] + "[network.negative-din_t]\niterations = 20\n")
    assert main(options) == 0
    assert load_weights(runs / "negative-din_t" / "best.safetensors").task == "negative"
    assert shipped == []
    assert "negative-din_t: not shipped, no set of" in capsys.readouterr().out


@pytest.mark.parametrize(("optimiser", "trained_share"), [("adam", 1.0), ("muon", 1.0), ("muon", 0.5)])
def test_resumed_is_never_stopped(data, optimiser, trained_share, monkeypatch):
    whole, parts = data / "whole", data / "parts"
    options = arguments(data, whole, 40, RUN)
    recipes = (data / "recipes.toml").read_text()
    values = f'optimiser = "{optimiser}"\ntrained_share = {trained_share}'
    (data / "recipes.toml").write_text(recipes.replace("patch = 48", f"patch = 48\n{values}"))
    assert main(options) == 0
    steps = Trainer.step
    within = Stop.within

    def stops_after_ten(self, seconds):
        return lambda: self.requested or counted[0] >= 10 or within(self, seconds)()

    counted = [0]

    def counting(self, *batch):
        counted[0] += 1
        return steps(self, *batch)

    monkeypatch.setattr(Trainer, "step", counting)
    monkeypatch.setattr(Stop, "within", stops_after_ten)
    resumed = [o.replace(str(whole), str(parts)) for o in options]
    for _ in range(4):
        counted[0] = 0
        assert main(resumed) == 0
    a, b = last(whole), last(parts)
    assert a["iteration"] == b["iteration"] == 40
    assert b["spent"]["seconds"] > 0
    for state in ("model", "average"):
        assert all(torch.equal(a[state][name], b[state][name]) for name in a[state])
    a, b = (load_weights(out / RUN / "best.safetensors").model.state_dict() for out in (whole, parts))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_all_networks_share_the_time_and_start_from_each_other(data, capsys):
    runs = data / "runs"
    assert main(arguments(data, runs, 10)) == 0
    assert capsys.readouterr().out.count("held out") == 2
    assert main([*arguments(data, runs, 20), "--left"]) == 0
    assert capsys.readouterr().out.split() == [*f"{RUN} 10 of 20 iterations sr_x3-din_t 10 of 20 iterations".split()]
    assert main([*arguments(data, runs, 20), "--hours", "0"]) == 0
    assert {last(runs, name)["iteration"] for name in (RUN, "sr_x3-din_t")} == {11}


def test_two_commands_take_different_networks(data):
    runs = data / "runs"
    assert main(arguments(data, runs, 10, RUN)) == 0  # which the other one starts from
    with claimed(runs, RUN) as ours:
        assert ours
        assert main(arguments(data, runs, 20)) == 0
    assert last(runs, RUN)["iteration"] == 10
    assert last(runs, "sr_x3-din_t")["iteration"] == 20


def test_two_processes_train_as_one_with_the_doubled_batch(data):
    def train_in(processes, batch):
        runs = data / f"{processes}"
        options = arguments(data, runs, 6, RUN, "--cpu", batch=batch)
        launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        # The preset is made tiny in the child too: both runs start from this file's network.
        code = f"""
            import sys
            from din_model import config, train
            from tests.support.tiny import TINY
            config.PRESETS["din_t"] = TINY
            train.ship = print
            sys.exit(train.main({options!r}))
        """
        script = data / "script.py"
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
        assert done.stdout.count("validation") == 1, done.stdout  # one process speaks
        return last(runs)

    one, two = train_in(1, 4), train_in(2, 2)
    for state in ("model", "average"):
        for name, tensor in one[state].items():
            torch.testing.assert_close(two[state][name], tensor, rtol=1e-3, atol=1e-5)


def test_workers_prepare_the_same_batches(data):
    own, workers = data / "own", data / "workers"
    assert main(arguments(data, own, 4, RUN)) == 0
    assert main(arguments(data, workers, 4, RUN, "--workers", 1)) == 0
    a, b = last(own)["model"], last(workers)["model"]
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_state(data, monkeypatch, capsys):
    runs = data / "runs"
    assert main(arguments(data, runs, 10, RUN)) == 0
    kept = (runs / RUN / "last.pt").read_bytes()

    class Poisoned(Batches):
        def __getitem__(self, iteration):
            lq, hq = super().__getitem__(iteration)
            return (lq * float("nan") if iteration == 13 else lq), hq

    monkeypatch.setattr(train, "Batches", Poisoned)
    assert main(arguments(data, runs, 30, RUN)) == 1
    assert "the loss is nan at iteration 13; the last good state is in" in capsys.readouterr().err
    assert (runs / RUN / "last.pt").read_bytes() == kept


def test_warm_start_takes_what_fits(data):
    runs = data / "runs"
    assert main(arguments(data, runs, 10, RUN)) == 0
    model = DIN(TINY.for_task(3, 1))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    warm_start(model, runs / RUN / "best.safetensors")
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert "branches.0.0.conv.weight" in changed
    assert not any(name.startswith("tail.") for name in changed)  # x3's tail has another shape


def test_mistakes_are_one_sentence(data, capsys):
    options = arguments(data, data / "runs", 10)
    assert main([*options, "sr_x9-din_t"]) == 2
    assert "has no sr_x9-din_t; it has sr_x2-din_t, sr_x3-din_t" in capsys.readouterr().err
    assert main([*options, "--root", str(data / "nowhere")]) == 2
    assert capsys.readouterr().err.startswith("error: there is no folder")


def test_schedules():
    halving = Schedule("halving", 1e-4, 1_000_000)
    assert [halving(i) for i in (0, 199_999, 200_000, 400_000)] == [1e-4, 1e-4, 5e-5, 2.5e-5]
    trapezoid = Schedule("trapezoid", 1e-3, 10_000)
    assert trapezoid(0) == pytest.approx(1e-3 / 500)
    assert trapezoid(499) == trapezoid(5000) == trapezoid(7500) == 1e-3
    assert trapezoid(8750) == pytest.approx(5e-4)
    assert trapezoid(10_000) == 0
    early = Schedule("trapezoid", 1e-3, 10_000, cool_down=0.75)
    assert early(2500) == 1e-3
    assert early(6250) == pytest.approx(5e-4)
    with pytest.raises(ValueError, match="share of the iterations above 0 and at most 1, not 0"):
        Schedule("trapezoid", 1e-3, 100, cool_down=0)
    with pytest.raises(ValueError, match="halving or trapezoid, not 'cosine'"):
        Schedule("cosine", 1e-3, 100)


def test_the_average_follows_the_weights():
    trainer = Trainer(DIN(TINY), Accelerator(cpu=True), "muon", ema_decay=0.9)
    lq, hq = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 16, 16)
    for _ in range(3):
        trainer.step(lq, hq, 1e-3)
    name = "tail.0.weight"
    average, current = trainer.average.state_dict()[name], trainer.model.state_dict()[name]
    assert 0 < float((average - current).abs().max()) < float(current.abs().max())


def test_what_is_kept_lies_between_what_it_began_as_and_what_was_learnt():
    model = DIN(TINY)
    begun = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    trainer = Trainer(model, Accelerator(cpu=True), "muon", ema_decay=0.9, trained_share=0.25)
    lq, hq = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 16, 16)
    for _ in range(3):
        trainer.step(lq, hq, 1e-3)
    learnt = trainer.average.state_dict()
    for name, tensor in trainer.kept().state_dict().items():
        torch.testing.assert_close(tensor, 0.75 * begun[name] + 0.25 * learnt[name])
    assert any(not torch.equal(learnt[name], begun[name]) for name in begun)


@pytest.mark.parametrize("share", [0, 1.5])
def test_the_trained_share_is_a_share(share):
    with pytest.raises(ValueError, match=f"the trained share is above 0 and at most 1, not {share}"):
        Trainer(DIN(TINY), Accelerator(cpu=True), "muon", ema_decay=0.9, trained_share=share)
