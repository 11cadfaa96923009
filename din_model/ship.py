"""Ships trained weights: scores them, writes them to ``din_model/weights`` and writes their card beside them.

``python -m din_model.ship WEIGHTS --score Set5=DATASET ... --data "..." --training "..." --licence "..."``; a data set
is a folder of ground truths, degraded as the task says, or ``LAYOUT:FOLDER`` (:mod:`din_model.datasets`).
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from statistics import fmean

import torch

from din_model.checkpoint import WEIGHTS, CheckpointError, load_weights, save_weights
from din_model.data import dataset_pairs
from din_model.evaluate import describe_metric, score_pairs
from din_model.network import count_parameters
from din_model.tasks import find_task

CARD = """# {task}, {preset}

DIN for *{label}* ({parameters:,} parameters), as float16 safetensors.

| set | PSNR | SSIM | untouched PSNR | untouched SSIM |
|---|---|---|---|---|
{rows}

Measured in float32 on whole photos ({metric}) with these float16 weights, by

    python -m din_model.evaluate --task {task} --preset {preset} --hq DIR [--lq DIR]

- **Trained on**: {data}. Not the paper's training data, so these scores are not comparable with the paper's.
- **Training**: {training}; {iterations} iterations.
- **Licence of the data**: {licence}.
- **Configuration**: `{config}`
"""


def parse_score(text: str) -> tuple[str, str]:
    """NAME=DATASET: what a set is called and where it lies."""
    name, _, data = text.partition("=")
    if not name or not data:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=FOLDER or NAME=LAYOUT:FOLDER")
    return name, data


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m din_model.ship", description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument(
        "--score",
        type=parse_score,
        action="append",
        required=True,
        metavar="NAME=DATASET",
        help="a set to score on",
    )
    parser.add_argument("--data", required=True, help="what it was trained on, for the card")
    parser.add_argument("--training", required=True, help="how it was trained, for the card")
    parser.add_argument("--licence", required=True, help="licence of the training data, for the card")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    args = parse_arguments(arguments)
    try:
        trained = load_weights(args.weights)
        task = find_task(trained.task)
        path = args.out / f"{task.name}-{trained.preset}.safetensors"
        # What is shipped is scored: rounded to float16, computed in float32.
        model = trained.model.half().float()
        rows: list[str] = []
        first: dict[str, str] = {}
        for name, data in args.score:
            scores = score_pairs(task, dataset_pairs(task, [data]), model)
            psnr, ssim, baseline_psnr, baseline_ssim = (
                fmean(getattr(s, figure) for s in scores)
                for figure in ("psnr", "ssim", "baseline_psnr", "baseline_ssim")
            )
            rows.append(f"| {name} | {psnr:.2f} | {ssim:.4f} | {baseline_psnr:.2f} | {baseline_ssim:.4f} |")
            first = first or {
                "psnr": f"{psnr:.2f}",
                "baseline_psnr": f"{baseline_psnr:.2f}",
                "evaluated_on": name,
            }
    except (CheckpointError, FileNotFoundError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    card = CARD.format(
        task=task.name,
        preset=trained.preset,
        label=task.label,
        parameters=count_parameters(model),
        rows="\n".join(rows),
        metric=describe_metric(task),
        data=args.data,
        training=args.training,
        iterations=trained.card["iterations"],
        licence=args.licence,
        config=json.dumps(asdict(model.config)),
    )
    facts = {**trained.card, **first}
    save_weights(path, model.state_dict(), model.config, task.name, trained.preset, facts, torch.float16)
    path.with_suffix(".md").write_text(card)
    print(card)
    return 0


if __name__ == "__main__":
    sys.exit(main())
