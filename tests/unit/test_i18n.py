"""Sentences, their plural forms and numbers, in every language; English where a language lacks one."""

import ast
import string
import tomllib

import pytest
from babel import Locale
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import nodes

from app import i18n
from app.i18n import ENGLISH, LANGUAGES, LOCALES, OTHER, Name, Sentence, choose_language, say, sentences
from app.web.templates import environment
from din_model.tasks import TASKS
from tests.support.files import ROOT

# Numbers of photos, tiles, minutes ... : every plural category that such counts have is among them.
COUNTS = range(1000)
# The English texts of the tasks are in TASKS alone; the files of other languages translate them by these keys.
OF_TASKS = {
    key: Sentence(ENGLISH, {OTHER: english})
    for task in TASKS.values()
    for key, english in {
        f"task.{task.name}": task.label,
        f"variant.{task.name}": task.variant,
        f"description.{task.name}": task.description,
        f"family.{task.family.name}": task.family.label,
    }.items()
}


def english_sentences():
    return {**sentences(ENGLISH), **OF_TASKS}


def knows(key):
    return key in sentences(ENGLISH)


def values_of(template):
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_belongs_to_an_english_one_with_the_same_values(language, capsys):
    """A language may lack sentences; which ones is printed."""
    english, ours = english_sentences(), sentences(language)
    assert set(ours) <= set(english)
    for key, sentence in ours.items():
        wanted = values_of(english[key].forms[OTHER])
        assert values_of(sentence.forms[OTHER]) == wanted, key
        for category, form in sentence.forms.items():
            assert form.strip(), (key, category)
            # "every second" needs no number
            assert values_of(form) in (wanted, wanted - {sentence.by}), (key, category)
    lacks = [key for key in english if key not in ours and not (language == ENGLISH and key in OF_TASKS)]
    if lacks:
        with capsys.disabled():
            print(f"{LANGUAGES[language]} lacks {len(lacks)} of {len(english)} sentences: {', '.join(lacks)}")


@pytest.mark.parametrize("language", LANGUAGES)
def test_plural_sentences_have_a_form_for_every_count(language):
    plural = Locale(language).plural_form
    needed = {plural(count) for count in COUNTS} | {OTHER}
    for key, sentence in sentences(language).items():
        if sentence.by is not None:
            assert sentence.by in values_of(sentence.forms[OTHER]), key
            assert needed <= set(sentence.forms) <= {*plural.tags, OTHER}, key


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("en", {1: "1 tile", 2: "2 tiles", 5: "5 tiles", 1234: "1,234 tiles"}),
        ("de", {1: "1 Kachel", 2: "2 Kacheln", 1234: "1.234 Kacheln"}),
        ("cs", {1: "1 dlaždice", 3: "3 dlaždic", 5: "5 dlaždic"}),
        ("pl", {1: "1 kafelka", 3: "3 kafelków", 22: "22 kafelków"}),
        ("ru", {1: "1 фрагмента", 3: "3 фрагментов", 21: "21 фрагмента"}),
        ("ja", {1: "1 タイル", 2: "2 タイル"}),
    ],
)
def test_tiles_are_counted_as_the_language_does(language, texts):
    for count, text in texts.items():
        assert text in say("progress.tiles", done=0, total=count, rest="").into(language)


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("cs", {1: "1 úlohu", 3: "3 úlohy", 5: "5 úloh"}),
        ("pl", {1: "1 zadanie", 3: "3 zadania", 5: "5 zadań", 12: "12 zadań", 22: "22 zadania"}),
        ("ru", {1: "1 задача", 3: "3 задачи", 5: "5 задач", 11: "11 задач", 21: "21 задача"}),
        ("uk", {1: "1 завдання", 5: "5 завдань", 22: "22 завдання"}),
        ("ro", {1: "1 operație", 3: "3 operații", 20: "20 de operații"}),
    ],
)
def test_few_and_many_tasks_have_their_forms(language, texts):
    for count, text in texts.items():
        assert text in say("server.live", tasks=count).into(language)


def test_numbers_are_written_as_the_language_does():
    assert say("page.megapixels", number=1.5).into("en") == "1.5 megapixels"
    assert say("page.megapixels", number=1.5).into("de") == "1,5 Megapixel"
    assert str(say("page.megapixels", number=1.0)) == "1 megapixel"


def test_alternatives_are_written_as_the_language_does():
    text = say("notice.reduced", format="JPEG", others=["PNG", "TIFF"])
    assert "save as PNG or TIFF" in text.into("en")
    assert "PNG oder TIFF" in text.into("de")
    assert "PNGまたはTIFF" in text.into("ja")


def test_a_sentence_that_a_language_lacks_is_said_in_english(monkeypatch):
    """With the English plural forms, in a sentence of the other language."""
    ours = {key: sentence for key, sentence in sentences("ru").items() if key != "page.megapixels"}
    monkeypatch.setattr(i18n, "sentences", lambda language: ours if language == "ru" else sentences(language))
    text = say("error.bomb", limit=say("page.megapixels", number=21))
    assert "21 megapixels" in text.into("ru")
    assert say("page.restore").into("ru") == sentences("ru")["page.restore"].forms[OTHER]


def test_names_of_tasks_are_english_in_one_place_and_translated_by_their_keys():
    assert not set(OF_TASKS) & set(sentences(ENGLISH))
    text = Name("task.deblur", english="Sharpen shaken photos")
    assert text.into("de") == sentences("de")["task.deblur"].forms[OTHER] != str(text) == "Sharpen shaken photos"
    assert Name("task.brighten", english="Brighten {dark} photos").into("de") == "Brighten {dark} photos"


def test_a_category_without_a_form_takes_the_other():
    sentence = Sentence("es", {"one": "{n:n} foto", OTHER: "{n:n} fotos"}, by="n")
    assert [sentence.fill({"n": n}) for n in (1, 2, 1_000_000)] == ["1 foto", "2 fotos", "1.000.000 fotos"]


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != ENGLISH])
def test_translations_are_translated(language):
    """Names, units and loan words stay; most sentences differ from the English ones."""
    english = english_sentences()
    same = [key for key, sentence in sentences(language).items() if sentence.forms == english[key].forms]
    assert len(same) < 0.2 * len(english), same


def test_there_is_a_file_for_each_language_and_no_other():
    assert {path.stem for path in LOCALES.glob("*.toml")} == set(LANGUAGES)
    assert f"| languages | {len(LANGUAGES)} |" in (ROOT / "docs/page.md").read_text()


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
        ("DE", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("pt-BR, fr;q=0.7, en;q=0.5", "pt"),
        ("eo, fr;q=0.7, en;q=0.5", "fr"),
        ("fr;q=0.5, de;q=0.9", "de"),
        ("zh-TW;q=0.9, de;q=0.8", "zh"),
        ("zh-Hant-TW", "zh"),
        ("de;q=0, fr;q=0.1", "fr"),
        ("de;q=0", "en"),
        ("de-AT, de;q=0, fr;q=0.1", "fr"),
        ("de-AT;q=0, de;q=0.5", "de"),
        ("*", "en"),
        ("en;q=0, *;q=0.5", "zh"),
        ("fr;q=0.2, *;q=0.1", "fr"),
        ("*;q=0, de", "de"),
        ("de;q=2, fr;q=nan, es;q=0.1", "es"),
        ("xx", "en"),
        (";;,=", "en"),
        ("", "en"),
    ],
)
def test_the_preferred_language_that_is_offered_is_chosen(wanted, language):
    assert choose_language(wanted) == language


@settings(deadline=None)
@given(st.text() | st.from_regex(r"([a-z]{2}(-[A-Z]{2})?;q=[0-9.]{1,5},){0,4}", fullmatch=True))
def test_any_header_gives_a_language(wanted):
    assert choose_language(wanted) in LANGUAGES


@settings(deadline=None)
@given(st.lists(st.sampled_from(list(LANGUAGES)), min_size=1, unique=True), st.data())
def test_the_order_in_the_header_does_not_matter_where_weights_differ(languages, data):
    ranges = [f"{language};q={(len(languages) - place) / 1000:.3f}" for place, language in enumerate(languages)]
    assert choose_language(",".join(data.draw(st.permutations(ranges)))) == languages[0]


def test_files_are_plain_toml():
    for path in LOCALES.glob("*.toml"):
        assert tomllib.loads(path.read_text(encoding="utf-8"))
