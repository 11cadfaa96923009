"""Makes the pictures of the page and the README: ``python docs/pictures.py`` (needs requirements-dev.txt).

The photos are scikit-image's bundled ones; the page's examples are their degraded versions.
"""

import sys
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from din_model import TASKS, load_model  # noqa: E402
from din_model.data import crop_to_multiple, degrade  # noqa: E402
from din_model.degradations.resize import bicubic_baseline  # noqa: E402
from din_model.evaluate import restore_image  # noqa: E402
from din_model.metrics import psnr  # noqa: E402

EXAMPLES = {"sr_x4": ("astronaut", "chelsea", "coffee", "rocket"), "derain_light": ("chelsea", "coffee")}
SHOWN, CROP = "astronaut", (30, 160, 200, 200)  # top, left, h, w of the crop in the README's picture
ENLARGE = 2


def main() -> None:
    for name, photos in EXAMPLES.items():
        folder = ROOT / "app/examples" / name
        folder.mkdir(parents=True, exist_ok=True)
        for photo in photos:
            hq = crop_to_multiple(getattr(skimage.data, photo)(), TASKS[name].scale)
            Image.fromarray(degrade(TASKS[name], hq, np.random.default_rng(0))).save(folder / f"{photo}.png")

    task = TASKS["sr_x4"]
    hq = crop_to_multiple(getattr(skimage.data, SHOWN)(), task.scale)
    lq = degrade(task, hq, np.random.default_rng(0))
    pictures = {
        "bicubic": bicubic_baseline(lq, hq.shape[:2]),
        "DIN (din_t)": restore_image(load_model(task.name), lq),
        "original": hq,
    }
    top, left, h, w = CROP
    sheet = Image.new("RGB", (len(pictures) * (w * ENLARGE + 8) - 8, h * ENLARGE + 28), "white")
    draw = ImageDraw.Draw(sheet)
    for i, (label, picture) in enumerate(pictures.items()):
        figure = "" if picture is hq else f", {psnr(picture, hq, border=task.scale):.2f} dB"
        crop = Image.fromarray(picture[top : top + h, left : left + w])
        x = i * (w * ENLARGE + 8)
        sheet.paste(crop.resize((w * ENLARGE, h * ENLARGE), Image.Resampling.NEAREST), (x, 28))
        draw.text((x + 4, 4), label + figure, "black", ImageFont.load_default(18))
    (ROOT / "docs/images").mkdir(exist_ok=True)
    sheet.save(ROOT / "docs/images/before_after.png")


if __name__ == "__main__":
    main()
