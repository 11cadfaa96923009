"""How often each file was put into its place, or written there: counted by Linux's inotify, which misses none."""

import ctypes
import os
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLOSED_AFTER_WRITING, MOVED_HERE, QUEUE_FULL = 0x08, 0x80, 0x4000  # inotify(7)
EVENT = struct.Struct("iIII")  # folder, kind, cookie, length of the name that follows
LIBC = ctypes.CDLL(None, use_errno=True)


class Arrivals:
    """What has come into some folders.

    Args:
        handle: of inotify.
        folders: by their numbers.
    """

    def __init__(self, handle: int, folders: dict[int, Path]) -> None:
        self._handle, self._folders = handle, folders
        self._counts: Counter[Path] = Counter()

    def counts(self) -> Counter[Path]:
        """How often each file has come until now."""
        while events := self._read():
            while events:
                folder, kind, _, length = EVENT.unpack_from(events)
                assert not kind & QUEUE_FULL
                name = events[EVENT.size : EVENT.size + length].rstrip(b"\0")
                self._counts[self._folders[folder] / os.fsdecode(name)] += 1
                events = events[EVENT.size + length :]
        return self._counts.copy()

    def _read(self) -> bytes:
        try:
            return os.read(self._handle, 2**16)
        except BlockingIOError:
            return b""


@contextmanager
def watching(*folders: Path) -> Iterator[Arrivals]:
    """Count what comes into folders, not below them, until the end of the context."""
    handle = checked(LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
    try:
        kinds = CLOSED_AFTER_WRITING | MOVED_HERE
        numbers = [checked(LIBC.inotify_add_watch(handle, os.fsencode(folder), kinds)) for folder in folders]
        yield Arrivals(handle, dict(zip(numbers, folders, strict=True)))
    finally:
        os.close(handle)


def checked(result: int) -> int:
    """The result of a call of the system, which is negative where it has failed."""
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
