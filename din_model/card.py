"""Model cards, rendered from the metadata of the weights files: ``din card [FILE.safetensors ...]``.

Beside its configuration a shipped file states, as strings: ``task``, ``preset``, ``parameters`` of the network,
``scores`` (JSON: set -> ``psnr`` in dB, ``ssim``, ``baseline_psnr``, ``baseline_ssim``) and what they were
``measured_on``, ``trained_on``, ``training``, ``data_licence``, and ``licence`` of the weights themselves. The score on
the first set stands alone too: ``psnr``, ``baseline_psnr`` and ``evaluated_on``. The judge of photos states its
``accuracy``, its ``calibration_error`` and its ``table`` in the place of scores.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from din_model.checkpoint import JUDGE, WEIGHTS, CheckpointError, read_metadata
from din_model.tasks import find_task

RESEARCH_LICENCE = "non-commercial research only, for some of the training data is licensed for research alone"
FREE_LICENCE = "Apache-2.0, as the code"

CARD = """# {task}, {preset}

DIN for *{label}* ({parameters:,} parameters), as float16 safetensors.

| set | PSNR | SSIM | untouched PSNR | untouched SSIM |
|---|---|---|---|---|
{rows}

Measured in float32 on whole photos ({measured_on}) with these float16 weights, by

    din evaluate --task {task} --preset {preset} --hq DIR [--lq DIR]

- **Trained on**: {trained_on}. Not the paper's training data, so these scores are not comparable with the paper's.
- **Training**: {training}.
- **Licence of the data**: {data_licence}.
- **Licence of the weights**: {licence}.
- **Configuration**: `{config}`
"""
JUDGE_CARD = """# judge

The network that tells what a photo needs ({parameters} parameters), as float16 safetensors. It sees nine squares of a
photo and the whole photo, reduced, and answers with probabilities.

{table}

Of {tests} pictures made of photos that were held back, {accuracy:.1%} were told right. The probability of what was said
is {calibration_error:.1%} from how often it was true, on average (ECE, ten bins; temperature {temperature}).

- **Trained on**: {trained_on}.
- **Training**: {training}, by `din train-judge --root DATA`.
- **Licence of the data**: {data_licence}.
- **Licence of the weights**: {licence}.
"""
ROW = "| {name} | {psnr:.2f} | {ssim:.4f} | {baseline_psnr:.2f} | {baseline_ssim:.4f} |"


def render_card(metadata: Mapping[str, str]) -> str:
    """Render a card as Markdown.

    Args:
        metadata: of a weights file, with all that this module names.

    Raises:
        ValueError: something is missing from the metadata, or there is no such task; the message names it.
    """
    try:
        if metadata["task"] == JUDGE:
            shares = {name: float(metadata[name]) for name in ("accuracy", "calibration_error")}
            return JUDGE_CARD.format(**{**metadata, **shares})
        scores = json.loads(metadata["scores"])
        rows = "\n".join(ROW.format(name=name, **score) for name, score in scores.items())
        label, parameters = find_task(metadata["task"]).label, int(metadata["parameters"])
        return CARD.format(**{**metadata, "label": label, "rows": rows, "parameters": parameters})
    except KeyError as error:
        raise ValueError(f"the metadata state no {error}") from error


def card_of(path: Path) -> str:
    """Render the card of a weights file.

    Raises:
        CheckpointError: the file is missing or damaged, or its metadata do not state all that a card does.
    """
    try:
        return render_card(read_metadata(path))
    except CheckpointError:
        raise
    except ValueError as error:
        raise CheckpointError(f"{path} has no card: {error}") from error


def write_card(path: Path) -> Path:
    """Write the card of a weights file beside it and return the card's path.

    Raises:
        CheckpointError: as :func:`card_of`.
    """
    card = path.with_suffix(".md")
    card.write_text(card_of(path), encoding="utf-8")
    return card


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="din card", description="Write the cards of weights files, from their metadata."
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE.safetensors", help="default: all shipped ones")
    args = parser.parse_args(arguments)
    try:
        for path in args.files or sorted(WEIGHTS.glob("*.safetensors")):
            print(write_card(path))
    except CheckpointError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
