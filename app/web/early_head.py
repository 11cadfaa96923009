"""Puts a page's scripts into the HTML that the server answers with.

Gradio 6.31.0 adds what it is given for the head when it has started in the browser, a second or more after the first
paint. Scripts in the HTML run before that paint.
"""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

END_OF_HEAD = b"</head>"


class EarlyHead:
    """ASGI middleware: puts elements at the end of the page's head.

    Args:
        app: the page as an ASGI app.
        head: the elements, as HTML.
    """

    def __init__(self, app: ASGIApp, head: str) -> None:
        self._app, self._head = app, head.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] not in ("", "/"):
            await self._app(scope, receive, send)
            return
        start: Message = {}
        parts: list[bytes] = []

        async def forward(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message  # its length is not yet known
                return
            parts.append(message.get("body", b""))
            if message.get("more_body"):
                return
            html = b"".join(parts).replace(END_OF_HEAD, self._head + END_OF_HEAD, 1)
            MutableHeaders(scope=start)["content-length"] = str(len(html))
            await send(start)
            await send({**message, "body": html})

        await self._app(scope, receive, forward)
