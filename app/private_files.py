"""Read files with secrets, which others on the machine must not be able to read."""

from __future__ import annotations

import stat
from pathlib import Path

ROOT = 0


class PrivateFileError(Exception):
    """A file cannot be read, or others may read it; the message is one sentence."""


def read_private(path: Path) -> str:
    """Return the text of a file with secrets.

    Raises:
        PrivateFileError: it cannot be read, or others may read it.
    """
    try:
        status, text = path.stat(), path.read_text(encoding="utf-8")
    except OSError as error:
        raise PrivateFileError(f"The file {path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise PrivateFileError(f"The file {path} cannot be read (it is not text in UTF-8).") from error
    if is_open(status.st_mode, status.st_uid):
        raise PrivateFileError(f"Others on this machine may read the secrets in {path}: run chmod 600 {path}.")
    return text


def is_open(mode: int, owner: int) -> bool:
    """Return whether others may read a file or change it.

    A file of root's may be readable by its group: so Kubernetes hands a Secret to a container of another user.
    """
    allowed = stat.S_IRGRP if owner == ROOT else 0
    return bool(mode & (stat.S_IRWXG | stat.S_IRWXO) & ~allowed)
