"""The guardian of a server process: what it starts ends with it, and leaves nothing behind."""

import secrets
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.triton.guardian import SHARED_MEMORY
from app.triton.process import GUARDIAN
from tests.support.processes import read_line, wait_until

# A server with a process of its own that outlives it, and that both must be killed: they ignore being asked to stop.
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
orphan = 'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)'
child = subprocess.Popen([sys.executable, "-c", orphan], stdout=subprocess.PIPE, start_new_session=True)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(600 if sys.argv[1:] == ["stays"] else 0)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A server's own folder."""
    path = tmp_path / "server"
    (path / "deep").mkdir(parents=True)
    (path / "deep/file").touch()
    return path


@pytest.fixture
def prefix():
    """The prefix of the names of the server's shared memory; the test has one region under it."""
    name = f"din-test-{secrets.token_hex(4)}_"
    (SHARED_MEMORY / f"{name}region").touch()
    yield name
    assert not list(SHARED_MEMORY.glob(f"{name}*"))


@pytest.fixture
def guard(folder, prefix):
    """Start a command under a guardian, as an owner does."""
    started = []

    def start(*command: str) -> "subprocess.Popen[str]":
        options: dict[str, Any] = {
            "stdin": subprocess.PIPE,
            "stdout": subprocess.PIPE,
            "start_new_session": True,
            "text": True,
        }
        started.append(subprocess.Popen([sys.executable, "-I", GUARDIAN, prefix, folder, *command], **options))
        return started[-1]

    yield start
    for process in started:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.wait(30)
        process.stdout.close()
        assert not folder.exists()


def has_ended(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_the_commands_code_is_the_guardians(guard):
    assert guard(sys.executable, "-c", "import sys; sys.exit(7)").wait(30) == 7


def test_a_killed_command_is_told_of(guard):
    guardian = guard(sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert guardian.wait(30) != 0
    assert guardian.stdout.read() == "error: killed by SIGKILL\n"


def test_the_end_of_the_owner_ends_a_command_and_its_orphan_that_both_refuse(guard):
    guardian = guard(sys.executable, "-c", STUBBORN, "stays")
    orphan = int(guardian.stdout.readline())
    (server, *_) = psutil.Process(guardian.pid).children()
    guardian.stdin.close()
    guardian.wait(30)
    assert has_ended(server.pid)
    assert has_ended(orphan)


def test_an_orphan_is_killed_when_the_command_ends_by_itself(guard):
    guardian = guard(sys.executable, "-c", STUBBORN)
    orphan = int(guardian.stdout.readline())
    assert guardian.wait(30) == 0
    assert has_ended(orphan)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda s: s.name)
def test_a_signal_is_a_wish_to_stop(guard, number):
    guardian = guard(sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)")
    assert guardian.stdout.readline() == "up\n"
    (server,) = psutil.Process(guardian.pid).children()
    guardian.send_signal(number)
    assert guardian.wait(30) == -signal.SIGTERM % 256
    assert has_ended(server.pid)


def test_what_an_owner_writes_is_no_wish_to_stop(guard):
    guardian = guard(sys.executable, "-c", "import time; time.sleep(0.5)")
    guardian.stdin.write("words")
    guardian.stdin.flush()
    assert guardian.wait(30) == 0


def test_the_command_dies_with_a_guardian_that_is_killed(folder, prefix):
    """Nobody is left to remove the folder and the memory then; the next start does not depend on them."""
    command = [sys.executable, "-c", "import time; print(flush=True); time.sleep(600)"]
    with subprocess.Popen(
        [sys.executable, "-I", GUARDIAN, prefix, folder, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as guardian:
        read_line(guardian)
        (server,) = psutil.Process(guardian.pid).children()
        guardian.kill()
        wait_until(lambda: has_ended(server.pid))
    (SHARED_MEMORY / f"{prefix}region").unlink()
