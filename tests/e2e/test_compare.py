"""The comparison: divider, zoom, lens, full screen, side by side; by mouse, keys and fingers."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from app.i18n import LANGUAGES, say
from app.web.restore.layout import VIEWER_TEXTS
from tests.e2e.browser import DESK, PHONE
from tests.e2e.viewer import LABELS, SIZE, STEP, Fingers, Viewer, blue, chart, is_one_to_one, off_by
from tests.e2e.visitor import done, states


@pytest.fixture(scope="session")
def charts():
    return [chart(place) for place in range(3)]


@pytest.fixture
def compare(visit, charts):
    """Open a page and show so many charts in its comparison."""

    def open_page(device=DESK, count=2):
        tab = visit("?task=sr_x4", device)
        expect(tab.locator("#task input[value=sr_x4]")).to_be_checked()
        return Viewer(tab, charts[:count])

    return open_page


def test_the_divider_follows_mouse_and_keys(compare):
    viewer = compare()
    expect(viewer.divider).to_have_attribute("aria-valuenow", "50")
    assert viewer.is_parted_at(0.5)
    viewer.drag((0.5, 0.5), (0.25, 0.6))
    expect(viewer.divider).to_have_attribute("aria-valuenow", "25")
    assert viewer.is_parted_at(0.25)
    viewer.drag((0.6, 0.8), (0.8, 0.7))  # anywhere on the pictures
    expect(viewer.divider).to_have_attribute("aria-valuenow", "80")
    assert viewer.is_parted_at(0.8)
    viewer.drag((0.8, 0.5), (1.4, 0.5))
    expect(viewer.divider).to_have_attribute("aria-valuenow", "100")
    viewer.divider.focus()
    for key, percent in (("Home", 0), ("ArrowRight", 2), ("ArrowUp", 4), ("ArrowLeft", 2), ("ArrowDown", 0)):
        viewer.tab.keyboard.press(key)
        expect(viewer.divider).to_have_attribute("aria-valuenow", str(percent))
    assert viewer.is_parted_at(0)
    viewer.tab.keyboard.press("End")
    expect(viewer.divider).to_have_attribute("aria-valuetext", "Before 100%")
    assert viewer.is_parted_at(1)


@pytest.mark.parametrize("device", [DESK, PHONE], ids=["desk", "phone"])
def test_actual_pixels_are_the_screens_own(compare, device):
    viewer = compare(device)
    assert viewer.zoom() < 100
    assert not is_one_to_one(viewer.patch(0.25, 0.25))
    expect(viewer.tool("Fit")).to_have_attribute("aria-pressed", "true")
    viewer.tool("Actual pixels").click()
    expect(viewer.element.locator("output")).to_have_text("100%")
    expect(viewer.tool("Fit")).to_have_attribute("aria-pressed", "false")
    before = viewer.patch(0.25, 0.25)
    assert is_one_to_one(before)
    assert is_one_to_one(viewer.patch(0.75, 0.75))
    viewer.drag((0.3, 0.8), (0.3, 0.7))  # the picture goes with the mouse
    after = viewer.patch(0.25, 0.25)
    moved = round(0.1 * len(viewer.seen()))  # of the screen's pixels
    assert is_one_to_one(after)
    assert off_by(after[0, 0, 1], before[0, 0, 1] // STEP + moved) <= 1
    assert (after[..., 0] == before[..., 0]).all()
    for _ in range(2):
        viewer.drag((0.1, 0.1), (0.9, 0.9))
    edge = viewer.seen()[200, 20]
    assert max(off_by(edge[0], 20), off_by(edge[1], 200)) <= 1, "the picture's corner stays in the pane's"
    expect(viewer.divider).to_have_attribute("aria-valuenow", "50")
    viewer.tool("Fit").click()
    expect(viewer.tool("Fit")).to_have_attribute("aria-pressed", "true")


def test_zoom_by_buttons_keys_wheel_and_double_click(compare):
    viewer = compare()
    fit, level = viewer.zoom(), viewer.element.locator("output")
    assert 40 < fit < 1 / 1.5 * 100
    scroll = "document.scrollingElement.scrollTop"
    before = viewer.tab.evaluate(scroll)
    viewer.tab.mouse.move(*viewer.at(0.25, 0.3))
    viewer.tab.mouse.wheel(0, -120)
    viewer.tab.wait_for_function(f"{scroll} < {before}")
    assert viewer.zoom() == fit, "it zoomed while nobody had chosen it"

    viewer.tool("Zoom in").click()
    expect(level).not_to_have_text(f"{fit}%")
    assert abs(viewer.zoom() - 1.5 * fit) <= 1.5
    viewer.tool("Zoom in").click()
    expect(level).to_have_text("100%")
    for key, shown in (("+", "150%"), ("-", "100%"), ("0", f"{fit}%"), ("1", "100%")):
        viewer.tab.keyboard.press(key)
        expect(level).to_have_text(shown)

    point = viewer.at(0.25, 0.3)
    under = viewer.patch(0.25, 0.3)[30, 30]
    before = viewer.tab.evaluate(scroll)
    viewer.tab.mouse.move(*point)
    viewer.tab.mouse.wheel(0, -400)
    expect(level).to_have_text("141%")
    viewer.tab.mouse.wheel(0, -400)
    expect(level).to_have_text("200%")
    still_under = viewer.patch(0.25, 0.3)[30, 30]
    assert (np.abs(still_under.astype(int) - under) <= STEP).all(), "what is under the mouse stays there"
    assert viewer.tab.evaluate(scroll) == before
    viewer.tab.mouse.dblclick(*point)
    expect(level).to_have_text(f"{fit}%")
    viewer.tab.mouse.dblclick(*point)
    expect(level).to_have_text("100%")
    for _ in range(20):
        viewer.tool("Zoom in").click()
    expect(level).to_have_text("3200%")
    assert len(np.unique(viewer.patch(0.25, 0.3)[0, :, 0])) <= 4, "large pixels have sharp edges"


@pytest.mark.parametrize("device", [DESK, PHONE], ids=["desk", "phone"])
def test_the_lens_shows_both_pictures_one_to_one(compare, device):
    viewer = compare(device)
    viewer.tool("Lens").click()
    expect(viewer.tool("Lens")).to_have_attribute("aria-pressed", "true")
    lenses = viewer.element.locator(".lens")
    expect(lenses).to_have_count(2)
    for place in ((0.5, 0.5), (0.3, 0.7)):
        viewer.tab.mouse.move(*viewer.at(*place))
        expected = np.multiply(place, SIZE[::-1])
        for number, lens in enumerate(lenses.all()):
            pixels = viewer.seen(lens)
            centre = len(pixels) // 2
            inside = pixels[centre - 40 : centre + 40, centre - 40 : centre + 40]
            assert is_one_to_one(inside)
            assert (inside[..., 2] == blue(number)).all()
            assert [off_by(*pair) <= 2 for pair in zip(inside[40, 40], expected, strict=False)] == [True, True]
    first = viewer.seen(lenses.first)
    viewer.stage.focus()
    viewer.tab.keyboard.press("ArrowRight")
    assert not np.array_equal(viewer.seen(lenses.first), first)
    viewer.tab.keyboard.press("l")
    expect(lenses.first).to_be_hidden()
    expect(viewer.tool("Lens")).to_have_attribute("aria-pressed", "false")


@pytest.mark.parametrize("device", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("allowed", [True, False], ids=["full_screen", "overlay"])
def test_full_screen_and_back(compare, device, allowed):
    viewer = compare(device)
    if not allowed:  # as on telephones
        viewer.tab.evaluate("delete Element.prototype.requestFullscreen")
    height = viewer.stage.bounding_box()["height"]
    full, leave = viewer.tool("Full screen"), viewer.tool("Leave full screen")
    for enter, exit_ in (
        (full.click, leave.click),
        (lambda: viewer.tab.keyboard.press("f"), lambda: viewer.tab.keyboard.press("f")),
        (full.click, lambda: viewer.tab.keyboard.press("Escape")),
    ):
        enter()
        expect(leave).to_be_visible()
        assert viewer.tab.evaluate("document.fullscreenElement?.localName") == ("din-compare" if allowed else None)
        assert viewer.covers_the_window()
        exit_()
        expect(full).to_be_visible()
        viewer.tab.wait_for_function("!document.fullscreenElement")
        assert not viewer.covers_the_window()
    assert viewer.stage.bounding_box()["height"] == height


def test_side_by_side_and_which_two(compare):
    viewer = compare(count=3)
    left, right = (viewer.element.get_by_role("combobox", name=side) for side in ("Left", "Right"))
    assert set(viewer.states()) - {-1} == {0, 2}, "the first and the last, to begin with"
    right.select_option("After")
    assert viewer.is_parted_at(0.5)
    left.select_option("After")  # they change places
    expect(right.locator("option:checked")).to_have_text("Before")
    assert list(viewer.states()[[9, -9]]) == [1, 0]
    expect(viewer.element.locator(".label")).to_have_text(["After", "Before"])

    viewer.tool("Side by side").click()
    expect(left).to_be_hidden()
    expect(viewer.divider).to_have_count(0)
    panes = viewer.element.locator(".pane")
    expect(panes).to_have_count(3)
    viewer.tool("Actual pixels").click()
    viewer.drag((0.1, 0.1), (0.15, 0.2))
    seen = [viewer.seen(pane) for pane in panes.all()]
    for number, pane in enumerate(panes.all()):
        expect(pane.locator(".label")).to_have_text(LABELS[number])
        expect(pane.get_by_role("img", name=LABELS[number])).to_be_visible()
        inside = seen[number][60:-9, 9:-9]
        assert (inside[..., 2] == blue(number)).all()
        assert is_one_to_one(inside)
        assert (inside[:50, :50, :2] == seen[0][60:110, 9:59, :2]).all(), "all panes show one view"
    viewer.tool("Slider").click()
    expect(viewer.divider).to_be_visible()
    assert list(viewer.states()[[9, -9]]) == [1, 0]


def test_fingers_drag_pinch_pan_and_tap(compare):
    viewer = compare(PHONE)
    fingers, fit, level = Fingers(viewer), viewer.zoom(), viewer.element.locator("output")
    fingers.stroke(((0.5, 0.5), (0.8, 0.5)))
    expect(viewer.divider).to_have_attribute("aria-valuenow", "80")
    assert viewer.is_parted_at(0.8)
    fingers.stroke(((0.4, 0.5), (0.3, 0.5)), ((0.6, 0.5), (0.7, 0.5)))
    expect(level).to_have_text(re.compile(f"^({2 * fit - 1}|{2 * fit}|{2 * fit + 1})%$"))
    expect(viewer.divider).to_have_attribute("aria-valuenow", "80")
    viewer.tool("Actual pixels").tap()
    before = viewer.patch(0.25, 0.25)
    fingers.stroke(((0.5, 0.8), (0.3, 0.8)))
    width = viewer.seen().shape[1]
    assert off_by(viewer.patch(0.25, 0.25)[0, 0, 0], before[0, 0, 0] // STEP + 0.2 * width) <= 1
    for shown in (fit, 100, fit):
        fingers.tap((0.2, 0.7))
        fingers.tap((0.2, 0.7))
        expect(level).to_have_text(f"{shown}%")
    viewer.tool("Lens").tap()
    fingers.send("touchStart", (0.5, 0.9))
    lens = viewer.element.locator(".lens").first.bounding_box()
    assert lens["y"] + lens["height"] < viewer.at(0.5, 0.9)[1], "a finger does not cover the lens"
    fingers.send("touchEnd")
    viewer.tool("Lens").tap()
    scroll = "document.scrollingElement.scrollTop"
    top = viewer.tab.evaluate(scroll)
    fingers.stroke(((0.2, 0.2), (0.2, 0.9)))  # down the fitted picture: the page goes with it
    viewer.tab.wait_for_function(f"{scroll} < {top} - 50")
    assert viewer.zoom() == fit
    expect(viewer.divider).to_have_attribute("aria-valuenow", "80")  # the divider does not


def test_the_toolbar_by_keyboard_and_by_name(compare):
    viewer = compare(count=3)
    names = ["Slider", "Side by side", "Zoom out", "Zoom in", "Fit", "Actual pixels", "Lens", "Full screen"]
    buttons = viewer.element.get_by_role("button")
    for button, name in zip(buttons.all(), names, strict=True):
        expect(button).to_have_accessible_name(name)
    expect(viewer.divider).to_have_accessible_name("Move the divider")
    expect(viewer.element.get_by_role("img")).to_have_count(2)
    for name in ("Before", "Clean"):
        expect(viewer.element.get_by_role("img", name=name, exact=True)).to_have_count(1)
    viewer.tool("Slider").focus()
    press = viewer.tab.keyboard.press
    press("ArrowRight")
    expect(viewer.tool("Side by side")).to_be_focused()
    press("Enter")
    expect(viewer.element.locator(".pane")).to_have_count(3)
    press("ArrowLeft")
    press("Space")
    expect(viewer.element.locator(".pane")).to_have_count(1)
    press("ArrowRight")
    press("ArrowRight")
    expect(viewer.element.get_by_role("combobox", name="Left")).to_be_focused()
    press("1")  # a letter or digit in a choice is the choice's own
    expect(viewer.tool("Fit")).to_have_attribute("aria-pressed", "true")
    viewer.tool("Full screen").focus()
    press("ArrowRight")  # the last one
    expect(viewer.tool("Full screen")).to_be_focused()
    expect(viewer.tool("Full screen")).to_have_css("outline-style", "solid")


def test_a_picture_that_cannot_be_loaded_is_reported(compare, charts):
    viewer = compare()
    viewer.show([{**charts[0], "src": "data:image/png;base64,AAAA"}, charts[1]])
    expect(viewer.element.get_by_text("The picture “Before” could not be loaded.")).to_be_visible()
    seen = viewer.states(0.75)
    assert (seen[len(seen) // 2 + 20 : -4] == 1).all(), "the other one is shown"
    with pytest.raises(Exception, match="states must be a list of"):
        viewer.show([{"label": "Before", "src": charts[0]["src"]}])


def test_the_tools_fit_a_small_phone_in_every_language(compare):
    viewer = compare({**PHONE, "viewport": {"width": 360, "height": 740}}, count=3)
    for language in LANGUAGES:
        texts = {name: say(f"viewer.{name}").into(language) for name in VIEWER_TEXTS}
        viewer.element.evaluate("(viewer, texts) => (viewer.texts = texts)", texts)
        outside = viewer.element.evaluate(
            """viewer => {
                const parts = [...viewer.shadowRoot.querySelectorAll('.toolbar, .group, .picks, button')];
                return parts.filter((part) => part.scrollWidth > part.clientWidth).map((part) => part.outerHTML);
            }"""
        )
        assert outside == [], language
        assert viewer.tab.evaluate("document.documentElement.scrollWidth") == 360


def test_an_example_of_the_page_is_compared(page):
    page.locator("#samples .thumbnail-lg").first.click()
    done(page)
    viewer = page.locator("#comparison")
    for state in states(page):
        picture = viewer.get_by_role("img", name=state["label"])
        expect(picture).to_be_visible()
        assert picture.evaluate("img => [img.naturalWidth, img.naturalHeight]") == [state["width"], state["height"]]
    expect(viewer.locator(".label")).to_have_text(["Before (bicubic)", "Enlarge 4×"])
    expect(viewer.get_by_role("slider")).to_have_attribute("aria-valuetext", "Before (bicubic) 50%")
