"""Decode photos for :mod:`app.codec.bounded`, one after the other, in a process with little memory and little time.

Standard input is a socket. For each photo it brings a request (JSON) with two open files: the photo, and one for the
result. When that is written, one byte is sent back. The kernel ends the process if a photo exceeds the limits, and if
the other end of the socket is closed, even in the middle of a photo.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import gc
import json
import os
import resource
import select
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from app.codec.decode import decode
from app.codec.header import read_header
from app.codec.transfer import Result, write_result
from app.errors import PhotoError

LONGEST_REQUEST = 1024
IDLE_S = 1.0
OUT_OF_MEMORY = 3  # exit code


def answer(request: dict[str, int], photo: Path) -> Result:
    """Decode a photo for a task of that scale, or read its header if no scale is given."""
    try:
        return decode(photo, request["scale"]) if "scale" in request else read_header(photo)
    except PhotoError as error:
        return error


def limit_memory(size: int) -> None:
    """Limit the address space of this process, in bytes, and have it leave no core dump, which would fill the disk."""
    if sys.platform == "linux":  # macOS knows the limit, and refuses to set it
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def limit_cpu_time(seconds: int) -> None:
    """Have the kernel end this process after this much more CPU time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def give_back_memory() -> None:
    """Give the memory that photos have left in the C library's pools back to the system."""
    with contextlib.suppress(AttributeError):  # only the GNU C library has this
        ctypes.CDLL(None).malloc_trim(0)


@contextlib.contextmanager
def ended_with(peer: socket.socket) -> Iterator[None]:
    """End this process by SIGIO, which has no handler, if the other end of the socket is closed meanwhile."""
    flags = fcntl.fcntl(peer, fcntl.F_GETFL)
    fcntl.fcntl(peer, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(peer, fcntl.F_SETFL, flags | os.O_ASYNC)
    yield
    fcntl.fcntl(peer, fcntl.F_SETFL, flags)


def main(memory: int, cpu_s: int) -> None:
    """Answer requests until the other end of the socket is closed.

    Args:
        memory: most address space of this process, in bytes.
        cpu_s: most CPU time of a photo.
    """
    limit_memory(memory)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())  # decoders write about odd files there
    gc.freeze()  # what is imported is not looked at again
    with socket.socket(fileno=sys.stdin.fileno()) as peer:
        while True:
            if not select.select([peer], [], [], IDLE_S)[0]:
                give_back_memory()  # only now: the next photo is decoded faster with it
            request, files, _, _ = socket.recv_fds(peer, LONGEST_REQUEST, 2)
            if not request:
                return
            photo, target = files
            limit_cpu_time(cpu_s)
            with ended_with(peer), os.fdopen(target, "wb", buffering=0) as result:
                write_result(result, answer(json.loads(request), Path(f"/dev/fd/{photo}")))
            os.close(photo)
            peer.sendall(b".")
            gc.collect()  # the traceback of an error keeps pixels


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), int(sys.argv[2]))
    except MemoryError:  # which leaves none for a sentence
        os._exit(OUT_OF_MEMORY)
