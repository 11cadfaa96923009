"""Kiosk mode on a large screen and on a phone: the element alone with a fake clock, then the whole page."""

import itertools
import re
import signal
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
import skimage.data
from playwright.sync_api import Page, expect

from app.errors import PhotoError, UnknownTaskError
from app.i18n import say
from app.triton import Triton, embedded
from app.web.examples import examples
from app.web.kiosk.page import SCRIPTS
from app.web.kiosk.slideshow import Slideshow
from app.web.site import WEB, scripts
from tests.e2e.browser import PHONE
from tests.support.files import png
from tests.support.processes import running_page, wait_until

SCREEN = {"viewport": {"width": 1280, "height": 720}}
HOST = "http://127.0.0.1:9"  # nothing listens there: all is answered here
PICTURES = {"cat": skimage.data.chelsea(), "cup": skimage.data.coffee(), "face": skimage.data.astronaut()}
SHOW = """(names) => {
    const kiosk = document.querySelector('din-kiosk');
    kiosk.families = [{ name: 'enlarge', label: 'Enlarge' }, { name: 'derain', label: 'Remove rain' }];
    const pair = (name) => ({ before: `${name}.png`, after: `${name}.png?after`, label: name, caption: '' });
    kiosk.pairs = names.map(pair);
    kiosk.addEventListener('photo', ({ detail }) => (window.photo = detail));
}"""
FORBID = """() => {
    navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError'); };
}"""
# How many pairs there are besides those of the examples.
SENT = """(count) => {
    const kiosk = document.querySelector('din-kiosk');
    const shown = kiosk?.shadowRoot.querySelectorAll('.segments i').length;
    return kiosk?.pairs.length && shown === kiosk.pairs.length + count;
}"""
TAKEN = "kiosk => kiosk.show({ before: 'face.png', after: 'face.png', label: 'me', caption: '', life_s: 20 })"


@pytest.fixture
def screen(browser):
    """Open a URL in a new tab; script errors and requests to other hosts fail the test."""
    tabs: list[tuple[Page, list[str]]] = []
    asked: set[str] = set()

    def open_tab(url, device=SCREEN, prepare=lambda tab: None, **options):
        tab = browser.new_context(**{**device, **options}).new_page()
        tabs.append((tab, errors := []))
        tab.on("request", lambda request: asked.add(request.url))
        tab.on("pageerror", lambda error: errors.append(str(error)))
        prepare(tab)
        tab.goto(url)
        return tab

    yield open_tab
    for tab, errors in tabs:
        assert errors == []
        tab.context.close()
    assert {urlsplit(url).hostname for url in asked if not url.startswith(("blob:", "data:"))} == {"127.0.0.1"}


@pytest.fixture
def show(screen):
    """Open the element alone, with its scripts included twice, pairs of these names and a fake clock."""

    def answer(route):
        name = re.sub(r".*/(\w*)(\.png)?(\?.*)?$", r"\1", route.request.url)
        if name in PICTURES:
            route.fulfill(body=png(PICTURES[name]), content_type="image/png")
        elif name:
            route.fulfill(status=404)
        else:
            head = scripts(*SCRIPTS) * 2
            style = "<style>body { margin: 0; height: 100vh }</style>"
            body = f"<meta charset=utf-8><meta name=viewport content='width=device-width'>{style}{head}<din-kiosk>"
            route.fulfill(body=f"<!doctype html>{body}", content_type="text/html")

    def prepare(tab):
        tab.route("**/*", answer)
        tab.clock.install(time=0)

    def open_show(*names, device=SCREEN, **options):
        tab = screen(HOST, device, prepare, **options)
        tab.clock.pause_at(60)
        tab.evaluate(SHOW, list(names))
        if names:
            shown(tab, names[0])
        return tab

    return open_show


def shown(tab, label):
    """Wait for a pair, whose pictures are decoded in real time."""
    expect(tab.locator("h1")).to_have_text(label)


def split(tab):
    """The share of "before" in the picture."""
    return float(tab.locator(".slide:not(.leaving)").evaluate("slide => slide.style.getPropertyValue('--split')"))


def labels(tab):
    return tab.locator(".slide:not(.leaving) b").all_inner_texts()


def test_the_divider_sweeps_and_the_next_pair_follows(show):
    tab = show("cat", "cup")
    assert sorted(labels(tab)) == ["After", "Before"]
    seen = [split(tab)]
    for _ in range(65):
        tab.clock.run_for(100)
        seen.append(split(tab))
    turns = [share for i, share in enumerate(seen) if share in (0, 1) and (i == 0 or seen[i - 1] != share)]
    assert turns == [1, 0, 1, 0]
    assert max(abs(a - b) for a, b in itertools.pairwise(seen)) < 0.25, "it jumped"
    tab.clock.run_for(600)
    shown(tab, "cup")
    tab.clock.run_for(7100)
    shown(tab, "cat")


def test_the_slideshow_can_be_paused_and_moved(show):
    tab = show("cat", "cup", "face")
    tab.keyboard.press(" ")
    tab.clock.run_for(9000)
    shown(tab, "cat")
    tab.keyboard.press("ArrowRight")
    shown(tab, "cup")
    tab.keyboard.press("ArrowLeft")
    shown(tab, "cat")
    tab.keyboard.press("ArrowLeft")
    shown(tab, "face")
    tab.get_by_role("button", name="Next").click()
    shown(tab, "cat")
    tab.locator(".frame").first.click()
    expect(tab.get_by_role("button", name="Pause")).to_be_visible()
    tab.clock.run_for(7100)
    shown(tab, "cup")
    tab.keyboard.press("f")
    tab.wait_for_function("document.fullscreenElement?.localName === 'din-kiosk'")


def test_a_finger_swipes_to_the_next_pair(show):
    tab = show("cat", "cup", device=PHONE)
    for start, end, label in [(300, 100, "cup"), (100, 300, "cat")]:
        tab.mouse.move(start, 200)
        tab.mouse.down()
        tab.mouse.move(end, 200)
        tab.mouse.up()
        shown(tab, label)


def test_pictures_fade_if_reduced_motion_is_preferred(show):
    tab = show("cat", reduced_motion="reduce")
    tab.clock.run_for(1600)
    style = tab.locator(".layer.before").evaluate("e => [getComputedStyle(e).clipPath, getComputedStyle(e).opacity]")
    assert style[0] == "none"
    assert float(style[1]) == pytest.approx(split(tab), abs=0.01)
    assert 0 < split(tab) < 1
    expect(tab.locator(".divider").first).to_be_hidden()


def test_a_new_photo_is_shown_first_and_removed_in_time_even_if_paused(show):
    tab = show("cat", "cup")
    tab.locator("din-kiosk").evaluate(TAKEN)
    shown(tab, "me")
    expect(tab.get_by_role("button", name="Take another")).to_be_visible()
    expect(tab.locator(".segments i")).to_have_count(3)
    tab.keyboard.press(" ")
    tab.clock.run_for(20_100)
    shown(tab, "cat")
    expect(tab.locator(".segments i")).to_have_count(2)
    expect(tab.get_by_role("button", name="Take a photo")).to_be_visible()


def test_a_pair_whose_pictures_cannot_be_loaded_is_skipped(show):
    tab = show("cat", "gone", "cup")
    tab.keyboard.press("ArrowRight")
    shown(tab, "cup")
    expect(tab.locator(".segments i")).to_have_count(2)


def test_a_message_is_shown_until_there_is_a_pair(show):
    tab = show()
    expect(tab.locator(".starting")).to_have_text("Restoring the first photos …")
    tab.evaluate(SHOW, ["cat"])
    shown(tab, "cat")
    expect(tab.locator(".starting")).to_be_hidden()


def test_a_file_can_be_chosen_without_a_camera(show, tmp_path):
    (tmp_path / "face.png").write_bytes(png(PICTURES["face"]))
    tab = show("cat")
    tab.evaluate(FORBID)
    tab.get_by_role("button", name="Take a photo").click()
    expect(tab.get_by_role("alert").filter(has_text="was denied")).to_be_visible()
    tab.get_by_role("button", name="Remove rain").click()
    with tab.expect_file_chooser() as chooser:
        tab.get_by_role("button", name="Choose a file").click()
    chooser.value.set_files(tmp_path / "face.png")
    assert tab.evaluate("[photo.file.name, photo.family]") == ["face.png", "derain"]
    expect(tab.get_by_role("status").filter(has_text="Restoring")).to_be_visible()
    tab.evaluate("document.querySelector('din-kiosk').fail('It is too dark.')")
    expect(tab.get_by_role("alert").filter(has_text="too dark")).to_be_visible()
    tab.clock.run_for(13_000)
    expect(tab.locator(".notice")).to_be_hidden()


def test_a_click_during_a_refresh_is_not_lost(show):
    """The families are set again while a button is pressed."""
    tab = show("cat")
    tab.get_by_role("button", name="Take a photo").click()
    rain = tab.get_by_role("button", name="Remove rain")
    rain.hover()
    tab.mouse.down()
    tab.evaluate(SHOW, ["cat"])
    tab.mouse.up()
    expect(rain).to_have_attribute("aria-pressed", "true")


def test_the_choice_at_the_shutter_click_counts(show):
    tab = show("cat")
    tab.get_by_role("button", name="Take a photo").click()
    tab.get_by_role("button", name="Remove rain").click()
    tab.locator("dialog[data-mode=live]").wait_for()
    tab.locator("din-camera").evaluate(
        """(camera) => {
            camera.shadowRoot.querySelector('.shutter').click();
            camera.shadowRoot.querySelector('[data-family=enlarge]').click();
        }"""
    )
    tab.wait_for_function("window.photo")
    assert tab.evaluate("photo.family") == "derain"


@pytest.mark.parametrize("device", [SCREEN, PHONE], ids=["screen", "phone"])
def test_all_controls_fit_and_are_large_enough_for_touch(show, device):
    tab = show("cat", device=device)
    w, h = device["viewport"]["width"], device["viewport"]["height"]
    assert tab.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]") == [w, h]
    tab.clock.run_for(1000)
    boxes = [b.bounding_box() for b in tab.get_by_role("button").all()]
    tab.get_by_role("button", name="Take a photo").click()
    tab.locator("dialog[data-mode=live]").wait_for()
    boxes += [b.bounding_box() for b in tab.locator("dialog").get_by_role("button").all()]
    assert len(boxes) == 10
    for box in boxes:
        assert min(box["width"], box["height"]) >= 44
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= w
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= h


def test_the_scripts_can_be_inlined():
    for name in ("kiosk.js", "camera.js"):
        text = (WEB / "kiosk/static" / name).read_text(encoding="utf-8")
        assert "</script" not in text
        assert not re.search(r"https?://", text)


def test_an_unavailable_server_is_reported(screen):
    with Triton(embedded.launch()) as triton:
        triton.wait_ready()
        with running_page("--kiosk", "--triton-url", triton.url) as (url, _):
            tab = screen(url)
            tab.locator(".frame").first.wait_for(timeout=30_000)
            triton.stop()
            expect(tab.locator(".notice")).to_contain_text("does not respond", timeout=30_000)
            expect(tab.locator(".frame").first).to_be_visible()
            tab.context.close()


@pytest.fixture(scope="module")
def kiosk_url(triton):
    with running_page("--kiosk", "--triton-url", triton.url) as (url, _):
        yield url


def pairs(tab):
    return tab.evaluate("document.querySelector('din-kiosk').pairs")


def test_restored_examples_are_added_one_after_the_other(screen, kiosk_url, client):
    tab = screen(kiosk_url)
    tab.locator(".frame").first.wait_for(timeout=15_000)
    tab.wait_for_function("document.querySelector('din-kiosk').pairs.length > 2", timeout=30_000)
    first, second = list(client.tasks().values())[:2]
    assert [pair["label"] for pair in pairs(tab)[:2]] == [f"Enlarge {first.scale}×", f"Enlarge {second.scale}×"]
    h, w, _ = skimage.io.imread(examples(first)[0]).shape
    assert pairs(tab)[0]["caption"] == f"{w}×{h} to {first.scale * w}×{first.scale * h} pixels"
    sizes = tab.locator(".frame img").evaluate_all("all => all.map((img) => [img.naturalWidth, img.naturalHeight])")
    assert sizes[0] == sizes[1]
    assert pairs(tab)[0]["before"] != pairs(tab)[0]["after"]
    assert tab.locator("din-kiosk").bounding_box() == {"x": 0, "y": 0, **SCREEN["viewport"]}


@pytest.mark.parametrize("device", [SCREEN, PHONE], ids=["screen", "phone"])
def test_a_photo_from_the_camera_is_restored_and_shown(screen, kiosk_url, device):
    tab = screen(kiosk_url, device)
    tab.locator(".frame").first.wait_for()
    tab.get_by_role("button", name="Take a photo").click()
    tab.get_by_role("button", name="Take the photo").click()
    expect(tab.get_by_role("status").filter(has_text=re.compile(r"\d of \d+ tiles"))).to_be_visible(timeout=30_000)
    expect(tab.get_by_role("button", name="Take another")).to_be_visible(timeout=30_000)
    shown(tab, "Enlarge 4×")
    expect(tab.locator(".title p")).to_have_text("320×180 to 1280×720 pixels")
    assert tab.locator(".segments i").first.get_attribute("class") == "now"
    tab.get_by_role("button", name="Take another").click()
    expect(tab.get_by_role("button", name="Take the photo")).to_be_visible()


def test_an_invalid_file_is_reported_and_the_slideshow_continues(screen, kiosk_url, tmp_path):
    (tmp_path / "note.png").write_bytes(b"this is no image")
    tab = screen(kiosk_url)
    tab.locator(".frame").first.wait_for()
    tab.get_by_role("button", name="Take a photo").click()
    for _ in range(2):
        tab.locator("input[type=file]").set_input_files(tmp_path / "note.png")
        expect(tab.locator(".notice")).to_contain_text("not an image that can be read", timeout=20_000)
        expect(tab.locator("dialog")).to_be_hidden()
        tab.get_by_role("button", name="Take a photo").click()
    tab.get_by_role("button", name="Close").click()
    before = tab.locator(".slide:not(.leaving) img").first.get_attribute("src")
    expect(tab.locator(".slide:not(.leaving) img").first).not_to_have_attribute("src", before, timeout=15_000)


def test_a_stage_that_is_about_to_end_takes_no_more_photos(screen, triton, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (700, 900, 3)).astype(np.uint8)
    (tmp_path / "noise.png").write_bytes(png(noise))
    with running_page("--kiosk", "--triton-url", triton.url) as (url, process):
        first, second = screen(url), screen(url)
        for tab in (first, second):
            tab.get_by_role("button", name="Take a photo").click()
        first.locator("input[type=file]").set_input_files(tmp_path / "noise.png")
        expect(first.get_by_role("status").filter(has_text=re.compile(r"\d of \d+ tiles"))).to_be_visible()
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: "Jobs to finish first: 1" in process.said())
        second.locator("input[type=file]").set_input_files(tmp_path / "noise.png")
        expect(second.locator(".notice")).to_contain_text("too many jobs are waiting")
        first.context.close()
        second.context.close()


def send(tab, path):
    tab.get_by_role("button", name="Take a photo").click()
    tab.locator("input[type=file]").set_input_files(path)
    expect(tab.get_by_role("button", name="Take another")).to_be_visible(timeout=60_000)


def test_a_phone_sends_a_photo_to_the_big_screen(screen, triton, tmp_path):
    (tmp_path / "face.png").write_bytes(png(PICTURES["face"][:240, :320]))
    with running_page("--kiosk", "--triton-url", triton.url, "--phones", "http://192.0.2.7:7861") as (url, _):
        stage = screen(url)
        expect(stage.locator(".code")).to_contain_text("Send a photo from your phone")
        code = cv2.imdecode(np.frombuffer(stage.locator(".code").screenshot(), np.uint8), cv2.IMREAD_COLOR)
        link, *_ = cv2.QRCodeDetector().detectAndDecode(code)
        address, _, query = link.partition("/?")
        assert address == "http://192.0.2.7:7861"

        phone, late = screen(f"{url}/?{query}", PHONE), screen(f"{url}/?send=yesterday", PHONE)
        expect(late.locator(".notice")).to_contain_text("out of date")
        for tab in (phone, late):
            expect(tab.locator(".code")).to_be_hidden()
        for tab in (stage, late):  # neither the code nor a notice moves the pictures aside
            assert tab.locator(".scene").bounding_box()["width"] == tab.viewport_size["width"]
        send(phone, tmp_path / "face.png")
        expect(phone.locator(".notice")).to_have_text("Your photo is on the big screen.")
        stage.wait_for_function(SENT, arg=1)
        expect(stage.locator(".code")).to_be_visible()
        while stage.get_by_role("button", name="Take another").is_hidden():  # it may have moved on meanwhile
            stage.keyboard.press("ArrowLeft")
            stage.wait_for_timeout(300)
        expect(stage.locator(".title p")).to_have_text("277×207 to 1108×828 pixels")  # as large as the screen
        stage.keyboard.press("Delete")
        again = screen(url)
        for tab in (stage, again):  # it has left for good
            tab.wait_for_function(SENT, arg=0)


def test_the_language_is_the_visitors(screen, kiosk_url):
    for tab in (screen(f"{kiosk_url}/?lang=de"), screen(kiosk_url, locale="de-AT")):
        expect(tab.get_by_role("button", name=say("kiosk.take").into("de"))).to_be_visible(timeout=15_000)
        assert tab.locator("html").get_attribute("lang") == "de"


def test_only_uploads_are_restored(client, tmp_path):
    path = tmp_path / "secret.png"
    path.write_bytes(png(PICTURES["cat"]))
    slideshow = Slideshow(client)
    with pytest.raises(PhotoError, match="uploaded to this page"):
        next(slideshow.restore_photo(path, "enlarge"))
    with pytest.raises(UnknownTaskError, match="no task 'colour'"):
        slideshow.task_of("colour")


def test_the_slideshow_stops_with_its_page(client):
    """No request is sent after the connection is closed; an exception in the thread would fail the test."""
    slideshow = Slideshow(client)
    slideshow.start()
    slideshow.stop()
    assert not slideshow.is_done
    assert len(slideshow.pairs) <= 1
