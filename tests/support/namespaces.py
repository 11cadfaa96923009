"""Small file systems in a mount namespace of their own, for which no rights are needed."""

import contextlib
import os
import subprocess
from pathlib import Path

import pytest

# Mounts $1 over $2, and becomes the command.
MOUNT = 'mount -t tmpfs -o "mode=1777,size=$1" none "$2" && shift 2 && exec "$@"'


def with_small(folder: Path, size: str) -> tuple[str, ...]:
    """The command that runs another with a small file system over a folder: in the same process, seen by it alone."""
    command = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", MOUNT, "sh", size, str(folder))
    try:
        done = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
        problem = done.stderr
    except FileNotFoundError as error:
        problem = str(error)
    if problem:
        assert os.environ.get("CI") != "true", f"these tests need mount namespaces: {problem}"
        pytest.skip(f"no mount namespaces here: {problem}")
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
