"""Every language says everything, with the same values."""

import ast
import string
import tomllib

import pytest
from jinja2 import nodes

from app.i18n import ENGLISH, LANGUAGES, LOCALES, choose_language, knows, say, sentences
from app.web.templates import environment
from tests.support.files import ROOT


def values_of(sentence):
    return sorted(name for _, name, _, _ in string.Formatter().parse(sentence) if name)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_is_complete(language):
    english, ours = sentences(ENGLISH), sentences(language)
    assert list(ours) == list(english)
    for key, sentence in ours.items():
        assert values_of(sentence) == values_of(english[key]), key
        assert sentence.strip(), key


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != ENGLISH])
def test_translations_are_translated(language):
    """Names, units and loan words stay; most sentences differ from the English ones."""
    same = [key for key, sentence in sentences(language).items() if sentence == sentences(ENGLISH)[key]]
    assert len(same) < 0.2 * len(sentences(ENGLISH)), same


def test_there_is_a_file_for_each_language_and_no_other():
    assert {path.stem for path in LOCALES.glob("*.toml")} == set(LANGUAGES)


def test_every_sentence_that_the_code_says_exists_and_is_said():
    """Keys are literals at the calls of ``say``, also in templates, or start with a section whose names are data."""
    literals, prefixes = set(), set()
    for path in (ROOT / "app").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                literals.add(node.value)
            if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                prefixes.add(str(node.values[0].value))
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "say":
                key = node.args[0]
                assert not isinstance(key, ast.Constant) or knows(key.value), key.value
    for name in environment.list_templates(extensions=["html", "svg"]):
        tree = environment.parse((ROOT / "app/web/templates" / name).read_text())
        literals |= {node.value for node in tree.find_all(nodes.Const) if isinstance(node.value, str)}
        firsts = (node.nodes[0] for node in tree.find_all(nodes.Concat))
        prefixes |= {str(first.value) for first in firsts if isinstance(first, nodes.Const)}
        for call in tree.find_all(nodes.Call):
            if getattr(call.node, "name", "") == "say" and isinstance(told := call.args[0], nodes.Const):
                assert knows(told.value), told.value
    unsaid = [
        key
        for key in sentences(ENGLISH)
        if key not in literals and not any(prefix.endswith(".") and key.startswith(prefix) for prefix in prefixes)
    ]
    assert unsaid == []


def test_values_may_be_texts_themselves():
    text = say("progress.tiles", done=1, total=2, rest=say("progress.left", time="3 s"))
    assert str(text) == "1 of 2 tiles · about 3 s left"
    assert text.into("de") != str(text)


@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("pt-BR, fr;q=0.7, en;q=0.5", "pt"),
        ("eo, fr;q=0.7, en;q=0.5", "fr"),
        ("zh-TW", "zh"),
        ("xx", "en"),
        ("", "en"),
    ],
)
def test_the_first_language_that_we_speak_is_chosen(wanted, language):
    assert choose_language(wanted) == language


def test_files_are_plain_toml():
    for path in LOCALES.glob("*.toml"):
        assert tomllib.loads(path.read_text(encoding="utf-8"))
