"""Draw slides: lines of text, bars, boxes and curves, for networks that enlarge.

Photos hold hardly any print, and what people enlarge often does: screenshots, slides, comics. Needs matplotlib for
its fonts (``requirements-dev.txt``).
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib import font_manager, get_data_path
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

SIZE_PX = (768, 1024)  # (h, w)
TEXT_PX = (12, 72)  # height of a line
LETTERS = "etaoinsrhldcumfpgwybvkxjqz"  # from the most frequent in English

Colour = tuple[int, int, int]


def text_fonts() -> list[Path]:
    """Return matplotlib's fonts that hold the Latin letters."""
    folder = Path(get_data_path()) / "fonts/ttf"
    named = ("DejaVuSans*", "DejaVuSerif*", "STIXGeneral*", "cmr10*", "cmss10*", "cmtt10*")
    fonts = [path for pattern in named for path in sorted(folder.glob(f"{pattern}.ttf"))]
    return [path for path in fonts if "Display" not in path.name and font_manager.get_font(str(path)).num_glyphs > 90]


def word(rng: np.random.Generator) -> str:
    """Return a made-up word or number."""
    length = int(rng.integers(1, 11))
    if rng.random() < 0.1:
        return "".join(str(digit) for digit in rng.integers(10, size=min(length, 5)))
    places = np.minimum(rng.exponential(6.0, size=length).astype(int), len(LETTERS) - 1)
    letters = "".join(LETTERS[place] for place in places)
    return letters.capitalize() if rng.random() < 0.2 else letters.upper() if rng.random() < 0.1 else letters


def two_colours(rng: np.random.Generator) -> tuple[Colour, Colour]:
    """Return a paper and an ink that can be told apart; half of the papers are white or nearly so."""
    paper = rng.integers(235, 256, size=3) if rng.random() < 0.5 else rng.integers(256, size=3)
    dark, light = rng.integers(0, 90, size=3), rng.integers(170, 256, size=3)
    ink = dark if paper.mean() > 128 else light
    if rng.random() < 0.3:
        ink = np.where(np.arange(3) == rng.integers(3), ink, paper // 2 + ink // 2)
    return colour(paper), colour(ink)


def colour(values: NDArray[np.int64]) -> Colour:
    """Return three whole numbers as Pillow takes them."""
    red, green, blue = (int(value) for value in values)
    return red, green, blue


def draw_text(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], rng: np.random.Generator, font: Path) -> None:
    """Fill a box (left, top, right, bottom) with lines of text on its own paper."""
    left, top, right, bottom = box
    paper, ink = two_colours(rng)
    draw.rectangle(box, fill=paper)
    low, high = np.log(TEXT_PX)
    height = int(np.exp(rng.uniform(low, high)))
    letters = ImageFont.truetype(font, height)
    indent = height if rng.random() < 0.3 else 0
    y = top + height // 2
    while y + height * 1.3 < bottom:
        line = word(rng)
        while draw.textlength(f"{line} n", font=letters) < (right - left) * 0.6:
            line += f" {word(rng)}"
        if indent:
            r = height // 5
            draw.ellipse((left + r, y + 2 * r, left + 3 * r, y + 4 * r), fill=ink)
        draw.text((left + height // 3 + indent, y), line, fill=ink, font=letters)
        y += int(height * 1.35)


def draw_bars(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], rng: np.random.Generator) -> None:
    """Fill a box (left, top, right, bottom) with a chart: a grid, bars and a curve."""
    left, top, right, bottom = box
    paper, ink = two_colours(rng)
    draw.rectangle(box, fill=paper, outline=ink)
    for y in range(top, bottom, int(rng.integers(12, 40))):
        draw.line((left, y, right, y), fill=ink)
    step = int(rng.integers(10, 50))
    for x in range(left + step // 2, right - step, step):
        y = int(rng.integers(top, bottom))
        draw.rectangle((x, y, x + int(step * 0.7), bottom), fill=colour(rng.integers(256, size=3)), outline=ink)
    points = [(x, int(rng.integers(top, bottom))) for x in range(left, right, step)]
    draw.line(points, fill=colour(rng.integers(256, size=3)), width=int(rng.integers(1, 6)))


def draw_shapes(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], rng: np.random.Generator) -> None:
    """Fill a box (left, top, right, bottom) with outlined shapes, as in comics and diagrams."""
    left, top, right, bottom = box
    paper, ink = two_colours(rng)
    draw.rectangle(box, fill=paper)
    for _ in range(int(rng.integers(5, 25))):
        x, y = int(rng.integers(left, right)), int(rng.integers(top, bottom))
        w, h = (int(side) for side in rng.integers(8, 140, size=2))
        place = (x, y, min(x + w, right), min(y + h, bottom))
        fill, width = colour(rng.integers(256, size=3)), int(rng.integers(1, 6))
        shape = rng.integers(4)
        if shape == 0:
            draw.ellipse(place, fill=fill, outline=ink, width=width)
        elif shape == 1:
            draw.rounded_rectangle(place, radius=min(w, h) // 8, fill=fill, outline=ink, width=width)
        elif shape == 2:
            start, end = (int(angle) for angle in rng.integers(360, size=2))
            draw.arc(place, start, end, fill=ink, width=width)
        else:
            draw.line(place, fill=ink, width=width)


def slide(seed: int, fonts: list[Path]) -> Image.Image:
    """Draw the slide of a number."""
    rng = np.random.default_rng(seed)
    h, w = SIZE_PX
    picture = Image.new("RGB", (w, h), two_colours(rng)[0])
    draw = ImageDraw.Draw(picture)
    rows, columns = (int(n) for n in rng.integers(2, 5, size=2))
    for row in range(rows):
        for column in range(columns):
            box = (column * w // columns, row * h // rows, (column + 1) * w // columns - 1, (row + 1) * h // rows - 1)
            kind = rng.random()
            if kind < 0.7:
                draw_text(draw, box, rng, fonts[int(rng.integers(len(fonts)))])
            elif kind < 0.85:
                draw_bars(draw, box, rng)
            else:
                draw_shapes(draw, box, rng)
    return picture


def main() -> None:
    """Write the slides."""
    parser = argparse.ArgumentParser(prog="python -m tools.slides", description=__doc__)
    parser.add_argument("folder", type=Path, help="to write them into, DATA/train/slides for the recipes")
    parser.add_argument("--count", type=int, default=80, help="slides (default %(default)s)")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    fonts = text_fonts()
    for number in range(args.count):
        slide(number, fonts).save(args.folder / f"{number:03}.png")


if __name__ == "__main__":
    main()
