"""Models in Triton's repository: how each kind of device serves them, their configurations, and their folders."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from google.protobuf.text_encoding import CEscape
from torch import Tensor, nn

from din_model.files import replacing


@dataclass(frozen=True)
class Serving:
    """Settings for serving a model on one kind of device; the sweep in docs/performance.md has the reasons.

    Attributes:
        instances: Triton's instance group.
        batch: most pictures in one batch.
        batch_pixels: most LQ pixels in one batch, for its features have to fit into the device's memory.
        tile: side of a tile, in features.
        whole: features of the largest photo that goes in one piece where its tiles would need its descriptors.
        reasons: for these choices, lines that the configuration carries.
    """

    instances: str
    batch: int
    batch_pixels: int
    tile: int
    whole: int
    reasons: tuple[str, ...]

    def largest_batch(self, pixels: int) -> int:
        """Return the most pictures in one batch, each as large as the model accepts, in LQ pixels."""
        return max(1, min(self.batch, self.batch_pixels // pixels))


CPU_SERVING = Serving(
    "{ kind: KIND_CPU count: 2 }",
    batch=4,
    batch_pixels=2**21,
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
    batch_pixels=2**22,
    tile=512,
    whole=2**20,
    reasons=(
        "Not measured yet: one instance fills a GPU, with large batches of large tiles. Bursts of tiles fill batches",
        "by themselves, without a queue delay.",
    ),
)

# What waits for one model at most, in bytes of the largest pictures: 8 GB if 22 models were flooded with them at once.
QUEUE_BYTES = 3 * 2**27
# A visitor's single photo goes before batches of photos, and before callers that give no priority.
VISITOR, BATCH = 1, 2
# Nobody waits longer: it is the time-out of the page's own client.
QUEUE_TIMEOUT_S = 120

# LibTorch's profiling executor would recompile for every new shape of picture, while somebody waits.
LIBTORCH_PARAMETERS = {"DISABLE_OPTIMIZED_EXECUTION": "true"}


class Wired(Protocol):
    """What is served, with its tensors as Triton's configuration has them."""

    inputs: list[str]
    outputs: list[str]


def config_lines(
    name: str, written_by: str, serving: Serving, batch: int, request_bytes: int, served: Wired
) -> list[str]:
    """Write Triton's configuration of one model, without parameters.

    Args:
        name: of the model.
        written_by: the argument of ``din export --task`` that writes it.
        serving: how its device serves it.
        batch: most requests in one batch.
        request_bytes: of the largest request.
        served: has the tensors.
    """
    return [
        f"# Written by din export --task {written_by}",
        *(f"# {line}" for line in serving.reasons),
        f'name: "{name}"',
        'backend: "pytorch"',
        'platform: "pytorch_libtorch"',
        f"max_batch_size: {batch}",
        *tensor_lines("input", served.inputs),
        *tensor_lines("output", served.outputs),
        f"instance_group [{serving.instances}]",
        *queue_lines(request_bytes),
    ]


def parameter_lines(parameters: dict[str, str]) -> list[str]:
    """Write what LibTorch and clients read of a model."""
    return [
        f'parameters {{ key: "{key}" value {{ string_value: "{escape(value)}" }} }}'
        for key, value in {**LIBTORCH_PARAMETERS, **parameters}.items()
    ]


def escape(text: str) -> str:
    """Escape a string for Protocol Buffers' text format, in ASCII."""
    return CEscape(text.encode(), as_utf8=False)


def tensor_lines(kind: str, tensors: list[str]) -> list[str]:
    """Write the inputs or outputs of a model."""
    return [f"{kind} [", *(f"  {tensor}," for tensor in tensors[:-1]), f"  {tensors[-1]}", "]"]


def queue_lines(request_bytes: int) -> list[str]:
    """Write Triton's dynamic batching: two priorities, each with a queue that is bounded by bytes and by time.

    Args:
        request_bytes: of the largest request.
    """
    slots = QUEUE_BYTES // request_bytes // 2
    timeout = f"timeout_action: REJECT default_timeout_microseconds: {QUEUE_TIMEOUT_S * 1_000_000}"
    return [
        "dynamic_batching {",
        f"  priority_levels: 2 default_priority_level: {BATCH}",
        *(
            f"  priority_queue_policy {{ key: {level} value {{ max_queue_size: {slots} {timeout} }} }}"
            for level in (VISITOR, BATCH)
        ),
        "}",
    ]


def frozen_trace(served: nn.Module, examples: list[Tensor], device: torch.device) -> torch.jit.ScriptModule:
    """Trace a module on examples, tensors of its device, and freeze it."""
    served = served.to(device).eval()
    with torch.inference_mode(), warnings.catch_warnings():
        # TorchScript is deprecated upstream; docs/decisions/0001 says why it stays.
        warnings.simplefilter("ignore", DeprecationWarning)
        traced = torch.jit.trace(served, tuple(examples), check_trace=False)
        frozen: torch.jit.ScriptModule = torch.jit.freeze(traced)
        return frozen


def write_model(folder: Path, traced: torch.jit.ScriptModule, configs: dict[str, str]) -> Path:
    """Write a model's folder for Triton: TorchScript, and its configurations by their paths."""
    path = folder / "1" / "model.pt"
    (folder / "configs").mkdir(parents=True, exist_ok=True)
    for name, text in configs.items():
        (folder / name).write_text(text)
    with replacing(path) as partial:
        traced.save(str(partial))
    return path
