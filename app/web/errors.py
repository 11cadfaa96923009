"""Errors as the page and its calls show them."""

from __future__ import annotations

import gradio as gr

from app.errors import RestorationError
from app.i18n import say


def page_error(error: RestorationError, language: str) -> gr.Error:
    """An error in a visitor's language, without a traceback."""
    return gr.Error(error.into(language), print_exception=False, title=say("page.error").into(language))
