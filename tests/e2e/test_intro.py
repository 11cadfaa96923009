"""What the page opens with: pairs before and after restoration, which sweep by themselves until they are used."""

import pytest
from playwright.sync_api import expect

from app.i18n import LANGUAGES, say
from app.web.restore.intro import read_pairs
from tests.e2e.axe import serious
from tests.e2e.browser import DESK, PHONE
from tests.e2e.visitor import bring
from tests.support.files import png

LABELS = ["Remove light rain", "Remove haze indoors", "Sharpen shaken photos", "Enlarge 4×"]
SMALL_PHONE = {**PHONE, "viewport": {"width": 360, "height": 740}}
DEVICES = pytest.mark.parametrize("device", [DESK, SMALL_PHONE], ids=["desk", "phone"])
# Notes when the first pair is there, and when Gradio's part of the page, in ms; benchmarks/page.py measures its paint.
NOTE_TIMES = """(() => {
    window.seen = {};
    const isShown = (img) => img.complete && img.naturalWidth && img.getBoundingClientRect().width;
    const look = () => {
        const viewer = document.querySelector('din-intro')?.shadowRoot.querySelector('din-compare').shadowRoot;
        const pictures = [...(viewer?.querySelectorAll('.sheet img') ?? [])];
        if (pictures.length === 2 && pictures.every(isShown)) seen.pair ??= performance.now();
        if (document.querySelector('#restore')) seen.page ??= performance.now();
        else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
})()"""
# The places of the divider in ten frames.
PLACES = """async (viewer) => {
    const places = [];
    for (let frame = 0; frame < 10; frame++) {
        await new Promise(requestAnimationFrame);
        places.push(viewer.shadowRoot.querySelector('.stage').style.getPropertyValue('--split'));
    }
    return places;
}"""


class Intro:
    """The introduction of a page."""

    def __init__(self, tab):
        self.tab, self.element = tab, tab.locator("#intro din-intro")
        self.viewer = self.element.locator("din-compare")
        self.after = self.viewer.locator(".label").last
        self.toolbar = self.viewer.get_by_role("toolbar")
        self.button = self.element.get_by_role("button", name=str(say("intro.try")), exact=True)
        expect(self.element).to_be_visible()

    def is_moving(self):
        return len(set(self.viewer.evaluate(PLACES))) > 1


@DEVICES
def test_a_pair_is_seen_before_anything_is_done(visit, device):
    tab = visit(device=device, script=NOTE_TIMES)
    intro, seen = Intro(tab), tab.evaluate("seen")
    assert seen["pair"] <= seen["page"], "it came after what Gradio builds"
    expect(intro.element.get_by_text(str(say("intro.sentence")))).to_be_in_viewport(ratio=1)
    expect(intro.viewer).to_be_in_viewport(ratio=1)
    expect(intro.button).to_be_in_viewport(ratio=1)
    expect(intro.element.get_by_text("SpaceX, Public Domain")).to_be_in_viewport(ratio=1)
    expect(tab.locator("#comparison .din-empty")).to_be_hidden()


@DEVICES
@pytest.mark.parametrize("use", ["touch", "keyboard"])
def test_it_sweeps_from_pair_to_pair_until_it_is_used(visit, device, use):
    intro = Intro(visit(device=device))
    expect(intro.after).to_have_text(LABELS[0])
    expect(intro.after).to_have_text(LABELS[1])
    place = intro.button.bounding_box()
    if use == "touch":
        box = intro.viewer.locator(".stage").bounding_box()
        press = intro.tab.mouse.click if device is DESK else intro.tab.touchscreen.tap
        press(box["x"] + 40, box["y"] + box["height"] - 40)
    else:
        intro.viewer.get_by_role("slider").focus()
    expect(intro.viewer).not_to_have_attribute("sweeping", "")
    assert not intro.is_moving()
    assert intro.button.bounding_box() == place, "the button moved away under the finger"
    divider = intro.viewer.get_by_role("slider")
    divider.focus()
    intro.tab.keyboard.press("Home")
    expect(divider).to_have_attribute("aria-valuetext", "Before 0%")
    intro.tab.keyboard.press("ArrowRight")
    expect(divider).to_have_attribute("aria-valuetext", "Before 2%")


@DEVICES
def test_nothing_moves_for_who_prefers_it_so(visit, device):
    intro = Intro(visit(device=device, reduced_motion="reduce"))
    expect(intro.toolbar).to_be_hidden()
    expect(intro.viewer.get_by_role("slider")).to_have_attribute("aria-valuenow", "50")
    assert not intro.is_moving()
    intro.tab.locator("#family input[value=dehaze]").check()
    expect(intro.after).to_have_text(LABELS[1])
    assert not intro.is_moving()


@DEVICES
def test_the_button_chooses_a_photo_which_takes_its_place(visit, device, small_photo, tmp_path):
    tab = visit(device=device)
    intro, photo = Intro(tab), tmp_path / "holiday.png"
    photo.write_bytes(png(small_photo))
    with tab.expect_file_chooser() as chooser:
        intro.button.click()
    chooser.value.set_files(photo)
    expect(tab.locator("#uploaded")).to_contain_text("holiday.png")
    expect(intro.element).to_be_hidden()
    expect(tab.locator("#comparison").get_by_role("img", name="Before")).to_be_visible()
    expect(tab.locator("#restore")).to_be_in_viewport(ratio=1)
    tab.locator("#photos").get_by_label("Clear").click()
    expect(intro.element).to_be_visible()
    expect(tab.locator("#comparison din-compare")).to_be_hidden()


def test_a_chosen_family_shows_its_pair(visit):
    intro = Intro(visit("?task=derain_heavy"))
    expect(intro.after).to_have_text(LABELS[0])
    for family, label in zip(("dehaze", "deblur", "enlarge", "derain"), [*LABELS[1:], LABELS[0]], strict=True):
        intro.tab.locator(f"#family input[value={family}]").check()
        expect(intro.after).to_have_text(label)


@DEVICES
def test_screen_readers_are_told_what_it_is(visit, device):
    tab = visit(device=device, reduced_motion="reduce")
    region = tab.get_by_role("region", name=str(say("intro.sentence")))
    expect(region).to_be_visible()
    for name in ("Before", LABELS[0]):
        expect(region.get_by_role("img", name=name, exact=True)).to_have_count(1)
    expect(region.get_by_role("button", name="Try your own photo")).to_be_visible()
    expect(region.get_by_role("slider", name="Move the divider")).to_be_visible()
    assert serious(tab) == []


def test_it_fits_a_small_phone_in_every_language(visit):
    tab = visit(device=SMALL_PHONE, reduced_motion="reduce", locale="de-DE")
    first, heading = read_pairs()[0], tab.locator("#intro h2")
    expect(heading).to_have_text(say("intro.sentence").into("de"))
    expect(tab.locator("#restore")).to_have_text(say("page.restore").into("de"))  # or the page would set it once more
    for language in LANGUAGES:
        tab.evaluate("(language) => (document.documentElement.lang = language)", language)
        expect(heading).to_have_text(say("intro.sentence").into(language))
        credit = say("intro.credit", author=first.author, licence=first.licence).into(language)
        expect(tab.locator("#intro .foot p")).to_have_text(credit)
        assert tab.evaluate("document.documentElement.scrollWidth") == 360, language


def test_it_is_still_there_after_another_tab(visit, small_photo, tmp_path):
    tab = visit()
    intro = Intro(tab)
    tab.get_by_role("tab", name="About").click()
    expect(intro.element).to_be_hidden()
    tab.get_by_role("tab", name="Restore").click()
    expect(intro.element).to_be_visible()
    (tmp_path / "photo.png").write_bytes(png(small_photo))
    bring(tab, tmp_path / "photo.png")
    expect(intro.element).to_be_hidden()
