"""Bindings of component properties to texts, to update all of them when the language changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import gradio as gr

from app.i18n import ENGLISH, Text
from app.web.gradio_compat import Block, set_properties

C = TypeVar("C", bound=Block)
Wording = Text | Callable[[str], Any]  # a text, or a function from a language tag to the property's value


class Words:
    """The properties that hold texts, with their texts."""

    def __init__(self) -> None:
        self._bound: list[tuple[Block, dict[str, Wording]]] = []

    def bind(self, component: C, **wordings: Wording) -> C:
        """Bind properties of a component to texts, which are set in English; return the component."""
        self._bound.append((component, wordings))
        return set_properties(component, **{name: put(wording, ENGLISH) for name, wording in wordings.items()})

    @property
    def components(self) -> list[Block]:
        """The components with bound properties."""
        return [component for component, _ in self._bound]

    def switch(self, language: str) -> list[Any]:
        """Return the updates of :attr:`components` for a language."""
        return [
            gr.update(**{name: put(wording, language) for name, wording in wordings.items()})
            for _, wordings in self._bound
        ]


def put(wording: Wording, language: str) -> Any:
    """Evaluate a text in a language."""
    return wording.into(language) if isinstance(wording, Text) else wording(language)
