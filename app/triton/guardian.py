"""Run one server process so that no process, shared memory or file of it outlives its owner, however the owner ends.

``python guardian.py SHM_PREFIX FOLDER COMMAND...`` starts the command and waits until its own standard input closes
(the owner has ended, or asks it to stop) or the command exits. Then it kills every descendant, removes the folder and
the shared memory regions with that prefix, and exits with the command's code. It imports little, so that it starts at
once, and runs in a session of its own, so that Ctrl-C reaches the owner first.

It is the subreaper of its descendants and waits for the orphans among them itself: in a container the first process is
often a program that does not.
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

import psutil

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
# Triton finishes the requests under way when asked to stop; then it is killed.
GRACE_S = 5.0
# Killed processes end at once, except in an uninterruptible system call: these are not waited for any longer.
KILL_S = 10.0
POLL_S = 0.1
SHARED_MEMORY = Path("/dev/shm")
# Triton makes this folder while it starts, whether it needs one or not, and leaves it behind when it is killed.
ENVIRONMENTS = (Path("/tmp"), "python_env_*")
STARTING_S = 5.0


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies; called in the child, before its program starts."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> None:
    """Make this process the parent of every descendant that loses its own."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def processes_below(pid: int) -> list[psutil.Process]:
    """Return the running descendants of a process; zombies do not count."""
    try:
        return [process for process in psutil.Process(pid).children(recursive=True) if is_running(process)]
    except psutil.NoSuchProcess:
        return []


def is_running(process: psutil.Process) -> bool:
    """Return whether a process has not ended."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def collect(command: "subprocess.Popen[bytes]") -> bool:
    """Wait for the command and the adopted orphans that have ended; return whether a child is left."""
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
    """Wait until standard input closes, a signal asks this process to stop, or the command exits."""
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
    """Ask the command to stop, then kill every descendant that is left: busy stubs ignore SIGTERM."""
    command.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        command.wait(GRACE_S)
    deadline = time.monotonic() + KILL_S
    # Until there is no child: a process looks like a zombie before the last of its threads is gone.
    while collect(command) and time.monotonic() < deadline:
        for process in processes_below(os.getpid()):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(POLL_S)


def remove_environments(started: float) -> None:
    """Remove the empty folders that Triton made while it started, which was at that time of the epoch, in seconds."""
    folder, pattern = ENVIRONMENTS
    for environment in folder.glob(pattern):
        with contextlib.suppress(OSError):  # not empty, or another user's
            if started <= environment.stat().st_ctime <= started + STARTING_S:
                environment.rmdir()


def remove_run(prefix: str, folder: Path) -> None:
    """Remove the shared memory regions with a prefix, and a folder."""
    for region in SHARED_MEMORY.glob(prefix + "*"):
        region.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def main(arguments: list[str]) -> int:
    """Run the command until it ends or is to be stopped; return its exit code, negative for a signal."""
    prefix, folder, *program = arguments
    started = time.time()
    adopt_orphans()
    command = subprocess.Popen(program, stdin=subprocess.DEVNULL, process_group=0, preexec_fn=die_with_parent)
    try:
        wait_for_end(command)
    finally:
        stop(command)
        remove_environments(started)
        remove_run(prefix, Path(folder))
    return command.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
