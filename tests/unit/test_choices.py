"""What can be chosen: which network a level means, and which choices the page's styles show."""

import json
from dataclasses import replace

import pytest

from app.pipeline.eta import Pace
from app.web.restore import choices
from tests.unit.test_eta import restored
from tests.unit.test_restore import TASK

SLOW = replace(TASK, name="sr_x2-din_s", preset="din_s", mult_adds_per_pixel=3 * TASK.mult_adds_per_pixel)
RAIN = replace(TASK, name="rain", task="rain", family="derain", variant="hail")
TASKS = {task.name: task for task in (TASK, SLOW, RAIN)}


@pytest.mark.parametrize(
    ("task", "level", "name"),
    [
        ("sr_x2", choices.FAST, "sr_x2"),
        ("sr_x2", choices.FINER, "sr_x2-din_s"),
        ("sr_x2", choices.BEST, "sr_x2-din_s"),
        ("rain", choices.FAST, "rain"),
        ("rain", choices.BEST, "rain"),
    ],
)
def test_a_level_means_a_network(task, level, name):
    assert choices.network(TASKS, task, level).name == name


def test_what_nothing_does_has_no_network():
    assert choices.network(TASKS, "colourise", choices.FAST) is None


def test_a_task_is_chosen_once_however_many_networks_do_it():
    assert choices.variants(TASKS, "en") == [("2×", "sr_x2"), ("Hail", "rain")]
    assert choices.families(TASKS, "en") == [("Enlarge", "enlarge"), ("Remove rain", "derain")]


def test_scripts_know_each_task_by_its_family():
    assert json.loads(choices.offered(TASKS)) == {
        "sr_x2": {"family": "enlarge", "has_finer": True},
        "rain": {"family": "derain", "has_finer": False},
    }


def test_each_level_tells_the_time_of_its_network():
    pace = Pace()
    assert choices.qualities(TASKS, "sr_x2", [(32, 32)], pace, "en")[0] == ("Fast", choices.FAST)
    pace.learn(restored(TASK, (32, 32), 1.0))
    labels = [label for label, _ in choices.qualities(TASKS, "sr_x2", [(32, 32)] * 2, pace, "en")]
    assert labels == ["Fast · about 2.0 s", "Finer network · about 6.0 s", "Best, eight passes · about 48 s"]


def test_styles_show_a_familys_tasks_and_finer_where_there_is_one():
    rules = choices.choice_styles(TASKS).splitlines()
    (two,) = [rule for rule in rules if "label:has([value='sr_x2'])" in rule]
    assert two.startswith("body:not(:has(:is(#family input[value='enlarge']):checked))")
    (finer,) = [rule for rule in rules if "[value='finer']" in rule]
    assert finer.startswith("body:not(:has(:is(#task input[value='sr_x2']):checked))")
    alone = choices.choice_styles({"rain": RAIN}).splitlines()
    assert any("#none" in rule and "[value='finer']" in rule for rule in alone)
