"""Runs one server process so that nothing of it outlives its owner, however the owner ends.

``python guardian.py SHM_PREFIX FOLDER COMMAND...`` starts the command and waits until its own standard input closes
(the owner has ended or wants an end) or the command exits. Then it stops the whole process group, removes the shared
memory regions of that prefix and the folder, and exits with the command's code. It imports nothing but the standard
library, so it starts at once, and it lives in a session of its own, so that Ctrl-C reaches the owner first.
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

PR_SET_PDEATHSIG = 1
# Triton finishes the requests under way when asked to stop; then it is killed.
GRACE_S = 5.0
POLL_S = 0.1
SHARED_MEMORY = Path("/dev/shm")
# Triton makes this folder while it starts, whether it needs one or not, and forgets it when it is killed.
ENVIRONMENTS = (Path("/tmp"), "python_env_*")
STARTING_S = 5.0


def die_with_parent() -> None:
    """In the child, before its program starts: have the kernel kill it when the guardian dies."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def wait_for_end(command: "subprocess.Popen[bytes]") -> None:
    """Returns when the owner's end of standard input closes, a signal asks for an end, or the command exits."""
    ended: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, frame: ended.append(received))
    while not ended and command.poll() is None:
        readable, _, _ = select.select([sys.stdin], [], [], POLL_S)
        if readable and not os.read(sys.stdin.fileno(), 1):
            return


def stop_group(command: "subprocess.Popen[bytes]") -> None:
    """Asks the group's leader to stop, then kills whatever is left of the group: busy stubs ignore SIGTERM."""
    command.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        command.wait(GRACE_S)
    with contextlib.suppress(ProcessLookupError):  # raised once the group is empty
        while True:
            os.killpg(command.pid, signal.SIGKILL)
            command.poll()
            time.sleep(POLL_S)
    command.wait()


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
    command = subprocess.Popen(program, stdin=subprocess.DEVNULL, process_group=0, preexec_fn=die_with_parent)
    try:
        wait_for_end(command)
    finally:
        stop_group(command)
        for region in SHARED_MEMORY.glob(prefix + "*"):
            region.unlink(missing_ok=True)
        remove_environments(started)
        shutil.rmtree(folder, ignore_errors=True)
    return command.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
