"""Folder layouts: each data set as it is distributed, and what is said of a broken one."""

from collections.abc import Sequence

import pytest
from PIL import Image

from din_model.datasets import LAYOUTS, read_dataset

# For every layout: the files of a small copy, and the pairs (input, ground truth) or ground truths they make.
COPIES: dict[str, tuple[list[str], Sequence[str | tuple[str, str]]]] = {
    "photos": (["a.png", "deep/b.jpg"], ["a.png", "deep/b.jpg"]),
    "pairs": (["gt/a.png", "input/a.jpg"], [("input/a.jpg", "gt/a.png")]),
    "depth": (["clear/1.jpg", "depth/1.png"], ["clear/1.jpg"]),
    "df2k": (
        ["DIV2K_train_HR/0001.png", "Flickr2K/Flickr2K_HR/000001.png", "DIV2K_train_LR_bicubic/X4/0001x4.png"],
        ["DIV2K_train_HR/0001.png", "Flickr2K/Flickr2K_HR/000001.png"],
    ),
    "gopro": (
        [f"{scene}/{kind}/000001.png" for scene in ("A_11_00", "B_11_01") for kind in ("sharp", "blur", "blur_gamma")],
        [
            ("A_11_00/blur/000001.png", "A_11_00/sharp/000001.png"),
            ("B_11_01/blur/000001.png", "B_11_01/sharp/000001.png"),
        ],
    ),
    "hide": (["GT/1.png", "GT/2.png", "train/1.png"], [("train/1.png", "GT/1.png")]),
    "hide_i": (
        ["GT/1.png", "GT/2.png", "test/test-long-shot/2.png"],
        [("test/test-long-shot/2.png", "GT/2.png")],
    ),
    "hide_ii": (
        ["GT/1.png", "GT/2.png", "test/test-close-ups/2.png"],
        [("test/test-close-ups/2.png", "GT/2.png")],
    ),
    "rain100l": (["norain-001.png", "rainy/rain-001.png"], [("rainy/rain-001.png", "norain-001.png")]),
    "rain100h": (["norain/norain-12.png", "rain/norain-12x2.png"], [("rain/norain-12x2.png", "norain/norain-12.png")]),
    "rain12": (["groundtruth/001_GT.png", "input/001_in.png"], [("input/001_in.png", "groundtruth/001_GT.png")]),
    "rain1400": (
        ["ground_truth/901.jpg", "rainy_image/901_1.jpg", "rainy_image/901_14.jpg"],
        [("rainy_image/901_1.jpg", "ground_truth/901.jpg"), ("rainy_image/901_14.jpg", "ground_truth/901.jpg")],
    ),
    "its": (
        ["clear/1.png", "clear/11.png", "hazy/1_1_0.90179.png", "hazy/11_1_0.8.png", "trans/1_1.png"],
        [("hazy/11_1_0.8.png", "clear/11.png"), ("hazy/1_1_0.90179.png", "clear/1.png")],
    ),
    "ots": (["clear/0005.jpg", "haze/part1/0005_0.8_0.04.jpg"], [("haze/part1/0005_0.8_0.04.jpg", "clear/0005.jpg")]),
    "sots": (["gt/1400.png", "hazy/1400_10.png"], [("hazy/1400_10.png", "gt/1400.png")]),
}


def make(root, names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(root / name)


def test_every_layout_has_a_copy():
    assert set(COPIES) == set(LAYOUTS)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_finds_its_pairs(layout, tmp_path):
    names, expected = COPIES[layout]
    make(tmp_path, names)
    samples = read_dataset(f"{layout}:{tmp_path}")
    below = [[p.relative_to(tmp_path).as_posix() for p in (s.lq, s.hq) if p is not None] for s in samples]
    assert below == [list(e) if isinstance(e, tuple) else [e] for e in expected]


def test_a_plain_folder_is_clean_photos(tmp_path):
    make(tmp_path, ["b.png", "a.png"])
    assert [s.hq.name for s in read_dataset(str(tmp_path))] == ["a.png", "b.png"]


def test_depth_maps_come_with_their_photos(tmp_path):
    make(tmp_path, ["clear/1.jpg", "depth/1.png"])
    assert read_dataset(f"depth:{tmp_path}")[0].depth == tmp_path / "depth/1.png"


@pytest.mark.parametrize(
    ("layout", "names", "message"),
    [
        ("gopro", ["A/sharp/1.png", "A/blur/1.png", "A/blur/2.png"], r"2\.png has no ground truth in .* \(\*/sharp/"),
        ("gopro", ["A/sharp/1.png", "A/sharp/2.png", "A/blur/1.png"], r"sharp.2\.png has no input in .* \(\*/blur/"),
        ("rain12", ["groundtruth/001_GT.png", "input/001.png"], r"001\.png is not named as in this layout"),
        ("rain100l", ["norain/norain-1.png", "norain-001.png", "rain/rain-1.png"], "are two photos of one name"),
        ("depth", ["gt/1.png", "gt/2.png", "depth/1.png"], r"2\.png has no depth map in .* \(depth/"),
    ],
)
def test_a_broken_pair_is_named(layout, names, message, tmp_path):
    make(tmp_path, names)
    with pytest.raises(ValueError, match=message):
        read_dataset(f"{layout}:{tmp_path}")


def test_missing_folders_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere$"):
        read_dataset(f"gopro:{tmp_path / 'nowhere'}")
    with pytest.raises(FileNotFoundError, match=r"there is no folder gorpo:.*; layouts are photos, pairs"):
        read_dataset(f"gorpo:{tmp_path}")
    with pytest.raises(FileNotFoundError, match=r"holds no photo at \*/sharp/\* \(\.bmp"):
        read_dataset(f"gopro:{tmp_path}")
    make(tmp_path, ["A/sharp/1.png"])
    with pytest.raises(FileNotFoundError, match=r"holds no photo at \*/blur/\*"):
        read_dataset(f"gopro:{tmp_path}")
