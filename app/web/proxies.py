"""The proxies that are trusted to state a visitor's address.

The web server, uvicorn, trusts the X-Forwarded-For header of these alone, and takes the last address in it that is
not one of them: whatever a visitor writes into the header stands before that.
"""

from __future__ import annotations

import argparse
import ipaddress
import os

# Gradio starts uvicorn without an option for it; uvicorn then reads this variable.
VARIABLE = "FORWARDED_ALLOW_IPS"
LOOPBACK = "127.0.0.1"
# The proxy of a Hugging Face Space has a private address, and nobody else reaches the Space's port.
OF_A_SPACE = "127.0.0.1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"


def default_proxies() -> str:
    """Return the proxies to trust where the operator names none: on a Space its proxy, else one on this machine."""
    return OF_A_SPACE if os.environ.get("SPACE_ID") else LOOPBACK


def visitor_of(host: str) -> str:
    """Return what stands for a visitor: the IP address, of IPv6 the network of 64 bits that a household has."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host  # a local socket has none
    if isinstance(address, ipaddress.IPv4Address):
        return host
    return str(address.ipv4_mapped or ipaddress.ip_network((address.packed, 64), strict=False))


def read_proxies(text: str) -> str:
    """Check addresses and networks separated by commas, an argument of the command line; return them.

    Raises:
        argparse.ArgumentTypeError: one is neither.
    """
    for part in filter(None, text.split(",")):
        try:
            ipaddress.ip_network(part.strip())
        except ValueError as error:
            raise argparse.ArgumentTypeError(
                f"{part.strip()!r} is neither an address nor a network ({error})"
            ) from None
    return text


def trust(proxies: str) -> None:
    """Make the web server that is started next trust these proxies, and no others."""
    os.environ[VARIABLE] = proxies
