"""Sentences that people read, in every language of the project.

``locales`` has one TOML file for each language. A sentence that a language lacks is said in English. English is
complete, except for the names of tasks: their English is in ``din_model/tasks.py``, and the other files translate it.

A sentence is a template with ``{values}``. Where a number decides its form, it is a table: ``by`` is the name of that
number, and each plural category that CLDR gives the language has its form, or else takes ``other``::

    privacy_deleted.by = "minutes"
    privacy_deleted.one = "Photos are deleted after {minutes:n} minute."
    privacy_deleted.other = "Photos are deleted after {minutes:n} minutes."

The format ``n`` writes a number as the language does: 1,234.5 or 1.234,5. The format ``or`` writes a list as
alternatives: "PNG or TIFF".
"""

from __future__ import annotations

import functools
import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from babel import Locale, negotiate_locale
from babel.lists import format_list
from babel.numbers import format_decimal

from app.i18n.accept import parse_accept_language

LOCALES = Path(__file__).parent / "locales"
ENGLISH = "en"
# In the order in which they are offered; each by its own name.
LANGUAGES = {
    **{"en": "English", "zh": "中文", "ja": "日本語", "es": "Español", "fr": "Français", "de": "Deutsch"},
    **{"cs": "Čeština", "da": "Dansk", "el": "Ελληνικά", "hi": "हिन्दी", "id": "Indonesia", "it": "Italiano"},
    **{"ko": "한국어", "nl": "Nederlands", "pl": "Polski", "pt": "Português", "ro": "Română", "ru": "Русский"},
    **{"sv": "Svenska", "tr": "Türkçe", "uk": "Українська", "vi": "Tiếng Việt"},
}
OTHER = "other"  # the plural category that every language has


@dataclass(frozen=True)
class Sentence:
    """A template with its plural forms.

    Attributes:
        language: of the template, a key of :data:`LANGUAGES`.
        forms: the template of each plural category; only ``other`` where no number decides.
        by: name of the value that decides the category, or None.
    """

    language: str
    forms: Mapping[str, str]
    by: str | None = None

    def fill(self, values: Mapping[str, Any]) -> str:
        """Return the sentence with its values filled in, in the plural form of the value that decides it."""
        category = OTHER if self.by is None else Locale(self.language).plural_form(values[self.by])
        form = self.forms.get(category, self.forms[OTHER])
        return _LocaleFormatter(self.language).vformat(form, (), values)


class _LocaleFormatter(string.Formatter):
    """Format templates; the formats ``n`` and ``or`` write a number and a list as a language does."""

    def __init__(self, language: str) -> None:
        self._language = language

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec == "n":
            return format_decimal(value, locale=self._language)
        if format_spec == "or":
            return format_list(value, style="or", locale=self._language)
        return str(super().format_field(value, format_spec))


@functools.cache
def sentences(language: str) -> Mapping[str, Sentence]:
    """Return the sentences of a language's own file, by their keys ``section.name``."""
    tables = tomllib.loads((LOCALES / f"{language}.toml").read_text(encoding="utf-8"))
    return {
        f"{section}.{name}": _sentence(language, value)
        for section, table in tables.items()
        for name, value in table.items()
    }


def _sentence(language: str, value: str | Mapping[str, str]) -> Sentence:
    if isinstance(value, str):
        return Sentence(language, {OTHER: value})
    return Sentence(language, {category: form for category, form in value.items() if category != "by"}, value["by"])


@dataclass(frozen=True)
class Text:
    """A sentence before its language is known.

    Attributes:
        key: of the sentence, ``section.name``.
        values: what its template is filled with; a value may be a Text.
    """

    key: str
    values: Mapping[str, object] = field(default_factory=dict)

    def into(self, language: str) -> str:
        """Return the sentence in a language of :data:`LANGUAGES`; in English if the language lacks it."""
        filled = {n: v.into(language) if isinstance(v, Text) else v for n, v in self.values.items()}
        sentence = sentences(language).get(self.key) or sentences(ENGLISH)[self.key]
        return sentence.fill(filled)

    def __str__(self) -> str:
        return self.into(ENGLISH)


@dataclass(frozen=True)
class Name(Text):
    """A name whose English comes from a server, before its language is known.

    Attributes:
        english: what languages show that do not have the key.
    """

    english: str = ""

    def into(self, language: str) -> str:
        """Return the name in a language of :data:`LANGUAGES`; in English if the language lacks it."""
        sentence = sentences(language).get(self.key)
        return sentence.fill({}) if sentence else self.english


def say(key: str, **values: object) -> Text:
    """Return the sentence of a key, with the values to fill it with."""
    return Text(key, values)


def as_is(text: str) -> Text:
    """Wrap a string that is the same in every language."""
    return say("page.as_is", text=text)


def choose_language(wanted: str) -> str:
    """Return the offered language that an ``Accept-Language`` header, or a single tag, prefers; English if none.

    A region falls back to its language (``zh-TW`` to ``zh``), and ``*`` is any language. A weight of 0 excludes one.
    """
    weights = parse_accept_language(wanted)
    offered = [language for language in LANGUAGES if weights.get(language) != 0]
    preferred = sorted((tag for tag, weight in weights.items() if weight > 0), key=lambda tag: -weights[tag])
    tags = [offered[0] if tag == "*" and offered else tag for tag in preferred]
    return negotiate_locale(tags, offered, sep="-") or ENGLISH
