"""Make the pairs that the page opens with: ``python -m tools.intro`` (needs the extra dev).

They are those of ``app/web/restore/static/intro/pairs.toml``, restored by the shipped weights.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from app.codec import Pixels
from app.web.restore.intro import Pair, read_pairs
from din_model import TASKS, load_model
from din_model.data import degrade
from din_model.evaluate import restore_image
from imaging.degradations.resize import bicubic_baseline
from tools.photos import named

PERCENT = 92


def photo(pair: Pair) -> Pixels:
    """Return the part of the photo that a pair shows, uint8 (H, W, 3)."""
    top, left, height, width = pair.crop
    return np.ascontiguousarray(named(pair.photo)[top : top + height, left : left + width])


def make(pair: Pair) -> dict[Path, Image.Image]:
    """Degrade and restore the photo of a pair; return the pictures by the files that they belong in."""
    task, hq = TASKS[pair.task], photo(pair)
    lq = degrade(task, hq, np.random.default_rng(pair.seed))
    before, after = bicubic_baseline(lq, (hq.shape[0], hq.shape[1])), restore_image(load_model(task.name), lq)
    return {pair.before: Image.fromarray(before), pair.after: Image.fromarray(after)}


def main() -> None:
    for pair in read_pairs():
        for path, picture in make(pair).items():
            picture.save(path, quality=PERCENT, method=6)
            print(path, path.stat().st_size, "bytes", flush=True)


if __name__ == "__main__":
    main()
