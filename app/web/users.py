"""The users of a page that asks for a password."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from app.errors import ServerStartError
from app.private_files import PrivateFileError, read_private

Users = Mapping[str, str]  # passwords by name


def read_users(path: Path) -> Users:
    """Read a file of ``name:password`` lines; others are not allowed to read it.

    Raises:
        ServerStartError: it cannot be read, is open to others, or has a line of another form.
    """
    try:
        lines = read_private(path).splitlines()
    except PrivateFileError as error:
        raise ServerStartError(str(error)) from error
    users = {}
    for number, line in enumerate(filter(None, map(str.strip, lines)), start=1):
        name, colon, password = line.partition(":")
        if not (name and colon and password):
            raise ServerStartError(f"{path}, user {number}: write name:password, one user a line.")
        users[name] = password
    if not users:
        raise ServerStartError(f"{path} names no users: write name:password, one user a line.")
    return users
