"""Folder layouts of the usual data sets, read by name (paper, section 5.1).

A data set is written ``FOLDER`` (clean photos, degraded on the fly) or ``LAYOUT:FOLDER``, for example
``gopro:GOPRO_Large/train``. A layout states where the ground truths are, where their inputs are and which part of a
file's name the two share.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"}


@dataclass(frozen=True)
class Sample:
    """The files of one photo.

    Attributes:
        hq: ground truth.
        lq: input, where the data set has it.
        depth: depth map, where the data set has it.
        reduced_to: share of its sides that a photo is reduced to before it is degraded, or both photos of a pair.
    """

    hq: Path
    lq: Path | None = None
    depth: Path | None = None
    reduced_to: float = 1.0


@dataclass(frozen=True)
class Layout:
    """The arrangement of a data set's folders.

    Attributes:
        hq: patterns of the ground truths, below the data set's folder; those that match are taken together.
        lq: patterns of the inputs; none where the ground truths are degraded on the fly.
        depth: patterns of depth maps, one for each ground truth.
        key: regular expression on the path below the folder; its groups match the part that a pair shares.
        spare_hq: ground truths without an input are left out; otherwise they are an error.
    """

    hq: tuple[str, ...]
    lq: tuple[str, ...] = ()
    depth: tuple[str, ...] = ()
    key: str = r"([^/]+)\.\w+$"
    spare_hq: bool = False


NUMBER = r"(?:^|/)0*(\d+)(?:_[^/]*)?\.\w+$"  # 12.png, 0012_0.9_0.2.jpg
RAIN100 = Layout(
    hq=("norain/*", "norain-*", "gt/*"),
    lq=("rain/*", "rain/X2/*", "rainy/*", "rain-*", "input/*"),
    key=r"0*(\d+)(?:x\d)?\.\w+$",
)

LAYOUTS: dict[str, Layout] = {
    "photos": Layout(hq=("**/*",)),
    "pairs": Layout(hq=("gt/*", "hq/*", "target/*"), lq=("input/*", "lq/*")),
    "depth": Layout(hq=("gt/*", "clear/*"), depth=("depth/*",)),
    "df2k": Layout(hq=("DIV2K_train_HR/*", "Flickr2K/Flickr2K_HR/*", "Flickr2K_HR/*")),
    "gopro": Layout(hq=("*/sharp/*",), lq=("*/blur/*",), key=r"([^/]+)/(?:sharp|blur)/([^/]+)\.\w+$"),
    "hide": Layout(hq=("GT/*",), lq=("train/*",), spare_hq=True),
    "hide_i": Layout(hq=("GT/*",), lq=("test/test-long-shot/*",), spare_hq=True),
    "hide_ii": Layout(hq=("GT/*",), lq=("test/test-close-ups/*",), spare_hq=True),
    "rain100l": RAIN100,
    "rain100h": RAIN100,
    "rain12": Layout(hq=("groundtruth/*",), lq=("input/*",), key=r"([^/]+)_(?:GT|in)\.\w+$"),
    "rain1400": Layout(hq=("ground_truth/*", "gt/*"), lq=("rainy_image/*", "input/*"), key=NUMBER),
    "its": Layout(hq=("clear/*", "gt/*"), lq=("hazy/*", "input/*"), key=NUMBER),
    "ots": Layout(hq=("clear/*", "gt/*"), lq=("hazy/**/*", "haze/**/*", "input/*"), key=NUMBER),
    "sots": Layout(hq=("gt/*", "clear/*"), lq=("hazy/*", "input/*"), key=NUMBER),
}


def read_dataset(name: str) -> list[Sample]:
    """Read the samples of a data set, sorted by the paths of their inputs.

    Args:
        name: ``FOLDER`` or ``LAYOUT:FOLDER``; the layouts are ``LAYOUTS``.

    Raises:
        FileNotFoundError: the folder, or one that the layout needs, is missing or holds no photo.
        ValueError: an input has no ground truth, a ground truth no input, or two have one name.
    """
    prefix, colon, rest = name.partition(":")
    layout, root = (LAYOUTS[prefix], Path(rest)) if colon and prefix in LAYOUTS else (LAYOUTS["photos"], Path(name))
    if not root.is_dir():
        hint = f"; layouts are {', '.join(LAYOUTS)}" if colon and prefix not in LAYOUTS and not root.drive else ""
        raise FileNotFoundError(f"there is no folder {root}{hint}")
    ground_truths = by_key(layout, root, layout.hq)
    if layout.lq:
        return list(pair(layout, root, ground_truths))
    if layout.depth:
        maps = by_key(layout, root, layout.depth)
        missing = [path for key, path in ground_truths.items() if key not in maps]
        if missing:
            raise ValueError(f"{missing[0]} has no depth map in {root} ({' or '.join(layout.depth)})")
        return [Sample(path, depth=maps[key]) for key, path in ground_truths.items()]
    return [Sample(path) for path in ground_truths.values()]


def files(root: Path, patterns: tuple[str, ...]) -> list[Path]:
    """List the photos that the patterns match.

    Raises:
        FileNotFoundError: there are none; the message says where they were looked for.
    """
    found = {path for pattern in patterns for path in root.glob(pattern) if path.suffix.lower() in SUFFIXES}
    if not found:
        raise FileNotFoundError(f"{root} holds no photo at {' or '.join(patterns)} ({', '.join(sorted(SUFFIXES))})")
    return sorted(found)


def key_of(layout: Layout, root: Path, path: Path) -> tuple[str, ...]:
    """Return the part of a path that a pair shares.

    Raises:
        ValueError: the path does not match the layout's key.
    """
    below = path.relative_to(root).as_posix()
    match = re.search(layout.key, below)
    if match is None:
        raise ValueError(f"{path} is not named as in this layout ({layout.key})")
    return match.groups()


def by_key(layout: Layout, root: Path, patterns: tuple[str, ...]) -> dict[tuple[str, ...], Path]:
    """Return the photos that the patterns match by their keys.

    Raises:
        FileNotFoundError, ValueError: as :func:`files` and :func:`key_of`; or two photos have one key.
    """
    paths: dict[tuple[str, ...], Path] = {}
    for path in files(root, patterns):
        # Photos that are nobody's partner may share a name, in different folders.
        key = key_of(layout, root, path) if layout.lq or layout.depth else (str(path),)
        if key in paths:
            raise ValueError(f"{paths[key]} and {path} are two photos of one name")
        paths[key] = path
    return paths


def pair(layout: Layout, root: Path, ground_truths: dict[tuple[str, ...], Path]) -> Iterator[Sample]:
    """Yield every input with its ground truth; several inputs may share one.

    Raises:
        ValueError: an input has no ground truth, or a ground truth no input.
    """
    used = set()
    for path in files(root, layout.lq):
        key = key_of(layout, root, path)
        if key not in ground_truths:
            raise ValueError(f"{path} has no ground truth in {root} ({' or '.join(layout.hq)})")
        used.add(key)
        yield Sample(ground_truths[key], lq=path)
    unused = [path for key, path in ground_truths.items() if key not in used]
    if unused and not layout.spare_hq:
        raise ValueError(f"{unused[0]} has no input in {root} ({' or '.join(layout.lq)})")
