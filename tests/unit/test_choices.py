"""The choices: which network a quality means, and which choices the page's styles show."""

import json
from dataclasses import replace

import pytest

from app.errors import UnknownQualityError
from app.i18n import OTHER, sentences
from app.pipeline.eta import EtaEstimator
from app.tasks import Quality, current_names
from app.web import labels
from app.web.restore import choices
from tests.support.served import NETWORK, TASK, restored

SLOW = replace(NETWORK, name="sr_x2-din_s", preset="din_s", mult_adds_per_pixel=3 * NETWORK.mult_adds_per_pixel)
ENLARGE = replace(TASK, networks=(NETWORK, SLOW))
RAIN = replace(
    TASK,
    name="rain",
    family="derain",
    family_label="Remove rain",
    variant="Hail",
    description="For hailstones.",
    networks=(replace(NETWORK, name="rain"),),
)
TASKS = {task.name: task for task in (ENLARGE, RAIN)}


@pytest.mark.parametrize(
    ("task", "quality", "name"),
    [
        (ENLARGE, Quality.FAST, "sr_x2"),
        (ENLARGE, Quality.FINER, "sr_x2-din_s"),
        (ENLARGE, Quality.BEST, "sr_x2-din_s"),
        (RAIN, Quality.FAST, "rain"),
        (RAIN, Quality.FINER, "rain"),
        (RAIN, Quality.BEST, "rain"),
    ],
)
def test_a_quality_means_a_network(task, quality, name):
    assert task.network(quality).name == name


def test_a_task_has_the_qualities_that_differ():
    assert ENLARGE.qualities == tuple(Quality)
    assert RAIN.qualities == (Quality.FAST, Quality.BEST)


@pytest.mark.parametrize(
    ("task", "quality", "current"),
    [
        ("sr_x4", "fast", ("sr_x4", Quality.FAST)),
        ("sr_x4", "din", ("sr_x4", Quality.FAST)),
        ("sr_x4", "din+", ("sr_x4", Quality.BEST)),
        ("sr_x4-din_s", "din", ("sr_x4", Quality.FINER)),
        ("sr_x4-din_s", "best", ("sr_x4", Quality.BEST)),
    ],
)
def test_former_names_are_understood_with_a_notice(task, quality, current):
    name, level, notice = current_names(task, quality)
    assert (name, level) == current
    assert bool(notice) == ((task, quality) != ("sr_x4", "fast"))
    assert not notice or f"task {name} and quality {level}" in notice


def test_a_quality_that_does_not_exist_is_named():
    with pytest.raises(UnknownQualityError, match="no quality 'great'; there are fast, finer, best"):
        current_names("sr_x4", "great")


def test_a_task_is_chosen_once_however_many_networks_do_it():
    assert choices.variants(TASKS, "en") == [("2×", "sr_x2"), ("Hail", "rain")]
    assert labels.families(TASKS, "en") == [("Enlarge", "enlarge"), ("Remove rain", "derain")]


def test_names_of_tasks_are_translated_where_a_language_has_them():
    assert labels.families(TASKS, "de")[1] == (sentences("de")["family.derain"].forms[OTHER], "derain")
    assert choices.variants(TASKS, "de")[1] == ("Hail", "rain")  # no language knows this one


def test_scripts_know_each_task_by_its_family():
    assert json.loads(choices.offered(TASKS)) == {
        "sr_x2": {"family": "enlarge", "has_finer": True},
        "rain": {"family": "derain", "has_finer": False},
    }


def test_each_level_tells_the_time_of_its_network():
    estimator = EtaEstimator()
    assert choices.qualities(ENLARGE, [(32, 32)], estimator, "en")[0] == ("Fast", "fast")
    estimator.update(restored(ENLARGE, (32, 32), 1.0))
    labels = [label for label, _ in choices.qualities(ENLARGE, [(32, 32)] * 2, estimator, "en")]
    assert labels == ["Fast · about 2.0 s", "Finer network · about 6.0 s", "Best, several passes · about 48 s"]


def test_styles_show_a_familys_tasks_and_finer_where_there_is_one():
    rules = choices.choice_styles(TASKS).splitlines()
    (two,) = [rule for rule in rules if '#task label:has([value="sr_x2"])' in rule]
    assert two.startswith('body:not(:has(#family input[value="enlarge"]:checked))')
    (finer,) = [rule for rule in rules if '[value="finer"]' in rule]
    assert finer.startswith('body:not(:has(:is(#none, #task input[value="sr_x2"]):checked))')
    (alone,) = [rule for rule in choices.choice_styles({"rain": RAIN}).splitlines() if '[value="finer"]' in rule]
    assert alone.startswith("body:not(:has(:is(#none):checked))")


def test_names_of_a_server_cannot_leave_their_place_in_the_styles():
    name = """'"] { } </style><script>"""
    styles = choices.choice_styles({name: replace(RAIN, name=name, family=name)})
    assert "<" not in styles
    assert styles.count("{") == styles.count("}") == 3
