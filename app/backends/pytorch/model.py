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
        """Runs the requests that Triton's dynamic batcher joined (all of one shape) as one batch."""
        tensors = [pb_utils.get_input_tensor_by_name(request, "lq") for request in requests]
        try:
            if 0 in tensors[0].shape():  # the watch asks so whether this process lives: nothing is loaded for it
                raise ValueError("lq has no pixels")
            parts = self.network(tensors)
        except Exception as error:  # the graph's own refusals, or out of memory: Triton wants it as a response
            reason = last_line(error)
            # Each response takes its own error with it: one that several share arrives as garbage.
            return [pb_utils.InferenceResponse(error=pb_utils.TritonError(reason)) for _ in requests]
        return [pb_utils.InferenceResponse([pb_utils.Tensor.from_dlpack("restored", part)]) for part in parts]


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

    def __call__(self, tensors: list[Any]) -> list[Any]:
        """Restores a batch of Triton's tensors; returns one DLPack capsule for each."""
        torch = self.torch
        # DLPack, not NumPy: this build's as_numpy() returns wrong values under NumPy 2, and it would copy.
        tiles = [self.dlpack.from_dlpack(tensor.to_dlpack()) for tensor in tensors]
        with torch.inference_mode(), torch.jit.optimized_execution(False):
            restored = self.module(torch.cat(tiles).to(self.device)).cpu()
        return [self.dlpack.to_dlpack(part) for part in restored.split([len(tile) for tile in tiles])]


def last_line(error: Exception) -> str:
    """The reason at the end of a TorchScript traceback, without the exception's name."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1].removeprefix("builtins.ValueError: ")
