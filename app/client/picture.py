"""What a client takes as a photo."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from app import codec
from app.client.tensors import check_pixels
from app.codec import Photo, Pixels
from app.errors import PhotoError

Picture = Photo | Pixels | bytes | Path  # decoded, or pixels, or a file's content, or a file


def read_picture(picture: Picture, scale: int) -> Photo:
    """Return a picture as a decoded photo.

    Args:
        picture: an image file, its content, or uint8 (H, W, 3) RGB pixels.
        scale: of the task, for the limit on the result.

    Raises:
        PhotoError: it cannot be decoded, has another type or shape, or is too large.
        OSError: the file cannot be opened.
    """
    if isinstance(picture, np.ndarray):
        check_pixels(picture)
        picture = Photo(picture)
    if isinstance(picture, Photo):
        codec.check_size(picture.size, scale)
        return picture
    if not isinstance(picture, bytes | Path):
        raise PhotoError(
            f"A photo is a file's content in bytes, its Path, or pixels in an array; this is {type(picture).__name__}."
        )
    return codec.decode(picture, scale)
