"""The paper's ablations: din ablations --data DATASET ... --validate DATASET ... [--iterations N].

For every row of Table 1 (AsyCA, DWC and GFF on and off) and every fusion of section 4.3: parameters, mult-adds, and the
validation PSNR after a short training, all on the same patches from the same seed. Where AsyCA is off, the interleaved
nodes add their inputs.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import torch
from accelerate import Accelerator

from din_model.config import PRESETS, DINConfig
from din_model.data import Batches, PatchSampler, dataset_pairs
from din_model.datasets import read_dataset
from din_model.network import DIN, count_mult_adds, count_parameters
from din_model.tasks import TASKS, find_task
from din_model.train import Schedule, Trainer

MULT_ADDS_SIZE = (180, 320)  # LQ pixels that mult-adds are counted at


def table_1(config: DINConfig) -> Iterator[tuple[str, DINConfig]]:
    """Yield the eight networks of Table 1 by name, in its order."""
    columns = ((0, 0, 0), (0, 0, 1), (1, 0, 0), (0, 1, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 1, 1))
    for asyca, dwc, gff in columns:
        parts = [name for name, on in (("AsyCA", asyca), ("DWC", dwc), ("GFF", gff)) if on]
        yield (
            " + ".join(parts) or "none of the three",
            replace(config, fusion="asyca" if asyca else "sum", dwc="added" if dwc else "none", gff=bool(gff)),
        )


def section_4_3(config: DINConfig) -> Iterator[tuple[str, DINConfig]]:
    """Yield the four fusions at the interleaved nodes by name."""
    yield "Concat", replace(config, fusion="concat")
    yield "Sum", replace(config, fusion="sum")
    yield "SE", replace(config, fusion="se")
    yield "AsyCA", replace(config, fusion="asyca")


def short_training(trainer: Trainer, batches: Batches, schedule: Schedule) -> float:
    """Train for as long as a schedule lasts.

    Args:
        trainer: that takes the steps.
        batches: of training patches, one for each iteration.
        schedule: the number of iterations, and their learning rates.

    Returns:
        The processor time of all steps in seconds, without that of making the patches.
    """
    seconds = 0.0
    for iteration in range(schedule.iterations):
        batch = batches[iteration]
        started = time.process_time()
        trainer.step(*batch, schedule(iteration))
        seconds += time.process_time() - started
    return seconds


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="din ablations", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, nargs="+", metavar="DATASET", help="FOLDER or LAYOUT:FOLDER")
    parser.add_argument("--validate", required=True, nargs="+", metavar="DATASET")
    parser.add_argument("--task", choices=TASKS, default="sr_x2", help="default: sr_x2, as in Table 1")
    parser.add_argument("--preset", choices=PRESETS, default="din_64")
    parser.add_argument("--iterations", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--patch", type=int, default=48, help="LQ pixels of a square patch")
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    args = parse_arguments(arguments)
    task = find_task(args.task)
    config = PRESETS[args.preset].for_task(task.scale, task.stride)
    schedule = Schedule("trapezoid", args.rate, args.iterations)
    try:
        samples = [sample for name in args.data for sample in read_dataset(name)]
        batches = Batches(PatchSampler(task, [(samples, 1.0)], args.seed, args.patch), args.batch)
        pairs = list(dataset_pairs(task, args.validate))
    except (ValueError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for title, rows in (("Table 1", table_1(config)), ("Section 4.3", section_4_3(config))):
        print(f"\n| {title} | parameters | mult-adds | PSNR after {args.iterations} iterations |\n|---|---|---|---|")
        for name, row in rows:
            torch.manual_seed(args.seed)
            trainer = Trainer(DIN(row), Accelerator(mixed_precision="bf16"), optimiser="muon", ema_decay=0.99)
            short_training(trainer, batches, schedule)
            psnr = trainer.validate(task, pairs)
            parameters = count_parameters(DIN(row))
            print(
                f"| {name} | {parameters:,} | {count_mult_adds(row, MULT_ADDS_SIZE) / 1e9:.2f} G | {psnr:.3f} dB |",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
