"""Triton's ``pytorch`` backend in Python: serves ``model.pt`` as the C++ LibTorch backend would.

Triton finds this file by its folder when a model's configuration says ``backend: "pytorch"``, and runs it in a process
of its own for each instance. It is the one file of ``app`` that imports torch, and nothing in ``app`` imports it.
"""

import json
import os
from pathlib import Path
from typing import Any

import torch
import triton_python_backend_utils as pb_utils  # provided by Triton inside that process
from torch.utils import dlpack


class TritonPythonModel:
    """One instance of one model."""

    def initialize(self, args: dict[str, str]) -> None:
        """Loads the model; Triton passes the folder, version and configuration."""
        instances = sum(group["count"] for group in json.loads(args["model_config"])["instance_group"])
        # Instances that each take every core get in each other's way: they share the cores out instead.
        torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // instances))
        path = Path(args["model_repository"]) / args["model_version"] / "model.pt"
        device = f"cuda:{args['model_instance_device_id']}" if args["model_instance_kind"] == "GPU" else "cpu"
        self.module = torch.jit.load(path, map_location=device).eval()
        self.device = torch.device(device)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Runs the requests that Triton's dynamic batcher joined (all of one shape) as one batch."""
        # DLPack, not NumPy: this build's as_numpy() returns wrong values under NumPy 2, and it would copy.
        tiles = [dlpack.from_dlpack(pb_utils.get_input_tensor_by_name(r, "lq").to_dlpack()) for r in requests]
        try:
            with torch.inference_mode(), torch.jit.optimized_execution(False):
                restored = self.module(torch.cat(tiles).to(self.device)).cpu()
        except Exception as error:  # the graph's own refusals, or out of memory: Triton wants it as a response
            reason = pb_utils.TritonError(last_line(error))
            return [pb_utils.InferenceResponse(error=reason) for _ in requests]
        return [
            pb_utils.InferenceResponse([pb_utils.Tensor.from_dlpack("restored", dlpack.to_dlpack(part))])
            for part in restored.split([len(tile) for tile in tiles])
        ]


def last_line(error: Exception) -> str:
    """The reason at the end of a TorchScript traceback, without the exception's name."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1].removeprefix("builtins.ValueError: ")
