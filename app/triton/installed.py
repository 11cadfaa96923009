"""Start the machine's own ``tritonserver``, as in NVIDIA's container, with the C++ LibTorch backend."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from app.errors import ServerStartError
from app.triton.launch import KEPT_MEMORY, Launch

PROGRAM = "tritonserver"
GPU_DEVICES = ("nvidia[0-9]*", "dxg")  # of NVIDIA's driver, and of WSL 2


def is_there() -> bool:
    """Return whether the program is on the PATH."""
    return shutil.which(PROGRAM) is not None


def launch() -> Launch:
    """Return how to start the machine's own Triton: in the environment of this process, which the container prepares.

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
    """Return the option that chooses the models' configurations for a CPU; none where there is a GPU."""
    has_gpu = any(any(Path("/dev").glob(device)) for device in GPU_DEVICES)
    return [] if has_gpu else ["--model-config-name=cpu"]
