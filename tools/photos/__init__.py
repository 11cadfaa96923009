"""Photos that pictures of the page and the docs are made of, by name; their authors and licences are in pairs.toml."""

from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

from app.codec import Pixels


def named(name: str) -> Pixels:
    """Return a photo of this folder, or one of scikit-image: uint8 (H, W, 3)."""
    path = Path(__file__).with_name(f"{name}.jpg")
    return np.asarray(Image.open(path)) if path.is_file() else getattr(skimage.data, name)()
