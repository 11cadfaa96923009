"""The stage on a big screen and on a phone: the element by itself with the clock in our hands, then the whole page."""

import itertools
import re
from urllib.parse import urlsplit

import pytest
import skimage.data
from playwright.sync_api import expect

from app.errors import PhotoError, UnknownTaskError
from app.i18n import say
from app.triton import Triton, embedded
from app.web.kiosk.slideshow import Show
from app.web.restore.choices import examples
from app.web.site import WEB, scripts
from tests.e2e.browser import PHONE
from tests.support.files import png
from tests.support.processes import running_page

SCREEN = {"viewport": {"width": 1280, "height": 720}}
HOST = "http://127.0.0.1:9"  # nothing listens there: all is answered here
PICTURES = {"cat": skimage.data.chelsea(), "cup": skimage.data.coffee(), "face": skimage.data.astronaut()}
SHOW = """(names) => {
    const stage = document.querySelector('din-stage');
    stage.families = [{ name: 'enlarge', label: 'Enlarge' }, { name: 'derain', label: 'Remove rain' }];
    const pair = (name) => ({ before: `${name}.png`, after: `${name}.png?after`, label: name, caption: '' });
    stage.pairs = names.map(pair);
    stage.addEventListener('photo', ({ detail }) => (window.photo = detail));
}"""
FORBID = """() => {
    navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError'); };
}"""
TAKEN = "stage => stage.show({ before: 'face.png', after: 'face.png', label: 'me', caption: '', life_s: 20 })"


@pytest.fixture
def screen(browser):
    """Opens an address in a tab of its own; errors and whatever is asked for elsewhere fail the test."""
    tabs, asked = [], set()

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
    """The element alone, with pairs of these names, included twice, and time that only passes when told."""

    def answer(route):
        name = re.sub(r".*/(\w*)(\.png)?(\?.*)?$", r"\1", route.request.url)
        if name in PICTURES:
            route.fulfill(body=png(PICTURES[name]), content_type="image/png")
        elif name:
            route.fulfill(status=404)
        else:
            head = scripts("kiosk/static/camera.js", "kiosk/static/stage.js") * 2
            style = "<style>body { margin: 0; height: 100vh }</style>"
            body = f"<meta charset=utf-8><meta name=viewport content='width=device-width'>{style}{head}<din-stage>"
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
    """Waits for a pair; its pictures are decoded in real time."""
    expect(tab.locator("h1")).to_have_text(label)


def split(tab):
    """The share of the shown picture that is "before"."""
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


def test_a_loop_can_be_held_and_turned(show):
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
    tab.wait_for_function("document.fullscreenElement?.localName === 'din-stage'")


def test_a_finger_swipes_to_the_next_pair(show):
    tab = show("cat", "cup", device=PHONE)
    for start, end, label in [(300, 100, "cup"), (100, 300, "cat")]:
        tab.mouse.move(start, 200)
        tab.mouse.down()
        tab.mouse.move(end, 200)
        tab.mouse.up()
        shown(tab, label)


def test_less_motion_fades_instead(show):
    tab = show("cat", reduced_motion="reduce")
    tab.clock.run_for(1600)
    style = tab.locator(".layer.before").evaluate("e => [getComputedStyle(e).clipPath, getComputedStyle(e).opacity]")
    assert style[0] == "none"
    assert float(style[1]) == pytest.approx(split(tab), abs=0.01)
    assert 0 < split(tab) < 1
    expect(tab.locator(".divider").first).to_be_hidden()


def test_a_taken_photo_is_shown_first_and_leaves_in_time_even_while_held(show):
    tab = show("cat", "cup")
    tab.locator("din-stage").evaluate(TAKEN)
    shown(tab, "me")
    expect(tab.get_by_role("button", name="Take another")).to_be_visible()
    expect(tab.locator(".segments i")).to_have_count(3)
    tab.keyboard.press(" ")
    tab.clock.run_for(20_100)
    shown(tab, "cat")
    expect(tab.locator(".segments i")).to_have_count(2)
    expect(tab.get_by_role("button", name="Take a photo")).to_be_visible()


def test_a_pair_whose_pictures_are_gone_is_left_out(show):
    tab = show("cat", "gone", "cup")
    tab.keyboard.press("ArrowRight")
    shown(tab, "cup")
    expect(tab.locator(".segments i")).to_have_count(2)


def test_before_there_is_a_pair_it_says_so(show):
    tab = show()
    expect(tab.locator(".starting")).to_have_text("Restoring the first photos …")
    tab.evaluate(SHOW, ["cat"])
    shown(tab, "cat")
    expect(tab.locator(".starting")).to_be_hidden()


def test_without_a_camera_a_file_will_do(show, tmp_path):
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
    tab.evaluate("document.querySelector('din-stage').fail('It is too dark.')")
    expect(tab.get_by_role("alert").filter(has_text="too dark")).to_be_visible()
    tab.clock.run_for(13_000)
    expect(tab.locator(".notice")).to_be_hidden()


def test_a_press_outlasts_a_refresh(show):
    """The families are told again while a finger is on one of them."""
    tab = show("cat")
    tab.get_by_role("button", name="Take a photo").click()
    rain = tab.get_by_role("button", name="Remove rain")
    rain.hover()
    tab.mouse.down()
    tab.evaluate(SHOW, ["cat"])
    tab.mouse.up()
    expect(rain).to_have_attribute("aria-pressed", "true")


def test_a_photo_is_restored_as_its_shutter_found_the_choice(show):
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
def test_all_fits_and_can_be_touched(show, device):
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


def test_the_scripts_may_stand_in_a_page():
    for name in ("stage.js", "camera.js"):
        text = (WEB / "kiosk/static" / name).read_text(encoding="utf-8")
        assert "</script" not in text
        assert not re.search(r"https?://", text)


def test_a_server_that_goes_away_is_told_of(screen):
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
def stage_url(triton):
    with running_page("--kiosk", "--triton-url", triton.url) as (url, _):
        yield url


def pairs(tab):
    return tab.evaluate("document.querySelector('din-stage').pairs")


def test_restored_examples_join_one_after_the_other(screen, stage_url, client):
    tab = screen(stage_url)
    tab.locator(".frame").first.wait_for(timeout=15_000)
    tab.wait_for_function("document.querySelector('din-stage').pairs.length > 2", timeout=30_000)
    first, second = list(client.tasks().values())[:2]
    assert [pair["label"] for pair in pairs(tab)[:2]] == [f"Enlarge {first.scale}×", f"Enlarge {second.scale}×"]
    h, w, _ = skimage.io.imread(examples(first)[0]).shape
    assert pairs(tab)[0]["caption"] == f"{w}×{h} to {first.scale * w}×{first.scale * h} pixels"
    sizes = tab.locator(".frame img").evaluate_all("all => all.map((img) => [img.naturalWidth, img.naturalHeight])")
    assert sizes[0] == sizes[1]
    assert pairs(tab)[0]["before"] != pairs(tab)[0]["after"]
    assert tab.locator("din-stage").bounding_box() == {"x": 0, "y": 0, **SCREEN["viewport"]}


@pytest.mark.parametrize("device", [SCREEN, PHONE], ids=["screen", "phone"])
def test_a_photo_taken_here_is_restored_and_shown(screen, stage_url, device):
    tab = screen(stage_url, device)
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


def test_a_bad_file_is_explained_and_the_loop_goes_on(screen, stage_url, tmp_path):
    (tmp_path / "note.png").write_bytes(b"this is no image")
    tab = screen(stage_url)
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


def test_it_speaks_the_visitors_language(screen, stage_url):
    for tab in (screen(f"{stage_url}/?lang=de"), screen(stage_url, locale="de-AT")):
        expect(tab.get_by_role("button", name=say("stage.take").into("de"))).to_be_visible(timeout=15_000)
        assert tab.locator("html").get_attribute("lang") == "de"


def test_only_photos_of_visitors_are_restored(client, tmp_path):
    path = tmp_path / "secret.png"
    path.write_bytes(png(PICTURES["cat"]))
    show = Show(client)
    with pytest.raises(PhotoError, match="brought to this page"):
        next(show.take(path, "enlarge"))
    with pytest.raises(UnknownTaskError, match="no task 'colour'"):
        show.telling("colour")


def test_a_show_ends_with_its_page(client):
    """Nothing asks Triton any more when the connection is closed; a thread that failed would fail the test."""
    show = Show(client)
    show.begin()
    show.end()
    assert not show.is_done
    assert len(show.pairs) <= 1
