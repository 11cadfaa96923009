"""Errors of the page: their conversion for Gradio, and refused requests."""

from __future__ import annotations

from collections.abc import Mapping

import gradio as gr
from starlette.responses import PlainTextResponse

from app.errors import RestorationError
from app.i18n import say


def page_error(error: RestorationError, language: str) -> gr.Error:
    """Convert an error to one that Gradio shows in a language, without a traceback."""
    return gr.Error(error.into(language), print_exception=False, title=say("page.error").into(language))


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
