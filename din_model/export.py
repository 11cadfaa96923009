"""Trace trained networks into Triton's model repository: ``din export [--task T ...]``.

Each task with weights becomes ``din_<task>/1/model.pt`` (TorchScript) beside two configurations: ``config.pbtxt`` for
NVIDIA's container on a GPU and ``configs/cpu.pbtxt`` for the embedded server. Where weights are shipped in several
presets, that is the fastest one, and each slower one becomes ``din_<task>-<preset>``. Where the tiles of a photo share
its channel descriptors, a second model beside it, named ``...-tiles``, restores tiles. ``judge`` is the network that
tells what a photo needs (:mod:`din_model.export_judge`).
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from din_model import judge
from din_model.checkpoint import JUDGE, Checkpoint, CheckpointError
from din_model.export_judge import export_judge
from din_model.fold import DTYPES, fold
from din_model.loading import load_checkpoint, shipped_presets, shipped_weights
from din_model.network import DIN, count_mult_adds, count_parameters, global_skip
from din_model.scores import Results, read_paper, read_results
from din_model.serving import (
    CPU_SERVING,
    GPU_SERVING,
    Serving,
    config_lines,
    frozen_trace,
    parameter_lines,
    write_model,
)
from din_model.tasks import TASKS, Task, find_task

REPOSITORY = Path(__file__).parent.parent / "model_repository"
# A trace made at one size serves every size: what depends on the size is scripted.
TRACED_SIZE = (48, 48)
COUNTED_SIZE = (128, 128)  # LQ pixels that mult-adds are counted at
TILES_SUFFIX = "-tiles"  # of the model that restores the tiles of a photo
OVERLAP = 16  # pixels that the network's body sees; more does not bring tiles closer to the whole photo


@torch.jit.script_if_tracing  # type: ignore[untyped-decorator]
def checked(lq: Tensor, max_pixels: int) -> Tensor:
    """Return a valid request as it is and refuse any other, inside the graph and so on every server."""
    if lq.dim() != 4 or lq.shape[3] != 3:
        raise ValueError("lq must be UINT8 [batch, H, W, 3], RGB")
    if lq.shape[1] * lq.shape[2] < 1:
        raise ValueError("lq has no pixels")
    if lq.shape[1] * lq.shape[2] > max_pixels:
        raise ValueError("lq has more than " + str(max_pixels) + " pixels: send tiles")
    return lq


@torch.jit.script_if_tracing  # type: ignore[untyped-decorator]
def finite(restored: Tensor) -> Tensor:
    """Return a result as it is and refuse infinities and NaN, which would turn into black pixels."""
    if not bool(restored.sum(dtype=torch.float32).isfinite()):
        raise RuntimeError("the network's result is not finite: export it with --precision fp32")
    return restored


LQ = '{ name: "lq" data_type: TYPE_UINT8 dims: [ -1, -1, 3 ] }'
RESTORED = '{ name: "restored" data_type: TYPE_UINT8 dims: [ -1, -1, 3 ] }'
CORE = '{ name: "core" data_type: TYPE_INT32 dims: [ 4 ] }'


class Served(nn.Module):
    """The folded DIN between the tensors of the wire contract.

    LibTorch's backend matches inputs by the names of ``forward``'s arguments, all of them tensors and none of them
    optional, and outputs by their order in the configuration. The body runs in ``dtype``; the global residual stays
    float32, or its rounding would show in flat areas. The body reads pixels as they come, 0 to 255, which even bfloat16
    holds exactly.

    Args:
        model: a trained network.
        dtype: of the body.
        max_pixels: largest H * W of one picture.

    Attributes:
        inputs, outputs: the tensors as Triton's configuration has them, outputs in the order that they are returned in.
    """

    def __init__(self, model: DIN, dtype: torch.dtype, max_pixels: int) -> None:
        super().__init__()
        self.model = fold(model, peak=255).in_precision(dtype)
        self.dtype, self.max_pixels = dtype, max_pixels
        self.inputs, self.outputs = [LQ], [RESTORED]

    def picture(self, lq: Tensor) -> Tensor:
        """View (N, H, W, 3) uint8 as (N, 3, H, W), which is channels_last; nothing is copied."""
        pixels: Tensor = checked(lq, self.max_pixels)
        return pixels.permute(0, 3, 1, 2)

    def pixels(self, x: Tensor, residual: Tensor) -> Tensor:
        """Add I_R to the (interpolated) picture and round to pixels: (N, sH, sW, 3) uint8."""
        restored: Tensor = finite(residual.float() + global_skip(x.float(), self.model.config))
        return restored.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


class ServedDIN(Served):
    """``din_<task>``: pictures, each restored with its own channel descriptors."""

    def forward(self, lq: Tensor) -> Tensor:
        """Restore a batch: (N, H, W, 3) uint8 to (N, sH, sW, 3) uint8."""
        x = self.picture(lq)
        return self.pixels(x, self.model.residual(x.to(self.dtype)))


class ServedTiles(Served):
    """``din_<task>-tiles``: tiles that share the channel descriptors of the photo that they are cut from.

    In the wire contract the tensor of the descriptors (Eq. 8) is named ``attention``.
    """

    def __init__(self, model: DIN, dtype: torch.dtype, max_pixels: int) -> None:
        super().__init__(model, dtype, max_pixels)
        descriptors = f'{{ name: "attention" data_type: TYPE_FP32 dims: [ {self.model.descriptor_width} ] }}'
        self.inputs, self.outputs = [LQ, descriptors, CORE], [RESTORED, descriptors]

    def forward(self, lq: Tensor, attention: Tensor, core: Tensor) -> tuple[Tensor, Tensor]:
        """Restore a batch of tiles and return the channel descriptors of their cores; each row is independent.

        Args:
            lq: uint8 (N, H, W, 3).
            attention: float32 (N, K), the photo's channel descriptors (Eq. 8); NaN: the tile is restored with its own.
            core: int32 (N, 4), top, bottom, left, right of the part of the tile to describe; zeros for none.

        Returns:
            uint8 (N, sH, sW, 3), and the descriptors of the cores, float32 (N, K), NaN where the tile has no
            such core.
        """
        x = self.picture(lq)
        residual, descriptors = self.model.residual_of_tiles(x.to(self.dtype), attention, core)
        return self.pixels(x, residual), descriptors


def max_tile_pixels(task: Task) -> int:
    """Return the largest H * W that a model accepts, for what it takes in memory: four megapixels out, fewer in.

    A strided network has a sixteenth of the features, but its first convolution sees every pixel.
    """
    return min(2**21 if task.stride > 1 else 2**20, 2**22 // task.scale**2)


def trace(served: Served, device: torch.device) -> torch.jit.ScriptModule:
    """Trace a served network into frozen TorchScript, for any N, H, W >= 1 up to its limit.

    Args:
        served: is moved to the device.
        device: where it will run.
    """
    examples = [torch.zeros(1, *TRACED_SIZE, 3, dtype=torch.uint8, device=device)]
    if isinstance(served, ServedTiles):
        examples.append(torch.zeros(1, served.model.descriptor_width, device=device))
        examples.append(torch.zeros(1, 4, dtype=torch.int32, device=device))
    return frozen_trace(served, examples, device)


def choose_device(name: str) -> torch.device:
    """Return the device of that name; ``auto`` is the GPU where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def choose_dtype(name: str, device: torch.device, task: Task) -> torch.dtype:
    """Return the precision of that name; ``auto`` is the fastest that the device has and the task tolerates."""
    if name != "auto":
        return DTYPES[name]
    if device.type == "cuda":
        return torch.float16
    return torch.bfloat16 if task.bf16 and cpu_computes_bf16() else torch.float32


def cpu_computes_bf16() -> bool:
    """Return whether this CPU multiplies bfloat16 natively; others emulate it more slowly than float32."""
    info = Path("/proc/cpuinfo")
    flags = info.read_text() if info.is_file() else ""
    return "avx512_bf16" in flags or "amx_bf16" in flags


# What weights state in their metadata (din_model.card) and clients show; empty where a file does not state it.
STATED = ("psnr", "baseline_psnr", "evaluated_on", "trained_on", "training", "data_licence", "licence")


def config_text(name: str, served: Served, task: Task, serving: Serving, parameters: dict[str, str]) -> str:
    """Write Triton's configuration of one model, in Protocol Buffers' text format.

    Args:
        name: of the model.
        served: the network behind it.
        task: what it restores.
        serving: how its device serves it.
        parameters: what clients read of it.
    """
    batch = serving.largest_batch(max_tile_pixels(task))
    lines = config_lines(name, task.name, serving, batch, batch * max_tile_pixels(task) * 3, served)
    return "\n".join([*lines, *parameter_lines(parameters)]) + "\n"


def task_parameters(
    task: Task, checkpoint: Checkpoint, serving: Serving, served: Served, results: Results
) -> dict[str, str]:
    """Return what clients read of a network from the configuration of its model.

    Args:
        task: what it restores.
        checkpoint: its weights and what they state of themselves.
        serving: how its device serves it.
        served: how it runs.
        results: of the task.
    """
    largest = max_tile_pixels(task)
    # A strided network sees a quarter of the rows and columns: the same work covers a tile four times as wide.
    tile = min(serving.tile * task.stride, int(largest**0.5) // task.stride * task.stride)
    config = checkpoint.model.config
    return {
        "task": task.name,
        "order": str(list(TASKS).index(task.name)),
        "label": task.label,
        "family": task.family.name,
        "family_label": task.family.label,
        "variant": task.variant,
        "description": task.description,
        "degradation": task.degradation.name,
        "metric": task.metric,
        "scale": str(task.scale),
        "size_multiple": str(task.stride),
        "preset": checkpoint.preset,
        "precision": next(name for name, value in DTYPES.items() if value == served.dtype),
        "mult_adds_per_pixel": str(round(count_mult_adds(config, COUNTED_SIZE) / math.prod(COUNTED_SIZE))),
        "parameters": str(count_parameters(checkpoint.model)),
        **{fact: checkpoint.card.get(fact, "") for fact in STATED},
        "results": results.as_json(),
        "tile": str(tile),
        "overlap": str(OVERLAP * task.stride),
        "attention_rounds": str(task.descriptor_rounds),
        "quarter_turns": str(not task.degradation.is_upright).lower(),
        "attention_width": str(served.model.descriptor_width if task.descriptor_rounds else 0),
        "whole_pixels": str(min(serving.whole * task.stride**2 if task.descriptor_rounds else tile**2, largest)),
        "max_pixels": str(largest),
    }


def shipped_models(task: str) -> dict[str, str]:
    """Return the Triton models of a task's shipped weights with their presets; the fastest has the task's name."""
    presets = shipped_presets(task)
    return {f"din_{task}" if preset == presets[0] else f"din_{task}-{preset}": preset for preset in presets}


def served_models(name: str, task: Task, checkpoint: Checkpoint, dtype: torch.dtype) -> dict[str, Served]:
    """Return the Triton models of one network: one for pictures and, where tiles share descriptors, one for tiles."""
    largest = max_tile_pixels(task)
    models: dict[str, Served] = {name: ServedDIN(checkpoint.model, dtype, largest)}
    if task.descriptor_rounds:
        models[name + TILES_SUFFIX] = ServedTiles(checkpoint.model, dtype, largest)
    return models


def config_texts(name: str, served: Served, task: Task, checkpoint: Checkpoint, results: Results) -> dict[str, str]:
    """Return the configurations of a model by their paths in its folder: for the container's GPU, and for a CPU.

    Args:
        name: of the model.
        served: the model: for pictures or for tiles; the configuration of the latter states no facts of the task.
        task: that it restores.
        checkpoint: the network with the facts that its file states.
        results: of the paper and measured, of all tasks.
    """
    texts = {}
    for path, serving in (("config.pbtxt", GPU_SERVING), ("configs/cpu.pbtxt", CPU_SERVING)):
        is_for_tiles = isinstance(served, ServedTiles)
        parameters = {} if is_for_tiles else task_parameters(task, checkpoint, serving, served, results)
        texts[path] = config_text(name, served, task, serving, parameters)
    return texts


def export(
    name: str,
    task: Task,
    checkpoint: Checkpoint,
    repository: Path,
    device: torch.device,
    dtype: torch.dtype,
    results: Results,
) -> list[Path]:
    """Write the Triton models of one network and their configurations.

    Args:
        name: of the model.
        task: what it restores.
        checkpoint: the network.
        repository: folder of all models.
        device: where it will run.
        dtype: of the network's body.
        results: of the task.

    Returns:
        The paths of ``model.pt``.

    Raises:
        ValueError: the network is an ablation that is not served.
        torch.jit.Error: its result is not finite.
    """
    return [
        write_model(repository / model, trace(served, device), config_texts(model, served, task, checkpoint, results))
        for model, served in served_models(name, task, checkpoint, dtype).items()
    ]


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="din export", description="Trace trained networks into Triton's model repository."
    )
    parser.add_argument(
        "--task", nargs="+", default=["all"], choices=["all", *TASKS, JUDGE], help="default: all with weights"
    )
    parser.add_argument("--preset", help="serve these shipped weights alone; default: every preset there is")
    parser.add_argument("--weights", help="a weights file or hf://OWNER/NAME@REVISION, for a single task")
    # An installed package has no repository of its own: its folder is pip's.
    parser.add_argument(
        "--repository",
        type=Path,
        default=REPOSITORY if REPOSITORY.is_dir() else None,
        required=not REPOSITORY.is_dir(),
        help="model repository to write to; default: the checkout's",
    )
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--precision", choices=["auto", *DTYPES], default="auto")
    args = parser.parse_args(arguments)
    if args.weights is not None and args.task not in [[name] for name in TASKS]:
        parser.error("--weights goes with one --task")
    return args


def wanted(args: argparse.Namespace) -> list[tuple[str, Task, str | None]]:
    """Return the models to write: name, task, and preset if it is one of several.

    Raises:
        CheckpointError: there is none.
    """
    if "all" in args.task:
        tasks = [task for task in TASKS.values() if shipped_weights(task.name, args.preset)]
    else:
        tasks = [find_task(name) for name in args.task if name != JUDGE]
    if not tasks and JUDGE not in args.task:
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
        if JUDGE in args.task or (args.task == ["all"] and args.preset is None and judge.JUDGE_WEIGHTS.is_file()):
            name = JUDGE
            print(f"{export_judge(args.repository, device)}: {device.type}")
        for name, task, preset in wanted(args):
            dtype = choose_dtype(args.precision, device, task)
            checkpoint = load_checkpoint(task.name, preset, args.weights)
            # Our rows are those of the shipped weights and say nothing of others.
            results = Results(read_paper(task.name)) if args.weights else read_results(task.name)
            for path in export(name, task, checkpoint, args.repository, device, dtype, results):
                print(f"{path}: {checkpoint.preset}, {device.type}, {str(dtype).removeprefix('torch.')}")
    except ValueError as error:  # no such weights, or a network that has no inference form
        print(f"error: {error}", file=sys.stderr)
        return 2
    except torch.jit.Error as error:  # tracing runs the network once
        print(f"error: {name} cannot be exported: {str(error).splitlines()[-1]}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
