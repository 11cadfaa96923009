"""Namespaces, and small file systems in one of their own, for which no rights are needed."""

import contextlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

# Mounts $1 over $2, and becomes the command.
MOUNT = 'mount -t tmpfs -o "mode=1777,size=$1" none "$2" && shift 2 && exec "$@"'


def usable(command: Sequence[str], needed: str) -> None:
    """Check that a command that runs another in a namespace works; without it skip the test, or fail it under CI.

    Args:
        command: to which another is appended.
        needed: names the namespaces.
    """
    try:
        problem = subprocess.run([*command, "true"], capture_output=True, text=True, check=False).stderr
    except FileNotFoundError as error:
        problem = str(error)
    if problem:
        assert os.environ.get("CI") != "true", f"these tests need {needed}: {problem}"
        pytest.skip(f"there are no {needed} here: {problem}")


def with_small(folder: Path, size: str) -> tuple[str, ...]:
    """The command that runs another with a small file system over a folder: in the same process, seen by it alone."""
    command = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", MOUNT, "sh", size, str(folder))
    usable(command, "mount namespaces")
    return command


def inside(pid: int, path: Path) -> Path:
    """A path as a process sees it."""
    return Path(f"/proc/{pid}/root", *path.parts[1:])


def fill(folder: Path) -> Path:
    """Write a file that leaves no room beside it, or append to it; return its path."""
    ballast = folder / "ballast"
    with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1 << 12))
    return ballast
