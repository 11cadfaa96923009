"""Checks of every HTTP request to the page before it reaches Gradio: sign-in, sizes, and time."""

from __future__ import annotations

import asyncio
import base64
import binascii
import errno
import hmac
import logging
import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web import health
from app.web.errors import RefusedError
from app.web.gradio_compat import GONE
from app.web.upload_room import NO_ROOM, UploadRoom
from app.web.users import Users

log = logging.getLogger(__name__)

UPLOAD = "/gradio_api/upload"
MCP = "/gradio_api/mcp"
# The header of the page's calls of itself, with a secret of this process.
KEY_HEADER = "X-DIN-Key"
# Without a password: what operators ask, and what Gradio asks itself when it starts.
OPEN = (health.PATH, "/gradio_api/startup-events")
# All else that is sent are choices and paths of uploads.
MAX_BODY = 4 << 20
# A sender that pauses for longer has gone.
STALLED_S = 30.0
# Gradio's routes for what this page does not have: recordings (which start ffmpeg), reloading and generated code while
# somebody develops, components with a server, files of other Spaces, monitoring.
UNUSED = re.compile(
    r"/gradio_api/(component_server|custom_component|deep_link|dev|process_recording|proxy=|vibe|undo-vibe)|/monitoring"
)


class Connection:
    """The messages of one request and its response.

    A sender that pauses is refused, even where the app has taken the pause for a broken request and answers that.

    Args:
        receive, send: of the web server.
    """

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._is_complete = False
        self._stalled: RefusedError | None = None
        self.is_started = False
        self.gone = asyncio.Event()

    async def receive(self) -> Message:
        """Receive a part of the request; what comes after the last is the end of the connection, whenever that is.

        Raises:
            RefusedError: nothing has arrived for ``STALLED_S``.
        """
        if self._is_complete:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.gone.set()
            return message
        try:
            message = await asyncio.wait_for(self._receive(), STALLED_S)
        except TimeoutError:
            self._stalled = RefusedError(408, f"Nothing has arrived for {STALLED_S:.0f} s.")
            raise self._stalled from None
        self._is_complete = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Send a part of the response.

        Raises:
            RefusedError: the sender has paused before.
        """
        if self._stalled is not None and not self.is_started:
            raise self._stalled
        self.is_started = True
        await self._send(message)


class Gate:
    """ASGI middleware: lets a request through, or refuses it with a status and a sentence.

    Args:
        app: the page.
        users: who may use the page, or None for everybody. With users, other sites may not call it, either.
        key: a secret of this process, which the page's calls of itself have in ``KEY_HEADER``; "" for none.
    """

    def __init__(self, app: ASGIApp, users: Users | None = None, key: str = "") -> None:
        self._app, self._users, self._key = app, users, key
        self._room = UploadRoom()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            if self._users is None or scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        connection = Connection(receive, send)
        try:
            await self._pass(scope, connection)
        except ClientDisconnect:
            pass
        except Exception as error:
            response = self._explain(scope, error)
            if not connection.is_started:
                await response(scope, receive, send)
            else:
                await send({"type": "http.response.body", "body": b""})

    async def _pass(self, scope: Scope, connection: Connection) -> None:
        """Check a request and pass it to the app.

        Raises:
            RefusedError: it is refused.
            Exception: the app cannot handle it.
        """
        headers = Headers(scope=scope)
        if self._users is not None and scope["path"] not in OPEN and not self._is_own(headers):
            check_user(scope, self._users)
        if UNUSED.match(scope["path"]):
            raise RefusedError(404, "There is no such page.")
        length, address = body_length(headers), scope["client"][0] if scope.get("client") else ""
        if scope["path"].startswith(MCP):
            # Gradio's MCP server passes a caller's headers on to a call of the page by itself, which is trusted.
            MutableHeaders(scope=scope)["X-Forwarded-For"] = address
            scope[GONE] = connection.gone  # for its tools, which cannot see it
        if scope["path"].rstrip("/") == UPLOAD:
            async with self._room.reserve(address, length):
                await self._app(scope, connection.receive, connection.send)
        elif length > MAX_BODY:
            raise RefusedError(413, f"The request is larger than {MAX_BODY >> 20} MB.")
        else:
            await self._app(scope, connection.receive, connection.send)

    def _is_own(self, headers: Headers) -> bool:
        """Return whether the page itself makes the request."""
        return bool(self._key) and hmac.compare_digest(headers.get(KEY_HEADER, "").encode(), self._key.encode())

    def _explain(self, scope: Scope, error: Exception) -> PlainTextResponse:
        """Return the response to a request that could not be handled."""
        if isinstance(error, RefusedError):
            return error.response
        # Jobs run in the queue and explain their own errors. What a route of Gradio's raises are calls that it cannot
        # read (of functions, sessions and arguments that there are not) or a full disk.
        log.warning("A request to %s could not be handled", route_of(scope), exc_info=error)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return PlainTextResponse(NO_ROOM, 507)
        return PlainTextResponse("This request cannot be read.", 400)


def route_of(scope: Scope) -> str:
    """Return the pattern of a request's route: its path may be that of a visitor's file."""
    return str(getattr(scope.get("route"), "path", "no route"))


def body_length(headers: Headers) -> int:
    """Return how many bytes a request will send, which the web server holds it to.

    Raises:
        RefusedError: it does not say.
    """
    if "transfer-encoding" in headers:
        raise RefusedError(411, "Say how long the request is, by Content-Length.")
    return int(headers.get("content-length", "0"))  # the web server refuses what is no number


def check_user(scope: Scope, users: Users) -> None:
    """Check the name and the password of a request (RFC 7617), and that it comes from no other site.

    Raises:
        RefusedError: it has none, they are wrong, or another site made it.
    """
    headers = Headers(scope=scope)
    kind, _, encoded = headers.get("authorization", "").partition(" ")
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        name = password = ""
    expected = users.get(name, "")
    is_right = hmac.compare_digest(password.encode(), expected.encode()) and bool(expected)
    if kind.lower() != "basic" or not is_right:
        raise RefusedError(401, "Sign in to use this page.", {"WWW-Authenticate": 'Basic realm="DIN", charset="UTF-8"'})
    if is_foreign(headers) and not (scope["method"] == "GET" and headers.get("sec-fetch-mode") == "navigate"):
        raise RefusedError(403, "Other sites may not use this page.")


def is_foreign(headers: Headers) -> bool:
    """Return whether another site's page made a request; browsers say so, programs send neither header."""
    if site := headers.get("sec-fetch-site"):
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host")
