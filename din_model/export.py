"""Traces trained networks into Triton's model repository: ``python -m din_model.export [--task T ...]``.

Each task with weights becomes ``din_<task>/1/model.pt`` (TorchScript) beside two configurations: ``config.pbtxt`` for
NVIDIA's container on a GPU and ``configs/cpu.pbtxt`` for the embedded server. Where weights are shipped in several
presets, that is the fastest one, and each slower one becomes ``din_<task>-<preset>``.
"""

from __future__ import annotations

import argparse
import math
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from din_model.checkpoint import Checkpoint, CheckpointError
from din_model.fold import DTYPES, fold
from din_model.loading import load_checkpoint, shipped_presets, shipped_weights
from din_model.network import DIN, count_mult_adds, global_skip
from din_model.tasks import TASKS, Task, find_task

REPOSITORY = Path(__file__).parent.parent / "model_repository"
# A trace made at one size serves every size: what depends on the size is scripted.
TRACED_SIZE = (48, 48)
COUNTED_SIZE = (128, 128)  # LQ pixels that mult-adds are counted at
OVERLAP = 16  # pixels that the network's body sees; more does not bring tiles closer to the whole photo


@torch.jit.script_if_tracing  # type: ignore[untyped-decorator]
def checked(lq: Tensor, max_pixels: int) -> Tensor:
    """Passes a legal request on and refuses any other, inside the graph and so on every server."""
    if lq.dim() != 4 or lq.shape[3] != 3:
        raise ValueError("lq must be UINT8 [batch, H, W, 3], RGB")
    if lq.shape[1] * lq.shape[2] < 1:
        raise ValueError("lq has no pixels")
    if lq.shape[1] * lq.shape[2] > max_pixels:
        raise ValueError("lq has more than " + str(max_pixels) + " pixels: send tiles")
    return lq


@torch.jit.script_if_tracing  # type: ignore[untyped-decorator]
def checked_rows(values: Tensor, lq: Tensor, width: int, name: str) -> Tensor:
    """Passes an optional input on if it is empty or has ``width`` values for each picture."""
    if values.size(-1) > 0 and (values.dim() != 2 or values.size(0) != lq.size(0) or values.size(1) != width):
        raise ValueError(name + " must be [batch, " + str(width) + "]")
    return values


@torch.jit.script_if_tracing  # type: ignore[untyped-decorator]
def finite(restored: Tensor) -> Tensor:
    """Passes a result on unless it holds infinities or NaN, which would turn into black pixels."""
    if not bool(restored.sum(dtype=torch.float32).isfinite()):
        raise ValueError("the network's result is not finite: export it with --precision fp32")
    return restored


NOTHING = torch.empty(1, 0)


class ServedDIN(nn.Module):
    """The folded DIN between the tensors of the wire contract: uint8 NHWC in, uint8 NHWC out.

    The body runs in ``dtype``; the global residual stays float32, or its rounding would show in flat areas. The body
    reads pixels as they come, 0 to 255, which even bfloat16 holds exactly.

    Args:
        model: a trained network.
        dtype: of the body.
        max_pixels: largest H * W of one picture.
    """

    def __init__(self, model: DIN, dtype: torch.dtype, max_pixels: int) -> None:
        super().__init__()
        self.model = fold(model, peak=255).in_precision(dtype)
        self.dtype, self.max_pixels = dtype, max_pixels

    def forward(self, lq: Tensor, attention: Tensor = NOTHING, core: Tensor = NOTHING) -> tuple[Tensor, Tensor]:
        """Restores a batch: (N, H, W, 3) uint8 to (N, sH, sW, 3) uint8, and the attention (N, K) of each picture.

        Args:
            lq: pictures.
            attention: float32 (N, K), used instead of each picture's own; (., 0) for its own.
            core: int32 (N, 4), top, bottom, left, right of the part that its own is taken from; (., 0) for all.
        """
        # The permuted view of an NHWC tensor is a channels_last NCHW tensor: nothing is copied.
        x = checked(lq, self.max_pixels).permute(0, 3, 1, 2)
        given = checked_rows(attention, lq, self.model.attention_width, "attention")
        residual, used = self.model.residual(x.to(self.dtype), given, checked_rows(core, lq, 4, "core"))
        restored = finite(residual.float() + global_skip(x.float(), self.model.config))
        return restored.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous(), used


class OptionalInputs(nn.Module):
    """Gives a traced module default arguments, which a trace does not keep, so that requests may leave them out."""

    def __init__(self, traced: torch.jit.ScriptModule) -> None:
        super().__init__()
        self.traced = traced

    def forward(
        self, lq: Tensor, attention: Tensor = NOTHING, core: Tensor = NOTHING
    ) -> tuple[Tensor, Tensor]:  # as ServedDIN
        restored, used = self.traced(lq, attention, core)
        return restored, used


def max_tile_pixels(task: Task) -> int:
    """Largest H * W that a model accepts: four megapixels out, and in, where it is the features that take memory.

    A strided network has a sixteenth of the features, but its first convolution sees every pixel.
    """
    return min(2**21 if task.stride > 1 else 2**20, 2**22 // task.scale**2)


def trace(model: DIN, task: Task, device: torch.device, dtype: torch.dtype) -> torch.jit.ScriptModule:
    """The served form of a network as frozen TorchScript.

    Args:
        model: a trained network; it is moved to ``device`` and ``dtype``.
        task: gives the pixel limit.
        device, dtype: where and in which precision it will run.

    Returns:
        A module that does what :class:`ServedDIN` does, for any N, H, W >= 1 up to the limit.
    """
    served = ServedDIN(model, dtype, max_tile_pixels(task)).to(device).eval()
    example = torch.zeros(1, *TRACED_SIZE, 3, dtype=torch.uint8, device=device)
    nothing = NOTHING.to(device)
    with torch.inference_mode(), warnings.catch_warnings():
        # TorchScript is deprecated upstream; docs/decisions/0001 says why it stays.
        warnings.simplefilter("ignore", DeprecationWarning)
        traced = torch.jit.trace(served, (example, nothing, nothing), check_trace=False)  # type: ignore[no-untyped-call]
        frozen: torch.jit.ScriptModule = torch.jit.freeze(torch.jit.script(OptionalInputs(traced).eval()))
        return frozen


def choose_device(name: str) -> torch.device:
    """The device of that name; ``auto`` is the GPU where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def choose_dtype(name: str, device: torch.device, task: Task) -> torch.dtype:
    """The precision of that name; ``auto`` is the fastest that the device has and the task bears."""
    if name != "auto":
        return DTYPES[name]
    if device.type == "cuda":
        return torch.float16
    return torch.bfloat16 if task.bf16 and cpu_computes_bf16() else torch.float32


def cpu_computes_bf16() -> bool:
    """Whether this CPU multiplies bfloat16 natively; others emulate it more slowly than float32."""
    info = Path("/proc/cpuinfo")
    flags = info.read_text() if info.is_file() else ""
    return "avx512_bf16" in flags or "amx_bf16" in flags


@dataclass(frozen=True)
class Serving:
    """How a kind of device serves a model: the sweep in docs/performance.md has the reasons.

    Attributes:
        instances: Triton's instance group.
        batch: most tiles in one batch.
        tile: side of a tile, in features.
        whole: features of the largest photo that goes in one piece where its tiles would need its attention.
        reasons: for these choices, lines that the configuration carries.
    """

    instances: str
    batch: int
    tile: int
    whole: int
    reasons: tuple[str, ...]


CPU_SERVING = Serving(
    "{ kind: KIND_CPU count: 2 }",
    batch=4,
    tile=192,
    whole=2**18,
    reasons=(
        "Two instances of one thread get the most out of two cores. Batches only save hops, for a CPU computes tiles",
        "one by one; a queue delay would only add itself. Tiles stay small, for what leaves the cache is slow.",
    ),
)
GPU_SERVING = Serving(
    "{ kind: KIND_GPU count: 1 }",
    batch=16,
    tile=512,
    whole=2**20,
    reasons=(
        "Not measured yet: one instance fills a GPU, with large batches of large tiles. Bursts of tiles fill batches",
        "by themselves, without a queue delay.",
    ),
)


def config_text(name: str, task: Task, checkpoint: Checkpoint, serving: Serving, precision: str) -> str:
    """Triton's configuration of the model of that name, for the container's GPU or for the embedded server's CPU."""
    largest = max_tile_pixels(task)
    # A strided network sees a quarter of the rows and columns: the same work covers a tile four times as wide.
    tile = min(serving.tile * task.stride, int(largest**0.5) // task.stride * task.stride)
    parameters = {
        "task": task.name,
        "order": str(list(TASKS).index(task.name)),
        "label": task.label,
        "family": task.family,
        "variant": task.variant,
        "degradation": task.degradation.name,
        "metric": task.metric,
        "scale": str(task.scale),
        "size_multiple": str(task.stride),
        "preset": checkpoint.preset,
        "precision": precision,
        "mult_adds_per_pixel": str(
            round(count_mult_adds(checkpoint.model.config, COUNTED_SIZE) / math.prod(COUNTED_SIZE))
        ),
        "psnr": checkpoint.card.get("psnr", ""),
        "baseline_psnr": checkpoint.card.get("baseline_psnr", ""),
        "evaluated_on": checkpoint.card.get("evaluated_on", ""),
        "tile": str(tile),
        "overlap": str(OVERLAP * task.stride),
        "attention_rounds": str(task.attention_rounds),
        "whole_pixels": str(
            min(serving.whole * task.stride**2, largest) if task.attention_rounds else min(tile**2, largest)
        ),
        "max_pixels": str(largest),
    }
    lines = [
        f"# Written by python -m din_model.export --task {task.name}",
        *(f"# {line}" for line in serving.reasons),
        f'name: "{name}"',
        'backend: "pytorch"',
        'platform: "pytorch_libtorch"',
        f"max_batch_size: {serving.batch}",
        "input [",
        '  { name: "lq" data_type: TYPE_UINT8 dims: [ -1, -1, 3 ] },',
        '  { name: "attention" data_type: TYPE_FP32 dims: [ -1 ] optional: true },',
        '  { name: "core" data_type: TYPE_INT32 dims: [ 4 ] optional: true }',
        "]",
        "output [",
        '  { name: "restored" data_type: TYPE_UINT8 dims: [ -1, -1, 3 ] },',
        '  { name: "attention" data_type: TYPE_FP32 dims: [ -1 ] }',
        "]",
        f"instance_group [{serving.instances}]",
        "dynamic_batching { default_queue_policy { max_queue_size: 512 } }",
        *(f'parameters {{ key: "{key}" value {{ string_value: "{value}" }} }}' for key, value in parameters.items()),
    ]
    return "\n".join(lines) + "\n"


def shipped_models(task: str) -> dict[str, str]:
    """The Triton models that a task's shipped weights become, with their presets; the fastest has the task's name."""
    presets = shipped_presets(task)
    return {f"din_{task}" if preset == presets[0] else f"din_{task}-{preset}": preset for preset in presets}


def export(
    name: str, task: Task, checkpoint: Checkpoint, repository: Path, device: torch.device, dtype: torch.dtype
) -> Path:
    """Writes the model of that name and its two configurations; returns the path of ``model.pt``."""
    traced = trace(checkpoint.model, task, device, dtype)
    folder = repository / name
    model_path = folder / "1" / "model.pt"
    model_path.parent.mkdir(parents=True, exist_ok=True)
    (folder / "configs").mkdir(exist_ok=True)
    precision = next(name for name, value in DTYPES.items() if value == dtype)
    (folder / "config.pbtxt").write_text(config_text(name, task, checkpoint, GPU_SERVING, precision))
    (folder / "configs" / "cpu.pbtxt").write_text(config_text(name, task, checkpoint, CPU_SERVING, precision))
    partial = model_path.with_suffix(".partial")
    traced.save(str(partial))
    partial.replace(model_path)
    return model_path


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m din_model.export", description=__doc__)
    parser.add_argument("--task", nargs="+", default=["all"], choices=["all", *TASKS], help="default: all with weights")
    parser.add_argument("--preset", help="serve these shipped weights alone; default: every preset there is")
    parser.add_argument("--weights", help="a weights file or hf://OWNER/NAME@REVISION, for a single task")
    parser.add_argument("--repository", type=Path, default=REPOSITORY)
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--precision", choices=["auto", *DTYPES], default="auto")
    args = parser.parse_args(arguments)
    if args.weights is not None and (len(args.task) > 1 or args.task == ["all"]):
        parser.error("--weights goes with one --task")
    return args


def wanted(args: argparse.Namespace) -> list[tuple[str, Task, str | None]]:
    """The models to write: name, task, and preset if it is one of several.

    Raises:
        CheckpointError: there is none.
    """
    if "all" in args.task:
        tasks = [task for task in TASKS.values() if shipped_weights(task.name, args.preset)]
    else:
        tasks = [find_task(name) for name in args.task]
    if not tasks:
        raise CheckpointError("no weights are shipped: train a task first")
    models: list[tuple[str, Task, str | None]] = []
    for task in tasks:
        alone = {f"din_{task.name}": args.preset}
        chosen = alone if args.preset or args.weights else shipped_models(task.name) or alone
        models += [(name, task, preset) for name, preset in chosen.items()]
    return models


def main(arguments: list[str] | None = None) -> int:
    args = parse_arguments(arguments)
    device = choose_device(args.device)
    try:
        for name, task, preset in wanted(args):
            dtype = choose_dtype(args.precision, device, task)
            checkpoint = load_checkpoint(task.name, preset, args.weights)
            path = export(name, task, checkpoint, args.repository, device, dtype)
            print(f"{path}: {checkpoint.preset}, {device.type}, {str(dtype).removeprefix('torch.')}")
    except CheckpointError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except torch.jit.Error as error:  # tracing runs the network once
        print(f"error: {name} cannot be exported: {str(error).splitlines()[-1]}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
