"""A Gradio page with its style sheets and scripts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from app.i18n import ENGLISH
from app.web.templates import render

WEB = Path(__file__).parent


@dataclass(frozen=True)
class Site:
    """A page and the contents of its head.

    Attributes:
        page: the page.
        styles: its CSS.
        head: its scripts, as HTML.
    """

    page: gr.Blocks
    styles: str
    head: str


def source(name: str) -> str:
    """Return the content of a file at a path relative to this package."""
    return (WEB / name).read_text(encoding="utf-8")


def styles(*names: str) -> str:
    """Concatenate the style sheets at paths relative to this package."""
    return "".join(source(name) for name in names)


def scripts(*names: str) -> str:
    """Render the scripts at paths relative to this package as inline script elements."""
    sources = [source(name) for name in names]
    return render("scripts.html", ENGLISH, sources=sources)
