"""Measure and write the tables of all tasks: din results --root DATA --out FILE.md.

sets.toml names, for each task, the sets it is scored on and where they lie below the root:

    [derain_light.Rain100L]
    data = "pairs:eval/Rain100L"
    note = "40 of its 100 pairs"

Our scores are also written to results.json of this package, from where they reach the models' configurations. The
paper's Tables 3-7 (paper_results.json) stand above our rows, which are marked, since our weights were trained on
other data.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import torch

from din_model.checkpoint import CheckpointError
from din_model.data import Pair, dataset_pairs
from din_model.datasets import LAYOUTS
from din_model.evaluate import Restore, describe_metric, score_pairs
from din_model.loading import load_model, shipped_presets
from din_model.scores import MEASURED, Rows, Score, read_measured, read_paper
from din_model.self_ensemble import self_ensemble
from din_model.tasks import TASKS, Task

SETS = Path(__file__).parent / "sets.toml"

HEAD = """# Results

Every figure is PSNR in dB / SSIM, by the protocol of [the evaluation](../din_model/evaluate.py). Rows with a dagger
(†) are these weights, **not trained on the same data as the others**: the paper's rows and its competitors' were
trained on the full DF2K, GoPro, Rain100, Rain1400 and RESIDE and are copied from its Tables 3-7. "Untouched" is the
input itself, "bicubic" the enlarged input, both measured here. [Each file's
card](../din_model/weights) states what it was trained on. DIN+ is the self-ensemble. The first set of each
task, or where two networks are equal on it the next, also decided which weights were shipped, so it is no unbiased test
of them. [Published networks](experiments.md#aims) were measured on the same pictures, but for two that are as in their
papers. The paper's bicubic figure for `sr_x3_bd` on Set5 does not agree with what is measured here.

Made by

    din results --root DATA --out {out}

![PSNR over the time of one picture](images/psnr_over_time.svg)

The networks in red are these, the others (`benchmarks/peers.toml`) were trained on other and more data: on DIV2K, and
on the benchmarks' own training sets. Faster is to the left, better is up. Drawn by
`python -m benchmarks.speed`, which times our networks beside one that the others were timed beside.

"""


@dataclass(frozen=True)
class ScoredSet:
    """One set of photos to score on: its name, ``FOLDER`` or ``LAYOUT:FOLDER``, and a note for its title."""

    name: str
    data: str
    note: str = ""

    @property
    def title(self) -> str:
        """Name and note, as a column is headed."""
        return f"{self.name} ({self.note})" if self.note else self.name


def read_sets(path: Path, root: Path) -> dict[str, list[ScoredSet]]:
    """Read the sets of every task from a file; their data lie below a root.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not TOML, or names an unknown task, or a set lacks its ``data``.
    """
    try:
        tables = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is not TOML: {error}") from error
    sets: dict[str, list[ScoredSet]] = {}
    for task, entries in tables.items():
        if task not in TASKS:
            raise ValueError(f"{path} names {task}, which is no task; the tasks are {', '.join(TASKS)}")
        for name, entry in entries.items():
            if "data" not in entry:
                raise ValueError(f"{path}: {task}.{name} does not say where its data is")
            sets.setdefault(task, []).append(ScoredSet(name, below(root, entry["data"]), entry.get("note", "")))
    return sets


def below(root: Path, data: str) -> str:
    """Put a data set's folder below the root; its layout stays."""
    layout, colon, folder = data.partition(":")
    return f"{layout}:{root / folder}" if colon and layout in LAYOUTS else str(root / data)


def measure(task: Task, sets: list[ScoredSet]) -> Rows:
    """Measure our rows of one task: the baseline, and of every preset DIN and, in super-resolution, DIN+.

    Raises:
        FileNotFoundError, ValueError: a set is missing or broken.
    """
    restorers: dict[str, Restore] = {}
    for preset in shipped_presets(task.name):
        model = load_model(task.name, preset).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        restorers[f"DIN, {preset} †"] = model
        if task.scale > 1:  # where the paper shows DIN+ too
            restorers[f"DIN+, {preset} †"] = functools.partial(self_ensemble, model)
    baseline_name = "bicubic" if task.scale > 1 else "untouched"
    rows: dict[str, dict[str, Score]] = {name: {} for name in (baseline_name, *restorers)}
    for scored in sets:
        pairs = list[Pair](dataset_pairs(task, [scored.data]))
        for name, restore in restorers.items():
            scores = score_pairs(task, pairs, restore)
            rows[name][scored.title] = fmean(s.psnr for s in scores), fmean(s.ssim for s in scores)
        baseline = fmean(s.baseline_psnr for s in scores), fmean(s.baseline_ssim for s in scores)
        rows[baseline_name][scored.title] = baseline
        print(f"{task.name}: {scored.title}, {len(pairs)} photos", flush=True)
    return rows


def paper_rows(task: Task, sets: list[ScoredSet]) -> Rows:
    """Return the paper's rows for the sets that we measured too, or parts of them."""
    rows = {
        method: {scored.title: scores[scored.name] for scored in sets if scored.name in scores}
        for method, scores in read_paper(task.name).items()
    }
    return {method: scores for method, scores in rows.items() if scores}


def table(rows: Rows, sets: list[ScoredSet]) -> str:
    """Return a Markdown table with a column for each set."""
    titles = [scored.title for scored in sets]
    lines = [f"| method | {' | '.join(titles)} |", f"|---|{'---|' * len(titles)}"]
    for method, scores in rows.items():
        cells = (f"{scores[title][0]:.2f} / {scores[title][1]:.4f}" if title in scores else "" for title in titles)
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join(lines)


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="din results", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", nargs="?", type=Path, default=SETS, metavar="SETS.toml", help="default: the package's")
    parser.add_argument("--root", required=True, type=Path, help="the folder below which the sets lie")
    parser.add_argument("--out", required=True, type=Path, help="the Markdown file")
    parser.add_argument("--json", type=Path, default=MEASURED, help="our scores; default: the package's results.json")
    parser.add_argument(
        "--task", nargs="+", choices=TASKS, help="measure only these, the others are as they were; default: all"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    args = parse_arguments(arguments)
    text, figures = HEAD.format(out=args.out), {}
    try:
        sets = read_sets(args.sets, args.root)
        known: dict[str, Rows] = read_measured(args.json) if args.task else {}
        for name in args.task or sets:
            if name not in sets:
                raise ValueError(f"{args.sets} names no set for {name}")
            if not shipped_presets(name):
                raise CheckpointError(f"no weights of {name} are shipped: train them first")
            known[name] = measure(TASKS[name], sets[name])
        for name in (task for task in sets if task in known):
            task, figures[name] = TASKS[name], known[name]
            text += f"## {task.label} (`{name}`)\n\nMeasured on {describe_metric(task)}.\n\n"
            text += table({**paper_rows(task, sets[name]), **known[name]}, sets[name]) + "\n\n"
    except (ValueError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(text.rstrip() + "\n")
    args.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
