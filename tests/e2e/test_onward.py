"""On with it: a result is the photo of the next task, and steps are taken back one by one."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from app import codec
from app.client import RestorationClient
from app.pipeline.chain import chain_steps
from app.pipeline.restore import run
from tests.e2e.browser import DESK, PHONE
from tests.e2e.visitor import WAIT_MS, bring, choose, done, download, labels, restore, states
from tests.support.files import png, read, read_bytes
from tests.support.processes import wait_until

NARROW = {**PHONE, "viewport": {"width": 360, "height": 740}}
RAIN, ENLARGE = "Remove light rain", "Enlarge 2×"


@pytest.fixture(params=[DESK, NARROW], ids=["desk", "360 pixels"])
def page(visit, request):
    return visit("?task=derain_light", request.param)


@pytest.fixture
def photo(tmp_path, small_photo):
    path = tmp_path / "holiday.png"
    path.write_bytes(png(small_photo))
    return path


def go_on(page: Page, task: str) -> None:
    """Choose the next task under the result, and start it."""
    page.locator("#next_task input").click()
    page.get_by_role("option", name=task, exact=True).click()
    page.click("#go_on")


def steps(page: Page) -> list[str]:
    return page.locator(".din-chain li").all_inner_texts()


def is_at(page: Page, *labels_: str) -> None:
    """Wait until the chain is this one, and its file can be downloaded."""
    wait_until(lambda: steps(page) == (["Before", *labels_] if len(labels_) > 1 else []), WAIT_MS / 1000)
    expect(page.locator("#report h3")).to_have_text(f"{' → '.join(labels_)} · holiday")
    done(page)


def saved(page: Page, folder: Path, name: str) -> Path:
    wait_until(lambda: download(page, folder).name == name)
    return folder / name


def expected(client: RestorationClient, photo: Path, *names: str) -> codec.Photo:
    return run(chain_steps(codec.decode(photo), tuple(client.task(name) for name in names), client)).after


def test_a_result_goes_on_and_steps_are_undone_one_by_one(page, photo, client, tmp_path):
    bring(page, photo)
    expect(page.locator("#onward")).to_be_hidden()
    restore(page)
    expect(page.locator("#go_on")).to_be_visible()
    expect(page.locator("#undo")).to_be_hidden()
    divider = page.locator("#comparison din-compare").get_by_role("slider")
    divider.focus()
    page.keyboard.press("End")
    go_on(page, ENLARGE)
    is_at(page, RAIN, ENLARGE)
    expect(divider).to_have_attribute("aria-valuenow", "50")  # both are seen
    assert labels(page) == ["Before (bicubic)", RAIN, f"{RAIN} → {ENLARGE}"]
    assert states(page)[-1]["width"] == 2 * 84
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it is wider than the screen"
    found = read(saved(page, tmp_path, "holiday_derain_light_sr_x2.png"))
    assert np.array_equal(found, expected(client, photo, "derain_light", "sr_x2").rgb)

    go_on(page, "Sharpen shaken photos")
    is_at(page, RAIN, ENLARGE, "Sharpen shaken photos")
    found = read(saved(page, tmp_path, "holiday_derain_light_sr_x2_deblur.png"))
    assert np.array_equal(found, expected(client, photo, "derain_light", "sr_x2", "deblur").rgb)

    page.click("#undo")
    is_at(page, RAIN, ENLARGE)
    found = read(saved(page, tmp_path, "holiday_derain_light_sr_x2.png"))
    assert np.array_equal(found, expected(client, photo, "derain_light", "sr_x2").rgb)
    page.click("#undo")
    is_at(page, RAIN)
    assert labels(page) == ["Before", RAIN]
    expect(page.locator("#undo")).to_be_hidden()
    expect(page.locator("#go_on")).to_be_focused()
    found = read(saved(page, tmp_path, "holiday_derain_light.png"))
    assert np.array_equal(found, expected(client, photo, "derain_light").rgb)


def test_the_strength_of_a_chain_is_between_the_photo_and_its_result(desk, photo, client, tmp_path):
    choose(desk, "derain", "derain_light")
    bring(desk, photo)
    restore(desk)
    go_on(desk, ENLARGE)
    is_at(desk, RAIN, ENLARGE)
    desk.locator("#strength input[type=range]").fill("40")
    whole = expected(client, photo, "derain_light", "sr_x2")
    found = read(saved(desk, tmp_path, "holiday_derain_light_sr_x2_40percent.png"))
    assert np.array_equal(found, codec.blend(codec.decode(photo), whole, 40).rgb)


def test_a_result_that_is_too_large_for_the_next_task_is_told_at_once(desk, tmp_path):
    """Nothing is lost by it."""
    path = tmp_path / "square.png"
    path.write_bytes(png(np.random.default_rng(0).integers(0, 256, (310, 310, 3)).astype(np.uint8)))
    choose(desk, "enlarge", "sr_x8")
    bring(desk, path)
    restore(desk)
    before = labels(desk)
    go_on(desk, "Enlarge 4×")
    sentence = "Enlarged 4x the photo would have 98.4 megapixels, above the limit of 96 megapixels"
    expect(desk.get_by_test_id("toast-body")).to_contain_text(sentence, timeout=10_000)
    done(desk)
    expect(desk.locator("#go_on")).to_be_enabled()
    assert labels(desk) == before


def test_several_photos_go_on_together_and_a_bad_one_stops_nothing(desk, photo, client, tmp_path):
    names = ("a.png", "broken.png", "c.png")
    for name in names:
        (tmp_path / name).write_bytes(photo.read_bytes() if name != "broken.png" else b"no image")
    choose(desk, "derain", "derain_light")
    bring(desk, *(tmp_path / name for name in names))
    restore(desk)
    expect(desk.locator("#report h3")).to_have_text("2 of 3 photos restored")
    go_on(desk, ENLARGE)
    wait_until(lambda: steps(desk) == ["Before", RAIN, ENLARGE], WAIT_MS / 1000)
    done(desk)
    expect(desk.locator("#report h3")).to_have_text("2 of 3 photos restored")
    assert "not an image" in desk.locator(".din-outcomes li").nth(1).inner_text()
    with zipfile.ZipFile(saved(desk, tmp_path, "restored.zip")) as archive:
        assert archive.namelist() == ["a_derain_light_sr_x2.png", "c_derain_light_sr_x2.png"]
        found = read_bytes(archive.read("a_derain_light_sr_x2.png"))
    assert np.array_equal(found, expected(client, photo, "derain_light", "sr_x2").rgb)


def test_a_photo_goes_on_in_16_bits_with_its_transparency(desk, client, tmp_path):
    deep = np.random.default_rng(0).integers(0, 65536, (40, 56, 4), np.uint16)
    rgb = codec.eight_bits(deep[..., :3])
    path = tmp_path / "deep.png"
    codec.save_png(codec.Photo(rgb, deep[..., 3], deep=deep[..., :3]), path)
    choose(desk, "derain", "derain_light")
    bring(desk, path)
    restore(desk)
    go_on(desk, ENLARGE)
    wait_until(lambda: steps(desk) == ["Before", RAIN, ENLARGE], WAIT_MS / 1000)
    done(desk)
    found = codec.reopen(saved(desk, tmp_path, "deep_derain_light_sr_x2.png"))
    whole = expected(client, path, "derain_light", "sr_x2")
    assert found.deep is not None
    assert whole.deep is not None
    assert np.array_equal(found.deep, whole.deep)
    assert np.array_equal(found.alpha, whole.alpha)
