"""Streams of messages that are kept open for the next event."""

import asyncio
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from app.web import event_stream, limits
from app.web.event_stream import PATH, LingeringStreams
from tests.support.processes import run_async

CLOSE = event_stream.CLOSING + b"}\n\n"


@pytest.fixture
def pending(monkeypatch):
    """The sessions that have events, in a set to change."""
    sessions: set[str] = set()
    monkeypatch.setattr(event_stream, "has_events", lambda page, session: session in sessions)
    monkeypatch.setattr(event_stream, "LINGER_S", 0.3)
    monkeypatch.setattr(event_stream, "READ_S", 0.3)
    return sessions


class Queue:
    """A queue that takes any event at once."""

    async def push(self, body, request, username):
        return body.session_hash


class Page:
    def __init__(self):
        self.queue = self._queue = Queue()


class Listener:
    """Opens a stream of a session named "s"; its ``messages`` are those that it was sent.

    Args:
        parts: what Gradio sends each time that it is asked for the stream.
        meanwhile: called when the first stream is about to close.
        leaves: when the client goes; by itself it does not.
    """

    def __init__(self, parts, meanwhile=lambda: None, leaves=None):
        self.streams, self.meanwhile, self.leaves = iter(parts), meanwhile, leaves or asyncio.Event()
        self.page, self.sent = Page(), []
        self.stream = LingeringStreams(self.gradio, page=self.page)

    async def gradio(self, scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for part in next(self.streams):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        self.meanwhile()

    async def receive(self):
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        self.sent.append(message)

    async def listen(self):
        scope = {"type": "http", "path": PATH, "query_string": b"session_hash=s"}
        await self.stream(scope, self.receive, self.send)

    async def join(self, session):
        return await self.page.queue.push(body=SimpleNamespace(session_hash=session), request=None, username=None)

    @property
    def messages(self):
        assert [message["type"] for message in self.sent].count("http.response.start") == 1
        return [message["body"] for message in self.sent[1:]]


def listen(*arguments):
    listener = Listener(*arguments)
    run_async(listener.listen())
    return listener.messages


def test_a_stream_goes_on_with_the_next_event(pending):
    def begin_then_end():
        pending.symmetric_difference_update({"s"})

    assert listen([[b"a", CLOSE], [b"b", CLOSE]], begin_then_end) == [b"a", b"b", CLOSE, b""]


def test_without_another_event_it_ends(pending):
    pending.add("other")
    assert listen([[b"a", CLOSE]]) == [b"a", CLOSE, b""]


def test_it_is_not_kept_for_who_has_left(pending):
    left = asyncio.Event()
    left.set()
    assert listen([[b"a", CLOSE]], lambda: pending.add("s"), left) == [b"a", CLOSE, b""]


def test_it_does_not_keep_a_page_from_ending(pending, monkeypatch):
    monkeypatch.setattr(event_stream, "LINGER_S", 60)
    monkeypatch.setattr(limits, "CLOSED", asyncio.Event())
    limits.CLOSED.set()
    assert listen([[b"a", CLOSE]]) == [b"a", CLOSE, b""]


def test_an_end_without_a_message_is_the_end(pending):
    pending.add("s")
    assert listen([[b"a"]]) == [b"a", b""]


@pytest.mark.parametrize(("missing", "fails"), [("s", False), ("other", True)])
def test_a_session_that_is_forgotten_twice_is_no_failure(pending, missing, fails):
    async def forget(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        del {}[missing]

    listener = Listener([])
    stream = LingeringStreams(forget, page=listener.page)
    scope = {"type": "http", "path": PATH, "query_string": b"session_hash=s"}
    with pytest.raises(KeyError) if fails else nullcontext():
        run_async(stream(scope, listener.receive, listener.send))
    assert [message["type"] for message in listener.sent] == ["http.response.start"]


@pytest.mark.parametrize("reads", [True, False])
def test_the_next_event_waits_until_the_end_is_read(pending, monkeypatch, reads):
    """A browser that never reads it keeps nobody waiting for ever."""
    monkeypatch.setattr(event_stream, "READ_S", 60 if reads else 3)

    async def visit():
        listener = Listener([[b"a", CLOSE]])
        stream = asyncio.ensure_future(listener.listen())
        while not stream.done() and len(listener.sent) < 3:
            await asyncio.sleep(0.01)
        assert listener.messages == [b"a", CLOSE]
        joins = [asyncio.ensure_future(listener.join(session)) for session in ("s", "other")]
        assert await asyncio.wait_for(joins[1], 10) == "other"
        assert not joins[0].done()
        if reads:
            listener.leaves.set()
        assert await asyncio.wait_for(joins[0], 10) == "s"
        await stream
        assert await asyncio.wait_for(listener.join("s"), 10) == "s"  # and nobody later
        return listener.messages

    assert run_async(visit()) == [b"a", CLOSE, b""]
