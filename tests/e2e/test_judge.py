"""What does my photo need? One click judges the photo, previews what tasks make of it, and lets the visitor choose."""

import numpy as np
import pytest
import skimage.data
from playwright.sync_api import expect

from app.i18n import LANGUAGES, say
from tests.e2e.axe import serious
from tests.e2e.browser import DESK, PHONE
from tests.e2e.visitor import WAIT_MS, bring, states
from tests.support.files import png

SMALL_PHONE = {**PHONE, "viewport": {"width": 360, "height": 740}}
DEVICES = pytest.mark.parametrize("device", [DESK, SMALL_PHONE], ids=["desk", "phone"])


@pytest.fixture
def noisy(tmp_path):
    """A photo with grain that nobody overlooks."""
    noise = np.random.default_rng(0).normal(0, 40, skimage.data.coffee().shape)
    path = tmp_path / "noisy.png"
    path.write_bytes(png(np.clip(skimage.data.coffee() + noise, 0, 255).astype(np.uint8)))
    return path


def judged(tab):
    """Ask what the photo needs; return the verdict when all candidates have their crops."""
    tab.locator("#ask").click()
    verdict = tab.locator("#verdict .din-verdict")
    expect(verdict).to_be_visible(timeout=WAIT_MS)
    expect(verdict.locator("button").first).to_be_visible()
    expect(verdict.locator("[aria-busy]")).to_have_count(0, timeout=WAIT_MS)
    return verdict


@DEVICES
def test_a_click_judges_and_another_chooses_the_task(visit, device, noisy):
    tab = visit("?task=sr_x4", device)
    bring(tab, noisy)
    verdict = judged(tab)
    expect(verdict.locator("h3")).to_have_text("noisy.png")
    expect(verdict.locator(".din-said")).to_contain_text("grain")
    expect(verdict.locator("tr").first).to_contain_text("grain")
    expect(verdict.locator("tr .din-number").first).to_contain_text("%")
    before, candidates = verdict.locator("figure img"), verdict.locator("button")
    assert 1 <= candidates.count() <= 3
    expect(candidates.first).to_have_text("Enlarge 3× and remove grain")
    sides = [picture.evaluate("img => img.naturalWidth") for picture in (before, candidates.first.locator("img"))]
    assert sides[1] == 3 * sides[0] > 0, "the crop is not enlarged"
    box, other = before.bounding_box(), candidates.first.locator("img").bounding_box()
    assert (other["y"], other["width"]) == (pytest.approx(box["y"], abs=2), pytest.approx(box["width"], abs=2))
    # The visitor decides: nothing is chosen or restored until then.
    expect(tab.locator("#task input:checked")).to_have_value("sr_x4")
    expect(candidates.first).to_have_attribute("aria-pressed", "false")
    candidates.first.click()
    expect(tab.locator("#task input[value=sr_x3_dn]")).to_be_checked()
    expect(candidates.first).to_have_attribute("aria-pressed", "true")
    expect(tab.locator("#described [data-task=sr_x3_dn]")).to_be_visible()
    expect(tab.locator("#download")).to_be_disabled()
    assert [state["label"] for state in states(tab)] == ["Before"]
    assert tab.evaluate("document.documentElement.scrollWidth") == device["viewport"]["width"]
    assert serious(tab) == []
    tab.locator("#task input[value=sr_x2]").check()
    expect(candidates.first).to_have_attribute("aria-pressed", "false")


def test_what_is_said_of_a_photo_goes_with_it(visit, noisy, small_photo, tmp_path):
    tab = visit()
    bring(tab, noisy)
    verdict = judged(tab)
    (tmp_path / "other.png").write_bytes(png(small_photo))
    bring(tab, tmp_path / "other.png")
    expect(verdict).to_be_hidden()
    verdict = judged(tab)
    expect(verdict.locator("h3")).to_have_text("other.png")


def test_without_a_photo_a_sentence_says_what_to_do(visit):
    tab = visit()
    tab.locator("#ask").click()
    expect(tab.get_by_text(str(say("error.no_photo")))).to_be_visible()
    expect(tab.locator("#verdict .din-verdict")).to_have_count(0)


def test_by_keyboard_in_the_visitor_s_language(visit, noisy):
    tab = visit("?task=sr_x4&lang=de")
    bring(tab, noisy)
    button = tab.get_by_role("button", name=say("judge.ask").into("de"))
    button.focus()
    tab.keyboard.press("Enter")
    region = tab.get_by_role("region", name=say("judge.ask").into("de"))
    expect(region).to_contain_text(say("kind.noise").into("de"), timeout=WAIT_MS)
    expect(region.locator("[aria-busy]")).to_have_count(0, timeout=WAIT_MS)
    region.get_by_role("button").first.focus()
    tab.keyboard.press("Enter")
    expect(tab.locator("#task input[value=sr_x3_dn]")).to_be_checked()


def test_the_button_fits_a_small_phone_in_every_language(visit):
    tab = visit(device=SMALL_PHONE, locale="de-DE")
    for language in LANGUAGES:
        tab.goto(f"{tab.url.split('?')[0]}?lang={language}")
        expect(tab.locator("#ask")).to_have_text(say("judge.ask").into(language))
        assert tab.evaluate("document.documentElement.scrollWidth") == 360, language
