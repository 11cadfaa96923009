"""Conversion of errors for the page and its API."""

from __future__ import annotations

import gradio as gr

from app.errors import RestorationError
from app.i18n import say


def page_error(error: RestorationError, language: str) -> gr.Error:
    """Convert an error to one that Gradio shows in a language, without a traceback."""
    return gr.Error(error.into(language), print_exception=False, title=say("page.error").into(language))
