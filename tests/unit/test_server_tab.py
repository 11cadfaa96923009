"""The server tab: readings of Triton's counters, and their presentation."""

import threading
from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import pytest

from app.errors import ServerUnavailableError
from app.i18n import say
from app.usage import Usage
from app.web.server.charts import batch_bars, sparkline
from app.web.server.tab import Handlers, panel_html, row
from app.web.server.traffic import MAX_READINGS, Interval, Traffic, View
from tests.support.markup import element, parse, text, texts
from tests.support.served import NETWORK as EXAMPLE_NETWORK
from tests.support.served import TASK as EXAMPLE_TASK

NETWORK = replace(EXAMPLE_NETWORK, name="sr_x4")
TASK = replace(EXAMPLE_TASK, name="sr_x4", label="Enlarge 4×", networks=(NETWORK,))
USED = Usage(requests=1200, failures=3, queue_s=0.6, compute_s=30.0, batches={4: 100, 1: 800})


class FakeTriton:
    """It counts what the test says, goes away and comes back."""

    def __init__(self):
        self.requests, self.is_away, self.asked, self.configs = 0, False, 0, 0

    def usage(self):
        self.asked += 1
        if self.is_away:
            raise ServerUnavailableError(say("error.server_away"))
        return {"sr_x4": Usage(requests=self.requests)}

    def tasks(self):
        self.configs += 1
        return {"sr_x4": TASK}


@pytest.fixture
def triton():
    return FakeTriton()


@pytest.fixture
def clock():
    return SimpleNamespace(now_s=100.0)


@pytest.fixture
def traffic(triton, clock):
    return Traffic(triton, clock=lambda: clock.now_s)


def cells(task, used):
    root = parse(panel_html(View({"sr_x4": task}, {"sr_x4": used}), "en"))
    return texts(root, ".//tbody/tr/*")


def test_a_task_has_a_line_with_its_means():
    told = ["Enlarge 4×", "din_t", "bf16", "CPU × 2", "1,200", "3", "0.5", "25.0"]
    assert cells(TASK, USED) == [*told, "1: 800 4: 100"]


def test_a_task_that_has_not_run_has_no_means():
    assert cells(TASK, Usage())[4:] == ["0", "0", "–", "–", "–"]


def test_bars_are_as_high_as_their_counts_and_all_are_seen():
    bars = batch_bars({1: 10_000, 8: 5_000, 2: 1})
    assert [(bar.name, bar.height) for bar in bars.bars] == [("1: 10,000", 22), ("2: 1", 2), ("8: 5,000", 11)]
    assert [bar.left for bar in bars.bars] == [0, 73, 146]
    assert bars.width == bars.bars[-1].left + bars.bars[-1].width
    assert batch_bars({}).bars == ()


def test_bars_stand_on_one_line_and_can_be_read_aloud():
    chart = element(parse(panel_html(View({"sr_x4": TASK}, {"sr_x4": USED}), "en")), ".//svg[@class='din-bars']")
    grounds = {float(bar.get("y")) + float(bar.get("height")) for bar in chart.findall("rect")}
    assert grounds == {row(TASK, NETWORK, USED).batches.ground}
    assert chart.get("aria-label") == "Batches run (size: count): 1: 800, 4: 100"


def test_the_line_ends_at_the_right_and_rests_on_the_ground():
    intervals = (Interval(60, 30, 0.0), Interval(30, 0, 5.0))
    assert sparkline(intervals).points == ((0, 71), (180, 71), (180, 3), (360, 3))
    root = parse(panel_html(View(intervals=intervals), "en"))
    drawn = {name: element(root, f".//{name}").get("points").split() for name in ("polyline", "polygon")}
    assert drawn["polygon"] == ["0.0,72", *drawn["polyline"], "360.0,72"]
    assert not parse(panel_html(View(), "en")).findall(".//polyline")


def test_rates_come_from_growth(traffic, triton, clock):
    assert traffic.read().rate is None
    for requests in (10, 10, 40):
        triton.requests, clock.now_s = requests, clock.now_s + 2
        view = traffic.read()
    assert [interval.rate for interval in view.intervals] == [5.0, 0.0, 15.0]
    assert view.rate == pytest.approx(40 / 6)
    assert triton.configs == 1, "configurations are read once"
    assert "6.7" in panel_html(view, "en")


def test_readings_are_shared_and_bounded(traffic, triton, clock):
    for _ in range(5):
        traffic.read()
    assert triton.asked == 1
    for _ in range(3 * MAX_READINGS):
        clock.now_s += 2
        view = traffic.read()
    assert 20 < len(view.intervals) <= 30
    assert view.intervals[0].start_s <= 60


def test_nobody_waits_for_another_visitors_question(traffic, triton):
    asked, go_on = threading.Event(), threading.Event()

    def slow_usage():
        asked.set()
        assert go_on.wait(10)
        return {}

    triton.usage = slow_usage
    first = threading.Thread(target=traffic.read)
    first.start()
    assert asked.wait(10)
    assert not traffic.read().is_read
    go_on.set()
    first.join(10)
    assert traffic.last.is_read


def test_a_server_that_goes_away_is_told_and_found_again(traffic, triton, clock):
    assert "Reading the statistics" in panel_html(traffic.last, "en")
    triton.requests = 500
    assert "is live" in panel_html(traffic.read(), "en")
    triton.is_away, clock.now_s = True, clock.now_s + 2
    away = panel_html(traffic.read(), "en")
    assert "does not respond" in away
    assert "<table" not in away
    triton.is_away, triton.requests, clock.now_s = False, 2, clock.now_s + 2
    view = traffic.read()
    assert "<table" in panel_html(view, "en")
    assert view.intervals == (), "what was counted before it went away is no growth"
    assert triton.configs == 2, "a restarted server may serve other models"


def test_counters_that_start_anew_are_no_negative_rate(traffic, triton, clock):
    for requests in (100, 3, 5):
        triton.requests, clock.now_s = requests, clock.now_s + 2
        view = traffic.read()
    assert [interval.rate for interval in view.intervals] == [1.0]


def test_the_table_can_be_read_aloud_and_scrolled_by_keyboard():
    box = element(parse(panel_html(View({"sr_x4": TASK}, {"sr_x4": USED}), "en")), ".//div[@class='din-scroll']")
    assert (box.get("tabindex"), box.get("role")) == ("0", "region")
    assert text(element(box, ".//caption")) == box.get("aria-label") == "The model of each task"
    assert len(box.findall(".//th[@scope='col']")) == len(box.findall(".//tbody/tr/*")) == 9
    assert len(box.findall(".//th[@scope='row']")) == 1


@pytest.mark.parametrize(
    ("wanted", "opened", "runs"), [(True, "server", True), (False, "server", False), (True, "about", False)]
)
def test_the_panel_refreshes_only_while_its_tab_is_open_and_if_it_is_wanted(traffic, wanted, opened, runs):
    tab, panel, timer = gr.Tab(id="server"), gr.HTML(), gr.Timer()
    handlers = Handlers(traffic, tab, panel, timer)
    update = handlers.follow_tabs(wanted, gr.SelectData(None, {"index": 0, "value": opened, "id": opened}))
    assert {component: value.active for component, value in update.items()} == {timer: runs}
    assert handlers.follow_choice(wanted)[timer].active == wanted
    assert handlers.refresh("en") == {panel: panel_html(traffic.last, "en")}
    assert "is live" in handlers.refresh("en")[panel]
