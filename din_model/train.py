"""Trains DIN: ``python -m din_model.train --task T --preset P --data DATASET ... --out DIR [--resume]``.

A data set is a folder of clean photos, degraded on the fly, or ``LAYOUT:FOLDER`` (:mod:`din_model.datasets`). Several
GPUs or machines: ``torchrun --nproc-per-node N -m din_model.train ...``; ``--batch`` is for each process.

Writes to the output folder: ``last.pt`` (everything, for ``--resume``), ``best.safetensors`` (the averaged weights
that scored best on the validation photos), ``curve.csv`` and its picture ``curve.png``.
"""

from __future__ import annotations

import argparse
import copy
import csv
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, cast

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader

from din_model.checkpoint import CheckpointError, load_weights, save_weights
from din_model.data import Batches, Pair, PatchSampler, dataset_pairs
from din_model.evaluate import score_pairs
from din_model.network import DIN, PRESETS
from din_model.tasks import TASKS, Task, find_task


@dataclass(frozen=True)
class Schedule:
    """The learning rate over the iterations.

    Attributes:
        kind: ``halving``: halved every ``halve_every`` iterations (the paper's); ``cosine``: down to 1% at the end.
        rate: the first learning rate.
        iterations: of the whole training.
        halve_every: iterations.
    """

    kind: str
    rate: float
    iterations: int
    halve_every: int

    def __call__(self, iteration: int) -> float:
        if self.kind == "halving":
            return self.rate * 0.5 ** (iteration // self.halve_every)
        progress = min(1.0, iteration / self.iterations)
        return self.rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))


class Trainer:
    """The state of one training: network, averaged copy, optimiser, iteration.

    Args:
        model: the network to train.
        accelerator: decides device, precision and the other processes.
        ema_decay: of the averaged copy that is validated and kept.
        clip_norm: largest norm of a gradient.
    """

    def __init__(self, model: DIN, accelerator: Accelerator, ema_decay: float, clip_norm: float) -> None:
        self.accelerator = accelerator
        self.model = model.to(accelerator.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.model).requires_grad_(False).eval()
        optimiser = torch.optim.Adam(self.model.parameters(), betas=(0.9, 0.99), eps=1e-8)
        # The prepared network shares its parameters with self.model and adds precision and the other processes.
        self.prepared, self.optimiser = accelerator.prepare(self.model, optimiser)
        self.ema_decay, self.clip_norm = ema_decay, clip_norm
        self.iteration = 0

    def step(self, lq: Tensor, hq: Tensor, rate: float) -> float:
        """One iteration on this process's part of a batch; returns the L1 loss (Eq. 20) of the whole one.

        Raises:
            FloatingPointError: the loss is not finite; nothing was changed.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        device = self.accelerator.device
        loss = F.l1_loss(self.prepared(lq.to(device)), hq.to(device))
        mean_loss = float(cast(Tensor, self.accelerator.reduce(loss.detach(), "mean")))
        if not math.isfinite(mean_loss):
            raise FloatingPointError(f"the loss is {mean_loss} at iteration {self.iteration}")
        self.optimiser.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.prepared.parameters(), self.clip_norm)
        self.optimiser.step()
        self.iteration += 1
        # The average follows fast at first, or it would keep the initial weights for thousands of iterations.
        decay = min(self.ema_decay, (1 + self.iteration) / (10 + self.iteration))
        with torch.no_grad():
            averaged, current = list(self.average.parameters()), list(self.model.parameters())
            torch._foreach_lerp_(averaged, current, 1 - decay)
        return mean_loss

    def validate(self, task: Task, pairs: list[Pair]) -> float:
        """Mean PSNR of the averaged network, in dB."""

        def restore(x: Tensor) -> Tensor:
            with self.accelerator.autocast():
                restored: Tensor = self.average(x.to(self.accelerator.device))
            return restored.float().cpu()

        return fmean(s.psnr for s in score_pairs(task, pairs, restore))

    def state(self) -> dict[str, Any]:
        return {
            "iteration": self.iteration,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.iteration = state["iteration"]
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m din_model.train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--task", required=True, choices=TASKS)
    parser.add_argument("--preset", required=True, choices=PRESETS)
    parser.add_argument("--data", required=True, nargs="+", metavar="DATASET", help="FOLDER or LAYOUT:FOLDER")
    parser.add_argument("--validate", nargs="+", default=[], metavar="DATASET", help="photos that are not trained on")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--resume", action="store_true", help="go on from the output folder's last.pt")
    parser.add_argument("--warm-start", type=Path, help="weights file to start from; what fits is taken")
    parser.add_argument("--iterations", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=8, help="patches a batch, in each process")
    parser.add_argument("--patch", type=int, help="LQ pixels of a square patch; default: the task's (section 5.2)")
    parser.add_argument("--rate", type=float, default=1e-4, help="learning rate")
    parser.add_argument("--schedule", choices=("halving", "cosine"), default="halving")
    parser.add_argument("--halve-every", type=int, default=200_000, help="iterations")
    parser.add_argument("--validate-every", type=int, default=1000, help="iterations; also saves")
    parser.add_argument("--ema-decay", type=float, default=0.999)
    parser.add_argument("--clip-norm", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=0, help="processes that prepare batches; 0: the training's own")
    parser.add_argument("--cpu", action="store_true", help="even where there is a GPU")
    parser.add_argument("--fp32", action="store_true", help="no bfloat16")
    return parser.parse_args(arguments)


def build_trainer(args: argparse.Namespace, task: Task) -> Trainer:
    """A trainer at its first iteration, or where ``--resume`` left off."""
    torch.manual_seed(args.seed)
    model = DIN(PRESETS[args.preset].for_task(task.scale, task.stride))
    if args.warm_start is not None:
        warm_start(model, args.warm_start)
    accelerator = Accelerator(mixed_precision="no" if args.fp32 else "bf16", cpu=args.cpu)
    trainer = Trainer(model, accelerator, args.ema_decay, args.clip_norm)
    last = args.out / "last.pt"
    if args.resume and last.is_file():
        trainer.load_state(torch.load(last, map_location=accelerator.device, weights_only=True))
    return trainer


def warm_start(model: DIN, path: Path) -> None:
    """Takes from another task's weights every tensor whose name and shape fit."""
    given = load_weights(path).model.state_dict()
    own = model.state_dict()
    own.update({name: tensor for name, tensor in given.items() if name in own and own[name].shape == tensor.shape})
    model.load_state_dict(own)


def run(args: argparse.Namespace) -> None:
    """Trains to the last iteration, saving and validating on the way."""
    task = find_task(args.task)
    trainer = build_trainer(args, task)
    sampler = PatchSampler(task, args.data, args.seed, args.patch)
    is_main = trainer.accelerator.is_main_process
    pairs = list(dataset_pairs(task, args.validate)) if is_main else []
    schedule = Schedule(args.schedule, args.rate, args.iterations, args.halve_every)
    batches: DataLoader[tuple[Tensor, Tensor]] = DataLoader(
        Batches(sampler, args.batch, trainer.accelerator.process_index),
        batch_size=None,  # the data set's items are batches
        sampler=range(trainer.iteration, args.iterations),
        num_workers=args.workers,
    )
    report = Report(args, trainer, task, pairs) if is_main else None
    if report is not None:
        print(f"{len(sampler)} photos, {len(pairs)} for validation, from iteration {trainer.iteration}", flush=True)

    losses: list[float] = []
    for lq, hq in batches:
        losses.append(trainer.step(lq, hq, schedule(trainer.iteration)))
        if trainer.iteration % args.validate_every == 0 or trainer.iteration == args.iterations:
            if report is not None:
                report(fmean(losses), schedule(trainer.iteration - 1))
            losses = []
    trainer.accelerator.end_training()


class Report:
    """What the main process leaves behind at every validation: a line, the curve, the state, the best weights.

    Args:
        args: of the command.
        trainer: is validated and saved.
        task: what is trained.
        pairs: to validate on; without any the last weights count as the best.
    """

    def __init__(self, args: argparse.Namespace, trainer: Trainer, task: Task, pairs: list[Pair]) -> None:
        self.args, self.trainer, self.task, self.pairs = args, trainer, task, pairs
        self.started, self.first = time.monotonic(), trainer.iteration
        args.out.mkdir(parents=True, exist_ok=True)
        self.curve = args.out / "curve.csv"
        self.best = best_so_far(self.curve) if args.resume else -math.inf
        if not (args.resume and self.curve.is_file()):
            self.curve.write_text("iteration,seconds,rate,loss,validation_psnr\n")

    def __call__(self, loss: float, rate: float) -> None:
        trainer, args = self.trainer, self.args
        score = trainer.validate(self.task, self.pairs) if self.pairs else math.nan
        elapsed_s = time.monotonic() - self.started
        left_s = elapsed_s / (trainer.iteration - self.first) * (args.iterations - trainer.iteration)
        with self.curve.open("a", newline="") as file:
            csv.writer(file).writerow(
                [trainer.iteration, f"{elapsed_s:.0f}", f"{rate:.3g}", f"{loss:.6f}", f"{score:.4f}"]
            )
        draw_curve(self.curve)
        print(
            f"iteration {trainer.iteration}/{args.iterations}  loss {loss:.5f}  "
            f"validation {score:.3f} dB  {left_s / 60:.0f} min left",
            flush=True,
        )
        save_state(args.out / "last.pt", trainer.state())
        if not score <= self.best:  # also without validation photos, where the score is not a number
            self.best = score
            card = {"iterations": str(trainer.iteration), "validation_psnr": f"{score:.3f}"}
            weights, config = trainer.average.state_dict(), trainer.model.config
            save_weights(args.out / "best.safetensors", weights, config, self.task.name, args.preset, card)


def draw_curve(path: Path) -> None:
    """Draws ``curve.csv`` as ``curve.png`` beside it: the loss and the validation score over the iterations."""
    from matplotlib.figure import Figure  # slow to import, and of no use to the other processes

    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    iterations = [int(row["iteration"]) for row in rows]
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    left = figure.subplots()
    right = left.twinx()
    left.plot(iterations, [float(row["loss"]) for row in rows], color="tab:gray")
    right.plot(iterations, [float(row["validation_psnr"]) for row in rows], color="tab:blue", marker=".")
    left.set(xlabel="iteration", ylabel="training loss (L1)")
    right.set_ylabel("validation PSNR (dB)", color="tab:blue")
    figure.savefig(path.with_suffix(".png"), dpi=120)


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Writes aside and renames, so that a kill while writing leaves the previous state."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def best_so_far(curve: Path) -> float:
    """The best validation score that an earlier run wrote down."""
    if not curve.is_file():
        return -math.inf
    with curve.open(newline="") as file:
        scores = [float(row["validation_psnr"]) for row in csv.DictReader(file)]
    return max((s for s in scores if not math.isnan(s)), default=-math.inf)


def main(arguments: list[str] | None = None) -> int:
    args = parse_arguments(arguments)
    try:
        run(args)
    except (FileNotFoundError, CheckpointError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except FloatingPointError as error:
        print(f"error: {error}; the last good state is in {args.out}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
