"""The server's panel: what it reads of Triton, and what it makes of it."""

import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest

from app.errors import ServerUnavailableError
from app.i18n import say
from app.usage import Usage
from app.web.server.charts import batch_bars, sparkline
from app.web.server.tab import panel_html, row_html
from app.web.server.traffic import MAX_READINGS, Step, Traffic, View
from tests.unit.test_restore import NETWORK as EXAMPLE_NETWORK
from tests.unit.test_restore import TASK as EXAMPLE_TASK

NETWORK = replace(EXAMPLE_NETWORK, name="sr_x4")
TASK = replace(EXAMPLE_TASK, name="sr_x4", label="Enlarge", networks=(NETWORK,))
USED = Usage(requests=1200, failures=3, queue_s=0.6, compute_s=30.0, batches={4: 100, 1: 800})


class FakeTriton:
    """Counts what the test says; goes away and comes back."""

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


def test_a_task_has_a_line_with_its_means():
    row = row_html(TASK, NETWORK, USED, "en")
    for cell in ("Enlarge 4×", "din_t", "bf16", "CPU × 2", "1,200", ">3<", ">0.5<", ">25.0<"):
        assert cell in row, cell
    assert "1: 800" in row
    assert "4: 100" in row


def test_a_task_that_has_not_run_has_no_means():
    row = row_html(TASK, NETWORK, Usage(), "en")
    assert row.count("–") == 3
    assert "nan" not in row


def test_names_of_a_server_are_not_markup():
    row = row_html(replace(TASK, name="new", label="<b>"), replace(NETWORK, preset="<i>", device="&"), USED, "en")
    assert "<b>" not in row
    assert "<i>" not in row
    assert "&lt;b&gt;" in row
    assert "&amp; × 2" in row
    assert '"><' not in batch_bars({}, "") + sparkline([], '"><').split("<svg", 1)[1].split(">", 1)[0]


def test_bars_are_as_high_as_their_counts_and_all_are_seen():
    bars = batch_bars({1: 10_000, 8: 5_000, 2: 1}, "Batches")
    assert [part.split('"')[0] for part in bars.split(' height="')[2:]] == ["22.0", "2.0", "11.0"]
    assert 'aria-label="Batches: 1: 10,000, 2: 1, 8: 5,000"' in bars


def test_the_line_ends_at_the_right_and_rests_on_the_ground():
    line = sparkline([Step(60, 30, 0.0), Step(30, 0, 5.0)], "rate")
    assert 'polyline points="0.0,71.0 180.0,71.0 180.0,3.0 360.0,3.0"' in line


def test_rates_come_from_growth(traffic, triton, clock):
    assert traffic.read().rate is None
    for requests in (10, 10, 40):
        triton.requests, clock.now_s = requests, clock.now_s + 2
        view = traffic.read()
    assert [step.rate for step in view.steps] == [5.0, 0.0, 15.0]
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
    assert 20 < len(view.steps) <= 30
    assert view.steps[0].start_s <= 60


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
    assert "Asking" in panel_html(traffic.last, "en")
    triton.requests = 500
    assert "is live" in panel_html(traffic.read(), "en")
    triton.is_away, clock.now_s = True, clock.now_s + 2
    away = panel_html(traffic.read(), "en")
    assert "does not answer" in away
    assert "<table" not in away
    triton.is_away, triton.requests, clock.now_s = False, 2, clock.now_s + 2
    view = traffic.read()
    assert "<table" in panel_html(view, "en")
    assert view.steps == (), "what was counted before it went away is no growth"
    assert triton.configs == 2, "a restarted server may serve other models"


def test_counters_that_start_anew_are_no_negative_rate(traffic, triton, clock):
    for requests in (100, 3, 5):
        triton.requests, clock.now_s = requests, clock.now_s + 2
        view = traffic.read()
    assert [step.rate for step in view.steps] == [1.0]


def test_the_table_can_be_read_aloud_and_scrolled_by_keyboard():
    html = panel_html(View({"sr_x4": TASK}, {"sr_x4": USED}), "en")
    assert "<caption>" in html
    assert html.count('scope="col"') == 9
    assert html.count('scope="row"') == 1
    assert 'class="din-scroll" tabindex="0" role="region"' in html
