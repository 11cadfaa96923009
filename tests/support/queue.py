"""Talk to the page's queue directly, as its own scripts do."""

import json
import secrets
from collections.abc import Generator
from contextlib import closing
from itertools import islice
from typing import Any

import httpx

TIMEOUT_S = 120


def event_numbers(url: str) -> dict[str, int]:
    """The numbers of a page's events by name."""
    dependencies = httpx.get(f"{url}/config", timeout=TIMEOUT_S).json()["dependencies"]
    return {event["api_name"]: event["id"] for event in dependencies}


def upload(url: str, photo: bytes) -> dict[str, Any]:
    """Upload a photo; return it as the page's events take it."""
    answer = httpx.post(f"{url}/gradio_api/upload", files={"files": photo}, timeout=TIMEOUT_S).raise_for_status()
    (path,) = answer.json()
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def restore_call(photo: object, task: str = "sr_x4") -> tuple[Any, ...]:
    """The arguments of ``restore``, or with a list of photos, of ``restore_batch``."""
    return (photo, task, "fast", "png", 92, False, 100)


class Caller:
    """A program that talks to the queue directly, as the page's own scripts do.

    Args:
        url: of the page.
        numbers: of its events, by name.
        headers: that a proxy has added.
    """

    def __init__(self, url: str, numbers: dict[str, int], **headers: str) -> None:
        self.url, self.numbers, self.session = url, numbers, secrets.token_hex(8)
        self.headers = headers

    def join(self, name: str, *arguments: Any) -> httpx.Response:
        """Put a call of an event into the queue; return the answer."""
        call = {"data": arguments, "fn_index": self.numbers[name], "session_hash": self.session}
        return httpx.post(f"{self.url}/gradio_api/queue/join", json=call, headers=self.headers, timeout=TIMEOUT_S)

    def messages(self) -> Generator[dict[str, Any], None, None]:
        """Yield the queue's messages about the calls."""
        address = f"{self.url}/gradio_api/queue/data?session_hash={self.session}"
        with httpx.stream("GET", address, headers=self.headers, timeout=TIMEOUT_S) as lines:
            for line in lines.iter_lines():
                if line:
                    yield json.loads(line.removeprefix("data: "))

    def outcomes(self) -> Generator[dict[str, Any], None, None]:
        """Yield the outputs, or the error, of each call that has ended."""
        with closing(self.messages()) as messages:
            yield from (event["output"] for event in messages if event.get("msg") == "process_completed")

    def answers(self, number: int) -> list[dict[str, Any]]:
        """Return the outcomes of so many calls."""
        with closing(self.outcomes()) as outcomes:
            return list(islice(outcomes, number))
