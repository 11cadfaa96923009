"""The options of a connection, and the files that they are read from."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from app.errors import AddressError
from app.private_files import PrivateFileError, read_private

BIGGEST_MESSAGE_BYTES = 2**31 - 1
HEADER_NAME = re.compile(r"[0-9a-z_.-]+")
HEADER_VALUE = re.compile(r"[\x20-\x7e]*")
# A connection attempt that is not answered is given up after this; gRPC's default is 20 seconds.
CONNECT_S = 5
ChannelOptions = list[tuple[str, str | int]]


@dataclass(frozen=True)
class Tls:
    """How server and client prove who they are; certificates and keys are PEM, as the files hold them.

    Attributes:
        root_certificates: of the authorities that sign servers' certificates; None for the public ones that gRPC brings
            along.
        certificate_chain: of this client, for servers that ask for one (mutual TLS).
        private_key: of that certificate; both or none.
        server_name: to look for in the server's certificate; empty for the host in the address.
    """

    root_certificates: bytes | None = None
    certificate_chain: bytes | None = None
    private_key: bytes | None = field(default=None, repr=False)
    server_name: str = ""

    def __post_init__(self) -> None:
        if (self.certificate_chain is None) != (self.private_key is None):
            raise AddressError("A client's certificate and its private key go together: give both, or none.")
        if self.root_certificates is not None:
            check_roots(self.root_certificates)

    def credentials(self) -> grpc.ChannelCredentials:
        """Return gRPC's credentials."""
        return grpc.ssl_channel_credentials(self.root_certificates, self.private_key, self.certificate_chain)


@dataclass(frozen=True)
class ConnectionOptions:
    """The options of a connection.

    Attributes:
        timeout_s: of one request, from sending it to its last byte.
        tls: None for a connection in plain text.
        headers: sent with every request (gRPC's metadata), by name, for example ``{"authorization": "Bearer ..."}``.
        keepalive_s: a connection that carries nothing is tried after so long.
        keepalive_timeout_s: a connection that does not answer that is closed after so long.
        biggest_message_bytes: larger requests and answers are refused before anything is sent.

    Raises:
        AddressError: a value is out of range, or a header cannot be sent.
    """

    timeout_s: float = 120.0
    tls: Tls | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    keepalive_s: float = 10.0
    keepalive_timeout_s: float = 5.0
    biggest_message_bytes: int = BIGGEST_MESSAGE_BYTES

    def __post_init__(self) -> None:
        for name in ("timeout_s", "keepalive_s", "keepalive_timeout_s"):
            if not getattr(self, name) > 0:
                raise AddressError(f"{name} is {getattr(self, name)}: give a number of seconds above 0.")
        if not 0 < self.biggest_message_bytes <= BIGGEST_MESSAGE_BYTES:
            raise AddressError(
                f"biggest_message_bytes is {self.biggest_message_bytes}: give 1 to {BIGGEST_MESSAGE_BYTES} bytes."
            )
        for name, value in self.headers.items():
            check_header(name, value)

    def channel_options(self) -> ChannelOptions:
        """Return the options of a gRPC channel."""
        name = self.tls.server_name if self.tls else ""
        return [
            ("grpc.max_send_message_length", self.biggest_message_bytes),
            ("grpc.max_receive_message_length", self.biggest_message_bytes),
            # Balance requests over the addresses behind one name; those that are away are skipped.
            ("grpc.lb_policy_name", "round_robin"),
            # Look a name up again as soon as a connection is lost, for the pod may have moved; by default gRPC does not
            # for 30 seconds.
            ("grpc.dns_min_time_between_resolutions_ms", 1000),
            # Reconnect to a restarted server within a second; gRPC's default is up to two minutes.
            ("grpc.initial_reconnect_backoff_ms", 200),
            ("grpc.max_reconnect_backoff_ms", 1000),
            ("grpc.min_reconnect_backoff_ms", CONNECT_S * 1000),
            # A server that hangs, or a connection that carries nothing any more, is noticed within 15 seconds. A server
            # that does not expect such pings closes the connection, and gRPC then pings half as often: docs/grpc.md has
            # its option.
            ("grpc.keepalive_time_ms", round(self.keepalive_s * 1000)),
            ("grpc.keepalive_timeout_ms", round(self.keepalive_timeout_s * 1000)),
            ("grpc.http2.ping_timeout_ms", round(self.keepalive_timeout_s * 1000)),
            ("grpc.http2.max_pings_without_data", 0),
            *([("grpc.ssl_target_name_override", name)] if name else []),
        ]


def check_header(name: str, value: str) -> None:
    """Check that gRPC can send a header; the value is not quoted, for it may be a secret.

    Raises:
        AddressError: it cannot.
    """
    if not HEADER_NAME.fullmatch(name) or name.startswith("grpc-") or name.endswith("-bin"):
        raise AddressError(
            f"{name!r} is not the name of a header: write lower-case letters, digits, '_', '-' and '.', with neither "
            "grpc- before nor -bin behind them."
        )
    if not HEADER_VALUE.fullmatch(value):
        raise AddressError(f"The value of the header {name} has characters other than printable ASCII.")


def check_roots(root_certificates: bytes) -> None:
    """Check that gRPC will be able to read root certificates, which it does only when it connects.

    Raises:
        AddressError: it will not.
    """
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=root_certificates.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise AddressError(
            "The root certificates are not in PEM format, as files that begin with -----BEGIN."
        ) from error


def read_tls(roots: Path | None = None, certificate: Path | None = None, key: Path | None = None) -> Tls:
    """Read the PEM files of a connection by TLS.

    Args:
        roots: certificates of the authorities that sign servers' certificates; None for the public ones.
        certificate: of this client, for mutual TLS.
        key: the certificate's private key, which others are not allowed to read; both or none.

    Raises:
        AddressError: a file cannot be read, is not PEM, or others may read the key; or the key is of another
            certificate.
    """
    tls = Tls(
        None if roots is None else read_certificates(roots),
        None if certificate is None else read_certificates(certificate),
        None if key is None else private_text(key).encode(),
    )
    if certificate is not None and key is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password="")
        except (ssl.SSLError, ValueError) as error:
            raise AddressError(
                f"The certificate in {certificate} and the private key in {key} are not a pair in PEM format, or the "
                "key asks for a password."
            ) from error
    return tls


def read_certificates(path: Path) -> bytes:
    """Read a file of certificates.

    Raises:
        AddressError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise AddressError(f"The certificates in {path} cannot be read ({error.strerror}).") from error


def read_headers(path: Path) -> dict[str, str]:
    """Read a file of ``name: value`` lines; others are not allowed to read it.

    Raises:
        AddressError: it cannot be read, is open to others, or has a line of another form.
    """
    headers = {}
    for number, line in enumerate(filter(None, map(str.strip, private_text(path).splitlines())), start=1):
        name, colon, value = line.partition(":")
        if not colon:
            raise AddressError(f"{path}, header {number}: write name: value, one header a line.")
        check_header(name.strip().lower(), value.strip())
        headers[name.strip().lower()] = value.strip()
    if not headers:
        raise AddressError(f"{path} has no headers: write name: value, one header a line.")
    return headers


def private_text(path: Path) -> str:
    """Read a file that others are not allowed to read.

    Raises:
        AddressError: it cannot be read, or is open to others.
    """
    try:
        return read_private(path)
    except PrivateFileError as error:
        raise AddressError(str(error)) from error
