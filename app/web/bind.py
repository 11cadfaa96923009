"""The page's words: every component that shows some, so that all change together when the language does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import gradio as gr
from gradio.blocks import Block

from app.i18n import ENGLISH, Text

C = TypeVar("C", bound=Block)
Wording = Text | Callable[[str], Any]  # a sentence, or what makes a property's value for a language


class Words:
    """Remembers which property of which component says what."""

    def __init__(self) -> None:
        self._bound: list[tuple[Block, dict[str, Wording]]] = []

    def bind(self, component: C, **wordings: Wording) -> C:
        """Has properties of a component say something, now in English; returns the component."""
        english = {name: put(wording, ENGLISH) for name, wording in wordings.items()}
        for name, value in english.items():
            setattr(component, name, value)
        component.constructor_args.update(english)  # of which Gradio makes each visitor's own component
        self._bound.append((component, wordings))
        return component

    @property
    def components(self) -> list[Block]:
        return [component for component, _ in self._bound]

    def switch(self, language: str) -> list[Any]:
        """Updates for :attr:`components` that put them into a language."""
        return [
            gr.update(**{name: put(wording, language) for name, wording in wordings.items()})
            for _, wordings in self._bound
        ]


def put(wording: Wording, language: str) -> Any:
    """A wording in a language."""
    return wording.into(language) if isinstance(wording, Text) else wording(language)
