"""Sees to it that no event of a visitor waits on a stream of messages that is closed.

Gradio 6.31.0 closes the stream when a visitor has no more running events, and the browser opens another for the next
one. A browser that is told of an event's start before it has read that the stream is closed waits on the closed stream
for ever: its download stays disabled. Two things prevent that:

- Events follow one another most closely where one starts the next, so the stream is closed only when none has started
  for ``LINGER_S``.
- A visitor whose stream is being closed is told of the next event's start once the browser has read the end: it drops
  the connection then.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import parse_qs

import gradio as gr
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web import limits
from app.web.gradio_compat import answer_joins_after, has_events

PATH = "/gradio_api/queue/data"
LINGER_S = 2.0
READ_S = 5.0  # for the browser to read the end
POLL_S = 0.02
CLOSING = b'data: {"msg":"close_stream"'


class LingeringStreams:
    """ASGI middleware: goes on with a stream that is about to be closed when its visitor starts another event.

    Args:
        app: the page as an ASGI app.
        page: the page whose queue has the events.
    """

    def __init__(self, app: ASGIApp, page: gr.Blocks) -> None:
        self._app, self._page = app, page
        self._unread: dict[str, asyncio.Event] = {}  # by session: set when its browser has read the end
        answer_joins_after(page, self.until_end_is_read)

    async def until_end_is_read(self, session: str) -> None:
        """Wait until the browser of a session has read the end of its stream, if that is being closed."""
        if session in self._unread:
            await self._unread[session].wait()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http" or scope["path"].rstrip("/") != PATH:
            await self._app(scope, receive, send)
            return
        (session, *_) = parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [""])
        is_started = False
        held: list[Message] = []

        async def forward(message: Message) -> None:
            nonlocal is_started
            if message["type"] == "http.response.start":
                if is_started:
                    return
                is_started = True
            elif held or message.get("body", b"").startswith(CLOSING):
                held.append(message)
                return
            await send(message)

        while True:
            try:
                await self._app(scope, receive, forward)
            except KeyError as error:
                # Gradio forgets a session with each of its streams that is cut off, and fails at the second.
                if error.args != (session,):
                    raise
                return
            if not held:
                return
            leaving = asyncio.ensure_future(wait_for_disconnect(receive))
            try:
                if not await self._has_next_event(session, leaving):
                    break
            finally:
                leaving.cancel()
            held.clear()
        with self._closing(session):
            closing, *rest = held
            await send(closing)
            with suppress(TimeoutError):
                await asyncio.wait_for(wait_for_disconnect(receive), READ_S)
        for message in rest:
            await send(message)

    @contextmanager
    def _closing(self, session: str) -> Iterator[None]:
        """Have the next event of a session wait meanwhile."""
        self._unread[session] = is_read = asyncio.Event()
        try:
            yield
        finally:
            is_read.set()
            if self._unread.get(session) is is_read:
                del self._unread[session]

    async def _has_next_event(self, session: str, leaving: asyncio.Future[None]) -> bool:
        """Return whether a visitor starts an event within ``LINGER_S`` and still listens, as soon as that is certain.

        Who has left may have opened another stream for the event: going on with this one would take its messages.
        """
        deadline = time.monotonic() + LINGER_S
        while time.monotonic() < deadline and not limits.CLOSED.is_set():
            await asyncio.wait([leaving], timeout=POLL_S)
            if leaving.done():
                return False
            if has_events(self._page, session):
                return True
        return False


async def wait_for_disconnect(receive: Receive) -> None:
    """Wait until the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
