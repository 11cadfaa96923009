"""Run Triton once: its command line, its start under the guardian, its processes, its last error, its end."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import psutil

from app.triton.guardian import is_running, processes_below, remove_run
from app.triton.launch import Launch

LOOPBACK = "127.0.0.1"
GUARDIAN = Path(__file__).with_name("guardian.py")
EVERYWHERE = "0.0.0.0"  # all addresses of this machine
PING_INTERVAL_MS = 5000  # shorter than the client's keepalive
# Clients elsewhere have to look for new replicas now and then, and may finish what they wait for.
CONNECTION_AGE_MS, CONNECTION_GRACE_MS = 300_000, 150_000
FOLDER_PREFIX = "din-triton-"
LOCK = "lock"  # in a run's folder; the guardian holds it as long as it lives
GUARDIAN_S = 40.0  # longer than the guardian itself gives Triton and its instances
SERVERS = ("tritonserver", "triton_python_backend_stub")  # names of processes
NOTES = "notes"  # folder where each instance notes whether it is at work; app.triton.probe reads it
NOTES_VARIABLE = "DIN_NOTES"  # names it for the backend
WITHDRAWN = "withdrawn.txt"  # in the place of a model's file: why it is out of service
# Triton has protocols restricted to requests with a header; it cannot switch them off. Capitals in the name of this one
# make that impossible to send (RFC 9113, section 8.2.1), so no secret has to stand in the list of processes.
UNSENDABLE_HEADER = "NOBODY=can-send-this"
ORPHAN = "Non-graceful termination detected"  # an instance whose server has died
LATE = "Triton gave a request up"  # why an instance has ended itself, as backends/pytorch/model.py says it
ERROR = re.compile(r"^(E\d+ [^\]]*\] |error: )")  # a line of Triton's log: time, thread and source line


@dataclass(frozen=True)
class Endpoint:
    """Where Triton listens.

    Attributes:
        port: of gRPC.
        host: the address; by default only this machine reaches it.
        metrics_port: of its metrics for Prometheus; None for no metrics.
        metrics_host: the address of the metrics; None for the same.
    """

    port: int
    host: str = LOOPBACK
    metrics_port: int | None = None
    metrics_host: str | None = None

    @property
    def url(self) -> str:
        """The address for clients on this machine, ``HOST:PORT``."""
        return f"{LOOPBACK if self.host == EVERYWHERE else self.host}:{self.port}"

    def options(self) -> list[str]:
        """Return Triton's options for it."""
        grpc = [
            f"--grpc-address={self.host}",
            f"--grpc-port={self.port}",
            "--reuse-grpc-port=true",  # the supervisor holds the port, so that nothing else takes it between two runs
        ]
        if self.host != LOOPBACK:
            grpc += [
                f"--grpc-max-connection-age={CONNECTION_AGE_MS}",
                f"--grpc-max-connection-age-grace={CONNECTION_GRACE_MS}",
            ]
        if self.metrics_port is None:
            return [*grpc, "--allow-metrics=false"]
        address = self.metrics_host or self.host
        return [*grpc, "--allow-metrics=true", f"--metrics-address={address}", f"--metrics-port={self.metrics_port}"]


def command_line(launch: Launch, repository: Path, endpoint: Endpoint, folder: Path) -> list[str]:
    """Return Triton's command line: gRPC, fixed models, no administration.

    Args:
        launch: the kind of Triton.
        repository: the model repository.
        endpoint: where it listens.
        folder: of the run, which ``launch.prepare`` fills.
    """
    return [
        str(launch.program),
        f"--model-repository={repository}",
        "--disable-auto-complete-config",
        "--model-control-mode=none",
        # A damaged model must not take the others down with it.
        "--exit-on-error=false",
        "--strict-readiness=false",
        *endpoint.options(),
        f"--grpc-http2-min-recv-ping-interval-without-data={PING_INTERVAL_MS}",
        "--allow-http=false",
        f"--backend-config=python,shm-region-prefix-name={shm_prefix(folder)}",
        f"--grpc-restricted-protocol=shared-memory,trace,logging:{UNSENDABLE_HEADER}",
        *launch.prepare(folder),
    ]


def shm_prefix(folder: Path) -> str:
    """Return the prefix of the names of a run's shared memory regions."""
    return f"{folder.name}_"


@dataclass(frozen=True)
class Run:
    """A running Triton.

    Attributes:
        guardian: the process that runs it and cleans up behind it.
        folder: of its backends and log; the guardian removes it at the end.
        log: Triton's output, open and so readable even then.
    """

    guardian: subprocess.Popen[bytes]
    folder: Path
    log: BinaryIO

    def has_ended(self) -> bool:
        """Return whether the guardian has ended, and so Triton."""
        return self.guardian.poll() is not None

    def has_crashed(self) -> bool:
        """Return whether a signal has ended Triton: the guardian then exits with its negative number, modulo 256."""
        code = self.guardian.poll()
        return code is not None and code > 256 - signal.NSIG

    def processes(self, instances: Collection[str] = ()) -> dict[str, psutil.Process]:
        """Return the running processes of Triton and of its instances, by the names of program and instances.

        Args:
            instances: names of the instances, which are words of their command lines.
        """
        found: dict[str, psutil.Process] = {}
        for process in processes_below(self.guardian.pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.name() in SERVERS:
                    found[next((word for word in process.cmdline() if word in instances), process.name())] = process
        return found

    def dead(self) -> set[int]:
        """Return the numbers of Triton's processes that have ended, and for whose end it has not waited."""
        below = psutil.Process(self.guardian.pid).children(recursive=True)
        return {process.pid for process in below if not is_running(process) and psutil.pid_exists(process.pid)}

    def processor_s(self) -> float:
        """Return the processor time that Triton's running processes have used, in seconds."""
        used = 0.0
        for process in processes_below(self.guardian.pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                used += times.user + times.system
        return used

    def kill(self) -> None:
        """Kill Triton and its instances: what hangs does not end when it is asked to. The guardian then cleans up."""
        for process in self.processes().values():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def reasons(self, instances: Collection[str]) -> list[str]:
        """Return why instances have ended themselves; nothing of those that were killed, and so said nothing."""
        ends = [f"error: {name} ends: " for name in instances]  # as backends/pytorch/model.py writes it
        return [line.removeprefix(end) for line in self._lines() for end in ends if line.startswith(end)]

    def _lines(self) -> list[str]:
        """Return the lines of Triton's log."""
        self.log.seek(0)
        return self.log.read().decode(errors="replace").splitlines()

    def last_words(self) -> str:
        """Return the last error in Triton's log, or else its first line that is not empty."""
        if self.log.closed:
            return "it was stopped"
        lines = self._lines()
        errors = [line for line in lines if ERROR.match(line)]
        (words,) = errors[-1:] or [line for line in lines if line.strip()][:1] or ["it said nothing"]
        return ERROR.sub("", words).strip().strip('"')

    def end_of_log(self, lines: int) -> str:
        """Return the last lines of Triton's log, which after a crash have its stack; nothing where it was stopped.

        Without those of the instances, each of which says that Triton has gone.
        """
        if self.log.closed:
            return ""
        return "\n".join([line for line in self._lines() if ORPHAN not in line][-lines:])

    def end(self) -> None:
        """Close the guardian's input, which ends Triton, and wait for both; may be called twice."""
        assert self.guardian.stdin is not None
        self.guardian.stdin.close()
        try:
            self.guardian.wait(GUARDIAN_S)
        except subprocess.TimeoutExpired:
            self.guardian.kill()  # and the kernel kills Triton with it
            self.guardian.wait()
        self.log.close()


def without(repository: Path, withdrawn: Mapping[str, str], folder: Path) -> Path:
    """Make a model repository in which some models cannot be loaded, and Triton's reason for it is ours.

    Args:
        repository: the model repository.
        withdrawn: names of the models, and why they are out of service.
        folder: of the run.

    Returns:
        The repository itself where no model is withdrawn.
    """
    if not withdrawn:
        return repository
    reduced = folder / "repository"
    reduced.mkdir()
    for model in repository.iterdir():
        if model.name not in withdrawn:
            (reduced / model.name).symlink_to(model.resolve())
            continue
        shutil.copytree(model, reduced / model.name, ignore=shutil.ignore_patterns("model.pt"))
        for version in (reduced / model.name).glob("[1-9]*"):
            (version / WITHDRAWN).write_text(withdrawn[model.name])
    return reduced


def lock_file(file: BinaryIO) -> None:
    """Lock an open file, until this process and those that it passes it to have closed it.

    Raises:
        OSError: it is locked.
    """
    import fcntl  # which Windows lacks, where no Triton is started

    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def remove_leftovers() -> None:
    """End the instances of runs whose guardian was killed, and remove their folders and shared memory."""
    for lock in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*/{LOCK}"):
        with contextlib.suppress(OSError), lock.open("rb") as file:  # held by its guardian, or another user's
            lock_file(file)
            kill_orphans(lock.parent)
            remove_run(shm_prefix(lock.parent), lock.parent)


def kill_orphans(folder: Path) -> None:
    """Kill the processes whose program lies in a run's folder: instances outlive a Triton that was killed."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"]
        if words and words[0].startswith(f"{folder}/"):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                process.kill()


def start(launch: Launch, repository: Path, endpoint: Endpoint, withdrawn: Mapping[str, str] | None = None) -> Run:
    """Start Triton under its guardian.

    Args:
        launch: the kind of Triton.
        repository: the model repository.
        endpoint: where it listens.
        withdrawn: models to leave out, and why.

    Raises:
        OSError: the machine has no room for it: disk, processes, memory.
    """
    remove_leftovers()
    folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
    try:
        repository = without(repository, withdrawn or {}, folder)
        (folder / NOTES).mkdir()
        command = command_line(launch, repository, endpoint, folder)
        with (folder / "unlocked").open("wb") as lock, (folder / "triton.log").open("wb") as output:
            lock_file(lock)
            Path(lock.name).rename(folder / LOCK)  # where others find it, but never unlocked as long as this run lives
            log = Path(output.name).open("rb")  # noqa: SIM115 - closed by end()
            guardian = subprocess.Popen(
                # -P: the modules beside it must not hide others.
                [sys.executable, "-P", str(GUARDIAN), shm_prefix(folder), str(folder), *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**launch.environment, NOTES_VARIABLE: str(folder / NOTES)},
                start_new_session=True,
                pass_fds=[lock.fileno()],
            )
    except BaseException:  # also where no thread can be started, or Ctrl-C comes
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Run(guardian, folder, log)
