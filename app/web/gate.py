"""Checks of every HTTP request to the page before it reaches Gradio: sign-in, sizes, and time."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web import health, storage
from app.web.users import Users

log = logging.getLogger(__name__)

UPLOAD = "/gradio_api/upload"
# Without a password: what operators ask, and what Gradio asks itself when it starts.
OPEN = (health.PATH, "/gradio_api/startup-events")
# All else that is sent are choices and paths of uploads.
MAX_BODY = 4 << 20
# The uploads and results of all visitors.
MAX_STORED = 2 << 30
# A sender that pauses for longer has gone.
STALLED_S = 30.0
# Gradio's routes for what this page does not have: recordings (which start ffmpeg), reloading and generated code while
# somebody develops, components with a server, files of other Spaces, monitoring.
UNUSED = re.compile(
    r"/gradio_api/(component_server|custom_component|deep_link|dev|process_recording|proxy=|vibe|undo-vibe)|/monitoring"
)
NO_ROOM = "The server has no room for more photos at the moment: try again in ten minutes."


class RefusedError(Exception):
    """A request is refused.

    Args:
        status: of the response.
        sentence: the reason, for a person.
        headers: of the response.
    """

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        self.response = PlainTextResponse(sentence, status, headers)
        super().__init__(sentence)


class Gate:
    """ASGI middleware: lets a request through, or refuses it with a status and a sentence.

    Args:
        app: the page.
        users: who may use the page, or None for everybody. With users, other sites may not call it, either.
    """

    def __init__(self, app: ASGIApp, users: Users | None = None) -> None:
        self._app, self._users = app, users
        self._announced = 0  # bytes of the uploads under way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            if self._users is None or scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        is_started = is_complete = False

        async def note_start(message: Message) -> None:
            nonlocal is_started
            is_started = True
            await send(message)

        async def receive_in_time() -> Message:
            nonlocal is_complete
            if is_complete:  # what comes next is the end of the connection, whenever that is
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), STALLED_S)
            except TimeoutError:
                raise RefusedError(408, f"Nothing has arrived for {STALLED_S:.0f} s.") from None
            is_complete = not message.get("more_body", False)
            return message

        try:
            if self._users is not None and scope["path"] not in OPEN:
                check_user(scope, self._users)
            if UNUSED.match(scope["path"]):
                raise RefusedError(404, "There is no such page.")
            length = body_length(Headers(scope=scope))
            if scope["path"].rstrip("/") == UPLOAD:
                async with self._room(length):
                    await self._app(scope, receive_in_time, note_start)
            elif length > MAX_BODY:
                raise RefusedError(413, f"The request is larger than {MAX_BODY >> 20} MB.")
            else:
                await self._app(scope, receive_in_time, note_start)
        except RefusedError as refused:
            if not is_started:
                await refused.response(scope, receive, send)
        except ClientDisconnect:
            pass
        except Exception as error:
            # Jobs run in the queue and explain their own errors. What a route of Gradio's raises are calls that it
            # cannot read: of functions, sessions and arguments that there are not.
            is_debug = log.isEnabledFor(logging.DEBUG)
            log.warning("A request to %s could not be read: %r", scope["path"], error, exc_info=is_debug)
            if is_started:
                await send({"type": "http.response.body", "body": b""})
            else:
                await PlainTextResponse("This request cannot be read.", 400)(scope, receive, send)

    @asynccontextmanager
    async def _room(self, length: int) -> AsyncIterator[None]:
        """Keep room for an upload of so many bytes, as long as it lasts.

        Raises:
            RefusedError: there is none, or the upload cannot be taken.
        """
        if await asyncio.to_thread(storage.used) + self._announced + length > MAX_STORED:
            raise RefusedError(507, NO_ROOM)
        self._announced += length
        try:
            yield
        except (RefusedError, ClientDisconnect):
            raise
        except OSError as error:
            log.warning("An upload could not be stored", exc_info=error)
            raise RefusedError(507, NO_ROOM) from error
        except Exception as error:
            log.warning("An upload could not be read", exc_info=error)
            raise RefusedError(400, "This upload cannot be read.") from error
        finally:
            self._announced -= length


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
