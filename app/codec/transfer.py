"""Pass what a decoding process found through a file: arrays as NumPy writes them, never pickles, and JSON for the rest.

The process may have been taken over by a hostile photo. Reading its result runs no code of it.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from app.codec.header import Header
from app.codec.photo import Photo
from app.errors import PhotoError
from app.i18n import Text

PIXELS, METADATA = ("rgb", "alpha", "deep"), ("icc_profile", "exif")

Result = Photo | Header | PhotoError


def write_result(file: IO[bytes], result: Result) -> None:
    """Write a result into an unbuffered file."""
    arrays: dict[str, NDArray[Any]] = {}
    facts: dict[str, Any] = {}
    if isinstance(result, Photo):
        facts = {"notices": result.notices, "is_gray": result.is_gray}
        arrays = {name: value for name in PIXELS if (value := getattr(result, name)) is not None}
        metadata = {name: value for name in METADATA if (value := getattr(result, name)) is not None}
        arrays |= {name: np.frombuffer(value, np.uint8) for name, value in metadata.items()}
    elif isinstance(result, Header):
        facts = asdict(result)
    else:
        facts = {"error": result.text}
    about = {"kind": type(result).__name__, "facts": facts, "arrays": list(arrays)}
    for array in (np.frombuffer(json.dumps(about, default=asdict).encode(), np.uint8), *arrays.values()):
        np.save(file, array, allow_pickle=False)


def read_result(file: IO[bytes]) -> Result:
    """Read the result that was written into an unbuffered file.

    Raises:
        ValueError: it is none.
    """
    try:
        about = json.loads(np.load(file, allow_pickle=False).tobytes(), object_hook=as_text)
        facts = about["facts"]
        arrays = {name: np.load(file, allow_pickle=False) for name in about["arrays"]}
        if about["kind"] == Photo.__name__:
            metadata = {name: arrays.pop(name).tobytes() for name in METADATA if name in arrays}
            return Photo(**arrays, **metadata, notices=tuple(facts["notices"]), is_gray=facts["is_gray"])
        if about["kind"] == Header.__name__:
            return Header(**facts | {"size": tuple(facts["size"])})
        return PhotoError(facts["error"])
    except Exception as error:  # of any kind: the file may hold anything
        raise ValueError("not a result") from error


def as_text(found: dict[str, Any]) -> Any:
    """Return a sentence where a JSON object is one, and other objects as they are."""
    return Text(**found) if found.keys() == {"key", "values"} else found
