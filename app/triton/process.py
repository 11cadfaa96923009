"""One run of Triton: its command line, its start under the guardian, its processes, its last words, its end."""

from __future__ import annotations

import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from app.triton.guardian import processes_below
from app.triton.launch import Launch

LOOPBACK = "127.0.0.1"
GUARDIAN = Path(__file__).with_name("guardian.py")
GUARDIAN_S = 40.0  # longer than the guardian itself gives Triton and its instances
SERVERS = ("tritonserver", "triton_python_b")  # as the kernel names them, in 15 letters
ERROR = re.compile(r"^(E\d+ [^\]]*\] |error: )")  # a line of Triton's log: time, thread and source line


def command_line(launch: Launch, repository: Path, port: int, folder: Path) -> list[str]:
    """Triton's command line: loopback gRPC alone, fixed models, nothing restricted open to others."""
    return [
        str(launch.program),
        f"--model-repository={repository}",
        "--disable-auto-complete-config",
        "--model-control-mode=none",
        # A damaged model must not take the others down with it.
        "--exit-on-error=false",
        "--strict-readiness=false",
        f"--grpc-address={LOOPBACK}",
        f"--grpc-port={port}",
        "--reuse-grpc-port=true",  # the supervisor holds the port, so that nothing else takes it between two runs
        "--allow-http=false",
        "--allow-metrics=false",
        f"--backend-config=python,shm-region-prefix-name={shm_prefix(folder)}",
        f"--grpc-restricted-protocol=shared-memory,trace,logging:{secrets.token_hex(8)}={secrets.token_hex(16)}",
        *launch.prepare(folder),
    ]


def shm_prefix(folder: Path) -> str:
    """What the names of a run's shared memory begin with."""
    return f"{folder.name}_"


@dataclass(frozen=True)
class Run:
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

    def count_processes(self) -> int:
        """How many processes of Triton and its instances run; what those start for a moment does not count."""
        return sum(found.name in SERVERS for found in processes_below(self.guardian.pid))

    def last_words(self) -> str:
        """The last error in Triton's log, or else the first thing that it said, in one line."""
        if self.log.closed:
            return "it was stopped"
        self.log.seek(0)
        lines = self.log.read().decode(errors="replace").splitlines()
        errors = [line for line in lines if ERROR.match(line)]
        (words,) = errors[-1:] or [line for line in lines if line.strip()][:1] or ["it said nothing"]
        return ERROR.sub("", words).strip().strip('"')

    def end(self) -> None:
        """Closes the guardian's input, which ends Triton, and waits for it; may be called twice."""
        assert self.guardian.stdin is not None
        self.guardian.stdin.close()
        try:
            self.guardian.wait(GUARDIAN_S)
        except subprocess.TimeoutExpired:
            self.guardian.kill()  # and the kernel kills Triton with it
            self.guardian.wait()
        self.log.close()


def start(launch: Launch, repository: Path, port: int) -> Run:
    """Starts Triton on a loopback port, under its guardian.

    Raises:
        OSError: the machine has no room for it: disk, processes, memory.
    """
    folder = Path(tempfile.mkdtemp(prefix="din-triton-"))
    try:
        command = command_line(launch, repository, port, folder)
        with (folder / "triton.log").open("wb") as output:
            log = Path(output.name).open("rb")  # noqa: SIM115 - closed by end()
            guardian = subprocess.Popen(
                [sys.executable, "-I", str(GUARDIAN), shm_prefix(folder), str(folder), *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=launch.environment,
                start_new_session=True,
            )
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Run(guardian, folder, log)
