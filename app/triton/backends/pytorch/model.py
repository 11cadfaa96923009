"""Serve ``model.pt`` as Triton's ``pytorch`` backend in Python, as its C++ LibTorch backend would.

Triton finds this file by its folder when a model's configuration says ``backend: "pytorch"``, and runs it in a process
of its own for each instance. It is the one file of ``app`` that imports torch, and nothing in ``app`` imports it.

There is a process for each instance of two dozen models. Each imports torch and loads its network at its first request:
the server starts within seconds, and models that are not used cost little memory.
"""

import contextlib
import ctypes
import json
import os
import re
import sys
import time
import zipfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import triton_python_backend_utils as pb_utils  # ours, beside this file; Triton adds its classes in that process
from parent import Parent, read_command_line  # beside this file, too

# The prefix of an error that the graph itself raises, to refuse a request.
REFUSAL = "builtins.ValueError: "
# Names the folder where each instance notes whether it is at work, for app.triton.probe; without it, nothing is noted.
NOTES = "DIN_NOTES"
IDLE, AT_WORK = b"0", b"1"
# Where memory ends in the middle of C++ code: oneDNN, for one, may then fail for ever, also when there is memory again.
LASTING = re.compile("bad_alloc|could not (create|execute) ")
# The allocator keeps freed memory (app.triton.launch), which saves a tile a tenth of its time. Work after a rest of so
# many seconds gives it back to the system: dozens of instances would each keep what their largest tile took. The
# supervisor's tiny pictures, every five seconds, are such work.
REST_S = 2.0


class BrokenError(Exception):
    """This process cannot serve any more; another one may."""


class LateError(Exception):
    """Triton does not wait for this answer any more, and would give it to another request."""


class TritonPythonModel:
    """One instance of one model."""

    def initialize(self, args: dict[str, str]) -> None:
        """Check the model's file and read its configuration, which Triton passes with folder and version.

        Raises:
            RuntimeError: the file is damaged, or the supervisor has taken the model out of service.
            zipfile.BadZipFile: it is not TorchScript.
        """
        self.name = args["model_instance_name"]
        self.path = Path(args["model_repository"]) / args["model_version"] / "model.pt"
        withdrawn = self.path.with_name("withdrawn.txt")  # of app.triton.process
        if withdrawn.exists():
            raise RuntimeError(withdrawn.read_text())
        with zipfile.ZipFile(self.path) as archive:  # which TorchScript is
            if damaged := archive.testzip():
                raise RuntimeError(f"{damaged} in {self.path} is damaged")
        config = json.loads(args["model_config"])
        # As LibTorch's backend does: inputs go by the names of the graph's arguments, outputs by their order.
        self.inputs, self.outputs = ([tensor["name"] for tensor in config[kind]] for kind in ("input", "output"))
        self.device = f"cuda:{args['model_instance_device_id']}" if args["model_instance_kind"] == "GPU" else "cpu"
        instances = sum(group["count"] for group in config["instance_group"])
        # The instances share the cores out: if each used all of them, they would slow each other down.
        self.threads = max(1, len(os.sched_getaffinity(0)) // instances)
        notes = os.environ.get(NOTES)
        path = Path(notes, self.name) if notes else Path(os.devnull)
        self.note = path.open("wb", buffering=0)  # open as long as the instance lives
        self.note.write(IDLE)
        self.parent = Parent(read_command_line())

    @cached_property
    def network(self) -> "Network":
        """The loaded network, from the first request on."""
        return Network(self.path, self.device, self.threads)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Run the requests that Triton's dynamic batcher joined, all of one shape, and return their responses in order.

        A GPU runs them as one batch. A CPU gains nothing from that: alone, a tile's tensors stay in its cache.

        What is no answer to a request ends the process: the supervisor replaces it, and the requests are sent again.
        """
        batches = [[request] for request in requests] if self.device == "cpu" else [requests]
        try:
            with self.noted():
                responses = [response for batch in batches for response in self.answer(batch)]
            if not self.parent.is_waiting():
                raise LateError("Triton gave a request up")
            return responses
        except Exception as error:
            self.end(error)

    def end(self, error: Exception) -> NoReturn:
        """End this process at once, with a line in Triton's log that app.triton.process finds."""
        try:
            print(f"error: {self.name} ends: {last_line(error)}", file=sys.stderr, flush=True)
        finally:
            os._exit(1)

    @contextlib.contextmanager
    def noted(self) -> Iterator[None]:
        """Note that the instance is at work meanwhile."""
        self.write_note(AT_WORK)
        try:
            yield
        finally:
            self.write_note(IDLE)

    def write_note(self, note: bytes) -> None:
        """Replace the note's one byte, which needs no room on most disks; where it does, the request matters more."""
        with contextlib.suppress(OSError):
            os.pwrite(self.note.fileno(), note, 0)

    def answer(self, requests: list[Any]) -> list[Any]:
        """Run requests as one batch; return a response, or an error, for each.

        Raises:
            Exception: this process cannot serve any more.
        """
        try:
            given = [{tensor.name(): tensor for tensor in request.inputs()} for request in requests]
            tensors = {name: [by_name[name] for by_name in given] for name in self.inputs}
            parts = self.network(tensors, self.outputs)
        except Exception as error:  # the graph's own refusals, or out of memory: Triton wants it as a response
            if is_lasting(error):
                raise
            reason = last_line(error)
            status = pb_utils.TritonError.INVALID_ARG if reason.startswith(REFUSAL) else pb_utils.TritonError.INTERNAL
            reason = reason.removeprefix(REFUSAL)
            # Each response takes its own error with it: one that several share arrives as garbage.
            return [pb_utils.InferenceResponse(error=pb_utils.TritonError(reason, status)) for _ in requests]
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

    Raises:
        BrokenError: torch, of which a part is loaded now, could not be imported; it cannot be tried again.
    """

    def __init__(self, path: Path, device: str, threads: int) -> None:
        try:
            import torch
            from torch.utils import dlpack
        except ModuleNotFoundError:  # no other process would find it either
            raise
        except Exception as error:
            raise BrokenError(last_line(error)) from error

        torch.set_num_threads(threads)
        self.torch, self.dlpack, self.device = torch, dlpack, torch.device(device)
        self.module = torch.jit.load(path, map_location=self.device).eval()
        self.give_back = ctypes.CDLL(None).malloc_trim
        self.worked_s = time.monotonic()

    def __call__(self, tensors: dict[str, list[Any]], outputs: list[str]) -> list[dict[str, Any]]:
        """Restore a batch.

        Args:
            tensors: one tensor of each request, by the names of the graph's arguments.
            outputs: names of the graph's results, in their order.

        Returns:
            The outputs of each request as DLPack capsules.
        """
        torch, has_rested = self.torch, time.monotonic() - self.worked_s > REST_S
        # DLPack, not NumPy: this build's as_numpy() returns wrong values under NumPy 2, and it would copy.
        batches = {name: [self.dlpack.from_dlpack(t.to_dlpack()) for t in found] for name, found in tensors.items()}
        with torch.inference_mode(), torch.jit.optimized_execution(False):
            answer = self.module(**{name: torch.cat(batch).to(self.device) for name, batch in batches.items()})
        results = answer if isinstance(answer, tuple) else (answer,)
        sizes = [len(tensor) for tensor in next(iter(batches.values()))]
        parts = zip(*(result.cpu().split(sizes) for result in results), strict=True)
        if has_rested:  # in this thread, for in another one Python might free what is Triton's
            self.give_back(0)
        self.worked_s = time.monotonic()
        return [dict(zip(outputs, map(self.dlpack.to_dlpack, part), strict=True)) for part in parts]


def is_lasting(error: Exception) -> bool:
    """Return whether a process that has had this error cannot be trusted any more."""
    return isinstance(error, BrokenError | MemoryError) or LASTING.search(str(error)) is not None


def last_line(error: Exception) -> str:
    """Return the reason at the end of a TorchScript traceback."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1].removeprefix("builtins.RuntimeError: ")
