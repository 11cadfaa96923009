"""A Gradio page with the styles and scripts of its head."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from app.i18n import ENGLISH
from app.web.templates import render

WEB = Path(__file__).parent


@dataclass(frozen=True)
class Site:
    """A page and what goes into its head.

    Attributes:
        page: the page.
        styles: its CSS.
        head: its scripts, as HTML.
    """

    page: gr.Blocks
    styles: str
    head: str


def styles(*names: str) -> str:
    """Return the style sheets at these paths below this package, joined."""
    return "".join((WEB / name).read_text(encoding="utf-8") for name in names)


def scripts(*names: str) -> str:
    """Render the scripts at these paths below this package inline: the page fetches nothing."""
    sources = [(WEB / name).read_text(encoding="utf-8") for name in names]
    return render("scripts.html", ENGLISH, sources=sources)
