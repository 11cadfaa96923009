"""Runs one server process so that nothing of it outlives its owner, however the owner ends.

``python guardian.py SHM_PREFIX FOLDER COMMAND...`` starts the command and waits until its own standard input closes
(the owner has ended or wants an end) or the command exits. Then it stops every process below it, removes the shared
memory regions of that prefix and the folder, and exits with the command's code. It imports nothing but the standard
library, so it starts at once, and it lives in a session of its own, so that Ctrl-C reaches the owner first.

It collects what the command leaves behind itself, and so does not depend on the machine's first process to do that:
in a container that is often a program which never does.
"""

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
# Triton finishes the requests under way when asked to stop; then it is killed.
GRACE_S = 5.0
# Killed processes end at once, unless the kernel holds them: then they are left to it.
KILL_S = 10.0
POLL_S = 0.1
SHARED_MEMORY = Path("/dev/shm")
# Triton makes this folder while it starts, whether it needs one or not, and forgets it when it is killed.
ENVIRONMENTS = (Path("/tmp"), "python_env_*")
STARTING_S = 5.0


def die_with_parent() -> None:
    """In the child, before its program starts: have the kernel kill it when the guardian dies."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> None:
    """Has the kernel make this process the parent of every process below it that loses its own."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


class Process(NamedTuple):
    """One line of the kernel's table: ``state`` is Z for a process that has ended and waits to be collected."""

    pid: int
    parent: int
    name: str
    state: str


def read_process(stat: Path) -> "Process | None":
    """A process by its file in /proc; None if it has just gone."""
    try:
        before, _, after = stat.read_text().rpartition(")")
    except OSError:
        return None
    pid, _, name = before.partition(" (")
    state, parent, *_ = after.split()
    return Process(int(pid), int(parent), name, state)


def processes_below(pid: int) -> "list[Process]":
    """The processes that descend from one, however deep, and run."""
    table = [found for stat in Path("/proc").glob("[0-9]*/stat") if (found := read_process(stat))]
    family = {pid}
    while more := {found.pid for found in table if found.parent in family} - family:
        family |= more
    return [found for found in table if found.pid in family - {pid} and found.state != "Z"]


def collect(command: "subprocess.Popen[bytes]") -> bool:
    """Collects the command and adopted orphans where they have ended; returns whether a child is left."""
    try:
        while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if ended.si_pid == command.pid:
                command.wait()  # which keeps its code
            else:
                os.waitpid(ended.si_pid, 0)
    except ChildProcessError:
        return False
    return True


def wait_for_end(command: "subprocess.Popen[bytes]") -> None:
    """Returns when the owner's end of standard input closes, a signal asks for an end, or the command exits."""
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, frame: asked.append(received))
    while not asked and command.returncode is None:
        readable, _, _ = select.select([sys.stdin], [], [], POLL_S)
        if readable and not os.read(sys.stdin.fileno(), 1):
            return
        collect(command)
    if command.returncode is not None and command.returncode < 0:
        print(f"error: killed by {signal.Signals(-command.returncode).name}", flush=True)


def stop(command: "subprocess.Popen[bytes]") -> None:
    """Asks the command to stop, then kills whatever is left below this process: busy stubs ignore SIGTERM."""
    command.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        command.wait(GRACE_S)
    deadline = time.monotonic() + KILL_S
    # Until there is no child: a process looks like a zombie before the last of its threads is gone.
    while collect(command) and time.monotonic() < deadline:
        for process in processes_below(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        time.sleep(POLL_S)


def remove_environments(started: float) -> None:
    """Removes the empty folders that Triton made while it started."""
    folder, pattern = ENVIRONMENTS
    for environment in folder.glob(pattern):
        with contextlib.suppress(OSError):  # not empty, or another user's
            if started <= environment.stat().st_ctime <= started + STARTING_S:
                environment.rmdir()


def main(arguments: list[str]) -> int:
    prefix, folder, *program = arguments
    started = time.time()
    adopt_orphans()
    command = subprocess.Popen(program, stdin=subprocess.DEVNULL, process_group=0, preexec_fn=die_with_parent)
    try:
        wait_for_end(command)
    finally:
        stop(command)
        for region in SHARED_MEMORY.glob(prefix + "*"):
            region.unlink(missing_ok=True)
        remove_environments(started)
        shutil.rmtree(folder, ignore_errors=True)
    return command.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
