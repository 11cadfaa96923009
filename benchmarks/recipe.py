"""Compare ways to train: ``python -m benchmarks.recipe --root DATA [--network NAME] [--core-minutes M]`` (one core).

Trains one network of the recipes from nothing, on its data in smaller batches, and again with one thing changed at a
time: optimiser, learning rate, loss, averaging, batch, patch, a camera's noise. All have the same first weights and the
same processor time, so what makes an iteration dearer has fewer of them. Prints the PSNR on the held-out photos.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.nn import functional as F

from benchmarks.common import print_row, start_table
from din_model.ablations import short_training
from din_model.config import PRESETS
from din_model.data import Batches, Pair, PatchSampler
from din_model.loss import Loss, l1
from din_model.network import DIN
from din_model.recipes import Recipe, read_recipes
from din_model.train import Schedule, Trainer

TRIAL = 6  # iterations from which the time of one is known
FREQUENCY_WEIGHT = 0.05
CAMERA = 0.4  # share of the inputs


def charbonnier(restored: Tensor, clean: Tensor) -> Tensor:
    """Return the mean of sqrt(d^2 + 0.001^2), which is smooth where L1 has its corner."""
    return torch.sqrt((restored - clean).square() + 1e-6).mean()


def with_frequencies(restored: Tensor, clean: Tensor) -> Tensor:
    """Return L1 of the pixels and, weighted, of their Fourier coefficients."""
    difference = (restored - clean).float()
    coefficients: Tensor = torch.fft.rfft2(difference, norm="ortho")
    return difference.abs().mean() + FREQUENCY_WEIGHT * coefficients.abs().mean()


@dataclass(frozen=True)
class Way:
    """One way to train.

    Attributes:
        name: of what is changed.
        optimiser, rate, batch, patch: as in a recipe.
        loss: of the restored and the clean patches.
        ema_decay: of the averaged weights; 0 validates the last ones.
        camera: share of the inputs with a camera's noise and JPEG.
    """

    name: str
    optimiser: str
    rate: float
    batch: int
    patch: int
    loss: Loss = F.l1_loss
    ema_decay: float = 0.99
    camera: float = 0.0


def ways(recipe: Recipe) -> list[Way]:
    """Return the recipe's way, with small batches so that short trainings get far, and changes to it, one at a time."""
    plain = Way("nothing changed", recipe.optimiser, recipe.rate, batch=4, patch=48, camera=recipe.camera)
    return [
        plain,
        replace(plain, name="Adam", optimiser="adam"),
        replace(plain, name="Adam, a third of the rate", optimiser="adam", rate=recipe.rate / 3),
        replace(plain, name="Muon, three times the rate", rate=3 * recipe.rate),
        replace(plain, name="Muon, a third of the rate", rate=recipe.rate / 3),
        replace(plain, name="Charbonnier", loss=charbonnier),
        replace(plain, name="squared error", loss=F.mse_loss),
        replace(plain, name="L1, three quarters of it on luma", loss=l1(0.75)),
        replace(plain, name="L1 and frequencies", loss=with_frequencies),
        replace(plain, name="no averaged weights", ema_decay=0.0),
        replace(plain, name="half the batch", batch=2),
        replace(plain, name="twice the batch", batch=8),
        replace(plain, name="9 patches of 32 pixels", batch=9, patch=32),
        replace(plain, name="2 patches of 68 pixels", batch=2, patch=68),
        replace(plain, name=f"{'no' if recipe.camera else 'a'} camera", camera=0.0 if recipe.camera else CAMERA),
    ]


def train(recipe: Recipe, way: Way, sampler: PatchSampler, pairs: list[Pair], core_s: float) -> tuple[int, float]:
    """Train for a processor time from the recipe's seed; return the iterations and the validation PSNR in dB."""

    def trainer() -> Trainer:
        torch.manual_seed(recipe.seed)
        model = DIN(PRESETS[recipe.preset].for_task(recipe.task.scale, recipe.task.stride))
        accelerator = Accelerator(mixed_precision="bf16", cpu=True)
        return Trainer(model, accelerator, way.optimiser, way.ema_decay, way.loss)

    batches = Batches(sampler, way.batch)
    short_training(trainer(), batches, Schedule(recipe.schedule, way.rate, 2))  # warm-up
    an_iteration = short_training(trainer(), batches, Schedule(recipe.schedule, way.rate, TRIAL)) / TRIAL
    iterations, trained = round(core_s / an_iteration), trainer()
    short_training(trained, batches, Schedule(recipe.schedule, way.rate, iterations))
    return iterations, trained.validate(recipe.task, pairs)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="folder of the recipes' data")
    parser.add_argument("--network", choices=read_recipes(), default="sr_x4-din_64", help="default: %(default)s")
    parser.add_argument("--core-minutes", type=float, default=30.0, help="of each training; default: %(default)s")
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    torch.set_num_threads(1)
    recipe = read_recipes()[args.network]
    mixture, donors = recipe.mixture(args.root), recipe.donor_pairs(args.root)
    pairs = list(recipe.validation_pairs(args.root))
    caption = f"Of {recipe.name}, {args.core_minutes:g} minutes of one core each; PSNR on the recipe's held-out photos."
    start_table("Ways to train", caption, "way", "batch, patch", "iterations", "PSNR, dB")
    for way in ways(recipe):
        sampler = PatchSampler(recipe.task, mixture, recipe.seed, way.patch, way.camera, donors, recipe.keep)
        iterations, psnr = train(recipe, way, sampler, pairs, 60 * args.core_minutes)
        print_row(way.name, f"{way.batch}, {way.patch}", f"{iterations:,}", f"{psnr:.2f}")


if __name__ == "__main__":
    main()
