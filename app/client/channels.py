"""gRPC's channels to servers: one for each address of the client, and one for each replica behind them."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Mapping
from typing import Any

from tritonclient import grpc as triton

from app.client.addresses import Address, look_up, read_addresses
from app.client.options import ConnectionOptions

LOOK_UP_S = 5.0  # names are looked up again after so long

Channel = Any  # tritonclient has no types


class Channels:
    """The channels of a client.

    Each address has one. gRPC itself looks its name up, connects to every IP address that the name has, sends requests
    to those that respond in turn, and looks the name up again when it loses a connection. So the name of each address
    is the one that the server's certificate is checked for.

    Args:
        url: the addresses, separated by commas.
        options: of the connections.

    Raises:
        AddressError: an address is malformed.
    """

    def __init__(self, url: str, options: ConnectionOptions) -> None:
        self.options = options
        self._addresses = read_addresses(url)
        self._channels = [self._open(address.target) for address in self._addresses]
        self._turns = itertools.count()
        self._replicas: dict[Address, Channel] = {}
        self._looked_up_s = -LOOK_UP_S
        self._lock = threading.Lock()

    def in_turn(self) -> list[Channel]:
        """Return the channels in the order in which to try them; the next call begins with another."""
        first = next(self._turns) % len(self._channels)
        return self._channels[first:] + self._channels[:first]

    def replicas(self) -> Mapping[str, Channel]:
        """Return a channel to each replica that the names of the addresses have now, by its IP address and port."""
        with self._lock:
            if time.monotonic() - self._looked_up_s >= LOOK_UP_S:
                found = look_up(self._addresses)
                # Channels of replicas that are gone close themselves when nobody uses them any more.
                self._replicas = {
                    replica: self._replicas.get(replica) or self._open_replica(replica, address)
                    for replica, address in found.items()
                }
                self._looked_up_s = time.monotonic()
            return {str(replica): channel for replica, channel in self._replicas.items()}

    def close(self) -> None:
        """Close all channels; pending requests fail."""
        with self._lock:
            for channel in (*self._channels, *self._replicas.values()):
                channel.close()

    def _open(self, target: str, authority: str = "") -> Channel:
        """Open a channel; it connects at its first use.

        Args:
            target: what gRPC connects to.
            authority: the name that requests and certificates bear, where it is not the target's.
        """
        options = self.options.channel_options()
        if authority and not (self.options.tls and self.options.tls.server_name):
            options.append(("grpc.default_authority", authority))
        credentials = self.options.tls.credentials() if self.options.tls else None
        channel = triton.InferenceServerClient(target, creds=credentials, channel_args=options)
        channel.register_plugin(Headers(self.options.headers))
        return channel

    def _open_replica(self, replica: Address, address: Address) -> Channel:
        """Open a channel to one of the IP addresses that a name has."""
        family = "ipv6" if replica.host.startswith("[") else "ipv4"
        return self._open(f"{family}:{replica}", authority=str(address))


class Headers:
    """A plugin of tritonclient's that adds headers to every request.

    Args:
        headers: values by name.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = dict(headers)

    def __call__(self, request: Any) -> None:
        """Add them to a request."""
        request.headers = {**(request.headers or {}), **self._headers}
