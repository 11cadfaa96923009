"""Ships trained networks that beat the shipped ones: ``python -m din_model.ship NETWORK ... --root DATA --runs RUNS``.

The best weights of a run are rounded to float16 and scored on their task's sets of ``docs/sets.toml``. They are put
among the shipped ones if no network of the task that is as fast or faster scores better on the first of the sets;
networks that are now neither faster nor better than another one are removed. The card is written from the recipe.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from statistics import fmean

import torch

from din_model.checkpoint import WEIGHTS, Checkpoint, CheckpointError, load_weights, save_weights
from din_model.config import FASTEST_FIRST
from din_model.data import dataset_pairs
from din_model.evaluate import describe_metric, score_pairs
from din_model.network import DIN, count_parameters
from din_model.recipes import RECIPES, Recipe, read_recipes
from din_model.results import ScoredSet, read_sets
from din_model.tasks import Task

SETS = Path(__file__).parents[1] / "docs" / "sets.toml"

Score = tuple[float, float, float, float]  # PSNR and SSIM, restored and untouched

CARD = """# {task}, {preset}

DIN for *{label}* ({parameters:,} parameters), as float16 safetensors.

| set | PSNR | SSIM | untouched PSNR | untouched SSIM |
|---|---|---|---|---|
{rows}

Measured in float32 on whole photos ({metric}) with these float16 weights, by

    python -m din_model.evaluate --task {task} --preset {preset} --hq DIR [--lq DIR]

- **Trained on**: {data}. Not the paper's training data, so these scores are not comparable with the paper's.
- **Training**: L1, {optimiser}, batch {batch} of {patch}x{patch} patches, flips and rotations, learning rate {rate:g},
  bfloat16, averaged weights ({ema_decay:g}), the best on what was held out of the training data{start}; {iterations}
  iterations of {planned:,}, {core_hours} hours of one CPU core.
- **Licence of the data**: {licence}.
- **Configuration**: `{config}`
"""


def score(task: Task, sets: list[ScoredSet], model: DIN) -> dict[str, Score]:
    """The mean figures on every set."""
    figures: dict[str, Score] = {}
    for each in sets:
        scores = score_pairs(task, dataset_pairs(task, [each.data]), model)
        psnr, ssim = fmean(s.psnr for s in scores), fmean(s.ssim for s in scores)
        figures[each.title] = psnr, ssim, fmean(s.baseline_psnr for s in scores), fmean(s.baseline_ssim for s in scores)
    return figures


def write_card(recipe: Recipe, trained: Checkpoint, figures: dict[str, Score]) -> str:
    """The card of a network, from its recipe and its scores."""
    rows = [f"| {title} | {a:.2f} | {b:.4f} | {c:.2f} | {d:.4f} |" for title, (a, b, c, d) in figures.items()]
    weights = sum(weight for _, weight in recipe.data)
    shares = [f"{data.about} ({weight / weights:.0%} of the patches)" for data, weight in recipe.data]
    return CARD.format(
        task=recipe.task.name,
        preset=recipe.preset,
        label=recipe.task.label,
        parameters=count_parameters(trained.model),
        rows="\n".join(rows),
        metric=describe_metric(recipe.task),
        data=", ".join(shares),
        optimiser={"adam": "Adam", "muon": "Muon for the convolutions and Adam for the rest"}[recipe.optimiser],
        batch=recipe.batch,
        patch=recipe.patch,
        rate=recipe.rate,
        ema_decay=recipe.ema_decay,
        start=f", started from `{recipe.start}`" if recipe.start else "",
        iterations=trained.card["iterations"],
        planned=recipe.iterations,
        core_hours=trained.card["core_hours"],
        licence="; ".join(dict.fromkeys(data.licence for data, _ in recipe.data)),
        config=json.dumps(asdict(trained.model.config)),
    )


def ship(recipe: Recipe, weights: Path, sets: list[ScoredSet], out: Path = WEIGHTS) -> bool:
    """Ships a network if it is worth it.

    Args:
        recipe: what it was trained by.
        weights: what came of it.
        sets: to score on; the first decides.
        out: folder of the shipped weights.

    Returns:
        Whether it was shipped.

    Raises:
        CheckpointError: there are no such weights, or they are damaged.
        FileNotFoundError, ValueError: a set is missing or broken.
    """
    trained = load_weights(weights)
    model = trained.model.half().float()  # what is shipped is scored: rounded to float16, computed in float32
    figures = score(recipe.task, sets[:1], model)
    title, (psnr, _, baseline_psnr, _) = next(iter(figures.items()))
    rivals = {
        preset: score(recipe.task, sets[:1], load_weights(path).model)[title][0]
        for preset in FASTEST_FIRST
        if (path := out / f"{recipe.task.name}-{preset}.safetensors").is_file()
    }
    place = FASTEST_FIRST.index(recipe.preset)
    better = [preset for preset in rivals if FASTEST_FIRST.index(preset) <= place and rivals[preset] >= psnr]
    shown = ", ".join(f"{preset} {value:.2f}" for preset, value in rivals.items())
    print(f"{recipe.name}: {psnr:.2f} dB on {title}, shipped are {shown or 'none'}", flush=True)
    if better:
        return False
    figures |= score(recipe.task, sets[1:], model)
    facts = {
        **trained.card,
        "psnr": f"{psnr:.2f}",
        "baseline_psnr": f"{baseline_psnr:.2f}",
        "evaluated_on": title,
    }
    path = out / f"{recipe.name}.safetensors"
    save_weights(path, model.state_dict(), model.config, recipe.task.name, recipe.preset, facts, torch.float16)
    path.with_suffix(".md").write_text(write_card(recipe, trained, figures))
    for preset, value in rivals.items():
        if FASTEST_FIRST.index(preset) > place and value <= psnr:
            for suffix in (".safetensors", ".md"):
                (out / f"{recipe.task.name}-{preset}{suffix}").unlink()
    return True


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m din_model.ship", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="+", metavar="NETWORK", help="TASK-PRESET")
    root = os.environ.get("DIN_DATA")
    parser.add_argument("--root", type=Path, default=root, required=root is None, help="folder of the data ($DIN_DATA)")
    parser.add_argument("--runs", type=Path, default=Path(os.environ.get("DIN_RUNS", "runs")), help="($DIN_RUNS)")
    parser.add_argument("--recipes", type=Path, default=RECIPES)
    parser.add_argument("--sets", type=Path, default=SETS)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    args = parse_arguments(arguments)
    try:
        recipes, sets = read_recipes(args.recipes), read_sets(args.sets, args.root)
        for name in args.networks:
            if name not in recipes:
                raise ValueError(f"{args.recipes} has no {name}; it has {', '.join(recipes)}")
            recipe = recipes[name]
            if recipe.task.name not in sets:
                raise ValueError(f"{args.sets} names no set for {recipe.task.name}")
            shipped = ship(recipe, args.runs / name / "best.safetensors", sets[recipe.task.name], args.out)
            print(f"{name}: {'shipped' if shipped else 'not shipped'}", flush=True)
    except (CheckpointError, FileNotFoundError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
