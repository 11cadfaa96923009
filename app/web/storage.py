"""Where the page keeps what visitors bring and get: in Gradio's folder, which it serves."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from app import codec
from app.codec import Photo
from app.errors import PhotoError
from app.i18n import say
from app.web.gradio_compat import upload_folder

# No file is kept for longer; the folder is looked through every so often, for those that would be before the next time.
CACHE_AGE_S = 600
CACHE_SWEEP_S = 60
# What is shown has at most this many pixels: browsers stall on more. The download is always whole.
MAX_PREVIEW_PIXELS = 8_000_000

RESULTS, KEPT = "results", "kept"


def new_folder(is_kept: bool = False) -> Path:
    """An empty folder, for a visitor or, if it is to be kept as long as the page runs, for everyone."""
    parent = upload_folder() / (KEPT if is_kept else RESULTS)
    parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=parent))


def sweep(age_s: float) -> None:
    """Deletes what visitors brought or got, by whatever way, once it has lain there for so long."""
    root = upload_folder()
    for folder in [*root.glob("*"), *(root / RESULTS).glob("*")]:
        is_a_photos = folder.name not in (RESULTS, KEPT)
        with contextlib.suppress(FileNotFoundError):  # it may be gone already
            if is_a_photos and time.time() - folder.stat().st_mtime > age_s:
                shutil.rmtree(folder, ignore_errors=True)  # its visitor may be saving another format into it


def touch(paths: Iterable[Path]) -> None:
    """Reset the age of files of a running job, which may take longer than files are kept."""
    for path in paths:
        if is_brought(path):
            with contextlib.suppress(FileNotFoundError):
                os.utime(path.parent)


def sweep_always() -> None:
    """Keeps sweeping, in a thread that ends with the program."""

    def keep_sweeping() -> None:
        while True:
            time.sleep(CACHE_SWEEP_S)
            sweep(CACHE_AGE_S - CACHE_SWEEP_S)

    threading.Thread(target=keep_sweeping, name="sweep", daemon=True).start()


def url(path: Path) -> str:
    """Where a browser finds a file of such a folder, relative to the page."""
    return f"gradio_api/file={path}"


def is_brought(path: Path) -> bool:
    """Whether a file was uploaded to the page or made by it."""
    return path.resolve().is_relative_to(upload_folder().resolve())


@contextlib.contextmanager
def explain_missing() -> Iterator[None]:
    """Turn the error of opening a visitor's photo into a sentence: photos are deleted after a time.

    Raises:
        PhotoError: it cannot be opened.
    """
    try:
        yield
    except OSError as error:
        raise PhotoError(say("error.photo_gone", minutes=CACHE_AGE_S // 60)) from error


def save_preview(photo: Photo, size: tuple[int, int], path: Path) -> Path:
    """Writes a photo at (h, w), or smaller if that is too much for a browser, with the suffix that suits it.

    An opaque one becomes a nearly lossless JPEG, which a browser gets sooner than a PNG.
    """
    shown = codec.resize(photo, codec.fit(size, MAX_PREVIEW_PIXELS))
    if photo.alpha is None:
        path = path.with_suffix(".jpg")
        path.write_bytes(codec.encode(shown, codec.Output("jpeg", quality=95, metadata=False)))
    else:
        path = path.with_suffix(".png")
        path.write_bytes(codec.encode_png(shown))
    return path
