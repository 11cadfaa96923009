"""A part of the photo first: chosen by mouse, finger or keys, restored alone, and left again."""

import time

import pytest
import skimage.data
from playwright.sync_api import expect

from app.i18n import say
from tests.e2e.axe import serious
from tests.e2e.browser import DESK, PHONE
from tests.e2e.visitor import WAIT_MS, bring, labels, restore, states
from tests.support.files import png

SMALL_PHONE = {**PHONE, "viewport": {"width": 360, "height": 740}}


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "coffee.png"
    path.write_bytes(png(skimage.data.coffee()))
    return path


def offered(tab):
    """Ask for a part; return the photo with the frame."""
    tab.locator("#part").click()
    chooser = tab.locator("din-part .din-photo")
    expect(chooser).to_be_visible(timeout=WAIT_MS)
    return chooser


def part_shown(tab):
    """Wait for a part before and after; return the sizes of its states."""
    expect(tab.locator(".din-whole")).to_be_visible(timeout=WAIT_MS)
    shown = states(tab)
    assert all(state["part_of"] for state in shown)
    return [(state["width"], state["height"]) for state in shown]


@pytest.mark.parametrize("device", [DESK, SMALL_PHONE], ids=["desk", "phone"])
def test_a_click_restores_a_part_and_a_button_leads_back(visit, device, photo):
    tab = visit("?task=sr_x4", device)
    expect(tab.locator("#part")).to_be_hidden()
    bring(tab, photo)
    chooser = offered(tab)
    assert serious(tab) == []
    expect(tab.locator("#comparison din-compare")).to_be_hidden()
    box = chooser.bounding_box()
    point = {"x": box["width"] * 0.2, "y": box["height"] * 0.5}
    chooser.tap(position=point) if device is SMALL_PHONE else chooser.click(position=point)
    first, second = part_shown(tab)
    assert first == second
    assert max(first) <= 512, "it is larger than a screen shows"
    assert labels(tab)[0] == say("report.bicubic").into("en")
    expect(tab.locator("#progress")).to_contain_text("A part of")
    assert tab.evaluate("document.documentElement.scrollWidth") == device["viewport"]["width"]
    assert serious(tab) == []
    expect(tab.locator("#download")).to_be_hidden()  # nothing is kept of a part
    tab.locator(".din-whole").click()
    expect(tab.locator(".din-whole")).to_be_hidden()
    assert [(state["width"], state["height"]) for state in states(tab)] == [(600, 400)]


def test_the_keyboard_chooses_a_part(visit, photo):
    tab = visit("?task=derain_light")
    bring(tab, photo)
    chooser = offered(tab)
    expect(chooser).to_be_focused()
    place = tab.locator(".din-place")
    expect(place).to_have_text("50% from the left, 50% from the top")
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("ArrowDown")
    expect(place).to_have_text("45% from the left, 55% from the top")
    tab.keyboard.press("Escape")
    expect(chooser).to_be_hidden()
    expect(tab.locator("#comparison din-compare")).to_be_visible()
    offered(tab)
    tab.keyboard.press("Enter")
    assert len(part_shown(tab)) == 2


def test_a_part_of_a_restored_photo_leads_back_to_its_result(visit, photo):
    tab = visit("?task=derain_light")
    bring(tab, photo)
    restore(tab)
    tab.locator("#task input[value=derain_heavy]").check()
    offered(tab).click()
    part_shown(tab)
    assert labels(tab)[1] == "Remove heavy rain"
    tab.locator(".din-whole").click()
    expect(tab.locator(".din-whole")).to_be_hidden()
    assert [state["width"] for state in states(tab)] == [600, 600]
    assert "part_of" not in states(tab)[1]
    restore(tab)  # the whole, by the other task
    assert labels(tab)[-1] == "Remove heavy rain"


def test_a_part_of_a_large_photo_is_there_soon(visit, tmp_path):
    path = tmp_path / "large.png"
    path.write_bytes(png(skimage.data.coffee().repeat(6, 0).repeat(6, 1)))
    tab = visit("?task=sr_x2")
    bring(tab, path)
    offered(tab).click()
    part_shown(tab)  # the network is loaded now
    started = time.monotonic()
    offered(tab).click(position={"x": 10, "y": 10})
    expect(tab.locator("#progress")).to_contain_text("A part of", timeout=WAIT_MS)
    expect(tab.locator(".din-whole")).to_be_visible(timeout=WAIT_MS)
    assert time.monotonic() - started < 15  # 2 asked with nothing beside it


def test_two_photos_have_no_part_to_choose(visit, photo, tmp_path):
    (tmp_path / "second.png").write_bytes(photo.read_bytes())
    tab = visit("?task=sr_x2")
    bring(tab, photo)
    offered(tab)
    bring(tab, photo, tmp_path / "second.png")
    expect(tab.locator("din-part")).to_be_hidden()
    expect(tab.locator("#part")).to_be_hidden()


def test_a_part_of_a_photo_that_was_replaced_meanwhile_is_not_shown(visit, photo, tmp_path):
    (tmp_path / "second.png").write_bytes(png(skimage.data.chelsea()))
    tab = visit("?task=derain_light&__theme=light")
    bring(tab, photo)
    offered(tab).click()
    bring(tab, tmp_path / "second.png")
    expect(tab.locator("#progress")).to_contain_text("A part of", timeout=WAIT_MS)
    expect(tab.locator("#uploaded")).to_contain_text("second.png")
    expect(tab.locator(".din-whole")).to_be_hidden()
    assert [(state["width"], state["height"]) for state in states(tab)] == [(451, 300)]
