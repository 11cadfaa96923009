"""The strength of a restoration on the page: what is shown and what is saved."""

import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from playwright.sync_api import Page, expect

from app import codec
from app.pipeline.restore import restore as restored
from tests.e2e.visitor import bring, done, download, labels, restore, states
from tests.support.files import png, read
from tests.support.processes import wait_until

DEEP = np.random.default_rng(0).integers(0, 65536, (40, 56, 4), np.uint16)  # RGBA


def set_strength(page: Page, strength: int) -> None:
    """Move the slider, as its arrow keys do."""
    slider = page.locator("#strength input[type=range]")
    slider.fill(str(strength))
    expect(page.locator("#strength input[type=number]")).to_have_value(str(strength))
    done(page)


def is_labelled(page: Page, label: str) -> None:
    """Wait until the last state in the comparison has a label."""
    wait_until(lambda: labels(page)[-1] == label)


def saved_as(page: Page, folder: Path, name: str) -> Path:
    """Download until the file has a name; return its path."""
    wait_until(lambda: download(page, folder).name == name)
    return folder / name


def shown(page: Page) -> np.ndarray[Any, Any]:
    """The pixels of the last state in the comparison."""
    content = page.request.get(f"{page.url.split('?')[0]}{states(page)[-1]['src']}").body()
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(int)


def test_the_slider_decides_what_is_shown_and_saved(page, small_photo, client, tmp_path):
    whole = restored(png(small_photo), client.task("sr_x4"), client)
    (tmp_path / "holiday.png").write_bytes(png(small_photo))
    bring(page, tmp_path / "holiday.png")
    expect(page.locator("#strength")).to_be_hidden()
    restore(page)
    expect(page.locator("#strength")).to_be_visible()
    expect(page.locator("#strength button")).to_have_count(0)  # Gradio's own would move it without an event
    for strength in (0, 60):
        set_strength(page, strength)
        is_labelled(page, f"Enlarge 4×, {strength}%")
        expected = codec.blend(whole.before, whole.after, strength).rgb
        assert np.abs(shown(page) - expected).mean() < 3  # JPEG
        saved = saved_as(page, tmp_path, f"holiday_sr_x4_{strength}percent.png")
        assert np.array_equal(read(saved), expected)
    set_strength(page, 100)
    is_labelled(page, "Enlarge 4×")
    assert np.array_equal(read(saved_as(page, tmp_path, "holiday_sr_x4.png")), whole.after.rgb)


def test_16_bits_and_transparency_are_kept_and_another_photo_has_the_same_strength(desk, client, tmp_path):
    """What is saved afterwards, of several photos and in another format, is blended, too."""
    names = ("first.png", "second.png")
    for place, name in enumerate(names):
        content = cv2.imencode(".png", np.ascontiguousarray(DEEP[:, :: 1 - 2 * place][..., [2, 1, 0, 3]]))[1].tobytes()
        (tmp_path / name).write_bytes(content)
    bring(desk, *(tmp_path / name for name in names))
    desk.locator("#task input[value=sr_x2]").check()
    restore(desk)
    set_strength(desk, 30)
    is_labelled(desk, "Enlarge 2×, 30%")
    second = states(desk)[-1]["src"]
    desk.locator("#results .thumbnail-lg").first.click()
    wait_until(lambda: states(desk)[-1]["src"] != second)
    assert labels(desk)[-1] == "Enlarge 2×, 30%"
    desk.locator("#format input[value=tiff]").check()
    done(desk)
    with zipfile.ZipFile(download(desk, tmp_path)) as archive:
        assert archive.namelist() == ["first_sr_x2_30percent.tif", "second_sr_x2_30percent.tif"]
        for name, found in zip(names, archive.namelist(), strict=True):
            whole = restored(tmp_path / name, client.task("sr_x2"), client)
            expected = codec.blend(whole.before, whole.after, 30)
            pixels = cv2.imdecode(np.frombuffer(archive.read(found), np.uint8), cv2.IMREAD_UNCHANGED)
            assert pixels.dtype == np.uint16
            assert expected.deep is not None
            assert np.array_equal(pixels[..., 2::-1], expected.deep)
            assert np.array_equal(pixels[..., 3], expected.alpha)
