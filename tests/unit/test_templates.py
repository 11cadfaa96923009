"""The page's templates: texts of others stay texts, and nothing is left undefined."""

from dataclasses import replace

import pytest
from jinja2 import UndefinedError

from app.errors import PhotoError, ServerError
from app.i18n import LANGUAGES, as_is
from app.tasks import Network, Quality, Task, TaskRun
from app.usage import Usage
from app.web.about import tab as about
from app.web.app import STYLES
from app.web.restore.html import (
    chain_html,
    descriptions_html,
    field_texts_html,
    message_html,
    outcomes_html,
    progress_html,
)
from app.web.restore.jobs import JobProgress
from app.web.restore.results import Outcome, Picture
from app.web.server.tab import panel_html
from app.web.server.traffic import View
from app.web.site import WEB, styles
from app.web.templates import css_string, environment, render
from imaging.metrics import Score
from tests.support.markup import parse, text

EVIL = """<script>alert(1)</script>"'></p></style>&"""
TEXT = as_is(EVIL)
ROWS = {EVIL: {EVIL: (30.0, 0.9)}}
NETWORK = Network(**{name: EVIL if kind == "str" else 1 for name, kind in Network.__annotations__.items()})
TASK = Task(EVIL, 0, EVIL, EVIL, EVIL, EVIL, EVIL, EVIL, "y", 1, (NETWORK,), ROWS, ROWS)
RUN = TaskRun(TASK, Quality.FAST)
DONE = Outcome(
    EVIL,
    (RUN,),
    pictures=(Picture(TEXT, None, (1, 1)),),
    facts=((TEXT, TEXT),),
    scores=((TEXT, Score(20.0, 0.5)), (TEXT, Score(float("inf"), 1.0))),
    notices=(TEXT,),
)
FAILED = Outcome(EVIL, (RUN,), error=PhotoError(TEXT))

RENDERED = {
    "a progress": (lambda: progress_html(JobProgress(EVIL, 1, 2, 1.0, (1, 2)), "en"), 1),
    "a message": (lambda: message_html(TEXT, "en", "error"), 1),
    "what tasks are for": (lambda: descriptions_html({EVIL: TASK}, "en"), 1),
    "a photo": (lambda: outcomes_html([DONE], [TEXT], "en"), 11),
    "a photo's error": (lambda: outcomes_html([FAILED], [], "en"), 1),
    "a chain": (lambda: chain_html([FAILED, replace(DONE, runs=(RUN, RUN))], "en"), 2),
    "several photos": (lambda: outcomes_html([DONE, FAILED], [TEXT], "en"), 4),
    "the server's panel": (lambda: panel_html(View({EVIL: TASK}, {EVIL: Usage(1)}), "en"), 4),
    "the server's reason": (lambda: panel_html(View(problem=ServerError(EVIL)), "en"), 1),
    "the results": (lambda: about.results_html({EVIL: TASK}, "en"), 10),
}


@pytest.mark.parametrize("name", RENDERED)
def test_what_others_write_stays_text(name):
    make, count = RENDERED[name]
    html = make()
    root = parse(html)
    assert not root.findall(".//script")
    assert text(root).count(EVIL) == count
    assert "<script" not in html


def test_a_text_in_a_style_sheet_ends_neither_the_string_nor_the_sheet():
    quoted = css_string(EVIL)
    assert not set("<>'&") & set(quoted)
    assert quoted.count('"') == 2
    assert css_string("Größe, 写真") == '"Größe\\2c  写真"'


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_fields_have_texts_of_their_own(language):
    html = field_texts_html(language)
    assert html.count("--din-") == 2
    assert html.count('"') == 4


def test_every_template_is_used():
    sources = [path.read_text() for suffix in ("py", "html") for path in WEB.rglob(f"*.{suffix}")]
    names = environment.list_templates(extensions=["html", "svg", "css"])
    assert len(names) >= 10
    assert [name for name in names if not any(f'"{name}"' in source for source in sources)] == []


def test_a_value_that_is_missing_is_an_error():
    with pytest.raises(UndefinedError, match="kind"):
        render("message.html", "en", text=TEXT)


def test_classes_of_the_templates_have_styles():
    sheets = styles(*STYLES)
    view = View({"a": TASK}, {"a": Usage(1, batches={1: 1})})
    html = parse(panel_html(view, "en") + about.how_html("en") + about.network_html("en"))
    unknown = {name for part in html.iter() for name in part.get("class", "").split() if f".{name}" not in sheets}
    assert unknown <= {"block"}
