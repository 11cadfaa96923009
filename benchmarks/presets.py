"""Compare compact configurations: ``python -m benchmarks.presets --root DATA [--iterations N]`` (CPU, one core).

Measures, for each of several configurations at 4x, the processor time of the exported bfloat16 form for a 128x128
picture, and with ``--iterations`` the PSNR on the held-out photos of ``sr_x4``'s recipe after that many iterations on
the same patches. Small peers are measured in the same turns. Processor time depends little on the load of the machine.
Prints a table and, with ``--plot``, draws PSNR over time.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from benchmarks.common import use_server_allocator
from benchmarks.network import Contender, build_peer, eager, exported
from din_model.ablations import short_training
from din_model.config import PRESETS, DINConfig
from din_model.data import Batches, PatchSampler
from din_model.network import DIN
from din_model.recipes import read_recipes
from din_model.train import Schedule, Trainer

SIZE = 128
TURNS = 3
BATCH, PATCH = 4, 48  # less than the recipe's, so that there are more iterations in an hour
PEERS = ("SAFMN", "SPAN", "SwinIR-light", "RRDBNet")
# C, G, M, D, B, K
FAMILY = (
    (32, 16, 3, 2, 2, 4),
    (64, 32, 2, 2, 2, 4),
    (48, 48, 2, 2, 1, 3),
    (64, 64, 2, 2, 1, 2),
    (64, 32, 2, 2, 1, 4),
    (64, 64, 2, 2, 1, 3),
    (64, 64, 3, 2, 1, 3),
    (64, 64, 2, 3, 1, 3),
    (64, 64, 2, 2, 1, 4),
    (64, 64, 2, 2, 2, 3),
    (96, 96, 2, 2, 1, 2),
    (96, 48, 2, 2, 1, 4),
    (96, 96, 2, 2, 1, 3),
    (128, 128, 2, 2, 1, 2),
    (128, 128, 2, 2, 1, 3),
)


def configuration(shape: tuple[int, ...]) -> DINConfig:
    """Return the configuration of (C, G, M, D, B, K)."""
    c, g, m, d, b, k = shape
    return replace(PRESETS["din_64"], channels=c, growth=g, branches=m, wrdbs=d, rdbs=b, convs=k)


def take_turns(contenders: list[Contender]) -> None:
    """Measure the processor time of all contenders in turns, after two warm-up passes."""
    with torch.inference_mode(), torch.jit.optimized_execution(False):  # as in the server
        for turn in range(TURNS + 2):
            for contender in contenders:
                started = time.process_time()
                contender.run()
                if turn >= 2:
                    contender.seconds.append(time.process_time() - started)


def train(config: DINConfig, root: Path, iterations: int) -> tuple[float, float]:
    """Train a configuration; return the PSNR on held-out photos in dB, and the time of an iteration in ms."""
    recipe = read_recipes()["sr_x4-din_64"]
    torch.manual_seed(recipe.seed)
    trainer = Trainer(DIN(config), Accelerator(mixed_precision="bf16", cpu=True), recipe.optimiser, ema_decay=0.99)
    batches = Batches(PatchSampler(recipe.task, recipe.mixture(root), recipe.seed, PATCH), BATCH)
    seconds = short_training(trainer, batches, Schedule(recipe.schedule, recipe.rate, iterations))
    return trainer.validate(recipe.task, list(recipe.validation_pairs(root))), 1e3 * seconds / iterations


def plot(path: Path, points: dict[str, tuple[float, float]], peers: dict[str, float]) -> None:
    """Draw PSNR over time; peers, which are not trained, are vertical lines."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots()
    axes.margins(x=0.1)
    axes.set(xscale="log", xlabel="ms of one core, 128x128 at 4x, bfloat16", ylabel="PSNR on held-out photos (dB)")
    names = {str((p.channels, p.growth, p.branches, p.wrdbs, p.rdbs, p.convs)): name for name, p in PRESETS.items()}
    # Neighbours in PSNR have their names on different sides.
    for i, (shape, point) in enumerate(sorted(points.items(), key=lambda item: item[1][1])):
        axes.scatter(*point, color="tab:red" if shape in names else "tab:blue")
        side, dx = (("right", -8), ("left", 8))[i % 2]
        axes.annotate(
            names.get(shape, shape), point, (dx, 0), textcoords="offset points", ha=side, va="center", size="small"
        )
    for i, (name, ms) in enumerate(sorted(peers.items(), key=lambda item: item[1])):
        if ms < 2 * max(ms for ms, _ in points.values()):
            axes.axvline(ms, linestyle=":", color="tab:gray", zorder=0)
            side = ("right", "left")[i % 2]
            at: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
            axes.annotate(name, (ms, 1), (0, 4), ha=side, fontsize="small", **at)
    figure.savefig(path, dpi=120)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="folder of the recipes' data; needed to train")
    parser.add_argument("--iterations", type=int, default=0, help="of each configuration; default: only the times")
    parser.add_argument("--plot", type=Path, help="picture to draw")
    args = parser.parse_args()
    if args.iterations and args.root is None:
        parser.error("--iterations needs --root")
    return args


def main() -> None:
    args = parse_arguments()
    use_server_allocator()
    torch.set_num_threads(1)
    ours = {shape: exported(str(shape), DIN(configuration(shape)), "bf16", SIZE) for shape in FAMILY}
    peers = [eager(name, build_peer(name), precision, SIZE) for name in PEERS for precision in ("fp32", "bf16")]
    take_turns([*ours.values(), *peers])
    for peer in peers:
        print(f"| {peer.name}, {peer.form} | {peer.parameters / 1e6:.2f} M | {peer.ms:.0f} ms | | |", flush=True)
    points: dict[str, tuple[float, float]] = {}
    for shape, contender in ours.items():
        row = f"| {', '.join(map(str, shape))} | {contender.parameters / 1e6:.2f} M | {contender.ms:.0f} ms |"
        if args.iterations:
            psnr, ms = train(configuration(shape), args.root, args.iterations)
            points[contender.name] = contender.ms, psnr
            row += f" {ms:.0f} ms | {psnr:.2f} dB |"
        print(row, flush=True)
    if args.plot and points:
        plot(args.plot, points, {f"{p.name}, {p.precision}": p.ms for p in peers})


if __name__ == "__main__":
    main()
