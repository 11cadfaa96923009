"""Make the pictures of the page and the docs: ``python -m tools.pictures`` (needs the extra dev).

The page's examples are degraded photos. Which ones, and their crops, is in ``din_model.tasks.Pictures``.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from app.codec import Pixels
from din_model import TASKS, load_model
from din_model.data import crop_to_multiple, degrade
from din_model.evaluate import restore_image
from din_model.loading import shipped_weights
from din_model.tasks import Task
from imaging.degradations.resize import bicubic_baseline
from imaging.metrics import score
from tools.photos import named

ROOT = Path(__file__).parent.parent
CELL, GAP, CAPTION, COLUMNS = 240, 6, 26, 2
CARD_SIZE = (200, 320)


def photo(name: str, task: Task) -> Pixels:
    """Return a photo, uint8 (H, W, 3), of a size that the task's scale divides."""
    return crop_to_multiple(named(name), task.scale)


def example(name: str, task: Task) -> Pixels:
    """Degrade a photo; the seed depends on the task alone, so that examples are reproducible."""
    seed = list(TASKS).index(task.name) if task.pictures.seed is None else task.pictures.seed
    hq, rng = photo(name, task), np.random.default_rng(seed)
    if task.pictures.depth is None or task.degradation.with_depth is None:
        return degrade(task, hq, rng)
    depth = np.linspace(*task.pictures.depth, hq.shape[0])[:, None].repeat(hq.shape[1], 1)
    return task.degradation.with_depth(hq, depth, rng)


def make_examples() -> None:
    """Write the examples of the page."""
    for task in TASKS.values():
        folder = ROOT / "app/examples" / task.name
        folder.mkdir(parents=True, exist_ok=True)
        for name in task.pictures.photos:
            Image.fromarray(example(name, task)).save(folder / f"{name}.png", optimize=True)


def states(task: Task) -> dict[str, Pixels]:
    """Return a task's first example before (enlarged) and after restoration, and the original, by caption."""
    name = task.pictures.photos[0]
    hq, lq = photo(name, task), example(name, task)
    restored = restore_image(load_model(task.name), lq)
    before = bicubic_baseline(lq, (hq.shape[0], hq.shape[1]))
    return {
        f"{task.name} {score(before, hq, task.metric, task.scale).psnr:.2f} dB": before,
        f"restored {score(restored, hq, task.metric, task.scale).psnr:.2f} dB": restored,
        "original": hq,
    }


def strip(task: Task) -> Image.Image:
    """Draw a row of the contact sheet: the same square of the three states."""
    pictures = states(task)
    top, left, side = task.pictures.square
    row = Image.new("RGB", (len(pictures) * (CELL + GAP) - GAP, CELL + CAPTION), "white")
    draw = ImageDraw.Draw(row)
    for i, (caption, picture) in enumerate(pictures.items()):
        square = Image.fromarray(picture[top : top + side, left : left + side])
        row.paste(square.resize((CELL, CELL), Image.Resampling.LANCZOS), (i * (CELL + GAP), CAPTION))
        draw.text((i * (CELL + GAP) + 2, 3), caption, "black", ImageFont.load_default(16))
    return row


def make_sheet(tasks: list[Task], columns: int) -> Image.Image:
    """Draw the contact sheet of tasks, down the columns."""
    strips = [strip(task) for task in tasks]
    w, h = strips[0].width + 3 * GAP, strips[0].height + GAP
    rows = -(-len(strips) // columns)
    sheet = Image.new("RGB", (columns * w - 3 * GAP, rows * h - GAP), "white")
    for i, picture in enumerate(strips):
        sheet.paste(picture, (i // rows * w, i % rows * h))
    return sheet


def card(task: Task, crop: tuple[int, int, int]) -> Image.Image:
    """Draw a picture whose left half is the input and whose right half is restored."""
    before, restored, _ = states(task).values()
    (top, left, w), (h, full) = crop, CARD_SIZE
    rows, columns = slice(top, top + w * h // full), slice(left, left + w)
    halves = np.hstack([before[rows, columns][:, : w // 2], restored[rows, columns][:, w // 2 :]])
    picture = Image.fromarray(halves).resize((full, h), Image.Resampling.LANCZOS)
    ImageDraw.Draw(picture).line([(full // 2, 0), (full // 2, h)], "white", 3)
    return picture


def make_cards() -> None:
    """Write the pictures of the task families."""
    folder = ROOT / "app/web/restore/static/cards"
    folder.mkdir(parents=True, exist_ok=True)
    for task in TASKS.values():
        if task.pictures.card is not None:
            card(task, task.pictures.card).save(folder / f"{task.family.name}.jpg", quality=82, optimize=True)


def main() -> None:
    make_examples()
    make_cards()
    images = ROOT / "docs/images"
    images.mkdir(exist_ok=True)
    make_sheet([TASKS["sr_x4"]], 1).save(images / "before_after.png")
    shipped = [task for task in TASKS.values() if shipped_weights(task.name)]
    make_sheet(shipped, COLUMNS).save(images / "contact_sheet.jpg", quality=90)


if __name__ == "__main__":
    main()
