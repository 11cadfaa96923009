"""Send a photo's tiles to Triton, several at a time, and again where a server was lost: restoring a tile is pure."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import TypeVar

from app.errors import ModelGoneError, ServerUnavailableError
from app.i18n import say
from app.pipeline.tiling import Tile

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """Limits and delays of a photo's requests while a server is unavailable or slow.

    Attributes:
        in_flight: number of concurrent requests: enough to keep every instance busy, few enough to bound memory and
            share the server.
        outage_s: without any response; then the photo fails.
        gone_s: the same where the server is there, but no longer has the network's version.
        first_delay_s, longest_delay_s: between two attempts; doubled after each.
        first_s: requests are sent again if none was ever answered for so long; a network may have to be loaded first.
        stalled_s, stalled_times: the same for later ones, if that is also so many times as long as the slowest took:
            one instance may hang while the others respond.
        stalls: in a row, each twice as long as the one before; then the photo fails.
        tick_s: how often a waiting photo reports.
    """

    in_flight: int = 8
    outage_s: float = 60.0
    gone_s: float = 5.0
    first_delay_s: float = 0.2
    longest_delay_s: float = 2.0
    first_s: float = 30.0
    stalled_s: float = 15.0
    stalled_times: float = 4.0
    stalls: int = 3
    tick_s: float = 0.5

    def stall_s(self, slowest_s: float, stalls: int = 0) -> float:
        """Return after how long without a response requests are sent again, when they have been so many times.

        A request that is sent again loses its place in the server's queue, which may just be long.

        Args:
            slowest_s: what the slowest response took; 0 before the first one.
            stalls: how often in a row requests were sent again.
        """
        return 2.0**stalls * (max(self.stalled_s, self.stalled_times * slowest_s) if slowest_s else self.first_s)


PATIENCE = Patience()


class Outage:
    """The failures in a row of a photo's requests.

    Args:
        patience: of the photo.
    """

    def __init__(self, patience: Patience) -> None:
        self.patience = patience
        self.since_s: float | None = None
        self.next_s = 0.0
        self._delay_s = patience.first_delay_s

    def begin_or_go_on(self, error: ServerUnavailableError) -> None:
        """Count a failed request.

        Raises:
            ServerUnavailableError: the error itself, if the outage has lasted too long.
        """
        now = time.monotonic()
        self.since_s = self.since_s or now
        limit_s = self.patience.gone_s if isinstance(error, ModelGoneError) else self.patience.outage_s
        if now - self.since_s >= limit_s:
            raise error
        if now >= self.next_s:  # the requests that fail together are one failure
            self.next_s = now + self._delay_s
            self._delay_s = min(2 * self._delay_s, self.patience.longest_delay_s)

    def end(self) -> None:
        """Note that a request was answered."""
        self.since_s, self.next_s, self._delay_s = None, 0.0, self.patience.first_delay_s


def in_flight(
    ask: Callable[[Tile], Future[T]], plan: list[Tile], patience: Patience = PATIENCE
) -> Generator[tuple[Tile, T] | None, None, None]:
    """Request every tile, several at a time; cancel the pending requests when the generator is closed.

    A request that finds no server, or that is not answered while others are, is sent again. While nothing is answered,
    one request at a time is.

    Args:
        ask: sends the request for a tile.
        plan: the tiles.
        patience: how long to wait, and how often to ask.

    Yields:
        Each tile with its response, in the order of arrival; None, every now and then, while no server is there.

    Raises:
        ServerError: a tile was refused, or there has been no server for too long.
    """
    waiting = deque(plan)
    asked: dict[Future[T], tuple[Tile, float]] = {}
    outage = Outage(patience)
    slowest_s, answered_at_s, stalls = 0.0, time.monotonic(), 0
    try:
        while waiting or asked:
            most = 1 if outage.since_s or stalls else patience.in_flight
            while waiting and len(asked) < most and time.monotonic() >= outage.next_s:
                tile = waiting.popleft()
                asked[ask(tile)] = (tile, time.monotonic())
            if asked:
                finished, _ = wait(asked, patience.tick_s, FIRST_COMPLETED)
            else:
                finished = set()
                time.sleep(min(patience.tick_s, max(0.0, outage.next_s - time.monotonic())))
            for future in finished:
                tile, sent_s = asked.pop(future)
                try:
                    response = future.result()
                except ServerUnavailableError as error:
                    waiting.appendleft(tile)
                    outage.begin_or_go_on(error)
                else:
                    outage.end()
                    answered_at_s, stalls = time.monotonic(), 0
                    slowest_s = max(slowest_s, answered_at_s - sent_s)
                    yield tile, response
            latest_s = max([answered_at_s, *(sent_s for _, sent_s in asked.values())])
            if asked and time.monotonic() - latest_s > patience.stall_s(slowest_s, stalls):
                stalls += 1
                if stalls == patience.stalls:
                    raise ServerUnavailableError(say("error.server_slow"))
                for future, (tile, _) in asked.items():
                    future.cancel()
                    waiting.appendleft(tile)
                asked.clear()
            if outage.since_s or stalls:
                yield None
    finally:
        for future in asked:
            future.cancel()
