"""Whether the page does what it is for: an address that answers once Triton has restored a tiny picture for it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import numpy as np
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from app.client import RestorationClient
from app.errors import RestorationError, ServerUnavailableError

PATH = "/health"
PROBE_TIMEOUT_S = 8.0
# Whoever asks more often gets the last answer: the address is open to everyone.
KEPT_S = 2.0
TINY = np.full((8, 8, 3), 128, np.uint8)


@dataclass(frozen=True)
class Finding:
    """What a probe found.

    Attributes:
        healthy: whether a picture came back.
        sentence: that says so, for an operator.
        at_s: when, by the monotonic clock.
    """

    healthy: bool
    sentence: str
    at_s: float


def probe(client: RestorationClient) -> str:
    """Has Triton restore a tiny picture by the first task's fastest network, which the page has warmed up.

    Returns:
        A sentence that says what was done.

    Raises:
        ServerError: no picture came back; the message says why.
    """
    started = time.monotonic()
    task = next(iter(client.tasks().values()), None)
    if task is None:
        raise ServerUnavailableError("Triton serves no task.")
    answer = client.submit(task.network(), TINY)
    try:
        answer.result(PROBE_TIMEOUT_S)
    except TimeoutError:
        answer.cancel()
        raise ServerUnavailableError(f"Triton did not restore a tiny picture within {PROBE_TIMEOUT_S:.0f} s.") from None
    return f"Triton restored a tiny picture ({task.name}) in {time.monotonic() - started:.2f} s."


def health_route(client: RestorationClient) -> Route:
    """The address that tells an operator, a container's runtime or a load balancer: status 200 or 503, one sentence."""
    asking = asyncio.Lock()
    latest: list[Finding] = []

    async def find() -> Finding:
        try:
            sentence = await asyncio.wait_for(asyncio.to_thread(probe, client), PROBE_TIMEOUT_S + 1)
        except TimeoutError:
            return Finding(False, f"Triton did not answer within {PROBE_TIMEOUT_S:.0f} s.", time.monotonic())
        except RestorationError as error:
            return Finding(False, str(error), time.monotonic())
        return Finding(True, sentence, time.monotonic())

    async def health(request: Request) -> PlainTextResponse:
        async with asking:
            if not latest or time.monotonic() - latest[0].at_s > KEPT_S:
                latest[:] = [await find()]
        return PlainTextResponse(latest[0].sentence + "\n", 200 if latest[0].healthy else 503)

    return Route(PATH, health)
