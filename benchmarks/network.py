"""Prints how fast the network itself is, without server and page: ``python -m benchmarks.network`` (CPU, idle).

DIN as it is exported against its authors' formulation, against other networks and against what the machine can do:
x4 super-resolution of one SIZExSIZE picture, random weights. All of them take turns in one run, so that a machine
that slows down slows all of them alike; medians of several turns. One turn of everything at 128x128 takes a core
about a minute.

Every precision has two measures of the machine: the convolution peak, which is the best of several 3x3 convolutions,
and the convolutions of DIN alone, one after the other with nothing between them, which is about the least that any
inference form of the same layers can take.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.common import keep_memory
from din_model.config import PRESETS
from din_model.export import ServedDIN, max_tile_pixels, trace
from din_model.fold import DTYPES, fold
from din_model.network import DIN, count_parameters
from din_model.tasks import find_task

TASK = find_task("sr_x4")
PRECISIONS = ("fp32", "bf16")
PEAK_CHANNELS = ((64, 32), (224, 64), (256, 256), (512, 512))
PEAK_SIZES = (64, 128)
PEAK_REPEATS = 2  # a single small convolution is over before the clock can tell

# Where each network comes from, and its size in its paper.
PEERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "EDSR": ("torchsr.models.edsr", "EDSR", {"n_resblocks": 32, "n_feats": 256, "res_scale": 0.1, "scale": 4}),
    "RRDBNet": ("spandrel.architectures.ESRGAN", "ESRGAN", {"num_blocks": 23, "num_filters": 64, "scale": 4}),
    "RCAN": ("spandrel.architectures.RCAN", "RCAN", {"n_resgroups": 10, "n_resblocks": 20, "n_feats": 64, "scale": 4}),
    "RDN": ("torchsr.models.rdn", "RDN", {"D": 16, "C": 8, "G": 64, "G0": 64, "scale": 4}),
    "SwinIR-M": (
        "spandrel.architectures.SwinIR",
        "SwinIR",
        {
            "embed_dim": 180,
            "depths": [6] * 6,
            "num_heads": [6] * 6,
            "window_size": 8,
            "mlp_ratio": 2,
            "upsampler": "pixelshuffle",
            "upscale": 4,
        },
    ),
    "SwinIR-light": (
        "spandrel.architectures.SwinIR",
        "SwinIR",
        {
            "embed_dim": 60,
            "depths": [6] * 4,
            "num_heads": [6] * 4,
            "window_size": 8,
            "mlp_ratio": 2,
            "upsampler": "pixelshuffledirect",
            "upscale": 4,
        },
    ),
    "SAFMN": (
        "spandrel.architectures.SAFMN",
        "SAFMN",
        {"dim": 36, "n_blocks": 8, "ffn_scale": 2.0, "upscaling_factor": 4},
    ),
    "SPAN": (
        "spandrel.architectures.SPAN",
        "SPAN",
        {"num_in_ch": 3, "num_out_ch": 3, "feature_channels": 48, "upscale": 4},
    ),
}
LARGE_PEERS = ("EDSR", "RRDBNet", "RCAN", "RDN", "SwinIR-M")  # of DIN's own size


@dataclass
class Contender:
    """One that takes its turn: a network in one form, or bare convolutions.

    Attributes:
        name: what it is. form: how it runs.
        precision: ``fp32`` or ``bf16``.
        run: one pass.
        parameters: of the network.
        flops: of one pass in convolutions and matrix products, two for a multiplication with its addition.
        seconds: of every turn so far.
    """

    name: str
    form: str
    precision: str
    run: Callable[[], object]
    parameters: int = 0
    flops: int = 0
    seconds: list[float] = field(default_factory=list)

    @property
    def ms(self) -> float:
        return statistics.median(self.seconds) * 1e3

    @property
    def gflops(self) -> float:
        """GFLOP/s."""
        return self.flops / self.ms / 1e6


def skip_init(package: str) -> None:
    """Makes a package's modules importable without its ``__init__``, which imports torchvision for other networks."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise SystemExit(f"{package} is missing: pip install --no-deps -r requirements-bench.txt")
    sys.modules.setdefault(package, importlib.util.module_from_spec(spec))


def build_peer(name: str) -> nn.Module:
    """A peer in the size of its paper, with random weights."""
    module, network, options = PEERS[name]
    skip_init(module.split(".")[0])
    warnings.filterwarnings("ignore", "torch.meshgrid")  # SwinIR's way of calling it
    built: nn.Module = getattr(importlib.import_module(module), network)(**options)
    return built


def random_input(shape: tuple[int, ...], precision: str) -> Tensor:
    return torch.rand(shape).to(DTYPES[precision]).contiguous(memory_format=torch.channels_last)


def peak_convolution(channels: tuple[int, int], size: int, precision: str) -> Contender:
    """One 3x3 convolution in the layout that is fastest."""
    conv = nn.Conv2d(*channels, 3, padding=1).to(DTYPES[precision], memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = random_input((1, channels[0], size, size), precision)

    def run() -> None:
        for _ in range(PEAK_REPEATS):
            conv(x)

    return Contender("{} to {} channels".format(*channels), f"{size}x{size}", precision, run)


def bare_convolutions(model: DIN, precision: str, size: int) -> Contender:
    """Every convolution of the folded network one after the other, each on random input of its own shape."""
    network = fold(model)
    calls: list[tuple[nn.Conv2d, torch.Size]] = []
    hooks = [
        module.register_forward_hook(lambda conv, inputs, _: calls.append((conv, inputs[0].shape)))
        for module in network.modules()
        if isinstance(module, nn.Conv2d)
    ]
    with torch.inference_mode():
        network(torch.rand(1, 3, size, size))
    for hook in hooks:
        hook.remove()
    network.to(DTYPES[precision], memory_format=torch.channels_last)  # type: ignore[call-overload]
    inputs = {shape: random_input(shape, precision) for _, shape in calls}

    def run() -> None:
        for conv, shape in calls:
            conv(inputs[shape])

    return Contender("DIN", "bare convolutions", precision, run)


def eager(name: str, model: nn.Module, precision: str, size: int) -> Contender:
    """A network as its users run it: as it is, or under autocast in channels_last."""
    network, x = deepcopy(model).eval(), torch.rand(1, 3, size, size)
    half = precision != "fp32"
    if half:
        network, x = network.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def run() -> None:
        with torch.autocast("cpu", DTYPES[precision], enabled=half):
            network(x.clone())  # RCAN scales its input in place

    form = f"eager {precision}" + (", autocast, channels_last" if half else "")
    return Contender(name, form, precision, run, count_parameters(model))


def exported(name: str, model: DIN, precision: str, size: int) -> Contender:
    """DIN as it is served: folded, traced and frozen, from 8-bit pixels to 8-bit pixels."""
    network = trace(ServedDIN(model, DTYPES[precision], max_tile_pixels(TASK)), torch.device("cpu"))
    x = torch.randint(256, (1, size, size, 3), dtype=torch.uint8)
    return Contender(name, f"exported {precision}", precision, lambda: network(x), count_parameters(model))


def networks(size: int, peers: list[str]) -> list[Contender]:
    """Every form of DIN, its authors' formulation first, then its compact presets and the peers."""
    din, authors = DIN(PRESETS["din"]), DIN(PRESETS["din"].as_authors())
    found = [
        eager("DIN, authors' formulation", authors, "fp32", size),
        eager("DIN", din, "fp32", size),
        eager("DIN", din, "bf16", size),
        *(exported("DIN", din, precision, size) for precision in PRECISIONS),
        *(exported(preset, DIN(PRESETS[preset]), "bf16", size) for preset in PRESETS if preset != "din"),
    ]
    for name in peers:
        peer = build_peer(name)
        found += [eager(name, peer, precision, size) for precision in PRECISIONS]
    return found


def measure(contenders: list[Contender], runs: int) -> None:
    """Takes everyone's time in turns, after one pass each that warms up and counts."""
    with torch.inference_mode(), torch.jit.optimized_execution(False):  # as the server runs what is exported
        for contender in contenders:
            with FlopCounterMode(display=False) as counter:
                contender.run()
            contender.flops = counter.get_total_flops()
        for _ in range(runs):
            for contender in contenders:
                started = time.perf_counter()
                contender.run()
                contender.seconds.append(time.perf_counter() - started)


def print_machine(peaks: dict[str, Contender], bare: dict[str, Contender], served: dict[str, Contender]) -> None:
    """What convolutions reach on this machine, and what part of DIN's time its convolutions alone would take."""
    print(
        "| precision | convolution peak | reached by | DIN's convolutions alone | of the peak | part of DIN exported |"
    )
    print("|---|---|---|---|---|---|")
    for precision, peak in peaks.items():
        alone = bare[precision]
        print(
            f"| {precision} | {peak.gflops:.0f} GFLOP/s | {peak.name}, {peak.form} "
            f"| {alone.ms:.0f} ms, {alone.gflops:.0f} GFLOP/s | {alone.gflops / peak.gflops:.0%} "
            f"| {alone.ms / served[precision].ms:.0%} |"
        )


def print_networks(rows: list[Contender], peaks: dict[str, Contender], served: dict[str, Contender]) -> None:
    """One line a network and form; the last column compares with DIN exported in the same precision."""
    print("| network | form | parameters | ms | ms per M | GFLOP/s | of the peak | times DIN exported |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        millions = row.parameters / 1e6
        print(
            f"| {row.name} | {row.form} | {millions:.2f} M | {row.ms:.0f} | {row.ms / millions:.1f} | {row.gflops:.0f} "
            f"| {row.gflops / peaks[row.precision].gflops:.0%} | {row.ms / served[row.precision].ms:.2f} |"
        )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=128, help="rows and columns of the picture (default: 128)")
    parser.add_argument("--runs", type=int, default=3, help="turns that the medians are of (default: 3)")
    parser.add_argument("--threads", type=int, default=1, help="cores (default: 1)")
    parser.add_argument(
        "--peers", nargs="*", choices=PEERS, default=list(LARGE_PEERS), help="default: those of DIN's size"
    )
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    keep_memory()  # for every contender
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    convolutions = [peak_convolution(c, s, p) for p in PRECISIONS for c in PEAK_CHANNELS for s in PEAK_SIZES]
    bare = {precision: bare_convolutions(DIN(PRESETS["din"]), precision, args.size) for precision in PRECISIONS}
    rows = networks(args.size, args.peers)
    measure([*convolutions, *bare.values(), *rows], args.runs)
    peaks = {p: max((c for c in convolutions if c.precision == p), key=lambda c: c.gflops) for p in PRECISIONS}
    served = {row.precision: row for row in rows if row.name == "DIN" and row.form.startswith("exported")}
    print(f"{args.size}x{args.size} at 4x, {args.threads} thread(s), {args.runs} turns, torch {torch.__version__}\n")
    print_machine(peaks, bare, served)
    print()
    print_networks(rows, peaks, served)
    gains = [f"{rows[0].ms / served[precision].ms:.2f} times as long as in {precision}" for precision in PRECISIONS]
    print(f"\nThe authors' formulation, eager fp32, against DIN exported: {' and '.join(gains)}.")


if __name__ == "__main__":
    main()
