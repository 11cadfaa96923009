"""The texts of the page's components, which change together when the language does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import gradio as gr

from app.i18n import ENGLISH, Text
from app.web.gradio_compat import Block, set_properties

C = TypeVar("C", bound=Block)
Wording = Text | Callable[[str], Any]  # a sentence, or a function from a language to the property's value


class Words:
    """Which property of which component has which wording."""

    def __init__(self) -> None:
        self._bound: list[tuple[Block, dict[str, Wording]]] = []

    def bind(self, component: C, **wordings: Wording) -> C:
        """Give properties of a component their wordings, in English at first; return the component."""
        self._bound.append((component, wordings))
        return set_properties(component, **{name: put(wording, ENGLISH) for name, wording in wordings.items()})

    @property
    def components(self) -> list[Block]:
        return [component for component, _ in self._bound]

    def switch(self, language: str) -> list[Any]:
        """Return updates for :attr:`components` that put them into a language."""
        return [
            gr.update(**{name: put(wording, language) for name, wording in wordings.items()})
            for _, wordings in self._bound
        ]


def put(wording: Wording, language: str) -> Any:
    """Return a wording in a language."""
    return wording.into(language) if isinstance(wording, Text) else wording(language)
