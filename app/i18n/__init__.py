"""What the project says to people, in every language it speaks: one TOML file a language, sentences by key."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

LOCALES = Path(__file__).parent / "locales"
ENGLISH = "en"
# In the order in which they are offered; each by its own name.
LANGUAGES = {
    **{"en": "English", "zh": "中文", "ja": "日本語", "es": "Español", "fr": "Français", "de": "Deutsch"},
    **{"cs": "Čeština", "da": "Dansk", "el": "Ελληνικά", "hi": "हिन्दी", "id": "Indonesia", "it": "Italiano"},
    **{"ko": "한국어", "nl": "Nederlands", "pl": "Polski", "pt": "Português", "ro": "Română", "ru": "Русский"},
    **{"sv": "Svenska", "tr": "Türkçe", "uk": "Українська", "vi": "Tiếng Việt"},
}


@functools.cache
def sentences(language: str) -> Mapping[str, str]:
    """All sentences of a language, ``section.name`` to a template with ``{values}``."""
    tables = tomllib.loads((LOCALES / f"{language}.toml").read_text(encoding="utf-8"))
    return {f"{section}.{name}": text for section, table in tables.items() for name, text in table.items()}


@dataclass(frozen=True)
class Text:
    """Something to say, before it is known in which language.

    Attributes:
        key: of the sentence, ``section.name``.
        values: what its template is filled with; a value may be a Text.
    """

    key: str
    values: Mapping[str, object] = field(default_factory=dict)

    def into(self, language: str) -> str:
        """The sentence in a language of :data:`LANGUAGES`."""
        filled = {n: v.into(language) if isinstance(v, Text) else v for n, v in self.values.items()}
        return sentences(language)[self.key].format(**filled)

    def __str__(self) -> str:
        return self.into(ENGLISH)


def say(key: str, **values: object) -> Text:
    """A sentence by its key, with what to fill it with."""
    return Text(key, values)


def knows(key: str) -> bool:
    """Whether there is a sentence of that key."""
    return key in sentences(ENGLISH)


def choose_language(wanted: str) -> str:
    """The first language that we speak of an ``Accept-Language`` header or a single tag, else English."""
    for part in wanted.split(","):
        language = part.split(";")[0].strip().split("-")[0].lower()
        if language in LANGUAGES:
            return language
    return ENGLISH
