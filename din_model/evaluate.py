"""Score DIN by the paper's protocol: ``din evaluate --task T --hq DIR``."""

from __future__ import annotations

import argparse
import functools
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

from din_model.data import Pair, evaluation_pairs, to_image, to_tensor
from din_model.fold import DTYPES, fold
from din_model.loading import load_checkpoint
from din_model.network import DIN
from din_model.self_ensemble import self_ensemble
from din_model.tasks import TASKS, Task, find_task
from imaging.degradations.kind import Image
from imaging.degradations.resize import bicubic_baseline
from imaging.metrics import score

Restore = Callable[[Tensor], Tensor]  # (1, 3, H, W) -> (1, 3, sH, sW), RGB in [0, 1]


@dataclass(frozen=True)
class ImageScore:
    """PSNR (dB) and SSIM of one photo, restored and untouched (bicubic in super-resolution)."""

    name: str
    psnr: float
    ssim: float
    baseline_psnr: float
    baseline_ssim: float


def restore_image(restore: Restore, lq: Image) -> Image:
    """Restore one whole photo: uint8 (H, W, 3) -> uint8 (sH, sW, 3)."""
    with torch.inference_mode():
        return to_image(restore(to_tensor(lq[None]))[0])


def score_pair(task: Task, pair: Pair, restored: Image) -> ImageScore:
    """Score one restored photo and its baseline."""
    baseline = bicubic_baseline(pair.lq, (pair.hq.shape[0], pair.hq.shape[1])) if task.scale > 1 else pair.lq
    after, before = (score(photo, pair.hq, task.metric, task.scale, pair.is_gray) for photo in (restored, baseline))
    return ImageScore(pair.name, after.psnr, after.ssim, before.psnr, before.ssim)


def score_pairs(task: Task, pairs: Iterable[Pair], restore: Restore) -> list[ImageScore]:
    """Restore and score pairs, one whole photo at a time."""
    return [score_pair(task, pair, restore_image(restore, pair.lq)) for pair in pairs]


def describe_metric(task: Task) -> str:
    """Describe the planes and border that a task's scores are measured on."""
    planes = "RGB" if task.metric == "rgb" else "luma"
    return f"{planes}, {task.scale} border pixels cut" if task.scale > 1 else planes


def summary(task: Task, preset: str, scores: list[ImageScore]) -> dict[str, object]:
    """Return the means and the single scores, as written to JSON."""
    figures = ("psnr", "ssim", "baseline_psnr", "baseline_ssim")
    means: dict[str, object] = {figure: fmean(getattr(s, figure) for s in scores) for figure in figures}
    return {
        "task": task.name,
        "preset": preset,
        "images": len(scores),
        **means,
        "per_image": [asdict(s) for s in scores],
    }


def in_precision(model: DIN, dtype: torch.dtype) -> Restore:
    """Return a network in the form that is served: folded, reading pixels of 0 to 255.

    Raises:
        ValueError: the network is an ablation, which is not served.
    """
    folded = fold(model, peak=255).in_precision(dtype)
    return lambda x: folded(x * 255) / 255


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="din evaluate", description="Score a network by the paper's protocol.")
    parser.add_argument("--task", required=True, choices=TASKS)
    parser.add_argument("--hq", required=True, type=Path, help="folder of ground truths")
    parser.add_argument("--lq", type=Path, help="folder of inputs; without it the ground truths are degraded")
    parser.add_argument("--preset", help="which shipped weights; default: the fastest preset there is")
    parser.add_argument("--weights", help="a weights file or hf://OWNER/NAME@REVISION instead of the shipped ones")
    parser.add_argument("--self-ensemble", action="store_true", help="DIN+: mean over the flips and rotations")
    parser.add_argument("--precision", choices=DTYPES, help="score the folded form that is served, in this precision")
    parser.add_argument("--json", type=Path, help="also write the scores there")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    args = parse_arguments(arguments)
    task = find_task(args.task)
    try:
        checkpoint = load_checkpoint(task.name, args.preset, args.weights)
        model: Restore = checkpoint.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if args.precision is not None:
            model = in_precision(checkpoint.model, DTYPES[args.precision])
        ensemble = functools.partial(self_ensemble, model, quarter_turns=not task.degradation.is_upright)
        restore = ensemble if args.self_ensemble else model
        print(f"{'photo':<24} {'PSNR':>7} {'SSIM':>7}   {'before':>7} {'before':>7}")
        scores = []
        for pair in evaluation_pairs(task, args.hq, args.lq):
            scores += score_pairs(task, [pair], restore)
            print_row(scores[-1])
    except (ValueError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    result = summary(task, checkpoint.preset, scores)
    means = {key: value for key, value in result.items() if isinstance(value, float)}
    print_row(ImageScore(f"mean of {len(scores)}", **means))
    if args.json is not None:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


def print_row(row: ImageScore) -> None:
    """Print a photo's scores, or their means, as a line of the table."""
    print(f"{row.name:<24} {row.psnr:7.3f} {row.ssim:7.4f}   {row.baseline_psnr:7.3f} {row.baseline_ssim:7.4f}")


if __name__ == "__main__":
    sys.exit(main())
