"""The page's markup: Jinja2 templates, escaped by default, that put texts into the visitor's language.

Python computes the values, a template has the markup. In a template, ``{{ text | into }}`` is a
:class:`~app.i18n.Text` or an error in the language that :func:`render` was given, and ``{{ say("page.title") }}`` the
sentence of a key. Macros in files of their own know no language: they take sentences.
"""

from __future__ import annotations

import re
from typing import Protocol

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from app.i18n import say


class Translatable(Protocol):
    """A text, or an error with one."""

    def into(self, language: str) -> str: ...


def render(template: str, language: str, **values: object) -> str:
    """Render a template.

    Args:
        template: its path below this folder.
        language: of the texts in it, a key of :data:`app.i18n.LANGUAGES`.
        values: the variables of the template.

    Raises:
        jinja2.UndefinedError: the template uses a variable that is not among the values.
    """
    return environment.get_template(template).render(language=language, **values)


@pass_context
def into(context: Context, text: Translatable) -> str:
    """Return a text in the language of the template that uses it: the filter ``into``."""
    return text.into(context["language"])


@pass_context
def sentence(context: Context, key: str, **values: object) -> str:
    """Return a sentence in the language of the template that uses it: the function ``say``.

    Args:
        context: of the template.
        key: of the sentence.
        values: for the placeholders of the sentence.
    """
    return say(key, **values).into(context["language"])


def css_string(text: str) -> Markup:
    """Quote a text as a CSS string; only word characters stay, so that it cannot end a ``<style>`` element."""
    return Markup('"' + re.sub(r"[^\w ]", lambda match: f"\\{ord(match[0]):x} ", text) + '"')


environment = Environment(
    loader=PackageLoader("app.web", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
environment.filters.update(into=into, css_string=css_string)
environment.globals["say"] = sentence
