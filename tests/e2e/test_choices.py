"""Jobs run with the choices at their click: fast clicks, late responses in any order, mouse and keyboard."""

import random

import pytest
from playwright.sync_api import expect

from app.tasks import Quality, TaskRun
from app.web.labels import run_label
from tests.e2e.visitor import bring, choose, done, download, labels, restore
from tests.support.files import png

pytestmark = pytest.mark.timeout(300)  # however slow the machine is

JOIN = "**/queue/join*"  # what starts an event on the server
CHOICES = "#family label, #task label, #quality label"
# Clicks so many of the choices that are there then, each as soon as the browser comes to it.
CLICK = """async ([selector, places, last]) => {
    const click = async (element) => {
        element.click();
        await new Promise((resolve) => setTimeout(resolve));
    };
    for (const place of places) {
        const shown = [...document.querySelectorAll(selector)].filter((choice) => choice.offsetParent);
        await click(shown[Math.floor(place * shown.length)]);
    }
    const chosen = ['#task', '#quality'].map((group) => document.querySelector(`${group} input:checked`).value);
    if (last) await click(document.querySelector(last));
    return chosen;
}"""

# Chooses eight times as soon as it is drawn.
QUICK = """new MutationObserver((_, observer) => {
    const choice = document.querySelector('#task input[value=sr_x8]');
    if (!choice) return;
    observer.disconnect();
    requestAnimationFrame(() => choice.click());
}).observe(document, { childList: true, subtree: true });"""


@pytest.fixture
def small(tmp_path, small_photo):
    path = tmp_path / "holiday.png"
    path.write_bytes(png(small_photo))
    return path


class SlowLine:
    """Hold back requests of a page until they are released, the last one first."""

    def __init__(self, page):
        self.page, self.held, self.is_slow = page, [], True

    def __enter__(self):
        self.page.route(JOIN, lambda route: self.held.append(route) if self.is_slow else route.continue_())
        return self

    def __exit__(self, *_):
        self.is_slow = False
        for route in reversed(self.held):
            route.continue_()


def by_mouse(page, selector):
    pressed = page.locator(selector)
    (pressed.locator("xpath=parent::label") if "input" in selector else pressed).click()


def by_keyboard(page, selector):
    page.locator(selector).focus()
    page.keyboard.press(" ")


def chosen(page):
    return [page.locator(f"{group} input:checked").get_attribute("value") for group in ("#family", "#task", "#quality")]


def has_run(page, client, task, quality):
    """Wait for the end of a job, and check that it was that task, of that quality."""
    done(page)
    label = run_label(TaskRun(client.task(task), quality))
    expect(page.locator("#report h3")).to_have_text(f"{label} · holiday")


def test_choices_during_pending_requests_stay_valid(desk, small):
    """Each choice is sent before the page has responded to the previous one."""
    bring(desk, small)
    desk.evaluate(
        """async () => {
            const choose = (value) => document.querySelector(`#family input[value=${value}]`).click();
            for (const family of ['derain', 'dehaze', 'enlarge', 'derain', 'deblur', 'dehaze']) {
                choose(family);
                document.querySelector('#quality input[value=best]').click();
                document.querySelector('#task label:not([hidden]) input').click();
                await new Promise((resolve) => setTimeout(resolve, 15));
            }
        }"""
    )
    choose(desk, "derain", "derain_heavy")
    restore(desk)
    expect(desk.locator("#report h3")).to_contain_text("Remove heavy rain")
    expect(desk.get_by_test_id("toast-body")).to_have_count(0)


@pytest.mark.parametrize("press", [by_mouse, by_keyboard])
def test_the_choices_at_the_click_run_however_late_the_responses_arrive(desk, small, client, press):
    bring(desk, small)
    with SlowLine(desk):
        press(desk, "#family input[value=derain]")
        press(desk, "#task input[value=derain_heavy]")
        press(desk, "#quality input[value=best]")
        press(desk, "#restore")
        expect(desk.locator("#restore")).to_be_disabled()
        press(desk, "#quality input[value=fast]")
        press(desk, "#family input[value=dehaze]")
        press(desk, "#task input[value=dehaze_outdoor]")
    has_run(desk, client, "derain_heavy", Quality.BEST)
    assert chosen(desk) == ["dehaze", "dehaze_outdoor", "fast"]
    expect(desk.locator("#samples img").first).to_have_attribute("alt", "Example 1: Remove haze outdoors")


@pytest.mark.parametrize("seed", range(4))
def test_fast_clicks_in_any_order(desk, small, client, seed):
    """It clicks on families, variants and qualities, on Restore, and on other choices while the job runs."""
    bring(desk, small)
    clicks = random.Random(seed)
    places = [clicks.random() for _ in range(20)]
    task, level = desk.evaluate(CLICK, [CHOICES, places[:15], "#restore"])
    later = desk.evaluate(CLICK, [CHOICES, places[15:], None])
    has_run(desk, client, task, Quality(level))
    assert chosen(desk)[1:] == later


def test_a_choice_without_a_finer_network_falls_back_at_once(desk):
    with SlowLine(desk) as line:
        by_mouse(desk, "#quality input[value=finer]")
        by_mouse(desk, "#family input[value=deblur]")
        by_mouse(desk, "#family input[value=enlarge]")
        assert chosen(desk) == ["enlarge", "sr_x2", "fast"]
        assert line.held


def test_an_address_chooses_in_the_browser(visit):
    """The choice is set before any response of the server, so that none can undo a later choice."""
    tab = visit()
    with SlowLine(tab):
        tab.goto(tab.url + "?task=derain_heavy&lang=de")
        expect(tab.locator("#task input[value=derain_heavy]")).to_be_checked()
        expect(tab.locator("#language input")).to_have_value("Deutsch")
        choose(tab, "dehaze", "dehaze_outdoor")
    expect(tab.locator("#restore")).to_have_text("Restaurieren")
    assert chosen(tab) == ["dehaze", "dehaze_outdoor", "fast"]


def test_the_choice_of_a_quick_visitor_stays(visit):
    """A task that is chosen as soon as it is there, before the page has read its address."""
    tab = visit("?task=sr_x4&lang=de", script=QUICK)
    expect(tab.locator("#restore")).to_have_text("Restaurieren")  # the address has been read
    assert chosen(tab) == ["enlarge", "sr_x8", "fast"]


def test_an_example_runs_with_the_choices_at_its_click(desk):
    with SlowLine(desk):
        desk.locator("#samples .thumbnail-lg").nth(1).click()
        choose(desk, "derain", "derain_heavy")
    done(desk)
    assert labels(desk) == ["Before (bicubic)", "Enlarge 4×"]
    assert chosen(desk)[1] == "derain_heavy"
    restore(desk)
    expect(desk.locator("#report h3")).to_contain_text("Remove heavy rain")
    assert labels(desk) == ["Before (bicubic)", "Enlarge 4×", "Remove heavy rain"]


def test_a_late_preview_does_not_remove_a_result(desk, small, client):
    """The response to the upload arrives after the photo has been restored."""
    with SlowLine(desk):
        desk.set_input_files("#photos input[type=file]", str(small))
        expect(desk.locator("#photos")).to_contain_text("holiday")
        desk.click("#restore")
    has_run(desk, client, "sr_x4", Quality.FAST)
    expect(desk.locator("#uploaded")).to_contain_text("84×60 pixels")
    assert labels(desk) == ["Before (bicubic)", "Enlarge 4×"]


def test_the_download_has_the_format_chosen_last(desk, small, tmp_path):
    bring(desk, small)
    restore(desk)
    with SlowLine(desk):
        for name in ("webp", "tiff", "jpeg"):
            by_mouse(desk, f"#format input[value={name}]")
        expect(desk.locator("#download")).to_be_disabled()
    assert download(desk, tmp_path).suffix == ".jpg"
    with SlowLine(desk):
        desk.click("#restore")
        by_mouse(desk, "#format input[value=webp]")
    done(desk)
    assert download(desk, tmp_path).suffix == ".webp"
