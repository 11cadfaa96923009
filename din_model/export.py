"""Traces trained networks into Triton's model repository: ``python -m din_model.export [--task T ...]``.

Each task with weights becomes ``din_<task>/1/model.pt`` (TorchScript) beside two configurations: ``config.pbtxt`` for
NVIDIA's container on a GPU and ``configs/cpu.pbtxt`` for the embedded server.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from din_model.checkpoint import Checkpoint, CheckpointError
from din_model.loading import load_checkpoint, shipped_weights
from din_model.network import DIN
from din_model.tasks import TASKS, Task, find_task

REPOSITORY = Path(__file__).parent.parent / "model_repository"
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
# A trace made at one size serves every size: what depends on the size is scripted.
TRACED_SIZE = (48, 48)
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


class ServedDIN(nn.Module):
    """DIN between the two tensors of the wire contract: uint8 NHWC in, uint8 NHWC out.

    The body runs in ``dtype``; the global residual stays float32, or its rounding would show in flat areas.

    Args:
        model: a trained network.
        dtype: of the body.
        max_pixels: largest H * W of one picture.
    """

    def __init__(self, model: DIN, dtype: torch.dtype, max_pixels: int) -> None:
        super().__init__()
        self.model = model.to(dtype=dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.dtype, self.max_pixels = dtype, max_pixels

    def forward(self, lq: Tensor) -> Tensor:  # (N, H, W, 3) uint8 -> (N, sH, sW, 3) uint8
        # The permuted view of an NHWC tensor is a channels_last NCHW tensor: nothing is copied.
        x = checked(lq, self.max_pixels).permute(0, 3, 1, 2).float() / 255
        restored: Tensor = self.model.residual(x.to(self.dtype)).float() + self.model.skip(x)
        return (restored * 255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def max_tile_pixels(task: Task) -> int:
    """Largest H * W that a model accepts: a megapixel in, four megapixels out, whichever is less."""
    return min(2**20, 2**22 // task.scale**2)


def trace(model: DIN, task: Task, device: torch.device, dtype: torch.dtype) -> torch.jit.ScriptModule:
    """The served form of a network as frozen TorchScript.

    Args:
        model: a trained network; it is moved to ``device`` and ``dtype``.
        task: gives the pixel limit.
        device, dtype: where and in which precision it will run.

    Returns:
        A module of uint8 (N, H, W, 3) -> uint8 (N, sH, sW, 3) for any N, H, W >= 1 up to the limit.
    """
    served = ServedDIN(model, dtype, max_tile_pixels(task)).to(device).eval()
    example = torch.zeros(1, *TRACED_SIZE, 3, dtype=torch.uint8, device=device)
    with torch.inference_mode(), warnings.catch_warnings():
        # TorchScript is deprecated upstream; docs/decisions/0001 says why it stays.
        warnings.simplefilter("ignore", DeprecationWarning)
        traced: torch.jit.ScriptModule = torch.jit.freeze(
            torch.jit.trace(served, example, check_trace=False)  # type: ignore[no-untyped-call]
        )
        return traced


def choose_device(name: str) -> torch.device:
    """The device of that name; ``auto`` is the GPU where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """The precision of that name; ``auto`` is half precision where the device computes in it, else float32."""
    if name != "auto":
        return DTYPES[name]
    if device.type == "cuda":
        return torch.float16
    return torch.bfloat16 if cpu_computes_bf16() else torch.float32


def cpu_computes_bf16() -> bool:
    """Whether this CPU multiplies bfloat16 natively; others emulate it more slowly than float32."""
    info = Path("/proc/cpuinfo")
    flags = info.read_text() if info.is_file() else ""
    return "avx512_bf16" in flags or "amx_bf16" in flags


def config_text(task: Task, checkpoint: Checkpoint, cpu: bool) -> str:
    """Triton's configuration of one model, for the container's GPU or for the embedded server's CPU."""
    # On a CPU, batches of tiles gain nothing and two one-thread instances beat one of two threads; a GPU wants
    # one instance and large batches. No queue delay: bursts of tiles fill batches by themselves.
    instance, batch, tile = ("{ kind: KIND_CPU count: 2 }", 4, 192) if cpu else ("{ kind: KIND_GPU count: 1 }", 16, 512)
    parameters = {
        "order": str(list(TASKS).index(task.name)),
        "label": task.label,
        "scale": str(task.scale),
        "size_multiple": str(task.stride),
        "preset": checkpoint.preset,
        "psnr": checkpoint.card.get("psnr", ""),
        "baseline_psnr": checkpoint.card.get("baseline_psnr", ""),
        "evaluated_on": checkpoint.card.get("evaluated_on", ""),
        # A strided network sees a quarter of the rows and columns: the same work covers a tile four times as wide.
        "tile": str(min(tile * task.stride, int(max_tile_pixels(task) ** 0.5))),
        "overlap": str(OVERLAP * task.stride),
        "max_pixels": str(max_tile_pixels(task)),
    }
    lines = [
        f"# Written by python -m din_model.export --task {task.name}",
        f'name: "din_{task.name}"',
        'backend: "pytorch"',
        'platform: "pytorch_libtorch"',
        f"max_batch_size: {batch}",
        'input [{ name: "lq" data_type: TYPE_UINT8 dims: [ -1, -1, 3 ] }]',
        'output [{ name: "restored" data_type: TYPE_UINT8 dims: [ -1, -1, 3 ] }]',
        f"instance_group [{instance}]",
        "dynamic_batching { default_queue_policy { max_queue_size: 512 } }",
        *(f'parameters {{ key: "{key}" value {{ string_value: "{value}" }} }}' for key, value in parameters.items()),
    ]
    return "\n".join(lines) + "\n"


def export(task: Task, checkpoint: Checkpoint, repository: Path, device: torch.device, dtype: torch.dtype) -> Path:
    """Writes one model and its two configurations; returns the path of ``model.pt``."""
    folder = repository / f"din_{task.name}"
    model_path = folder / "1" / "model.pt"
    model_path.parent.mkdir(parents=True, exist_ok=True)
    (folder / "configs").mkdir(exist_ok=True)
    (folder / "config.pbtxt").write_text(config_text(task, checkpoint, cpu=False))
    (folder / "configs" / "cpu.pbtxt").write_text(config_text(task, checkpoint, cpu=True))
    traced = trace(checkpoint.model, task, device, dtype)
    partial = model_path.with_suffix(".partial")
    traced.save(str(partial))
    partial.replace(model_path)
    return model_path


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m din_model.export", description=__doc__)
    parser.add_argument("--task", nargs="+", default=["all"], choices=["all", *TASKS], help="default: all with weights")
    parser.add_argument("--preset", help="which shipped weights; default: the largest preset there is")
    parser.add_argument("--weights", help="a weights file or hf://OWNER/NAME@REVISION, for a single task")
    parser.add_argument("--repository", type=Path, default=REPOSITORY)
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--precision", choices=["auto", *DTYPES], default="auto")
    args = parser.parse_args(arguments)
    if args.weights is not None and (len(args.task) > 1 or args.task == ["all"]):
        parser.error("--weights goes with one --task")
    return args


def main(arguments: list[str] | None = None) -> int:
    args = parse_arguments(arguments)
    names = [name for name in TASKS if shipped_weights(name, args.preset)] if "all" in args.task else args.task
    device = choose_device(args.device)
    dtype = choose_dtype(args.precision, device)
    try:
        if not names:
            raise CheckpointError("no weights are shipped: train a task first")
        for name in names:
            task = find_task(name)
            checkpoint = load_checkpoint(name, args.preset, args.weights)
            path = export(task, checkpoint, args.repository, device, dtype)
            print(f"{path}: {checkpoint.preset}, {device.type}, {str(dtype).removeprefix('torch.')}")
    except CheckpointError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
