"""Gradio's client, with time for a page on a busy machine."""

from typing import Any

from gradio_client import Client

ANSWER_S = 60  # Gradio's own limit of some seconds is soon reached beside other work


def page_client(url: str, **options: Any) -> Client:
    """Connect to a page; ``options`` are those of Gradio's client."""
    return Client(url, verbose=False, httpx_kwargs={"timeout": ANSWER_S}, **options)
