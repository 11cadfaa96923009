"""Read files with secrets, which others on the machine must not be able to read."""

from __future__ import annotations

import stat
from pathlib import Path


class PrivateFileError(Exception):
    """A file cannot be read, or others may read it; the message is one sentence."""


def read_private(path: Path) -> str:
    """Return the text of a file with secrets.

    A file of root's may be readable by its group: so Kubernetes hands a Secret to a container of another user.

    Raises:
        PrivateFileError: it cannot be read, or others may read it.
    """
    try:
        status, text = path.stat(), path.read_text(encoding="utf-8")
    except OSError as error:
        raise PrivateFileError(f"The file {path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise PrivateFileError(f"The file {path} cannot be read (it is not text in UTF-8).") from error
    allowed_group = stat.S_IRGRP if status.st_uid == 0 else 0
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO) & ~allowed_group:
        raise PrivateFileError(f"Others on this machine may read the secrets in {path}: run chmod 600 {path}.")
    return text
