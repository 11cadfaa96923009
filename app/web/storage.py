"""Storage of uploads and results in Gradio's upload folder, which Gradio serves."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from app import codec
from app.codec import Photo
from app.errors import PhotoError, StorageError
from app.i18n import say
from app.web.gradio_compat import upload_folder

log = logging.getLogger(__name__)

# Maximum age of a file, and interval at which older files are deleted.
CACHE_AGE_S = 600
CACHE_SWEEP_S = 60
# Previews have at most this many pixels, since browsers stall on more; downloads have all of them.
MAX_PREVIEW_PIXELS = 8_000_000

RESULTS, KEPT = "results", "kept"


def new_folder(is_kept: bool = False) -> Path:
    """Create an empty folder for the results of a visitor, or, if kept, for as long as the page runs."""
    parent = upload_folder() / (KEPT if is_kept else RESULTS)
    parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=parent))


@contextlib.contextmanager
def results_folder(is_kept: bool = False) -> Iterator[Path]:
    """Create a folder as :func:`new_folder` does, and fill it; an error removes it with what was written so far.

    Raises:
        StorageError: there is no room for it.
        PhotoError: a file that it is made of has been deleted.
    """
    try:
        folder = new_folder(is_kept)
        try:
            yield folder
        except Exception:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    except FileNotFoundError as error:
        raise PhotoError(say("error.photo_gone", minutes=CACHE_AGE_S // 60)) from error
    except OSError as error:
        log.warning("A result could not be stored: %s", error.strerror)  # without its name, which is the visitor's
        raise StorageError(say("error.no_room")) from error


def used() -> int:
    """Return the bytes of all uploads and results."""
    total = 0
    for folder, _, names in os.walk(upload_folder()):  # it passes over folders that are deleted meanwhile
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += Path(folder, name).lstat().st_size
    return total


def sweep(age_s: float) -> None:
    """Delete the folders of uploads and results that are older than this, and files of uploads that broke off."""
    root = upload_folder()
    for path in [*root.glob("*"), *(root / RESULTS).glob("*")]:
        is_upload_or_result = path.name not in (RESULTS, KEPT)
        with contextlib.suppress(FileNotFoundError):  # it may have been deleted already
            if is_upload_or_result and time.time() - path.stat().st_mtime > age_s:
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)  # a file may be written into it at this moment
                else:
                    path.unlink()


def touch(paths: Iterable[Path]) -> None:
    """Reset the age of files of a running job, which may take longer than files are kept."""
    for path in paths:
        if is_stored(path):
            with contextlib.suppress(FileNotFoundError):
                os.utime(path.parent)


def start_sweeping() -> None:
    """Start a daemon thread that deletes old files at intervals."""

    def keep_sweeping() -> None:
        while True:
            time.sleep(CACHE_SWEEP_S)
            sweep(CACHE_AGE_S - CACHE_SWEEP_S)

    threading.Thread(target=keep_sweeping, name="sweep", daemon=True).start()


def url(path: Path) -> str:
    """Return the URL of a stored file, relative to the page."""
    return f"gradio_api/file={path}"


def is_stored(path: Path) -> bool:
    """Return whether a file is an upload or a result of the page."""
    return path.resolve().is_relative_to(upload_folder().resolve())


@contextlib.contextmanager
def explain_missing() -> Iterator[None]:
    """Convert an error in opening a stored photo to a message that photos are deleted after a time.

    Raises:
        PhotoError: the photo cannot be opened.
    """
    try:
        yield
    except OSError as error:
        raise PhotoError(say("error.photo_gone", minutes=CACHE_AGE_S // 60)) from error


def save_preview(photo: Photo, size: tuple[int, int], path: Path) -> Path:
    """Write a preview of a photo at (h, w), or smaller so as not to exceed ``MAX_PREVIEW_PIXELS``.

    Opaque photos are written as JPEG of quality 95, which is smaller than PNG; others as PNG.

    Returns:
        The path with the suffix of its format.
    """
    shown = codec.resize(photo, codec.fit(size, MAX_PREVIEW_PIXELS))
    if photo.alpha is None:
        path = path.with_suffix(".jpg")
        path.write_bytes(codec.encode(shown, codec.Output("jpeg", percent=95, metadata=False)))
    else:
        path = path.with_suffix(".png")
        path.write_bytes(codec.encode_png(shown))
    return path
