"""Photos that visitors send from their phones to the big screen, if the operator allows it.

The slideshow shows a QR code of its own address with a key. Whoever opens that takes a photo as on the big screen, and
sees its result there and on the phone.
"""

from __future__ import annotations

import ipaddress
import secrets
import threading
import time
from dataclasses import dataclass, field
from enum import StrEnum

import segno

from app.web import storage
from app.web.kiosk.slideshow import Pair


class Role(StrEnum):
    """What somebody who opens the slideshow is."""

    STAGE = "stage"  # the big screen, on the page's own machine: it shows the code and what phones send
    PHONE = "phone"  # has scanned the code
    LATE = "late"  # has scanned one that is not valid any more
    VISITOR = "visitor"


PARAMETER = "send"  # of the address in the code: its value is the key
MOST_PAIRS = 24


@dataclass(frozen=True)
class Sent:
    """A pair that a phone has sent.

    Attributes:
        pair: before and after.
        until_s: when its files are about to be deleted, on the monotonic clock.
    """

    pair: Pair
    until_s: float


@dataclass
class Phones:
    """Who may send photos to the big screen, and what they have sent.

    Attributes:
        address: of the page on the local network, ``http://HOST:PORT``.
        key: in the code; another one at each start.
    """

    address: str
    key: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    _sent: tuple[Sent, ...] = ()
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def link(self) -> str:
        """The address in the code."""
        return f"{self.address}/?{PARAMETER}={self.key}"

    def role(self, key: str | None, host: str) -> Role:
        """Return what somebody is who opens the slideshow.

        Args:
            key: in the address; None for no key.
            host: where the request comes from.
        """
        if key is None:
            return Role.STAGE if ipaddress.ip_address(host).is_loopback else Role.VISITOR
        return Role.PHONE if secrets.compare_digest(key.encode(), self.key.encode()) else Role.LATE

    def code(self) -> str:
        """Return the QR code, as the URI of an SVG picture."""
        return str(segno.make(self.link, error="m").svg_data_uri(scale=4, border=2, dark="#07090c", light="#fff"))

    def send(self, pair: Pair, life_s: float) -> None:
        """Show a pair on the big screen for some seconds; of very many, the oldest leave."""
        with self._lock:
            self._sent = (Sent(pair, time.monotonic() + life_s), *self._sent)[:MOST_PAIRS]

    def sent(self) -> list[tuple[Pair, float]]:
        """Return what is shown, the newest first, each with the seconds that are left to it."""
        now = time.monotonic()
        return [(sent.pair, sent.until_s - now) for sent in self._sent if sent.until_s > now]

    def withdraw(self, picture: str) -> None:
        """Remove a pair from the big screen, by the URL of its restored picture."""
        with self._lock:
            self._sent = tuple(sent for sent in self._sent if storage.url(sent.pair.after) != picture)
