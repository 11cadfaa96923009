"""The page as a visitor uses it, in headless Chromium."""

import os
import re
import shutil

import numpy as np
import pytest
import torch
from playwright.sync_api import expect, sync_playwright

from app import tiling
from app.server import EmbeddedTriton
from din_model.export import REPOSITORY
from tests.conftest import png, read, running_page

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="module")
def browser():
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert path, "the browser tests need Chromium: `make test` installs it, or set CHROMIUM to its path"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser, page_url):
    context = browser.new_context(viewport={"width": 1400, "height": 950}, accept_downloads=True)
    tab = context.new_page()
    tab.hosts = set()
    tab.on("request", lambda request: tab.hosts.add(re.sub(r"^\w+:/*([^/:]*).*", r"\1", request.url)))
    tab.goto(page_url)
    expect(tab.locator("#restore")).to_be_visible()
    choose(tab, "sr_x4")
    yield tab
    context.close()


def choose(page, task):
    page.locator(f"#task input[value={task}]").check()


def upload(page, path):
    page.set_input_files("#photo input[type=file]", str(path))
    expect(page.locator("#photo img")).to_be_visible()


def restore_and_download(page, tmp_path):
    page.click("#restore")
    expect(page.locator("#report")).to_contain_text("network din_", timeout=60_000)
    expect(page.locator("#download")).to_be_enabled()
    with page.expect_download() as download:
        page.click("#download")
    target = tmp_path / download.value.suggested_filename
    download.value.save_as(target)
    return target


def in_process(photo):
    """What the exported network makes of a photo here, tile by tile, without a server."""
    model = torch.jit.load(REPOSITORY / "din_sr_x4/1/model.pt")
    torch.set_num_threads(1)  # as Triton's instances on two cores: sums are split by threads
    canvas = np.zeros((photo.shape[0] * 4, photo.shape[1] * 4, 3), np.uint8)
    for tile in tiling.plan(photo.shape[:2], tile=192, overlap=16):
        with torch.inference_mode(), torch.jit.optimized_execution(False):
            restored = model(torch.tensor(tiling.cut(photo, tile)[None]))[0][0].numpy()
        tiling.stitch(canvas, tile, restored, 4)
    return canvas


def test_upload_restore_compare_download(page, small_photo, tmp_path):
    path = tmp_path / "holiday.png"
    path.write_bytes(png(small_photo))
    expect(page.locator("#download")).to_be_disabled()
    upload(page, path)
    target = restore_and_download(page, tmp_path)
    assert target.name == "holiday_sr_x4.png"
    assert np.array_equal(read(target), in_process(small_photo))
    before, after = page.locator("#comparison img").all()[:2]
    assert before.evaluate("i => [i.naturalWidth, i.naturalHeight]") == [336, 240]
    assert after.evaluate("i => [i.naturalWidth, i.naturalHeight]") == [336, 240]
    assert before.get_attribute("src") != after.get_attribute("src")
    assert page.hosts == {"127.0.0.1"}, "the page asked an outside host"


def test_a_large_photo_goes_through_tiles_with_progress(page, tmp_path):
    photo = np.random.default_rng(0).integers(0, 256, (300, 500, 3)).astype(np.uint8)
    path = tmp_path / "large.png"
    path.write_bytes(png(photo))
    upload(page, path)
    page.click("#restore")
    expect(page.get_by_text(re.compile(r"[1-5]/6 tiles")).first).to_be_visible(timeout=30_000)
    target = restore_and_download(page, tmp_path)
    # Tiles that Triton batches together may differ by one level from tiles run alone.
    error = np.abs(read(target).astype(int) - in_process(photo))
    assert error.max() <= 1
    assert (error > 0).mean() < 0.01


def test_an_example_is_one_click_away(page, tmp_path):
    page.locator("#examples-sr_x4 button").first.click()
    expect(page.locator("#photo img")).to_be_visible()
    assert read(restore_and_download(page, tmp_path)).shape[:2] == (512, 512)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("empty.png", b"", "The file is empty"),
        ("note.png", b"this is no image", "The file is not an image that can be read"),
        ("cut.png", png(np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8))[:900], "damaged"),
        ("long.png", png(np.zeros((10, 700_000, 3), np.uint8)), "above the limit of 96.0 megapixels"),
    ],
)
def test_bad_files_are_explained(page, tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    page.set_input_files("#photo input[type=file]", str(tmp_path / name))
    page.wait_for_timeout(500)
    page.click("#restore")
    expect(page.get_by_test_id("toast-body")).to_contain_text(sentence, timeout=20_000)
    expect(page.locator("#download")).to_be_disabled()


def test_a_single_pixel_is_restored_with_a_word(page, tmp_path):
    (tmp_path / "pixel.png").write_bytes(png(np.zeros((1, 1, 3), np.uint8)))
    upload(page, tmp_path / "pixel.png")
    assert read(restore_and_download(page, tmp_path)).shape == (4, 4, 3)
    expect(page.locator("#report")).to_contain_text("only 1x1 pixels")


def test_a_triton_that_goes_away_is_explained(browser, tmp_path, small_photo):
    with EmbeddedTriton() as triton:
        triton.wait_ready()
        with running_page("--triton-url", triton.url) as (url, _):
            tab = browser.new_page()
            tab.goto(url)
            expect(tab.locator("#restore")).to_be_visible()
            choose(tab, "sr_x4")
            triton.stop()
            (tmp_path / "photo.png").write_bytes(png(small_photo))
            upload(tab, tmp_path / "photo.png")
            tab.click("#restore")
            expect(tab.get_by_test_id("toast-body")).to_contain_text("does not answer; it may be restarting")
            tab.close()


def test_every_task_has_examples_and_shows_only_its_own(page, client):
    tasks = list(client.tasks())
    assert tasks
    for task in reversed(tasks):
        choose(page, task)
        expect(page.locator(f"#examples-{task} button").first).to_be_visible()
        assert page.locator("[id^=examples-]").count() == 1
        page.locator(f"#examples-{task} button").first.click()
        expect(page.locator("#photo img")).to_be_visible()


def test_the_first_photo_of_a_task_says_that_it_loads_the_network(browser, small_photo, tmp_path):
    (tmp_path / "photo.png").write_bytes(png(small_photo))
    with running_page() as (url, _):
        tab = browser.new_page()
        tab.goto(url)
        expect(tab.locator("#restore")).to_be_visible()
        choose(tab, "sr_x4")
        upload(tab, tmp_path / "photo.png")
        tab.click("#restore")
        expect(tab.get_by_text("Loading the network").first).to_be_visible(timeout=10_000)
        expect(tab.locator("#report")).to_contain_text("network din_", timeout=60_000)
        tab.close()


def test_restore_without_a_photo_is_explained(page):
    page.click("#restore")
    expect(page.get_by_test_id("toast-body")).to_contain_text("Choose a photo first")
