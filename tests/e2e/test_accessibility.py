"""For everyone: by keyboard, by screen reader, on a phone, in light and dark."""

import pytest
from playwright.sync_api import expect

from tests.e2e.axe import serious
from tests.e2e.browser import DESK, PHONE
from tests.e2e.visitor import bring, choose, done, restore
from tests.support.files import png


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("device", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing_serious(visit, device, theme, small_photo, tmp_path):
    tab = visit(f"?task=sr_x4&__theme={theme}", device)
    (tmp_path / "photo.png").write_bytes(png(small_photo))
    assert serious(tab) == []
    bring(tab, tmp_path / "photo.png")
    restore(tab)
    tab.locator("#report summary").click()
    assert serious(tab) == []
    for name, shown in (("Server", "#panel table"), ("About", "details:visible")):
        tab.get_by_role("tab", name=name).click()
        expect(tab.locator(shown).first).to_be_visible(timeout=10_000)
        assert serious(tab) == []


@pytest.mark.parametrize("device", [DESK, PHONE], ids=["desk", "phone"])
def test_nothing_overflows_horizontally(visit, device, small_photo, tmp_path):
    tab = visit("?task=sr_x4&lang=de", device)  # the longest words
    (tmp_path / "photo.png").write_bytes(png(small_photo))
    bring(tab, tmp_path / "photo.png")
    restore(tab)
    for place in range(3):
        tab.get_by_role("tab").nth(place).click()
        tab.wait_for_timeout(500)  # the server's panel fills a moment later
        width = tab.evaluate("document.documentElement.scrollWidth")
        assert width <= device["viewport"]["width"], f"tab {place} is {width} pixels wide"


def test_the_keyboard_alone_is_enough(desk):
    """From the task's choice to a restored example and the divider, without a mouse."""
    tab = desk
    tab.locator("#task input:checked").focus()
    tab.keyboard.press("Tab")
    tab.keyboard.press("Space")
    expect(tab.locator("#task input:checked")).to_have_value("sr_x8")
    tab.locator("#samples button").first.focus()
    tab.keyboard.press("Enter")
    done(tab)
    divider = tab.locator("#comparison").get_by_role("slider")
    divider.focus()
    before = int(divider.get_attribute("aria-valuenow"))
    tab.keyboard.press("ArrowRight")
    expect(divider).to_have_attribute("aria-valuenow", str(before + 2))


def test_screen_readers_get_names_and_alternative_texts(visit):
    tab = visit("?task=derain_light")
    choose(tab, "derain", "derain_heavy")
    tab.locator("#samples .thumbnail-lg").first.click()
    done(tab)
    comparison = tab.locator("#comparison")
    expect(comparison.get_by_role("img", name="Before")).to_have_count(1)
    expect(comparison.get_by_role("img", name="Remove heavy rain")).to_have_count(1)
    for name in ("Zoom in", "Zoom out", "Full screen", "Lens"):
        expect(comparison.get_by_role("button", name=name)).to_be_visible()
    expect(tab.get_by_role("combobox", name="Language")).to_be_visible()
    for group in ("Task", "Variant", "Quality", "Save as"):
        expect(tab.get_by_role("group", name=group)).to_be_visible()


def test_the_theme_button_toggles_dark_mode(visit):
    tab = visit("?__theme=light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = tab.evaluate(ground)
    tab.get_by_role("button", name="Light / dark").click()
    dark = tab.evaluate(ground)
    assert light != dark
    assert max(int(part) for part in dark[4:-1].split(",")) < 60
