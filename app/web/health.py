"""The health route: responds with 200 if Triton restores a small probe photo, else with 503."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from app.client import RestorationClient
from app.errors import RestorationError
from app.health import PROBE_TIMEOUT_S, probe

PATH = "/health"
# Results are cached for this long, since anyone can request the route at any rate.
CACHE_S = 2.0


@dataclass(frozen=True)
class ProbeResult:
    """The result of a probe.

    Attributes:
        healthy: whether the photo was restored.
        sentence: description for an operator.
        at_s: time of the probe on the monotonic clock, seconds.
    """

    healthy: bool
    sentence: str
    at_s: float


def health_route(client: RestorationClient, is_closed: Callable[[], bool]) -> Route:
    """Return the route for operators, container runtimes and load balancers: status 200 or 503 and one sentence.

    Args:
        client: connection to Triton.
        is_closed: whether the page takes no more jobs, since it is about to end.
    """
    lock = asyncio.Lock()
    latest: list[ProbeResult] = []

    async def check() -> ProbeResult:
        try:
            sentence = await asyncio.wait_for(asyncio.to_thread(probe, client), PROBE_TIMEOUT_S + 1)
        except TimeoutError:
            return ProbeResult(False, f"Triton did not answer within {PROBE_TIMEOUT_S:.0f} s.", time.monotonic())
        except RestorationError as error:
            return ProbeResult(False, str(error), time.monotonic())
        return ProbeResult(True, sentence, time.monotonic())

    async def health(request: Request) -> PlainTextResponse:
        if is_closed():
            return PlainTextResponse("The page is stopping.\n", 503)
        async with lock:
            if not latest or time.monotonic() - latest[0].at_s > CACHE_S:
                latest[:] = [await check()]
        return PlainTextResponse(latest[0].sentence + "\n", 200 if latest[0].healthy else 503)

    return Route(PATH, health)
