"""Ship trained networks that beat the shipped ones: din ship NETWORK ... --root DATA --runs RUNS.

The best weights of a run are rounded to float16 and scored on their task's sets (sets.toml). They are put among the
shipped ones if no network of the task that is as fast or faster scores as well; networks that are now neither faster
nor better than another one are removed. The first of the sets decides, or the next where two are equal as
printed. The metadata state the recipe and the scores, and the card is rendered from them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from statistics import fmean

import torch

from din_model.card import FREE_LICENCE, RESEARCH_LICENCE, write_card
from din_model.checkpoint import WEIGHTS, Checkpoint, CheckpointError, load_weights, save_weights
from din_model.config import FASTEST_FIRST
from din_model.data import dataset_pairs
from din_model.evaluate import describe_metric, score_pairs
from din_model.keep import Keep
from din_model.network import DIN, count_parameters
from din_model.recipes import RECIPES, Recipe, find_recipe
from din_model.results import SETS, ScoredSet, read_sets
from din_model.tasks import Task

OPTIMISERS = {"adam": "Adam", "muon": "Muon for the convolutions and Adam for the rest"}

Score = dict[str, float]  # psnr and baseline_psnr, dB; ssim and baseline_ssim


def score(task: Task, sets: list[ScoredSet], model: DIN) -> dict[str, Score]:
    """Return the mean scores on every set by its title, rounded as they are printed."""
    figures: dict[str, Score] = {}
    for each in sets:
        scores = score_pairs(task, dataset_pairs(task, [each.data]), model)
        figures[each.title] = {
            "psnr": round(fmean(s.psnr for s in scores), 2),
            "ssim": round(fmean(s.ssim for s in scores), 4),
            "baseline_psnr": round(fmean(s.baseline_psnr for s in scores), 2),
            "baseline_ssim": round(fmean(s.baseline_ssim for s in scores), 4),
        }
    return figures


def rank(task: Task, sets: list[ScoredSet], model: DIN) -> list[float]:
    """Return the mean PSNR on every set, rounded as printed; the higher list, set by set, is of the better network."""
    return [figures["psnr"] for figures in score(task, sets, model).values()]


def as_printed(psnrs: list[float]) -> str:
    """Format the PSNRs of several sets."""
    return " / ".join(f"{psnr:.2f}" for psnr in psnrs)


def describe_data(recipe: Recipe) -> str:
    """Return what a recipe trains on, with each set's share of the patches."""
    total = sum(weight for _, weight in recipe.data)
    sets = ", ".join(f"{data.about} ({weight / total:.0%} of the patches)" for data, weight in recipe.data)
    donors = " and ".join(data.about for data in recipe.donors)
    return f"{sets}; every second photo is degraded as one of {donors} is" if donors else sets


def describe_keep(keep: Keep) -> str:
    """Return how much of the degradation is left in the ground truths."""
    most = f", at most {keep.levels:g} of 255 on average," if keep.levels < 255 else ""
    return f", {keep.least:.0%} to {keep.most:.0%} of the degradation{most} left in the ground truths"


def describe_training(recipe: Recipe, trained: Checkpoint) -> str:
    """Return how a network was trained, and for how long."""
    before = f" ({recipe.before})" if recipe.before else ""
    start = f", started from `{recipe.start}`{before}" if recipe.start else ""
    left = describe_keep(recipe.keep) if recipe.keep else ""
    turns = "half turns" if recipe.task.degradation.is_upright else "rotations"
    several = trained.card.get("trainings")
    if not several:
        kept = "the best on what was held out of the training data"
    elif several == "1":
        kept = "the end of the training" + (f", {recipe.trainings}" if recipe.trainings else "")
    else:
        kept = f"the mean of the ends of {several} trainings ({recipe.trainings})"
    if (share := recipe.trained_share) < 1:
        kept += f", of that {share:.0%} and the rest as it began"
    done = f"{int(trained.card['iterations']):,} iterations " + ("in all" if several else f"of {recipe.iterations:,}")
    loss = f"L1 ({recipe.luma:.0%} of it on luma)" if recipe.luma else "L1"
    camera = f", a camera's noise and JPEG in {recipe.camera:.0%} of the inputs" if recipe.camera else ""
    return (
        f"{loss}, {OPTIMISERS[recipe.optimiser]}, batch {recipe.batch} of {recipe.patch}x{recipe.patch} patches, flips "
        f"and {turns}{camera}, learning rate {recipe.rate:g}, bfloat16, averaged weights ({recipe.ema_decay:g}), {kept}"
        f"{start}{left}; {done}, {trained.card['core_hours']} hours of one CPU core"
    )


def describe(recipe: Recipe, trained: Checkpoint, scores: dict[str, Score]) -> dict[str, str]:
    """Return what the metadata of shipped weights state (:mod:`din_model.card`).

    Args:
        recipe: of the network.
        trained: what came of its training.
        scores: on every set; the first is the one that the network is known by.
    """
    first = next(iter(scores))
    return {
        **trained.card,
        "parameters": str(count_parameters(trained.model)),
        "scores": json.dumps(scores, ensure_ascii=False),
        "measured_on": describe_metric(recipe.task),
        "evaluated_on": first,
        "psnr": f"{scores[first]['psnr']:.2f}",
        "baseline_psnr": f"{scores[first]['baseline_psnr']:.2f}",
        "trained_on": describe_data(recipe),
        "training": describe_training(recipe, trained),
        "data_licence": "; ".join(dict.fromkeys(data.licence for data in recipe.sets())),
        "licence": RESEARCH_LICENCE if any(data.research_only for data in recipe.sets()) else FREE_LICENCE,
    }


def ship(recipe: Recipe, weights: Path, sets: list[ScoredSet], out: Path = WEIGHTS) -> bool:
    """Ship a network if no shipped one that is as fast or faster scores as well.

    Args:
        recipe: what it was trained by.
        weights: what came of it.
        sets: to score on; the first on which networks differ as printed decides.
        out: folder of the shipped weights.

    Returns:
        Whether it was shipped.

    Raises:
        CheckpointError: there are no such weights, or they are damaged.
        FileNotFoundError, ValueError: a set is missing or broken.
    """
    trained = load_weights(weights)
    model = trained.model.half().float()  # what is shipped is scored: rounded to float16, computed in float32
    shipped = {
        preset: load_weights(path).model
        for preset in FASTEST_FIRST
        if (path := out / f"{recipe.task.name}-{preset}.safetensors").is_file()
    }
    for compared in (sets[:1], sets):
        reached = rank(recipe.task, compared, model)
        rivals = {preset: rank(recipe.task, compared, rival) for preset, rival in shipped.items()}
        if reached not in rivals.values():
            break
    shown = ", ".join(f"{preset} {as_printed(psnrs)}" for preset, psnrs in rivals.items())
    titles = " / ".join(each.title for each in compared)
    print(f"{recipe.name}: {as_printed(reached)} dB on {titles}, shipped are {shown or 'none'}", flush=True)
    place = FASTEST_FIRST.index(recipe.preset)
    if any(FASTEST_FIRST.index(preset) <= place and psnrs >= reached for preset, psnrs in rivals.items()):
        return False
    facts = describe(recipe, trained, score(recipe.task, sets, model))
    path = out / f"{recipe.name}.safetensors"
    save_weights(path, model.state_dict(), model.config, recipe.task.name, recipe.preset, facts, torch.float16)
    write_card(path)
    for preset, psnrs in rivals.items():
        if FASTEST_FIRST.index(preset) > place and psnrs <= reached:
            for suffix in (".safetensors", ".md"):
                (out / f"{recipe.task.name}-{preset}{suffix}").unlink()
    return True


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="din ship", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
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
        sets = read_sets(args.sets, args.root)
        for name in args.networks:
            recipe = find_recipe(name, args.recipes)
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
