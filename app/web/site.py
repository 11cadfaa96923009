"""A page with the styles and scripts that go into its head."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gradio as gr

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
    """The style sheets of these names, below this package."""
    return "".join((WEB / name).read_text(encoding="utf-8") for name in names)


def scripts(*names: str) -> str:
    """The scripts of these names, below this package, inline: the page fetches nothing."""
    return "".join(f"<script>{(WEB / name).read_text(encoding='utf-8')}</script>" for name in names)
