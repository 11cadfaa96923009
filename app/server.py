"""The embedded Triton: assemble its folders, start it, watch it, stop it. For loopback only.

The server comes in the ``nvidia-pytriton`` wheel and runs without PyTriton's Python layer. Anything that faces a
network runs NVIDIA's container instead (docs/deployment.md) over the same model repository.
"""

from __future__ import annotations

import contextlib
import ctypes.util
import importlib.util
import logging
import os
import secrets
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from app.client import RestorationClient
from app.errors import RestorationError, ServerStartError

log = logging.getLogger(__name__)

ROOT = Path(__file__).parent.parent
REPOSITORY = ROOT / "model_repository"
BACKEND = Path(__file__).parent / "backends" / "pytorch"
START_TIMEOUT_S = 120.0
# For glibc: memory that one layer frees serves the next. Given back to the system and fetched again, it costs a third.
KEPT_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "1000000000", "MALLOC_TRIM_THRESHOLD_": "256000000"}
WATCH_INTERVAL_S = 5.0
CONFIRM_AFTER_S = 1.0
SERVERS = ("tritonserver", "triton_python_b")  # as the kernel names them, in 15 letters


@dataclass(frozen=True)
class Wheel:
    """Where the server's wheel keeps what a server needs."""

    server: Path
    python_backend: Path
    stub: Path
    libraries: Path


def find_wheel() -> Wheel:
    """Locates the server in the installed wheel, without importing it.

    Raises:
        ServerStartError: there is no wheel for this system or this Python.
    """
    spec = importlib.util.find_spec("pytriton")
    if spec is None or not spec.submodule_search_locations:
        raise ServerStartError(
            "The embedded Triton is not available on this system (it needs Linux on x86-64 and the package "
            "nvidia-pytriton): start Triton elsewhere and give its address with --triton-url HOST:PORT."
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
    """Checks for libpython, without which Triton's stubs end unseen; Debian's interpreter does without it.

    Raises:
        ServerStartError: it is not there; the message says how to install it.
    """
    beside = Path(str(sysconfig.get_config_var("LIBDIR"))) / f"libpython{version}.so.1.0"
    if not beside.is_file() and ctypes.util.find_library(f"python{version}") is None:
        raise ServerStartError(
            f"The embedded Triton needs the shared library of Python {version}: install it (on Debian the package "
            f"libpython{version}), or give the address of another Triton with --triton-url HOST:PORT."
        )


def assemble_backends(wheel: Wheel, folder: Path) -> None:
    """Builds Triton's backend directory: its Python backend, and ours named ``pytorch``."""
    python = folder / "python"
    python.mkdir(parents=True)
    # Triton refuses a library behind a symbolic link that leaves the directory.
    shutil.copy(wheel.python_backend / "libtriton_python.so", python)
    (python / "triton_python_backend_stub").symlink_to(wheel.stub)
    shutil.copy(BACKEND / "triton_python_backend_utils.py", python)
    (folder / "pytorch").mkdir()
    shutil.copy(BACKEND / "model.py", folder / "pytorch")


def server_command(wheel: Wheel, repository: Path, backends: Path, port: int, shm_prefix: str) -> list[str]:
    """Triton's command line: loopback gRPC alone, fixed models, nothing restricted open to others."""
    return [
        str(wheel.server),
        f"--model-repository={repository}",
        "--model-config-name=cpu",
        f"--backend-directory={backends}",
        "--disable-auto-complete-config",
        "--model-control-mode=none",
        # A damaged model must not take the others down with it.
        "--exit-on-error=false",
        "--strict-readiness=false",
        "--grpc-address=127.0.0.1",
        f"--grpc-port={port}",
        "--allow-http=false",
        "--allow-metrics=false",
        f"--backend-config=python,shm-region-prefix-name={shm_prefix}",
        f"--grpc-restricted-protocol=shared-memory,trace,logging:{secrets.token_hex(8)}={secrets.token_hex(16)}",
    ]


def server_environment(wheel: Wheel) -> dict[str, str]:
    """A clean environment in which the stub finds this interpreter and its libraries."""
    libraries = [sysconfig.get_config_var("LIBDIR"), str(wheel.libraries)]
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]),
        "LD_LIBRARY_PATH": os.pathsep.join(filter(None, libraries)),
        "PYTHONDONTWRITEBYTECODE": "1",
        **KEPT_MEMORY,
    }


def check_repository(repository: Path) -> None:
    """Checks that there is something to serve.

    Raises:
        ServerStartError: no model has been built; the message says how to build them.
    """
    if not any(repository.glob("din_*/1/model.pt")):
        raise ServerStartError(f"No model has been built in {repository}: run `make models` first.")


def free_port() -> int:
    """A loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class GuardedTriton:
    """A running Triton.

    Attributes:
        guardian: the process that runs it and cleans up behind it.
        folder: its backends and log; the guardian removes it at the end.
        log: Triton's words, readable even then.
    """

    guardian: subprocess.Popen[bytes]
    folder: Path
    log: BinaryIO

    def has_ended(self) -> bool:
        return self.guardian.poll() is not None

    def last_words(self) -> str:
        """The last error in Triton's log."""
        if self.log.closed:
            return "it was stopped"
        self.log.seek(0)
        lines = self.log.read().decode(errors="replace").splitlines()
        errors = [line for line in lines if line.startswith(("E", "error"))]
        return (errors or lines or ["it said nothing"])[-1]

    def end(self) -> None:
        """Closes the guardian's input, which ends Triton, and waits for it; may be called twice."""
        assert self.guardian.stdin is not None
        self.guardian.stdin.close()
        self.guardian.wait()
        self.log.close()


def start_guarded(wheel: Wheel, repository: Path, port: int) -> GuardedTriton:
    """Starts Triton on a loopback port, under its guardian."""
    folder = Path(tempfile.mkdtemp(prefix="din-triton-"))
    shm_prefix = f"{folder.name}_"
    assemble_backends(wheel, folder / "backends")
    command = server_command(wheel, repository, folder / "backends", port, shm_prefix)
    script = Path(__file__).with_name("guardian.py")
    with (folder / "triton.log").open("wb") as output:
        guardian = subprocess.Popen(
            [sys.executable, "-I", str(script), shm_prefix, str(folder), *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=server_environment(wheel),
            start_new_session=True,
        )
        log = Path(output.name).open("rb")  # noqa: SIM115 - closed by end()
    return GuardedTriton(guardian, folder, log)


def count_servers(pid: int) -> int:
    """How many of Triton's own processes live below one, however deep; what those start for a moment does not count."""
    count = 0
    for threads in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # it has just ended
            children = [int(child) for child in threads.read_text().split()]
            count += sum(is_server(child) + count_servers(child) for child in children)
    return count


def is_server(pid: int) -> bool:
    """Whether a process is Triton or one of its instances, and runs: one that waits to be collected does not."""
    try:
        name, _, rest = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")
    except OSError:
        return False
    return name in SERVERS and rest.split()[0] != "Z"


class EmbeddedTriton:
    """A Triton of our own on a free loopback port, restarted when it or one of its models dies.

    Use it as a context manager: on leaving, no process, port or shared memory is left. The same holds when this
    process is killed.

    Args:
        repository: the model repository.

    Raises:
        ServerStartError: the server cannot run here, nothing has been built, or it did not come up.
    """

    def __init__(self, repository: Path = REPOSITORY) -> None:
        self.repository = repository
        self._wheel = find_wheel()
        check_repository(repository)
        self._port = free_port()
        self._servers = 0  # processes that a healthy server has; known when it is ready
        self._stopping = threading.Event()
        self._running = start_guarded(self._wheel, repository, self._port)
        self._watcher = threading.Thread(target=self._watch, name="triton-watch", daemon=True)

    @property
    def url(self) -> str:
        return f"127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def wait_ready(self) -> None:
        """Returns when every model that could be loaded has answered; then the watch begins.

        Raises:
            ServerStartError: Triton ended or did not come up in time; the message quotes it.
        """
        try:
            self._wait_ready()
        except BaseException:
            self.stop()
            raise
        self._watcher.start()

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        with RestorationClient(self.url, timeout_s=START_TIMEOUT_S) as client:
            while not client.is_live():
                if self._running.has_ended():
                    raise ServerStartError(f"The embedded Triton ended while starting: {self._running.last_words()}")
                if time.monotonic() > deadline:
                    raise ServerStartError(f"The embedded Triton did not start within {START_TIMEOUT_S:.0f} s.")
                time.sleep(0.05)
        self._servers = count_servers(self._running.guardian.pid)

    def _watch(self) -> None:
        """Restarts Triton when it no longer answers or an instance has died: a dead stub never recovers by itself."""
        while not self._stopping.wait(WATCH_INTERVAL_S):
            # Asked twice: a starved machine may be late to answer, and what is dead stays dead.
            if self._answers() or (not self._stopping.wait(CONFIRM_AFTER_S) and self._answers()):
                continue
            log.warning("Triton has ended or does not answer as it should: restarting it")
            self._running.end()
            if self._stopping.is_set():
                return
            self._running = start_guarded(self._wheel, self.repository, self._port)
            try:
                self._wait_ready()
            except RestorationError as error:
                log.error("Triton could not be restarted: %s", error)

    def _answers(self) -> bool:
        """Whether the server answers, and the process of every instance of every model lives."""
        if self._running.has_ended() or count_servers(self._running.guardian.pid) < self._servers:
            return False
        with RestorationClient(self.url) as client:
            return client.is_live()

    def stop(self) -> None:
        """Ends the server and removes what it used; may be called twice."""
        self._stopping.set()
        self._running.end()
        if self._watcher.is_alive() and self._watcher is not threading.current_thread():
            self._watcher.join()
            self._running.end()  # the watch may have been starting another one
