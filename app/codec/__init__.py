"""Bytes to pixels and back: formats, orientation, depth, alpha, colour profile, EXIF, limits."""

from app.codec.decode import decode, read_size, reopen
from app.codec.encode import FORMATS, Format, Output, encode, encode_png, losses, output_name, save_png
from app.codec.finish import finish
from app.codec.photo import (
    MAX_INPUT_PIXELS,
    MAX_OUTPUT_PIXELS,
    Photo,
    Pixels,
    check_size,
    eight_bits,
    enlarge,
    fit,
    megapixels,
    resize,
)

__all__ = [
    "FORMATS",
    "MAX_INPUT_PIXELS",
    "MAX_OUTPUT_PIXELS",
    "Format",
    "Output",
    "Photo",
    "Pixels",
    "check_size",
    "decode",
    "eight_bits",
    "encode",
    "encode_png",
    "enlarge",
    "finish",
    "fit",
    "losses",
    "megapixels",
    "output_name",
    "read_size",
    "reopen",
    "resize",
    "save_png",
]
