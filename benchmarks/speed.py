"""Draw PSNR over the time of a picture, ours and others': ``python -m benchmarks.speed PICTURE ...`` (CPU, one core).

Times the shipped networks in their exported float32 form, in turns with the network that the others were measured
beside (``benchmarks/peers.toml``), and scales our times so that this one takes what it took then. Our PSNR is that of
``din_model/results.json``.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch

from benchmarks.common import print_row, start_table, use_server_allocator
from benchmarks.network import Contender, build_peer, eager, exported
from benchmarks.presets import take_turns
from din_model.config import PRESETS
from din_model.loading import load_checkpoint
from din_model.network import DIN
from din_model.tasks import find_task

SIZE = 128  # a multiple of every network's
COLUMNS = 3


@dataclass(frozen=True)
class Point:
    """A network in the plot.

    Attributes:
        name: of the network.
        psnr: dB.
        ms: of one picture.
        is_ours: whether it is one of this project's.
    """

    name: str
    psnr: float
    ms: float
    is_ours: bool


def anchor(task: str, name: str) -> Contender:
    """Return the network that the others were measured beside."""
    if name not in PRESETS:
        return eager(name, build_peer(name), "fp32", SIZE)
    config = PRESETS[name].for_task(find_task(task).scale, find_task(task).stride)
    return exported(name, DIN(config), "fp32", SIZE)


def measure(task: str, table: dict[str, Any], presets: list[str]) -> list[Point]:
    """Time a task's networks; return them and the others."""
    first = anchor(task, table["anchor"]["name"])
    ours = [exported(preset, load_checkpoint(task, preset).model, "fp32", SIZE) for preset in presets]
    take_turns([first, *ours])
    scale = table["anchor"]["ms"] / first.ms
    scores = json.loads(files("din_model").joinpath("results.json").read_text(encoding="utf-8"))[task]
    points = [Point(**peer, is_ours=False) for peer in table["peers"]]
    for contender in ours:
        psnr, _ = scores[f"DIN, {contender.name} †"][table["set"]]
        points.append(Point(f"DIN, {contender.name}", psnr, contender.ms * scale, is_ours=True))
    return points


def plot(paths: list[Path], panels: dict[str, list[Point]]) -> None:
    """Draw a panel for each title."""
    from matplotlib import rcParams
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullLocator, ScalarFormatter

    rcParams["svg.fonttype"] = "none"  # text stays text
    rcParams["svg.hashsalt"] = "din"  # the same drawing is the same file
    rows = -(-(len(panels) + 1) // COLUMNS)
    figure = Figure(figsize=(12, 4 * rows), layout="constrained")
    grid = figure.add_gridspec(rows, COLUMNS)
    cells = [grid[0, :2], *(grid[place] for place in range(2, len(panels) + 1))]  # the first has the most networks
    for cell, (title, points) in zip(cells, panels.items(), strict=True):
        axes = figure.add_subplot(cell)
        for point in points:
            colour, marker = ("tab:red", "D") if point.is_ours else ("tab:gray", "o")
            axes.scatter(point.ms, point.psnr, color=colour, marker=marker)
            axes.annotate(
                point.name,
                (point.ms, point.psnr),
                xytext=(3, 3),
                textcoords="offset points",
                fontsize=8,
                rotation=30,  # neighbours are close
                rotation_mode="anchor",
                weight="bold" if point.is_ours else "normal",
            )
        axes.set(title=title, xlabel="ms for one picture, one core", ylabel="PSNR (dB)", xscale="log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_locator(NullLocator())
        axes.margins(y=0.3)
        times = [point.ms for point in points]
        axes.set_xlim(min(times) / 2, max(times) * 4)
        axes.grid(alpha=0.3)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # or each file would be laid out anew, from where the last one ended
    for path in paths:
        figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Print the points and draw the pictures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("pictures", type=Path, nargs="+", metavar="PICTURE", help="to draw, .svg or .png")
    pictures = parser.parse_args().pictures
    use_server_allocator()
    torch.set_num_threads(1)
    tables = tomllib.loads(Path(__file__).with_name("peers.toml").read_text(encoding="utf-8"))
    start_table("PSNR over time", "One core, float32, one picture.", "task", "network", "PSNR (dB)", "ms")
    panels = {}
    for task, table in tables.items():
        weights = sorted(path.stem for path in Path(str(files("din_model"))).glob(f"weights/{task}-*.safetensors"))
        points = measure(task, table, [name.removeprefix(f"{task}-") for name in weights])
        for point in points:
            print_row(task, point.name, f"{point.psnr:.2f}", f"{point.ms:.0f}")
        panels[table["title"]] = points
    plot(pictures, panels)


if __name__ == "__main__":
    main()
