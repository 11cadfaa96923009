"""Streams of messages that are kept open for the next event."""

import asyncio

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
    return sessions


def listen(parts, meanwhile=lambda: None, leaves=False):
    """Open a stream of a session named "s"; return its messages.

    Args:
        parts: what Gradio sends each time that it is asked for the stream.
        meanwhile: called when the first stream is about to close.
        leaves: whether the client goes then.
    """
    streams, sent = iter(parts), []

    async def gradio(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for part in next(streams):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        meanwhile()

    async def receive():
        if not leaves:
            await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "path": PATH, "query_string": b"session_hash=s"}
    run_async(LingeringStreams(gradio, page=None)(scope, receive, send))
    assert [message["type"] for message in sent].count("http.response.start") == 1
    return [message["body"] for message in sent[1:]]


def test_a_stream_goes_on_with_the_next_event(pending):
    def begin_then_end():
        pending.symmetric_difference_update({"s"})

    assert listen([[b"a", CLOSE], [b"b", CLOSE]], begin_then_end) == [b"a", b"b", CLOSE, b""]


def test_without_another_event_it_ends(pending):
    pending.add("other")
    assert listen([[b"a", CLOSE]]) == [b"a", CLOSE, b""]


def test_it_is_not_kept_for_who_has_left(pending):
    assert listen([[b"a", CLOSE]], lambda: pending.add("s"), leaves=True) == [b"a", CLOSE, b""]


def test_it_does_not_keep_a_page_from_ending(pending, monkeypatch):
    monkeypatch.setattr(event_stream, "LINGER_S", 60)
    monkeypatch.setattr(limits, "CLOSED", asyncio.Event())
    limits.CLOSED.set()
    assert listen([[b"a", CLOSE]]) == [b"a", CLOSE, b""]


def test_an_end_without_a_message_is_the_end(pending):
    pending.add("s")
    assert listen([[b"a"]]) == [b"a", b""]
