"""The server's and the about tab, in a browser and over a real Triton."""

import numpy as np
import pytest
from playwright.sync_api import TimeoutError, expect

from tests.e2e.axe import serious
from tests.e2e.browser import DESK, PHONE
from tests.support.processes import wait_until

ROW = "#panel tbody tr:has(th:text-is('Enlarge 4×'))"
TILES = 6


def restore_tiles(client):
    task, tile = client.task("sr_x4").network(), np.zeros((32, 32, 3), np.uint8)
    for future in [client.submit(task, tile) for _ in range(TILES)]:
        assert future.result().shape == (128, 128, 3)


def requests(tab):
    """The cell that counts the requests answered for the task."""
    names = tab.locator("#panel thead th").all_inner_texts()
    return tab.locator(f"{ROW} > *").nth(names.index("Requests"))


def answered(tab):
    return int(requests(tab).inner_text().replace(",", ""))


def open_tab(tab, name, shown):
    tab.get_by_role("tab", name=name).click()
    expect(tab.locator(shown).first).to_be_visible(timeout=10_000)


def test_the_panel_follows_what_is_restored(visit, client):
    tab = visit()
    open_tab(tab, "Server", ROW)
    before = answered(tab)
    restore_tiles(client)
    # The supervisor's probes of the instances count, too: one every few seconds.
    wait_until(lambda: before + TILES <= answered(tab) < before + 2 * TILES)
    expect(tab.locator(f"{ROW} .din-bars text").first).to_be_visible()
    expect(tab.locator("#panel polyline")).to_have_count(1)


def falls_silent(tab):
    """Return whether the page sends no request for more than two refresh intervals, once pending ones are done."""
    for _ in range(4):
        try:
            tab.wait_for_event("request", lambda request: request.method == "POST", timeout=4500)
        except TimeoutError:
            return True
    return False


def test_the_panel_does_not_refresh_in_other_tabs_or_when_disabled(visit):
    tab = visit()
    open_tab(tab, "Server", ROW)
    assert not falls_silent(tab)
    tab.get_by_role("tab", name="About").click()
    assert falls_silent(tab)
    open_tab(tab, "Server", ROW)
    assert not falls_silent(tab)
    tab.locator("#refresh input").uncheck()
    assert falls_silent(tab)


def test_scrolling_survives_a_refresh(visit, client):
    tab = visit(device=PHONE)
    open_tab(tab, "Server", ROW)
    box = tab.locator("#panel .din-scroll")
    box.focus()
    box.evaluate("box => { box.scrollLeft = 150; }")
    before = answered(tab)
    restore_tiles(client)
    # The supervisor's probes of the instances count, too: one every few seconds.
    wait_until(lambda: before + TILES <= answered(tab) < before + 2 * TILES)
    assert box.evaluate("box => [box.scrollLeft, document.activeElement === box]") == [150, True]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("device", [DESK, PHONE], ids=["desk", "phone"])
def test_both_tabs_fit_and_can_be_read(visit, device, theme):
    tab = visit(f"?__theme={theme}", device)
    for name, shown in (("Server", ROW), ("About", "#learnt details")):
        open_tab(tab, name, shown)
        if name == "About":
            tab.locator("#learnt summary").first.click()
            shown = tab.locator("#learnt details[open]")
            expect(shown.locator("tbody.din-ours td").first).to_be_visible()  # what the server's models state
            expect(shown.locator(".din-card").first).to_contain_text("parameters")
            expect(tab.get_by_role("img", name="The deep interleaved network")).to_be_visible()
        assert tab.evaluate("document.documentElement.scrollWidth") <= device["viewport"]["width"]
        assert serious(tab) == []
