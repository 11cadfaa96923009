"""The machine's own ``tritonserver``, as NVIDIA's container brings it, with the C++ LibTorch backend."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from app.errors import ServerStartError
from app.triton.launch import KEPT_MEMORY, Launch

PROGRAM = "tritonserver"
GPU_DEVICES = ("nvidia[0-9]*", "dxg")  # NVIDIA's driver, and the one of Windows' Linux


def is_there() -> bool:
    return shutil.which(PROGRAM) is not None


def launch() -> Launch:
    """How the machine's own Triton is started: in the environment of this process, which the container has prepared.

    Raises:
        ServerStartError: there is none.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise ServerStartError(
            f"There is no {PROGRAM} on the PATH, as NVIDIA's container has it: use --triton embedded, or give the "
            "address of a running Triton with --triton-url HOST:PORT."
        )
    environment = {**KEPT_MEMORY, **os.environ}
    return Launch("the installed Triton", Path(program), environment, options, processes_per_instance=0)


def options(folder: Path) -> list[str]:
    """The models' configurations for a GPU are the ones that Triton reads by itself; a CPU has its own."""
    has_gpu = any(any(Path("/dev").glob(device)) for device in GPU_DEVICES)
    return [] if has_gpu else ["--model-config-name=cpu"]
