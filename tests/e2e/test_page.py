"""The page in headless Chromium: upload, choose, follow the progress, compare, download."""

import re
import zipfile

import numpy as np
import pillow_heif
import pytest
import skimage.data
import torch
from PIL import ExifTags, Image
from playwright.sync_api import expect

from app.pipeline import tiling
from app.tasks import Quality
from app.triton import Triton, embedded
from din_model.export import REPOSITORY
from tests.e2e.visitor import WAIT_MS, bring, choose, click_example, done, download, labels, restore, states
from tests.support.files import exif_of, png, read
from tests.support.processes import running_page, wait_until


def in_process(photo):
    """Restore a photo with the exported network, tile by tile, without a server."""
    model = torch.jit.load(REPOSITORY / "din_sr_x4/1/model.pt")
    torch.set_num_threads(1)  # as Triton's instances on two cores: sums are split by threads
    canvas = np.zeros((photo.shape[0] * 4, photo.shape[1] * 4, 3), np.uint8)
    for tile in tiling.plan(photo.shape[:2], tile=192, overlap=16):
        with torch.inference_mode(), torch.jit.optimized_execution(False):
            restored = model(torch.tensor(tiling.cut(photo, tile)[None]))[0].numpy()
        tiling.stitch(canvas, tile, restored, 4)
    return canvas


@pytest.fixture
def small(tmp_path, small_photo):
    path = tmp_path / "holiday.png"
    path.write_bytes(png(small_photo))
    return path


@pytest.fixture
def large(tmp_path):
    """Noise of twelve tiles at four times: about a second."""
    path = tmp_path / "large.png"
    path.write_bytes(png(np.random.default_rng(0).integers(0, 256, (500, 640, 3)).astype(np.uint8)))
    return path


@pytest.fixture
def huge(tmp_path):
    """Noise that takes long enough to be stopped."""
    return noise(tmp_path / "huge.png", (2000, 2400))


def noise(path, size):
    path.write_bytes(png(np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)))
    return path


def test_upload_restore_compare_download(page, small, small_photo, tmp_path):
    expect(page.locator("#download")).to_be_disabled()
    bring(page, small)
    expect(page.locator("#uploaded")).to_contain_text("holiday.png: 84×60 pixels")
    assert labels(page) == ["Before"]
    restore(page)
    target = download(page, tmp_path)
    assert target.name == "holiday_sr_x4.png"
    assert np.array_equal(read(target), in_process(small_photo))
    assert labels(page) == ["Before (bicubic)", "Enlarge 4×"]
    assert [(state["width"], state["height"]) for state in states(page)] == [(336, 240), (336, 240)]
    expect(page.locator("#comparison")).to_be_visible()


def test_the_expected_time_is_shown_before_starting(desk, small, large):
    bring(desk, small)
    expect(desk.locator("#quality label").first).to_contain_text(re.compile(r"Fast · about [\d.]+ (s|min)"))
    expect(desk.locator("#quality label").last).to_contain_text(
        re.compile(r"Best, several passes · about [\d.]+ (s|min)")
    )
    seconds = expected_seconds(desk)
    bring(desk, large)
    expect(desk.locator("#uploaded")).to_contain_text("large.png")
    wait_until(lambda: expected_seconds(desk) > 3 * seconds)


def test_a_photo_brought_while_the_page_warms_up_gets_its_expected_time(visit, triton, small):
    with running_page("--triton-url", triton.url) as (url, _):
        tab = visit("?task=sr_x4", url=url)
        bring(tab, small)
        wait_until(lambda: expected_seconds(tab) > 0)
        tab.close()


def expected_seconds(page):
    """The expected seconds on the page; 0 while they are being updated."""
    found = re.search(r"about ([\d.]+) (s|min)", page.locator("#quality label").first.inner_text())
    return float(found[1]) * {"s": 1, "min": 60}[found[2]] if found else 0


def test_buttons_and_then_results_are_visible(page, small):
    bring(page, small)
    for button in ("#restore", "#stop"):
        expect(page.locator(button)).to_be_in_viewport(ratio=1)
    restore(page)
    expect(page.locator("#comparison .din-empty")).to_be_hidden()
    expect(page.locator("#comparison")).to_be_in_viewport(ratio=0.6)
    expect(page.locator("#stop")).to_be_in_viewport(ratio=1)


def test_there_is_no_button_that_nobody_has_named(page):
    names = [button.inner_text() for button in page.locator("button:visible").all()]
    assert len(names) > 5
    assert "Run" not in names  # Gradio's word for a button without one


def test_photos_that_are_not_restored_yet_have_a_placeholder(page, small):
    second = small.with_stem("second")
    second.write_bytes(small.read_bytes())
    bring(page, small, second)
    expect(page.locator("#comparison .din-empty")).to_contain_text("The result appears here")
    expect(page.locator("#keep")).to_be_hidden()


def test_tiles_and_time_left_are_shown_meanwhile(desk, large, tmp_path):
    bring(desk, large)
    desk.click("#restore")
    bar = desk.get_by_role("progressbar", name="Restoring")
    expect(bar).to_be_visible(timeout=30_000)
    expect(desk.locator("#progress")).to_contain_text(
        re.compile(r"\d+ of 12 tiles · about [\d.]+ s left"), timeout=30_000
    )
    done(desk)
    expect(desk.locator("#progress")).to_have_text("")
    error = np.abs(read(download(desk, tmp_path)).astype(int) - in_process(read(large)))
    # Tiles that Triton batches together may differ by one level from tiles run alone.
    assert error.max() <= 1
    assert (error > 0).mean() < 0.01


def test_stop_stops_within_a_tile_and_frees_the_server(desk, huge, client):
    bring(desk, huge)
    desk.click("#restore")
    expect(desk.locator("#progress")).to_contain_text(re.compile(r"[1-9]\d* of \d+ tiles"), timeout=30_000)
    desk.click("#stop")
    expect(desk.locator("#progress")).to_contain_text("Stopped: nothing was restored.")
    is_idle(client)
    expect(desk.locator("#restore")).to_be_enabled()
    expect(desk.locator("#stop")).to_be_disabled()


def is_idle(client):
    """Wait until Triton completes no request for a second."""
    last = []

    def stays_still():
        last.append(client.usage()["sr_x4"].requests)
        return len(last) > 10 and len(set(last[-10:])) == 1

    wait_until(stays_still)


def test_a_visitor_who_closes_the_tab_frees_the_server(visit, huge, client):
    tab = visit("?task=sr_x4")
    bring(tab, huge)
    tab.click("#restore")
    expect(tab.locator("#progress")).to_contain_text(re.compile(r"[1-9]\d* of \d+ tiles"), timeout=30_000)
    tab.close()
    is_idle(client)


def test_waiting_visitors_see_their_position_in_the_queue(visit, huge, small):
    """Two jobs run at once; the third waits and shows its position."""
    *running, waiting = [visit("?task=sr_x4") for _ in range(3)]
    for tab in running:
        bring(tab, huge)
    bring(waiting, small)
    for tab in running:
        tab.click("#restore")
        expect(tab.locator("#progress")).to_contain_text("tiles", timeout=30_000)
    waiting.click("#restore")
    expect(waiting.locator("#progress")).to_contain_text(re.compile(r"queue: 1/1"), timeout=10_000)
    for tab in running:
        tab.click("#stop")
        expect(tab.locator("#progress")).to_contain_text("Stopped")
    done(waiting)


def test_what_cannot_be_restored_is_refused_without_waiting(visit, huge, tmp_path):
    """A photo above a limit is refused at once, even if the queue is full."""
    Image.fromarray(np.zeros((2600, 2400, 3), np.uint8)).save(tmp_path / "large.png")
    *running, refused = [visit("?task=sr_x4") for _ in range(3)]
    for tab in running:
        bring(tab, huge)
        tab.click("#restore")
        expect(tab.locator("#progress")).to_contain_text("tiles", timeout=30_000)
    bring(refused, tmp_path / "large.png")
    refused.click("#restore")
    expect(refused.get_by_test_id("toast-body")).to_contain_text("use a photo of at most 6 megapixels", timeout=5000)
    refused.get_by_test_id("toast-close").click()
    refused.get_by_label("Test on a clean photo").check()
    refused.click("#restore")
    expect(refused.get_by_test_id("toast-body")).to_contain_text("may have at most 4 megapixels", timeout=5000)
    for tab in running:
        tab.click("#stop")
        expect(tab.locator("#progress")).to_contain_text("Stopped")


def test_an_example_is_one_click_away_and_then_at_once(desk):
    click_example(desk, 2, "Enlarge 4×")
    done(desk)
    assert labels(desk) == ["Before (bicubic)", "Enlarge 4×"]
    first = states(desk)[-1]["src"]
    desk.reload()
    expect(desk.locator("#task input:checked")).to_have_value("sr_x4")
    click_example(desk, 2, "Enlarge 4×")
    done(desk)
    assert states(desk)[-1]["src"] == first, "it was restored anew"


def test_every_task_has_its_examples(desk, client):
    for task in client.tasks().values():
        choose(desk, task.family, task.name)
        expect(desk.locator("#samples img").first).to_have_attribute("alt", re.compile(r"^Example 1: "))
        assert desk.locator("#samples .thumbnail-lg").count() >= 2


def test_choices_are_pictures_and_words(page, client):
    families = {task.family for task in client.tasks().values()}
    assert {e.get_attribute("value") for e in page.locator("#family input").all()} == families
    for label in page.locator("#family label").all():
        picture = label.evaluate("e => getComputedStyle(e, '::before').backgroundImage")
        assert picture.startswith('url("data:image/jpeg;base64,')
    page.locator("#family input[value=derain]").check()
    expect(page.locator("#task label:visible")).to_have_text(["Not sure", "Light rain", "Heavy rain"])
    page.locator("#task input[value=derain_mixed]").check()
    expect(page.locator("#described p:visible")).to_have_text([client.task("derain_mixed").description])


def test_tasks_and_qualities_of_one_photo_compare_side_by_side(desk, small):
    bring(desk, small)
    restore(desk)
    desk.locator("#quality input[value=best]").check()
    desk.click("#restore")
    expect(desk.locator("#report h3")).to_contain_text("Enlarge 4×, best", timeout=30_000)
    desk.locator("#task input[value=sr_x2]").check()
    desk.locator("#quality input[value=fast]").check()
    desk.click("#restore")
    expect(desk.locator("#report h3")).to_contain_text("Enlarge 2×", timeout=30_000)
    assert labels(desk) == ["Before (bicubic)", "Enlarge 4×", "Enlarge 4×, best", "Enlarge 2×"]
    desk.locator("#comparison").get_by_role("button", name="Side by side").click()
    expect(desk.locator("#comparison").get_by_role("img", name="Enlarge 4×, best")).to_be_visible()


def test_a_finer_network_is_offered_where_there_is_one(desk, small, client, tmp_path):
    finer = desk.locator("#quality label:has(input[value=finer])")
    network = client.task("sr_x4").network(Quality.FINER)
    bring(desk, small)
    restore(desk)
    finer.click()
    desk.click("#restore")
    expect(desk.locator("#report h3")).to_contain_text("Enlarge 4×, finer", timeout=30_000)
    assert labels(desk) == ["Before (bicubic)", "Enlarge 4×", "Enlarge 4×, finer"]
    desk.get_by_text("Run details").click()
    expect(desk.locator(".din-facts")).to_contain_text(network.preset)
    assert download(desk, tmp_path).name == "holiday_sr_x4_finer.png"
    choose(desk, "derain", "derain_light")
    expect(finer).to_be_hidden()
    expect(desk.locator("#quality input[value=fast]")).to_be_checked()


def test_reference_test_on_a_clean_photo(page, tmp_path):
    path = tmp_path / "clean.png"
    path.write_bytes(png(skimage.data.chelsea()))
    bring(page, path)
    page.get_by_label("Test on a clean photo").check()
    restore(page)
    assert labels(page) == ["Before (bicubic)", "Clean photo", "Enlarge 4×"]
    rows = page.locator(".din-scores tr").all()[1:]
    before, after = (float(re.findall(r"([\d.]+) dB", row.inner_text())[0]) for row in rows)
    assert 28 < before < after < 36


def test_run_facts_are_reported(desk, small):
    bring(desk, small)
    restore(desk)
    desk.get_by_text("Run details").click()
    facts = {
        row.locator("th").inner_text(): row.locator("td").inner_text() for row in desk.locator(".din-facts tr").all()
    }
    assert facts["Model"] == "din_sr_x4"
    assert facts["Network"].startswith("din_")
    assert re.fullmatch(r"(bf16|fp32) · CPU", facts["Precision and device"])
    assert facts["Tiles"] == "1"
    assert float(facts["Compute"].split()[0]) > 0
    assert re.match(r"\d+ × \d", facts["Batches (count × size)"])
    assert facts["Size"] == "84×60 to 336×240 pixels"


def test_formats_may_be_changed_afterwards(desk, small, small_photo, tmp_path):
    bring(desk, small)
    restore(desk)
    expect(desk.locator("#percent")).to_be_hidden()
    desk.locator("#format input[value=webp]").check()
    expect(desk.locator("#percent")).to_be_visible()
    wait_until(lambda: download(desk, tmp_path).suffix == ".webp")
    assert np.abs(read(tmp_path / "holiday_sr_x4.webp").astype(int) - in_process(small_photo)).mean() < 4
    desk.locator("#format input[value=tiff]").check()
    wait_until(lambda: download(desk, tmp_path).suffix == ".tif")
    assert np.array_equal(read(tmp_path / "holiday_sr_x4.tif"), in_process(small_photo))


@pytest.mark.timeout(600)  # beside other work
def test_a_result_is_shown_before_it_is_written_and_stays_as_it_is_looked_at(desk, tmp_path):
    """The zoom is kept when the file to download becomes available."""
    desk.locator("#task input[value=sr_x2]").check()
    bring(desk, noise(tmp_path / "large.png", (1400, 1680)))  # noise of this size takes seconds to be written
    desk.click("#restore")
    # Both in one look: a busy machine may take longer from one to the next than the page to write the file.
    is_offered = desk.wait_for_function(
        """() => document.querySelector("#comparison din-compare").states.length === 2
            && [document.querySelector("#download")?.checkVisibility({visibilityProperty: true}) ?? false]""",
        timeout=2 * WAIT_MS,
    )
    assert is_offered.json_value() == [False]
    desk.locator("#comparison").get_by_role("button", name="Actual pixels").click()
    done(desk)
    expect(desk.locator("#comparison output")).to_have_text("100%")


def test_exif_is_kept_or_removed_as_chosen(desk, small_photo, tmp_path):
    tags = Image.Exif()
    tags[ExifTags.Base.Make] = "Pinhole"
    Image.fromarray(small_photo).save(tmp_path / "camera.jpg", exif=tags)
    bring(desk, tmp_path / "camera.jpg")
    restore(desk)
    assert exif_of(download(desk, tmp_path))[ExifTags.Base.Make] == "Pinhole"
    desk.get_by_label("Keep EXIF").uncheck()
    wait_until(lambda: exif_of(download(desk, tmp_path)) == {})


def test_changes_of_the_photo_are_reported(desk, small_photo, tmp_path):
    photo = Image.fromarray(small_photo)
    photo.save(tmp_path / "moving.gif", save_all=True, append_images=[photo.rotate(90)])
    photo.convert("CMYK").save(tmp_path / "print.jpg")
    for name, notice in (("moving.gif", "the first one is used"), ("print.jpg", "converted from CMYK to RGB")):
        bring(desk, tmp_path / name)
        restore(desk)
        expect(desk.locator("#report")).to_contain_text(notice)


def test_many_photos_become_a_zip_in_their_order_and_a_bad_one_stops_nothing(page, small_photo, tmp_path):
    names = ["b.png", "broken.png", "a.jpg", "c.heic"]
    Image.fromarray(small_photo).save(tmp_path / "b.png")
    (tmp_path / "broken.png").write_bytes(b"no image")
    Image.fromarray(small_photo[:, ::-1]).save(tmp_path / "a.jpg")
    pillow_heif.from_pillow(Image.fromarray(small_photo)).save(tmp_path / "c.heic")
    bring(page, *(tmp_path / name for name in names))
    expect(page.locator("#uploaded")).to_contain_text("broken.png: The file is not an image that can be read")
    restore(page)
    expect(page.locator("#report h3")).to_have_text("3 of 4 photos restored")
    lines = [line.inner_text() for line in page.locator(".din-outcomes li").all()]
    assert [re.sub(r"^\W*(\w+):.*", r"\1", line) for line in lines] == ["b", "broken", "a", "c"]
    assert "not an image" in lines[1]
    with zipfile.ZipFile(download(page, tmp_path)) as archive:
        assert archive.namelist() == ["b_sr_x4.png", "a_sr_x4.png", "c_sr_x4.png"]
        with archive.open("b_sr_x4.png") as file:
            assert np.array_equal(np.asarray(Image.open(file)), in_process(small_photo))
    first = states(page)[-1]["src"]
    page.locator("#results .thumbnail-lg").first.click()
    wait_until(lambda: states(page)[-1]["src"] != first)


def test_a_photo_can_be_pasted(desk, small):
    desk.evaluate(
        """async (bytes) => {
            const pasted = new DataTransfer();
            pasted.items.add(new File([new Uint8Array(bytes)], 'pasted.png', { type: 'image/png' }));
            document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: pasted, bubbles: true }));
        }""",
        list(small.read_bytes()),
    )
    expect(desk.locator("#uploaded")).to_contain_text("pasted.png: 84×60 pixels")


def test_a_photo_can_be_dropped(desk, small):
    dropped = desk.evaluate_handle(
        """(bytes) => {
            const dropped = new DataTransfer();
            dropped.items.add(new File([new Uint8Array(bytes)], 'dropped.png', { type: 'image/png' }));
            return dropped;
        }""",
        list(small.read_bytes()),
    )
    desk.locator("#photos button").first.dispatch_event("drop", {"dataTransfer": dropped})
    expect(desk.locator("#uploaded")).to_contain_text("dropped.png: 84×60 pixels")


def test_a_photo_can_be_taken(desk):
    desk.get_by_role("button", name="Take a photo").click()
    camera = desk.locator("#webcam")
    camera.get_by_text("Click to Access Webcam").click()
    wait_until(lambda: camera.locator("video").evaluate("video => video.videoWidth > 0"))
    camera.get_by_label("capture photo").click()
    expect(desk.locator("#uploaded")).to_contain_text("pixels", timeout=20_000)
    desk.click("#restore")
    expect(desk.locator("#progress")).to_contain_text(re.compile(r"[1-9]\d* of \d+ tiles"), timeout=60_000)
    desk.click("#stop")  # it has two megapixels


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("empty.png", b"", "The file is empty"),
        ("note.png", b"this is no image", "The file is not an image that can be read"),
        ("cut.png", png(np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8))[:900], "damaged"),
        ("long.png", png(np.zeros((10, 700_000, 3), np.uint8)), "above the limit of 96 megapixels"),
    ],
)
def test_bad_files_are_explained(desk, tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    bring(desk, tmp_path / name)
    expect(desk.locator("#uploaded .din-error")).to_contain_text(sentence)
    desk.click("#restore")
    expect(desk.get_by_test_id("toast-body")).to_contain_text(sentence, timeout=20_000)
    expect(desk.locator("#download")).to_be_disabled()


def test_restore_without_a_photo_is_explained(page):
    page.click("#restore")
    expect(page.get_by_test_id("toast-body")).to_contain_text("Choose a photo first")


def test_a_single_pixel_is_restored_with_a_notice(desk, tmp_path):
    (tmp_path / "pixel.png").write_bytes(png(np.zeros((1, 1, 3), np.uint8)))
    bring(desk, tmp_path / "pixel.png")
    restore(desk)
    assert read(download(desk, tmp_path)).shape == (4, 4, 3)
    expect(desk.locator("#report")).to_contain_text("only 1x1 pixels")


def test_a_photo_waits_for_a_triton_that_goes_away(visit, small):
    """It is said at once; where none comes back it is an error, and the photo can be restored later."""
    with Triton(embedded.launch()) as triton:
        triton.wait_ready()
        with running_page("--triton-url", triton.url) as (url, _):
            tab = visit("?task=sr_x4", url=url)
            bring(tab, small)
            triton.stop()
            tab.click("#restore")
            expect(tab.locator("#progress")).to_contain_text("The server is restarting: your photo waits")
            sentence = "does not respond; it may be restarting"
            expect(tab.get_by_test_id("toast-body")).to_contain_text(sentence, timeout=WAIT_MS)
            with Triton(embedded.launch(), port=triton.port) as second:
                second.wait_ready()
                restore(tab)
            tab.close()


def test_the_first_photo_of_a_task_says_that_it_loads_the_network(visit, small):
    with running_page() as (url, _):
        tab = visit("?task=sr_x4", url=url)
        bring(tab, small)
        tab.click("#restore")
        expect(tab.locator("#progress")).to_contain_text("Loading the network", timeout=10_000)
        done(tab)
        tab.close()
