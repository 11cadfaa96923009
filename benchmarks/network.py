"""Measure the speed of the network without server and page: ``python -m benchmarks.network`` (CPU, idle).

Compares the exported DIN with its authors' formulation, with other networks and with the peak of the machine, for x4
super-resolution of one SIZExSIZE picture with random weights. All are measured in turns, so that changes of the
machine's speed affect all of them alike; the results are medians. A turn at 128x128 takes a core about a minute.

There are two references for each precision: the convolution peak, which is the fastest of several 3x3 convolutions, and
the convolutions of DIN without the operations between them, which is a lower bound on the time of these layers.
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

from benchmarks.common import use_server_allocator
from din_model.config import PRESETS
from din_model.export import ServedDIN, max_tile_pixels, trace
from din_model.fold import DTYPES, fold
from din_model.network import DIN, count_parameters
from din_model.tasks import find_task

TASK = find_task("sr_x4")
PRECISIONS = ("fp32", "bf16")
PEAK_CHANNELS = ((64, 32), (224, 64), (256, 256), (512, 512))
PEAK_SIZES = (64, 128)
PEAK_REPEATS = 2  # a single small convolution is too short for the clock

# Module, class and arguments of each network, in the size of its paper.
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
LARGE_PEERS = ("EDSR", "RRDBNet", "RCAN", "RDN", "SwinIR-M")  # of a size similar to DIN's


@dataclass
class Contender:
    """A network in one form, or a set of convolutions, to be measured.

    Attributes:
        name: of the network or the convolutions.
        form: mode of execution, or the size of the convolutions.
        precision: ``fp32`` or ``bf16``.
        run: runs one pass.
        parameters: number of weights.
        flops: of the convolutions and matrix products in one pass; two for each multiply-add.
        seconds: of each turn so far.
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
        """Median time of a pass, ms."""
        return statistics.median(self.seconds) * 1e3

    @property
    def gflops(self) -> float:
        """Throughput, GFLOP/s."""
        return self.flops / self.ms / 1e6


def skip_init(package: str) -> None:
    """Make a package's modules importable without running its ``__init__``, which imports torchvision.

    Raises:
        SystemExit: the package is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise SystemExit(f"{package} is missing: pip install --no-deps -r requirements-bench.txt")
    sys.modules.setdefault(package, importlib.util.module_from_spec(spec))


def build_peer(name: str) -> nn.Module:
    """Build a peer in the size of its paper, with random weights."""
    module, network, options = PEERS[name]
    skip_init(module.split(".")[0])
    warnings.filterwarnings("ignore", "torch.meshgrid")  # raised by SwinIR
    built: nn.Module = getattr(importlib.import_module(module), network)(**options)
    return built


def random_input(shape: tuple[int, ...], precision: str) -> Tensor:
    """Return random values in channels_last."""
    return torch.rand(shape).to(DTYPES[precision]).contiguous(memory_format=torch.channels_last)


def peak_convolution(channels: tuple[int, int], size: int, precision: str) -> Contender:
    """Return a 3x3 convolution in channels_last, the fastest layout."""
    conv = nn.Conv2d(*channels, 3, padding=1).to(DTYPES[precision], memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = random_input((1, channels[0], size, size), precision)

    def run() -> None:
        for _ in range(PEAK_REPEATS):
            conv(x)

    return Contender("{} to {} channels".format(*channels), f"{size}x{size}", precision, run)


def bare_convolutions(model: DIN, precision: str, size: int) -> Contender:
    """Return all convolutions of the folded network, each on random input of its shape."""
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
    """Return a network in eager mode: in float32, or under autocast in channels_last."""
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
    """Return DIN in the served form: folded, traced and frozen, with uint8 input and output."""
    network = trace(ServedDIN(model, DTYPES[precision], max_tile_pixels(TASK)), torch.device("cpu"))
    x = torch.randint(256, (1, size, size, 3), dtype=torch.uint8)
    return Contender(name, f"exported {precision}", precision, lambda: network(x), count_parameters(model))


def networks(size: int, peers: list[str]) -> list[Contender]:
    """Return DIN in every form, the authors' formulation first, its compact presets, and the peers."""
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
    """Measure all contenders in turns, after a warm-up pass that counts operations."""
    with torch.inference_mode(), torch.jit.optimized_execution(False):  # as in the server
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
    """Print the convolution peak of the machine, and the share of convolutions in DIN's time."""
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
    """Print a row for each network and form; the last column is relative to DIN exported in the same precision."""
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
    use_server_allocator()  # for every contender
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
