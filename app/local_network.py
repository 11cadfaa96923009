"""The address at which other machines of the local network reach a page."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from app.errors import AddressError

BY_ITSELF = "auto"  # the address is found
ELSEWHERE = ("192.0.2.1", 9)  # an address for documentation: nothing is sent to it, its route alone is looked up


def page_address(url: str, host: str, port: int) -> str:
    """Return the address of a page on the local network, ``http://HOST:PORT``.

    Args:
        url: the address if it is known, or :data:`BY_ITSELF`.
        host, port: what the page listens on.

    Raises:
        AddressError: other machines cannot reach the page, or its address is not found or malformed.
    """
    if url == BY_ITSELF:
        return f"http://{in_url(local_host(host))}:{port}"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise AddressError(f"--phones takes the page's address on the local network, http://HOST:PORT, not {url!r}.")
    return url.rstrip("/")


def local_host(host: str) -> str:
    """Return the address at which other machines of the local network reach a page.

    Args:
        host: what the page listens on.

    Raises:
        AddressError: they do not reach it, or there is no network.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_loopback:
        raise AddressError("Phones do not reach a page that listens on this machine alone: give --host 0.0.0.0, too.")
    if not address.is_unspecified:
        return host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ELSEWHERE)
        except OSError as error:
            raise AddressError(
                "This machine is in no network that phones could be in: join one, or give the page's address there, "
                "--phones http://HOST:PORT."
            ) from error
        return str(probe.getsockname()[0])


def in_url(host: str) -> str:
    """Return a host as it stands in a URL, where IPv6 has brackets."""
    return f"[{host}]" if ":" in host else host
