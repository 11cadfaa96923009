"""A visitor's next photo: it takes the place of the one before, and of its result."""

import skimage.data
from playwright.sync_api import expect

from tests.e2e.visitor import bring, restore, states
from tests.support.files import png


def test_another_photo_takes_the_place_of_a_result(page, tmp_path):
    first, second = tmp_path / "cat.png", tmp_path / "coffee.png"
    first.write_bytes(png(skimage.data.chelsea()[60:140, 100:220]))
    second.write_bytes(png(skimage.data.coffee()[:90, :150]))
    bring(page, first)
    restore(page)
    assert len(states(page)) == 2
    page.locator("#photos").get_by_label("Clear").click()
    expect(page.locator("#intro din-intro")).to_be_visible()
    expect(page.locator("#comparison din-compare")).to_be_hidden()
    bring(page, second)
    expect(page.locator("#uploaded")).to_contain_text("coffee.png")
    expect(page.locator("#comparison din-compare")).to_be_visible()
    assert [(state["width"], state["height"]) for state in states(page)] == [(150, 90)]
