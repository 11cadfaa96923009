"""What is made of the judge's answer: the tasks to try, the words, the crops, and the line of the command."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from app.errors import ServerError
from app.i18n import LANGUAGES
from app.judge_command import sentence
from app.judgement import Judgement, judgement, proposed, read_kinds
from app.web.judge.crops import MAGNIFIED, SIDE, as_url, middle, most_detailed
from app.web.judge.html import Candidate, verdict, verdict_html
from tests.support.markup import element, parse, text, texts
from tests.support.served import TASK

KINDS = {"small": ["sr_x4", "sr_x2"], "rain": ["derain_mixed", "derain_heavy"], "haze": ["dehaze"], "none": []}
OFFERED = [task for tasks in KINDS.values() for task in tasks]


def config(text):
    return SimpleNamespace(parameters={"kinds": SimpleNamespace(string_value=text)})


@pytest.mark.parametrize(
    ("probabilities", "tasks"),
    [
        ({"rain": 0.97, "haze": 0.01, "small": 0.01, "none": 0.01}, ("derain_mixed", "derain_heavy")),
        ({"rain": 0.6, "haze": 0.3, "small": 0.05, "none": 0.05}, ("derain_mixed", "dehaze", "derain_heavy")),
        ({"haze": 0.4, "rain": 0.3, "small": 0.2, "none": 0.1}, ("dehaze", "derain_mixed", "sr_x4")),
        ({"none": 0.8, "small": 0.15, "rain": 0.03, "haze": 0.02}, ("sr_x4", "sr_x2")),
        ({"none": 0.97, "small": 0.01, "rain": 0.01, "haze": 0.01}, ()),
    ],
)
def test_each_likely_kind_has_its_first_task_before_any_has_its_second(probabilities, tasks):
    assert proposed(probabilities, KINDS, OFFERED) == tasks


def test_tasks_that_the_server_lacks_are_not_proposed():
    assert proposed({"rain": 1.0}, KINDS, ["derain_heavy"]) == ("derain_heavy",)


def test_an_answer_is_sorted():
    said = judgement(np.array([0.1, 0.6, 0.25, 0.05], np.float32), KINDS, OFFERED)
    assert list(said.probabilities) == ["rain", "haze", "small", "none"]
    assert said.kind == "rain"
    assert said.tasks[0] == "derain_mixed"


def test_answers_and_models_of_another_kind_are_refused():
    with pytest.raises(ServerError, match="answered"):
        judgement(np.zeros(3, np.float32), KINDS, OFFERED)
    assert read_kinds(config('{"rain": ["derain_mixed"]}')) == {"rain": ["derain_mixed"]}
    for wrong in ("", "[]", '{"rain": 1}'):
        with pytest.raises(ServerError, match="is not one of `din export`"):
            read_kinds(config(wrong))


def test_the_line_of_the_command_leaves_out_what_is_unlikely():
    said = Judgement({"rain": 0.914, "low_resolution": 0.06, "haze": 0.026}, ("derain_mixed", "derain_heavy"))
    assert sentence(said) == "rain 91%, low resolution 6%; try derain_mixed, derain_heavy"
    assert sentence(Judgement({"none": 0.99, "rain": 0.01}, ())) == "none 99%; nothing to try"


@pytest.mark.parametrize(
    ("probability", "words"),
    [(0.9, "Very likely: rain."), (0.6, "Probably: rain."), (0.4, "Hard to say; perhaps: rain.")],
)
def test_the_words_are_as_sure_as_the_network(probability, words):
    assert str(verdict(Judgement({"rain": probability}, ()))) == words


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_verdict_has_the_probabilities_and_a_button_for_each_candidate(language):
    said = Judgement({"rain": 0.7, "haze": 0.26, "none": 0.04}, (TASK.name,))
    html = verdict_html("/x/<a>.png", "<a>.png", said, "data:before", [Candidate(TASK)], language)
    page = parse(html)
    assert element(page, "section").get("data-photo") == "/x/<a>.png"
    assert texts(page, "section/h3") == ["<a>.png"]
    percents = [re.sub(r"\D", "", percent) for percent in texts(page, ".//td[@class='din-number']")]
    assert percents == ["70", "26"]
    button = element(page, ".//button")
    assert (button.get("data-task"), button.get("aria-busy")) == (TASK.name, "true")
    assert button.find("img") is None
    done = parse(verdict_html("/x", "a", said, "data:before", [Candidate(TASK, "data:after")], language))
    assert element(done, ".//button/img").get("src") == "data:after"
    assert element(done, ".//button").get("aria-busy") is None


def test_a_photo_without_damage_has_a_sentence_and_no_candidates():
    html = verdict_html("/x", "a", Judgement({"none": 0.97, "rain": 0.03}, ()), "data:", [], "en")
    page = parse(html)
    assert text(element(page, ".//p")) == "Very likely: no damage. Nothing has to be restored."
    assert page.findall(".//button") == []


def test_the_crop_is_where_most_is_to_be_seen():
    photo = np.full((900, 1300, 3), 120, np.uint8)
    photo[-SIDE:, -SIDE:] = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3))
    assert np.array_equal(most_detailed(photo), photo[-SIDE:, -SIDE:])
    small = photo[:60, :2000]
    assert most_detailed(small).shape == (60, SIDE, 3)
    assert middle(photo, MAGNIFIED).shape == (MAGNIFIED, MAGNIFIED, 3)
    assert np.array_equal(middle(small, 100), small[:, 600:700])
    assert as_url(small[:, :60]).startswith("data:image/jpeg;base64,")
