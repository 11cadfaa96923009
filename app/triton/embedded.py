"""Start the Triton in the ``nvidia-pytriton`` wheel, with the Python-based ``pytorch`` backend, on loopback only.

It runs without PyTriton's Python layer. A server for a network is NVIDIA's container instead (docs/deployment.md),
over the same model repository.
"""

from __future__ import annotations

import ctypes.util
import functools
import importlib.util
import os
import shutil
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from app.errors import ServerStartError
from app.triton.launch import KEPT_MEMORY, Launch

BACKEND = Path(__file__).parent / "backends" / "pytorch"


@dataclass(frozen=True)
class Wheel:
    """Paths inside the installed wheel.

    Attributes:
        server: Triton's binary.
        python_backend: folder of Triton's Python backend.
        stub: program that runs one instance of a model, for this version of Python.
        libraries: folder of the shared libraries that they need.
    """

    server: Path
    python_backend: Path
    stub: Path
    libraries: Path


def launch() -> Launch:
    """Return how to start the embedded Triton.

    Raises:
        ServerStartError: it cannot run on this system; the message says what to do.
    """
    wheel = find_wheel()
    prepare = functools.partial(prepare_folder, wheel)
    return Launch("the embedded Triton", wheel.server, environment(wheel), prepare, processes_per_instance=1)


def find_wheel() -> Wheel:
    """Locate the server in the installed wheel, without importing it.

    Raises:
        ServerStartError: there is no wheel for this system or this Python.
    """
    spec = importlib.util.find_spec("pytriton")
    if spec is None or not spec.submodule_search_locations:
        raise ServerStartError(
            "The embedded Triton is not available on this system (it needs Linux on x86-64, and there "
            "pip install 'din[demo]'): start Triton elsewhere and give its address with --triton-url HOST:PORT."
        )
    package = Path(spec.submodule_search_locations[0])
    parts = package / "tritonserver"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    wheel = Wheel(
        server=parts / "bin" / "tritonserver",
        python_backend=parts / "backends" / "python",
        stub=parts / "python_backend_stubs" / version / "triton_python_backend_stub",
        libraries=package.parent / "nvidia_pytriton.libs",
    )
    if not wheel.stub.is_file():
        raise ServerStartError(
            f"The embedded Triton has no Python {version} support: use Python 3.11, or give the address of another "
            "Triton with --triton-url HOST:PORT."
        )
    check_shared_python(version)
    return wheel


def check_shared_python(version: str) -> None:
    """Check for libpython, without which Triton's stubs exit without a message; Debian's interpreter does not need it.

    Raises:
        ServerStartError: it is not there; the message says how to install it.
    """
    beside = Path(str(sysconfig.get_config_var("LIBDIR"))) / f"libpython{version}.so.1.0"
    if not beside.is_file() and ctypes.util.find_library(f"python{version}") is None:
        raise ServerStartError(
            f"The embedded Triton needs the shared library of Python {version}: install it (on Debian the package "
            f"libpython{version}), or give the address of another Triton with --triton-url HOST:PORT."
        )


def environment(wheel: Wheel) -> dict[str, str]:
    """Return the variables with which the stub finds this interpreter and its libraries, and no others."""
    libraries = [sysconfig.get_config_var("LIBDIR"), str(wheel.libraries)]
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]),
        "LD_LIBRARY_PATH": os.pathsep.join(filter(None, libraries)),
        "PYTHONDONTWRITEBYTECODE": "1",
        **KEPT_MEMORY,
    }


def prepare_folder(wheel: Wheel, folder: Path) -> list[str]:
    """Build Triton's backend directory in a folder; return the options that name it."""
    backends = folder / "backends"
    assemble_backends(wheel, backends)
    return [f"--backend-directory={backends}", "--model-config-name=cpu"]


def assemble_backends(wheel: Wheel, backends: Path) -> None:
    """Build a backend directory: the wheel's Python backend, and this package's as ``pytorch``."""
    python = backends / "python"
    python.mkdir(parents=True)
    # Triton refuses a library behind a symbolic link that leaves the directory.
    shutil.copy(wheel.python_backend / "libtriton_python.so", python)
    (python / "triton_python_backend_stub").symlink_to(wheel.stub)
    for part in ("triton_python_backend_utils.py", "parent.py"):
        shutil.copy(BACKEND / part, python)
    (backends / "pytorch").mkdir()
    shutil.copy(BACKEND / "model.py", backends / "pytorch")
