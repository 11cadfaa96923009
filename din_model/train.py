"""Trains DIN: ``python -m din_model.train --task T --preset P --data DIR ... --out DIR [--resume]``.

Writes to the output folder: ``last.pt`` (everything, for ``--resume``), ``best.safetensors`` (the averaged weights
that scored best on the validation photos) and ``curve.csv``.
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
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from din_model.checkpoint import CheckpointError, load_weights, save_weights
from din_model.data import Pair, PatchSampler, evaluation_pairs
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
        device: where it runs.
        mixed_precision: bfloat16 for the network's body; the global residual and the loss stay float32.
        ema_decay: of the averaged copy that is validated and kept.
        clip_norm: largest norm of a gradient.
    """

    def __init__(
        self, model: DIN, device: torch.device, mixed_precision: bool, ema_decay: float, clip_norm: float
    ) -> None:
        self.model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.model).requires_grad_(False).eval()
        self.optimiser = torch.optim.Adam(self.model.parameters(), betas=(0.9, 0.99), eps=1e-8)
        self.device, self.mixed_precision = device, mixed_precision
        self.ema_decay, self.clip_norm = ema_decay, clip_norm
        self.iteration = 0

    def restore(self, model: DIN, x: Tensor) -> Tensor:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.mixed_precision):
            residual = model.residual(x)
        return residual.float() + model.skip(x)

    def step(self, lq: Tensor, hq: Tensor, rate: float) -> float:
        """One iteration on a batch; returns its L1 loss (Eq. 20).

        Raises:
            FloatingPointError: the loss is not finite; nothing was changed.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        loss = F.l1_loss(self.restore(self.model, lq.to(self.device)), hq.to(self.device))
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss.item()} at iteration {self.iteration}")
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
        self.optimiser.step()
        self.iteration += 1
        # The average follows fast at first, or it would keep the initial weights for thousands of iterations.
        decay = min(self.ema_decay, (1 + self.iteration) / (10 + self.iteration))
        with torch.no_grad():
            averaged, current = list(self.average.parameters()), list(self.model.parameters())
            torch._foreach_lerp_(averaged, current, 1 - decay)
        return loss.item()

    def validate(self, task: Task, pairs: list[Pair]) -> float:
        """Mean PSNR of the averaged network, in dB."""
        scores = score_pairs(task, pairs, lambda x: self.restore(self.average, x.to(self.device)).cpu())
        return fmean(s.psnr for s in scores)

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
    parser = argparse.ArgumentParser(prog="python -m din_model.train", description=__doc__)
    parser.add_argument("--task", required=True, choices=TASKS)
    parser.add_argument("--preset", required=True, choices=PRESETS)
    parser.add_argument("--data", required=True, type=Path, nargs="+", help="folders of clean photos")
    parser.add_argument("--validate", type=Path, help="folder of clean photos that are not trained on")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--resume", action="store_true", help="go on from the output folder's last.pt")
    parser.add_argument("--warm-start", type=Path, help="weights file to start from; what fits is taken")
    parser.add_argument("--iterations", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=1e-4, help="learning rate")
    parser.add_argument("--schedule", choices=("halving", "cosine"), default="halving")
    parser.add_argument("--halve-every", type=int, default=200_000, help="iterations")
    parser.add_argument("--validate-every", type=int, default=1000, help="iterations; also saves")
    parser.add_argument("--ema-decay", type=float, default=0.999)
    parser.add_argument("--clip-norm", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--fp32", action="store_true", help="no bfloat16 in the network's body")
    return parser.parse_args(arguments)


def build_trainer(args: argparse.Namespace, task: Task) -> Trainer:
    """A trainer at its first iteration, or where ``--resume`` left off."""
    torch.manual_seed(args.seed)
    model = DIN(PRESETS[args.preset].for_task(task.scale, task.stride))
    if args.warm_start is not None:
        warm_start(model, args.warm_start)
    trainer = Trainer(model, torch.device(args.device), not args.fp32, args.ema_decay, args.clip_norm)
    last = args.out / "last.pt"
    if args.resume and last.is_file():
        trainer.load_state(torch.load(last, map_location=args.device, weights_only=True))
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
    sampler = PatchSampler(task, args.data, args.batch, args.seed)
    pairs = list(evaluation_pairs(task, args.validate, None)) if args.validate is not None else []
    schedule = Schedule(args.schedule, args.rate, args.iterations, args.halve_every)
    args.out.mkdir(parents=True, exist_ok=True)
    curve = args.out / "curve.csv"
    best = best_so_far(curve) if args.resume else -math.inf
    if not (args.resume and curve.is_file()):
        curve.write_text("iteration,seconds,rate,loss,validation_psnr\n")
    print(f"{len(sampler)} photos, {len(pairs)} for validation, from iteration {trainer.iteration}", flush=True)

    losses: list[float] = []
    started, first = time.monotonic(), trainer.iteration
    while trainer.iteration < args.iterations:
        rate = schedule(trainer.iteration)
        losses.append(trainer.step(*sampler(trainer.iteration), rate))
        if trainer.iteration % args.validate_every and trainer.iteration < args.iterations:
            continue
        score = trainer.validate(task, pairs) if pairs else math.nan
        elapsed_s = time.monotonic() - started
        left_s = elapsed_s / (trainer.iteration - first) * (args.iterations - trainer.iteration)
        with curve.open("a", newline="") as file:
            csv.writer(file).writerow(
                [trainer.iteration, f"{elapsed_s:.0f}", f"{rate:.3g}", f"{fmean(losses):.6f}", f"{score:.4f}"]
            )
        print(
            f"iteration {trainer.iteration}/{args.iterations}  loss {fmean(losses):.5f}  "
            f"validation {score:.3f} dB  {left_s / 60:.0f} min left",
            flush=True,
        )
        losses = []
        save_state(args.out / "last.pt", trainer.state())
        if not score <= best:  # also without validation photos, where the score is not a number
            best = score
            card = {"iterations": str(trainer.iteration), "validation_psnr": f"{score:.3f}"}
            weights = trainer.average.state_dict()
            save_weights(args.out / "best.safetensors", weights, trainer.model.config, task.name, args.preset, card)


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
