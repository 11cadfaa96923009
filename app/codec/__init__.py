"""Decode and encode photos: file formats, orientation, depth, alpha, colour profile, EXIF, limits."""

from app.codec.blend import NONE, WHOLE, blend, check_strength
from app.codec.decode import decode, reopen
from app.codec.encode import (
    DEFAULT_PERCENT,
    FORMATS,
    MAX_PERCENT,
    MIN_PERCENT,
    Format,
    Output,
    encode,
    encode_png,
    losses,
    output_name,
    save_png,
)
from app.codec.finish import finish
from app.codec.header import READ_LABELS, READ_SUFFIXES, Header, Source, read_header
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
    "DEFAULT_PERCENT",
    "FORMATS",
    "MAX_INPUT_PIXELS",
    "MAX_OUTPUT_PIXELS",
    "MAX_PERCENT",
    "MIN_PERCENT",
    "NONE",
    "READ_LABELS",
    "READ_SUFFIXES",
    "WHOLE",
    "Format",
    "Header",
    "Output",
    "Photo",
    "Pixels",
    "Source",
    "blend",
    "check_size",
    "check_strength",
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
    "read_header",
    "reopen",
    "resize",
    "save_png",
]
