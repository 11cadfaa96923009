"""Train the networks of the recipes: din train [NETWORK ...] --root DATA --hours H.

Without names every network that is not finished gets an equal part of the time. A stopped training resumes where it was
saved; several commands may run at once and take different networks. Several GPUs or machines:
torchrun --nproc-per-node N -m din_model.train ...; a recipe's batch is for each process.

Writes for every network to RUNS/NETWORK: last.pt (everything, to go on from) and best.safetensors (the weights that
scored best on what is held out), and a line for every validation to the log. When a network's time is over it is
scored and shipped if it beats what is shipped (din ship).
"""

from __future__ import annotations

import argparse
import copy
import csv
import fcntl
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any, cast

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader

from din_model.checkpoint import CheckpointError, save_weights
from din_model.config import PRESETS
from din_model.data import Batches, Pair, PatchSampler
from din_model.evaluate import score_pairs
from din_model.files import replacing
from din_model.loss import Loss, l1
from din_model.network import DIN
from din_model.optimiser import Optimiser
from din_model.recipes import RECIPES, Recipe, read_recipes
from din_model.results import SETS, read_sets
from din_model.ship import ship
from din_model.tasks import Task
from din_model.warm_start import find_start, warm_start

LOG = Path("docs/training-log.csv")
LOG_COLUMNS = ("network", "when", "iteration", "seconds", "core_seconds", "rate", "loss", "validation_psnr")
SAVE_EVERY_S = 240
CLIP_NORM = 0.5  # largest norm of a gradient


@dataclass(frozen=True)
class Schedule:
    """The learning rate over the iterations.

    Attributes:
        kind: ``halving``: halved every 200,000 iterations; ``trapezoid``: a warm-up, level, and down to
            nothing over the cool-down, so that a training can be prolonged as long as it is level.
        rate: the highest learning rate.
        iterations: of the whole training.
        cool_down: share of the iterations.
    """

    kind: str
    rate: float
    iterations: int
    cool_down: float = 0.25

    WARM_UP = 500  # iterations, or a tenth of them all
    HALVE_EVERY = 200_000  # iterations

    def __post_init__(self) -> None:
        if self.kind not in ("halving", "trapezoid"):
            raise ValueError(f"the schedule is halving or trapezoid, not {self.kind!r}")
        if not 0 < self.cool_down <= 1:
            raise ValueError(f"the cool-down is a share of the iterations above 0 and at most 1, not {self.cool_down}")

    def __call__(self, iteration: int) -> float:
        """Return the learning rate of an iteration."""
        if self.kind == "halving":
            return self.rate * 0.5 ** (iteration // self.HALVE_EVERY)
        rising = (iteration + 1) / min(self.WARM_UP, 0.1 * self.iterations)
        falling = (self.iterations - iteration) / (self.cool_down * self.iterations)
        return self.rate * max(0.0, min(1.0, rising, falling))


class Trainer:
    """The state of one training: network, averaged copy, optimiser, iteration.

    Args:
        model: the network to train.
        accelerator: decides device, precision and the other processes.
        optimiser: ``adam`` or ``muon``.
        ema_decay: of the averaged copy that is validated and kept.
        loss: of the restored and the clean patches; the paper's is L1 (Eq. 20).
        trained_share: share of the averaged copy in the network that is validated and kept; the rest is the network
            as it began.

    Raises:
        ValueError: the share is not above 0 and at most 1.
    """

    def __init__(
        self,
        model: DIN,
        accelerator: Accelerator,
        optimiser: str,
        ema_decay: float,
        loss: Loss = F.l1_loss,
        trained_share: float = 1.0,
    ) -> None:
        if not 0 < trained_share <= 1:
            raise ValueError(f"the trained share is above 0 and at most 1, not {trained_share}")
        self.accelerator, self.loss, self.trained_share = accelerator, loss, trained_share
        self.model = model.to(accelerator.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.model).requires_grad_(False).eval()
        # Held and saved only where a part of it is kept, for it is as large as the average.
        self.begun = copy.deepcopy(self.average) if trained_share < 1 else self.average
        self.optimiser = Optimiser(self.model, optimiser)
        # The prepared network shares its parameters with self.model and adds precision and the other processes.
        self.prepared = accelerator.prepare(self.model)
        self.ema_decay = ema_decay
        self.iteration = 0

    def step(self, lq: Tensor, hq: Tensor, rate: float) -> float:
        """Train on this process's part of a batch and return the loss of the whole batch.

        Raises:
            FloatingPointError: the loss is not finite; nothing was changed.
        """
        device = self.accelerator.device
        loss = self.loss(self.prepared(lq.to(device)), hq.to(device))
        mean_loss = float(cast(Tensor, self.accelerator.reduce(loss.detach(), "mean")))
        if not math.isfinite(mean_loss):
            raise FloatingPointError(f"the loss is {mean_loss} at iteration {self.iteration}")
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.prepared.parameters(), CLIP_NORM)
        self.optimiser.step(rate)
        self.iteration += 1
        # The average follows fast at first, or it would keep the initial weights for thousands of iterations.
        decay = min(self.ema_decay, (1 + self.iteration) / (10 + self.iteration))
        with torch.no_grad():
            averaged, current = list(self.average.parameters()), list(self.model.parameters())
            torch._foreach_lerp_(averaged, current, 1 - decay)
        return mean_loss

    def kept(self) -> DIN:
        """Return the network that is validated and kept: the averaged one, interpolated with the one it began as."""
        kept: DIN = copy.deepcopy(self.average)
        with torch.no_grad():
            torch._foreach_lerp_(list(kept.parameters()), list(self.begun.parameters()), 1 - self.trained_share)
        return kept

    def validate(self, task: Task, pairs: list[Pair]) -> float:
        """Return the mean PSNR of the network that is kept, in dB."""
        network = self.kept()

        def restore(x: Tensor) -> Tensor:
            with self.accelerator.autocast():
                restored: Tensor = network(x.to(self.accelerator.device))
            return restored.float().cpu()

        return fmean(s.psnr for s in score_pairs(task, pairs, restore))

    def state(self) -> dict[str, Any]:
        """Return everything that a training resumes from."""
        return {
            "iteration": self.iteration,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "begun": self.begun.state_dict() if self.trained_share < 1 else {},
            "optimiser": self.optimiser.state_dict(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state` returned."""
        self.iteration = state["iteration"]
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        if self.trained_share < 1:
            self.begun.load_state_dict(state["begun"])
        self.optimiser.load_state_dict(state["optimiser"])


@dataclass
class Spent:
    """Time that a training has taken so far, and its best score.

    Attributes:
        seconds: by the clock.
        core_seconds: of the processor, all threads together.
        best: validation score, dB.
    """

    seconds: float = 0.0
    core_seconds: float = 0.0
    best: float = -math.inf


class Run:
    """One network's training in its folder.

    Args:
        recipe: of the network.
        root: folder of the data.
        runs: folder of all runs.
        accelerator: as for :class:`Trainer`.
        log: file that gets a line for every validation.

    Raises:
        FileNotFoundError, ValueError: data are missing or broken.
        CheckpointError: the network that it starts from is missing.
    """

    def __init__(self, recipe: Recipe, root: Path, runs: Path, accelerator: Accelerator, log: Path) -> None:
        self.recipe, self.folder, self.log = recipe, runs / recipe.name, log
        self.is_main = accelerator.is_main_process
        self.spent = Spent()
        torch.manual_seed(recipe.seed)
        model = DIN(PRESETS[recipe.preset].for_task(recipe.task.scale, recipe.task.stride))
        last = self.folder / "last.pt"
        if recipe.start and not last.is_file():
            warm_start(model, find_start(recipe.start, runs))
        loss, share = l1(recipe.luma), recipe.trained_share
        self.trainer = Trainer(model, accelerator, recipe.optimiser, recipe.ema_decay, loss, share)
        if last.is_file():
            state = torch.load(last, map_location=accelerator.device, weights_only=True)
            self.trainer.load_state(state)
            self.spent = Spent(**state["spent"])
        self.sampler = PatchSampler(
            recipe.task,
            recipe.mixture(root),
            recipe.seed,
            recipe.patch,
            recipe.camera,
            recipe.donor_pairs(root),
            recipe.keep,
        )
        self.pairs = list(recipe.validation_pairs(root)) if self.is_main else []
        self.clock, self.cores = time.monotonic(), time.process_time()

    def train(self, stop: Callable[[], bool], validate_every: int, workers: int = 0) -> None:
        """Train to the last iteration or until ``stop()`` is true; save regularly and at the end."""
        trainer, recipe = self.trainer, self.recipe
        schedule = Schedule(recipe.schedule, recipe.rate, recipe.iterations, recipe.cool_down)
        batches: DataLoader[tuple[Tensor, Tensor]] = DataLoader(
            Batches(self.sampler, recipe.batch, trainer.accelerator.process_index),
            batch_size=None,  # the data set's items are batches
            sampler=range(trainer.iteration, recipe.iterations),
            num_workers=workers,
        )
        losses: list[float] = []
        saved = time.monotonic()
        for lq, hq in batches:
            losses.append(trainer.step(lq, hq, schedule(trainer.iteration)))
            ends = trainer.iteration == recipe.iterations
            if ends or trainer.iteration % validate_every == 0:
                if self.is_main:
                    self.report(fmean(losses), schedule(trainer.iteration - 1))
                losses, saved = [], time.monotonic()
            elif self.is_main and time.monotonic() - saved > SAVE_EVERY_S:
                self.save()
                saved = time.monotonic()
            if stop():
                break
        if self.is_main:
            self.save()

    def count(self) -> None:
        """Add the time since the last call to ``spent``."""
        clock, cores = time.monotonic(), time.process_time()
        self.spent.seconds += clock - self.clock
        self.spent.core_seconds += cores - self.cores
        self.clock, self.cores = clock, cores

    def save(self) -> None:
        """Save the state; it is written aside and renamed, so that a kill leaves the previous one."""
        self.count()
        with replacing(self.folder / "last.pt") as partial:
            torch.save({**self.trainer.state(), "spent": vars(self.spent)}, partial)

    def report(self, loss: float, rate: float) -> None:
        """Validate, write a line to the log, and save the state and, if they are the best, the weights."""
        trainer, recipe = self.trainer, self.recipe
        score = trainer.validate(recipe.task, self.pairs)
        self.count()
        when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
        spent = f"{self.spent.seconds:.1f}", f"{self.spent.core_seconds:.1f}"
        write_line(self.log, recipe.name, when, trainer.iteration, *spent, f"{rate:.3g}", f"{loss:.6f}", f"{score:.4f}")
        print(
            f"{recipe.name}  iteration {trainer.iteration}/{recipe.iterations}  loss {loss:.5f}  "
            f"validation {score:.3f} dB  {self.spent.seconds / 3600:.2f} h",
            flush=True,
        )
        if score > self.spent.best:
            self.spent.best = score
            card = {
                "iterations": str(trainer.iteration),
                "core_hours": f"{self.spent.core_seconds / 3600:.1f}",
                "validation_psnr": f"{score:.3f}",
            }
            weights, config = trainer.kept().state_dict(), trainer.model.config
            path = self.folder / "best.safetensors"
            save_weights(path, weights, config, recipe.task.name, recipe.preset, card, torch.float32)
        self.save()


def write_line(path: Path, *cells: object) -> None:
    """Append a line to the log; a new log begins with its columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    begins = not path.is_file()
    with path.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if begins:
            writer.writerow(LOG_COLUMNS)
        writer.writerow(cells)


def iterations_done(runs: Path, name: str) -> int:
    """Return the iterations that a network was trained for."""
    last = runs / name / "last.pt"
    return int(torch.load(last, map_location="meta", weights_only=True)["iteration"]) if last.is_file() else 0


@contextmanager
def claimed(runs: Path, name: str) -> Iterator[bool]:
    """Lock a network for this process while the context lasts; yields False if another process trains it."""
    (runs / name).mkdir(parents=True, exist_ok=True)
    with (runs / name / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


class Stop:
    """Condition to stop at: a deadline, or a signal to end the process."""

    def __init__(self) -> None:
        self.requested = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._request)

    def _request(self, *_: object) -> None:
        self.requested = True

    def within(self, seconds: float) -> Callable[[], bool]:
        """Return a function that is true after a time, or after a signal."""
        deadline = time.monotonic() + seconds
        return lambda: self.requested or time.monotonic() > deadline


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="din train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "networks", nargs="*", metavar="NETWORK", help="TASK-PRESET; default: all, in the recipes' order"
    )
    root = os.environ.get("DIN_DATA")
    parser.add_argument("--root", type=Path, default=root, required=root is None, help="folder of the data ($DIN_DATA)")
    parser.add_argument("--runs", type=Path, default=Path(os.environ.get("DIN_RUNS", "runs")), help="($DIN_RUNS)")
    parser.add_argument("--recipes", type=Path, default=RECIPES, help="what the networks are trained on")
    parser.add_argument("--sets", type=Path, default=SETS, help="what is scored on")
    parser.add_argument("--log", type=Path, default=LOG, help="table that each validation adds a row to")
    parser.add_argument("--hours", type=float, default=math.inf, help="time for all networks; default: until finished")
    parser.add_argument("--left", action="store_true", help="only show what is left to do")
    parser.add_argument("--validate-every", type=int, default=500, help="iterations")
    parser.add_argument("--workers", type=int, default=0, help="processes that prepare batches; 0: the training's own")
    parser.add_argument("--cpu", action="store_true", help="even where there is a GPU")
    parser.add_argument("--fp32", action="store_true", help="no bfloat16")
    return parser.parse_args(arguments)


def train_all(args: argparse.Namespace, recipes: list[Recipe]) -> None:
    """Train one network after the other, each for an equal part of the time that is left, and ship the better ones."""
    sets = read_sets(args.sets, args.root)
    accelerator = Accelerator(mixed_precision="no" if args.fp32 else "bf16", cpu=args.cpu)
    stop, deadline = Stop(), time.monotonic() + 3600 * args.hours
    for place, recipe in enumerate(recipes):
        with claimed(args.runs, recipe.name) if accelerator.is_main_process else nullcontext(True) as ours:
            if stop.requested or not broadcast_object_list([ours])[0]:
                continue
            run = Run(recipe, args.root, args.runs, accelerator, args.log)
            done = f"from iteration {run.trainer.iteration} of {recipe.iterations}"
            print(f"{recipe.name}: {len(run.sampler)} photos, {len(run.pairs)} held out, {done}", flush=True)
            share = (deadline - time.monotonic()) / (len(recipes) - place)
            run.train(stop.within(share), args.validate_every, args.workers)
            best = run.folder / "best.safetensors"
            if run.is_main and not stop.requested and best.is_file():
                if recipe.task.name in sets:
                    ship(recipe, best, sets[recipe.task.name])
                else:
                    print(f"{recipe.name}: not shipped, no set of {args.sets} is for {recipe.task.name}", flush=True)
    accelerator.end_training()


def main(arguments: list[str] | None = None) -> int:
    args = parse_arguments(arguments)
    try:
        recipes = read_recipes(args.recipes)
        unknown = set(args.networks) - set(recipes)
        if unknown:
            raise ValueError(f"{args.recipes} has no {', '.join(sorted(unknown))}; it has {', '.join(recipes)}")
        chosen = [recipes[name] for name in args.networks or recipes]
        done = {recipe.name: iterations_done(args.runs, recipe.name) for recipe in chosen}
        if args.left:
            for recipe in chosen:
                print(f"{recipe.name:<24} {done[recipe.name]:>9,} of {recipe.iterations:>9,} iterations")
            return 0
        train_all(args, [recipe for recipe in chosen if done[recipe.name] < recipe.iterations])
    except (FileNotFoundError, CheckpointError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except FloatingPointError as error:
        print(f"error: {error}; the last good state is in {args.runs}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
