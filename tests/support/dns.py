"""A DNS server of one name, whose addresses change (RFC 1035)."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

A, IN = 1, 1  # type and class of an IPv4 address
ANSWER, NO_SUCH_NAME = 0x8180, 0x8183  # flags: a response to a recursive question
HEADER = struct.Struct(">6H")


@dataclass
class Zone:
    """What the server answers.

    Attributes:
        addresses: IPv4 addresses of every name; none: there is no such name.
        questions: how many have come.
        port: of the server on this machine, UDP.
    """

    addresses: list[str] = field(default_factory=list)
    questions: int = 0
    port: int = 0


def answer(question: bytes, addresses: list[str]) -> bytes:
    """The response to a question, to be asked again each time."""
    number = HEADER.unpack_from(question)[0]
    end = question.index(0, HEADER.size) + 5  # of the name, and of type and class behind it
    (kind,) = struct.unpack_from(">H", question, end - 4)
    found = [struct.pack(">3HIH", 0xC00C, A, IN, 0, 4) + socket.inet_aton(a) for a in addresses if kind == A]
    flags = ANSWER if addresses else NO_SUCH_NAME
    return HEADER.pack(number, flags, 1, len(found), 0, 0) + question[HEADER.size : end] + b"".join(found)


@contextlib.contextmanager
def dns_server(zone: Zone) -> Iterator[Zone]:
    """Answer questions about a zone until the end of the context."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        zone.port = server.getsockname()[1]
        ending = threading.Event()

        def serve() -> None:
            while True:
                question, client = server.recvfrom(512)
                if ending.is_set():
                    return
                zone.questions += 1
                server.sendto(answer(question, zone.addresses), client)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield zone
        finally:
            ending.set()
            server.sendto(b"", server.getsockname())
            thread.join()
