"""The users of a page that asks for a password."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

from app.errors import ServerStartError

Users = Mapping[str, str]  # passwords by name


def read_users(path: Path) -> Users:
    """Read a file of ``name:password`` lines; others are not allowed to read it.

    Raises:
        ServerStartError: it cannot be read, is open to others, or has a line of another form.
    """
    try:
        mode, lines = path.stat().st_mode, path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ServerStartError(f"The users in {path} cannot be read ({error}).") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ServerStartError(f"Others on this machine may read the passwords in {path}: run chmod 600 {path}.")
    users = {}
    for number, line in enumerate(filter(None, map(str.strip, lines)), start=1):
        name, colon, password = line.partition(":")
        if not (name and colon and password):
            raise ServerStartError(f"{path}, user {number}: write name:password, one user a line.")
        users[name] = password
    if not users:
        raise ServerStartError(f"{path} names no users: write name:password, one user a line.")
    return users
