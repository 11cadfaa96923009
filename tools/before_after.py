"""Draw sheets of real photos before and after restoration: ``python -m tools.before_after --root FOLDER --out OUT``.

The subfolders contain blurred, rainy or hazy photos, as their names state. Each results in a sheet with a row for each
photo: the input, and the results of every shipped network of that kind, without tiling.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from din_model import load_model
from din_model.data import list_photos, read_photo
from din_model.evaluate import restore_image
from din_model.loading import shipped_presets

ROOT = Path(__file__).parent.parent
TASKS_OF = {
    "blur": ("deblur",),
    "rain": ("derain_mixed", "derain_heavy", "derain_light"),
    "haze": ("dehaze_outdoor", "dehaze_indoor"),
}
CELL, GAP, CAPTION = 460, 4, 20  # pixels; photos are shown at their own size where that is no wider
LARGEST = 1280  # longest side of a photo that is restored, pixels; larger ones are cropped


def tasks_of(folder: str) -> tuple[str, ...]:
    """Return the tasks for the photos of a folder, by its name.

    Raises:
        ValueError: the name has none of the keywords.
    """
    for word, tasks in TASKS_OF.items():
        if word in folder:
            return tasks
    raise ValueError(f"the name of {folder} has none of {', '.join(TASKS_OF)} in it")


def networks(tasks: tuple[str, ...]) -> dict[str, torch.nn.Module]:
    """Load the shipped networks of tasks, by the names of their weights."""
    return {
        f"{task}-{preset}": load_model(task, preset).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        for task in tasks
        for preset in shipped_presets(task)
    }


def row(name: str, pictures: dict[str, NDArray[np.uint8]]) -> Image.Image:
    """Place pictures of equal size side by side, with captions."""
    cells = [Image.fromarray(picture) for picture in pictures.values()]
    for cell in cells:
        cell.thumbnail((CELL, 2 * CELL), Image.Resampling.LANCZOS)
    w, h = cells[0].size
    strip = Image.new("RGB", (len(cells) * (w + GAP) - GAP, h + CAPTION), "white")
    draw = ImageDraw.Draw(strip)
    for i, (caption, cell) in enumerate(zip(pictures, cells, strict=True)):
        strip.paste(cell, (i * (w + GAP), CAPTION))
        draw.text((i * (w + GAP) + 2, 2), caption if i else name, "black", ImageFont.load_default(13))
    return strip


def sheet(photos: list[Path], models: dict[str, torch.nn.Module]) -> Image.Image:
    """Draw a sheet with one row for each photo."""
    rows = []
    for path in photos:
        photo = read_photo(path)[:LARGEST, :LARGEST]
        pictures = {"before": photo, **{name: restore_image(model, photo) for name, model in models.items()}}
        rows.append(row(path.stem, pictures))
    whole = Image.new("RGB", (max(r.width for r in rows), sum(r.height for r in rows)), "white")
    top = 0
    for strip in rows:
        whole.paste(strip, (0, top))
        top += strip.height
    return whole


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="folder of folders of photos")
    parser.add_argument("--out", type=Path, required=True, help="folder for the sheets")
    args = parser.parse_args(arguments)
    try:
        if not args.root.is_dir():
            raise ValueError(f"there is no folder {args.root}")
        folders = sorted(path for path in args.root.iterdir() if path.is_dir())
        chosen = [(folder, tasks_of(folder.name)) for folder in folders]
        if not chosen:
            raise ValueError(f"{args.root} has no folders of photos")
        args.out.mkdir(parents=True, exist_ok=True)
        for folder, tasks in chosen:
            sheet(list_photos(folder), networks(tasks)).save(args.out / f"{folder.name}.png")
            print(f"{args.out / folder.name}.png")
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
