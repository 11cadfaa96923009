"""Makes the pictures of the page and the docs: ``python -m tools.pictures`` (needs the extra dev).

The photos are scikit-image's bundled ones; the page's examples are their degraded versions.
"""

from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image, ImageDraw, ImageFont

from din_model import TASKS, load_model
from din_model.data import crop_to_multiple, degrade
from din_model.evaluate import restore_image
from din_model.loading import shipped_weights
from imaging.degradations.haze import OUTDOOR
from imaging.degradations.resize import bicubic_baseline
from imaging.metrics import psnr

ROOT = Path(__file__).parent.parent
EXAMPLES = {
    "sr_x2": ("coffee", "astronaut"),
    "sr_x3": ("coffee", "astronaut"),
    "sr_x4": ("astronaut", "chelsea", "coffee", "rocket"),
    "sr_x8": ("astronaut", "chelsea"),
    "sr_x3_bd": ("astronaut", "coffee"),
    "sr_x3_dn": ("astronaut", "coffee"),
    "deblur": ("coffee", "astronaut"),
    "derain_light": ("chelsea", "coffee"),
    "derain_heavy": ("astronaut", "coffee"),
    "derain_mixed": ("rocket", "chelsea"),
    "dehaze_indoor": ("coffee", "astronaut"),
    "dehaze_outdoor": ("rocket", "chelsea"),
}
# What the contact sheet shows of a task's first example: top, left and side of a square in the restored photo.
CROPS = {
    "sr_x2": (60, 200, 160),
    "sr_x3": (60, 200, 160),
    "sr_x4": (40, 150, 160),
    "sr_x8": (20, 120, 240),
    "sr_x3_bd": (40, 150, 160),
    "sr_x3_dn": (20, 120, 240),
    "deblur": (60, 200, 240),
    "derain_light": (40, 100, 240),
    "derain_heavy": (20, 120, 240),
    "derain_mixed": (100, 200, 300),
    "dehaze_indoor": (0, 100, 400),
    "dehaze_outdoor": (0, 100, 420),
}
CELL, GAP, CAPTION, COLUMNS = 240, 6, 26, 2
# What the page shows of a family: a task, and top, left and width of what is cut from its first example.
CARDS = {
    "enlarge": ("sr_x4", (75, 165, 120)),
    "deblur": ("deblur", (60, 160, 260)),
    "derain": ("derain_heavy", (20, 85, 300)),
    "dehaze": ("dehaze_indoor", (40, 100, 400)),
}
CARD_SIZE = (200, 320)


def photo(name: str, task: str) -> np.ndarray:
    return crop_to_multiple(getattr(skimage.data, name)(), TASKS[task].scale)


def example(name: str, task: str) -> np.ndarray:
    """A degraded photo; its task alone decides the randomness, so that it can be made again."""
    hq, rng = photo(name, task), np.random.default_rng(list(TASKS).index(task))
    if task == "dehaze_outdoor":  # open land under a plain sky: far at the top, near at the bottom
        return OUTDOOR.fill_map(hq, np.linspace(0.9, 0.3, hq.shape[0])[:, None].repeat(hq.shape[1], 1), rng)
    return degrade(TASKS[task], hq, rng)


def make_examples() -> None:
    for task, photos in EXAMPLES.items():
        folder = ROOT / "app/examples" / task
        folder.mkdir(parents=True, exist_ok=True)
        for name in photos:
            Image.fromarray(example(name, task)).save(folder / f"{name}.png", optimize=True)


def states(task: str) -> dict[str, np.ndarray]:
    """A task's first example before (enlarged), restored and as it was, with its scores in the captions."""
    hq, lq = photo(EXAMPLES[task][0], task), example(EXAMPLES[task][0], task)
    restored = restore_image(load_model(task), lq)
    before = bicubic_baseline(lq, hq.shape[:2])
    border = TASKS[task].scale if TASKS[task].scale > 1 else 0
    on = TASKS[task].metric
    return {
        f"{task} {psnr(before, hq, on, border):.2f} dB": before,
        f"restored {psnr(restored, hq, on, border):.2f} dB": restored,
        "original": hq,
    }


def strip(task: str) -> Image.Image:
    """One row of the contact sheet: the same square of the three states."""
    pictures = states(task)
    top, left, side = CROPS[task]
    row = Image.new("RGB", (len(pictures) * (CELL + GAP) - GAP, CELL + CAPTION), "white")
    draw = ImageDraw.Draw(row)
    for i, (caption, picture) in enumerate(pictures.items()):
        square = Image.fromarray(picture[top : top + side, left : left + side])
        row.paste(square.resize((CELL, CELL), Image.Resampling.LANCZOS), (i * (CELL + GAP), CAPTION))
        draw.text((i * (CELL + GAP) + 2, 3), caption, "black", ImageFont.load_default(16))
    return row


def make_sheet(tasks: list[str], columns: int) -> Image.Image:
    strips = [strip(task) for task in tasks]
    w, h = strips[0].width + 3 * GAP, strips[0].height + GAP
    rows = -(-len(strips) // columns)
    sheet = Image.new("RGB", (columns * w - 3 * GAP, rows * h - GAP), "white")
    for i, picture in enumerate(strips):
        sheet.paste(picture, (i // rows * w, i % rows * h))
    return sheet


def card(task: str, crop: tuple[int, int, int]) -> Image.Image:
    """The left half of a picture as it was before, the right half restored."""
    before, restored, _ = states(task).values()
    (top, left, w), (h, full) = crop, CARD_SIZE
    rows, columns = slice(top, top + w * h // full), slice(left, left + w)
    halves = np.hstack([before[rows, columns][:, : w // 2], restored[rows, columns][:, w // 2 :]])
    picture = Image.fromarray(halves).resize((full, h), Image.Resampling.LANCZOS)
    ImageDraw.Draw(picture).line([(full // 2, 0), (full // 2, h)], "white", 3)
    return picture


def make_cards() -> None:
    folder = ROOT / "app/web/restore/static/cards"
    folder.mkdir(parents=True, exist_ok=True)
    for family, (task, crop) in CARDS.items():
        card(task, crop).save(folder / f"{family}.jpg", quality=82, optimize=True)


def main() -> None:
    make_examples()
    make_cards()
    images = ROOT / "docs/images"
    images.mkdir(exist_ok=True)
    make_sheet(["sr_x4"], 1).save(images / "before_after.png")
    shipped = [task for task in TASKS if shipped_weights(task)]
    make_sheet(shipped, COLUMNS).save(images / "contact_sheet.jpg", quality=90)


if __name__ == "__main__":
    main()
