"""Picture files, read and written by Pillow alone."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from app.codec import Pixels

ROOT = Path(__file__).parents[2]


def png(pixels: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def read(path: Path) -> Pixels:
    """The pixels of a picture on disk, by Pillow alone."""
    with Image.open(path) as image:
        return np.asarray(image)


def read_bytes(content: bytes) -> Pixels:
    """The pixels of a picture in memory, by Pillow alone."""
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image)


def exif_of(path: Path) -> dict[int, object]:
    """The EXIF of a picture on disk, by Pillow alone."""
    with Image.open(path) as image:
        return dict(image.getexif())
