"""Triton's ``pytorch`` backend in Python: serves ``model.pt`` as the C++ LibTorch backend would.

Triton finds this file by its folder when a model's configuration says ``backend: "pytorch"``, and runs it in a process
of its own for each instance. It is the one file of ``app`` that imports torch, and nothing in ``app`` imports it.

With a process for each instance of twelve models, torch is imported and a network loaded only when the first picture
comes: the server is up within seconds, and what nobody uses costs no memory.
"""

import json
import os
import zipfile
from functools import cached_property
from pathlib import Path
from typing import Any

import triton_python_backend_utils as pb_utils  # provided by Triton inside that process

INPUTS = ("lq", "attention", "core")  # the last two are optional
OUTPUTS = ("restored", "attention")


class TritonPythonModel:
    """One instance of one model."""

    def initialize(self, args: dict[str, str]) -> None:
        """Checks that the model's file is whole; Triton passes the folder, version and configuration."""
        self.path = Path(args["model_repository"]) / args["model_version"] / "model.pt"
        with zipfile.ZipFile(self.path) as archive:  # what TorchScript files are
            if damaged := archive.testzip():
                raise RuntimeError(f"{damaged} in {self.path} is damaged")
        self.device = f"cuda:{args['model_instance_device_id']}" if args["model_instance_kind"] == "GPU" else "cpu"
        instances = sum(group["count"] for group in json.loads(args["model_config"])["instance_group"])
        # Instances that each take every core get in each other's way: they share the cores out instead.
        self.threads = max(1, len(os.sched_getaffinity(0)) // instances)

    @cached_property
    def network(self) -> "Network":
        return Network(self.path, self.device, self.threads)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Runs the requests that Triton's dynamic batcher joined, all of one shape.

        A GPU runs them as one batch. A CPU gains nothing from that: alone, a tile's tensors stay in its cache.
        """
        batches = [[request] for request in requests] if self.device == "cpu" else [requests]
        return [response for batch in batches for response in self.answer(batch)]

    def answer(self, requests: list[Any]) -> list[Any]:
        """Runs requests as one batch."""
        try:
            tensors = {name: present(requests, name) for name in INPUTS}
            parts = self.network({name: found for name, found in tensors.items() if found})
        except Exception as error:  # the graph's own refusals, or out of memory: Triton wants it as a response
            reason = last_line(error)
            # Each response takes its own error with it: one that several share arrives as garbage.
            return [pb_utils.InferenceResponse(error=pb_utils.TritonError(reason)) for _ in requests]
        return [
            pb_utils.InferenceResponse(
                [pb_utils.Tensor.from_dlpack(name, part[name]) for name in request.requested_output_names()]
            )
            for request, part in zip(requests, parts, strict=True)
        ]


class Network:
    """The loaded model.

    Args:
        path: of the TorchScript file.
        device: for example ``cpu`` or ``cuda:0``.
        threads: cores that one batch may use.
    """

    def __init__(self, path: Path, device: str, threads: int) -> None:
        import torch
        from torch.utils import dlpack

        torch.set_num_threads(threads)
        self.torch, self.dlpack, self.device = torch, dlpack, torch.device(device)
        self.module = torch.jit.load(path, map_location=self.device).eval()

    def __call__(self, tensors: dict[str, list[Any]]) -> list[dict[str, Any]]:
        """Restores a batch of Triton's tensors; returns the outputs of each request as DLPack capsules."""
        torch = self.torch
        # DLPack, not NumPy: this build's as_numpy() returns wrong values under NumPy 2, and it would copy.
        batches = {name: [self.dlpack.from_dlpack(t.to_dlpack()) for t in found] for name, found in tensors.items()}
        with torch.inference_mode(), torch.jit.optimized_execution(False):
            outputs = self.module(**{name: torch.cat(batch).to(self.device) for name, batch in batches.items()})
        sizes = [len(lq) for lq in batches["lq"]]
        parts = zip(*(output.cpu().split(sizes) for output in outputs), strict=True)
        return [dict(zip(OUTPUTS, map(self.dlpack.to_dlpack, part), strict=True)) for part in parts]


def present(requests: list[Any], name: str) -> list[Any]:
    """The tensors of that name; Triton joins only requests that have the same inputs."""
    tensors = [pb_utils.get_input_tensor_by_name(request, name) for request in requests]
    return [tensor for tensor in tensors if tensor is not None]


def last_line(error: Exception) -> str:
    """The reason at the end of a TorchScript traceback, without the exception's name."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1].removeprefix("builtins.ValueError: ")
