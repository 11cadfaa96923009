"""Addresses of servers: ``HOST:PORT`` or ``dns:///HOST:PORT``, or several of them separated by commas."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from app.errors import AddressError

log = logging.getLogger(__name__)

SCHEME = "dns:///"
HOST = re.compile(r"[\w.-]+|\[[\da-fA-F:.%]+\]")  # a name, an IPv4 address, or an IPv6 address in brackets
BIGGEST_PORT = 2**16 - 1


@dataclass(frozen=True)
class Address:
    """A host and a port.

    Attributes:
        host: a name, an IPv4 address, or an IPv6 address in brackets.
        port: 1 to 65535.
    """

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def target(self) -> str:
        """What gRPC connects to: it looks the name up itself, and again when a connection is lost."""
        return f"{SCHEME}{self}"


def read_addresses(url: str) -> tuple[Address, ...]:
    """Read one or several addresses, separated by commas; equal ones are one.

    Raises:
        AddressError: one is malformed.
    """
    return tuple(dict.fromkeys(read_address(part.strip()) for part in url.split(",")))


def read_address(text: str) -> Address:
    """Read ``HOST:PORT`` or ``dns:///HOST:PORT``.

    Raises:
        AddressError: it has another form.
    """
    host, _, port = text.removeprefix(SCHEME).rpartition(":")
    if not HOST.fullmatch(host) or not port.isascii() or not port.isdigit() or not 0 < int(port) <= BIGGEST_PORT:
        raise AddressError(f"{text!r} is not an address of the form HOST:PORT or {SCHEME}HOST:PORT.")
    return Address(host, int(port))


def look_up(addresses: Iterable[Address]) -> dict[Address, Address]:
    """Return the IP addresses that names have now, each with the first address that has it; unknown hosts have none.

    A host's addresses are of one family, IPv4 if it has any: a server that has both would be two.
    """
    found: dict[Address, Address] = {}
    for address in addresses:
        try:
            entries = socket.getaddrinfo(address.host.strip("[]"), address.port, type=socket.SOCK_STREAM)
        except OSError as error:
            log.info("The host %s is unknown: %s", address.host, error)
            continue
        by_family: dict[socket.AddressFamily, list[str]] = {}
        for family, *_, (host, *_rest) in entries:
            by_family.setdefault(family, []).append(str(host))
        ipv4, ipv6 = (by_family.get(family, []) for family in (socket.AF_INET, socket.AF_INET6))
        for host in ipv4 or [f"[{host}]" for host in ipv6]:
            found.setdefault(Address(host, address.port), address)
    return found
