"""HTTP/2 by hand, for requests that no library sends (RFC 9113 and, for the headers, RFC 7541)."""

import socket
import struct

DATA, HEADERS, RESET, SETTINGS, WINDOW_UPDATE = 0, 1, 3, 4, 8  # types of frames
END_STREAM, END_HEADERS = 1, 4  # flags
STREAM = 1


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name: str, value: str) -> bytes:
    """A header as it is, without any compression."""
    return b"\0" + b"".join(bytes([len(text)]) + text.encode() for text in (name, value))


def call(address: str, path: str, headers: dict[str, str]) -> int:
    """Call a gRPC method with an empty message; return the type of the first frame that answers the call."""
    host, port = address.split(":")
    known = {":method": "POST", ":scheme": "http", ":path": path, ":authority": host}
    sent = {**known, "content-type": "application/grpc", "te": "trailers", **headers}
    block = b"".join(literal(name, value) for name, value in sent.items())
    with socket.create_connection((host, int(port)), timeout=60) as connection, connection.makefile("rb") as answer:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0))
        connection.sendall(frame(HEADERS, END_HEADERS, STREAM, block))
        connection.sendall(frame(DATA, END_STREAM, STREAM, bytes(5)))
        while True:
            length, kind, _, stream = struct.unpack(">IBBI", b"\0" + answer.read(9))
            answer.read(length)
            if stream == STREAM and kind != WINDOW_UPDATE:  # that only says how much more may be sent
                return int(kind)
