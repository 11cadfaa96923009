"""Uploaded photos: paths, sizes and a preview."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app import codec
from app.codec import bounded
from app.errors import PhotoError, RestorationError
from app.i18n import as_is, say
from app.tasks import Task
from app.web import limits, storage
from app.web.restore.html import message_html
from app.web.restore.results import Picture, viewer_state


def preview(paths: Sequence[Path], task: Task | None, language: str) -> tuple[list[dict[str, object]], str]:
    """Preview uploaded photos.

    Returns:
        The viewer's states of a single photo, and HTML with its size, the number of several photos, and the errors of
        those that cannot be restored.
    """
    if len(paths) > limits.MAX_PHOTOS:
        text = say("error.many_photos", photos=len(paths), limit=limits.MAX_PHOTOS)
        return [], message_html(text, language, "error")
    sentences: list[str] = []
    states: list[dict[str, object]] = []
    for path in paths:
        try:
            size = allowed_size(path, task)
            if len(paths) == 1:
                with storage.explain_missing():
                    photo = bounded.decode(path)
                with storage.results_folder() as folder:
                    shown = storage.save_preview(photo, photo.size, folder / "uploaded")
                states = [viewer_state(Picture(say("report.before"), shown, photo.size), language)]
                sentences.append(message_html(say("page.uploaded", name=path.name, w=size[1], h=size[0]), language))
        except RestorationError as error:
            text = as_is(f"{path.name}: {error.into(language)}")
            sentences.append(message_html(text, language, "error"))
    if len(paths) > 1:
        sentences.insert(0, message_html(say("page.uploaded_many", photos=len(paths)), language))
    return states, "".join(sentences)


def photo_sizes(paths: Sequence[Path], task: Task | None) -> list[tuple[int, int]]:
    """Return (h, w) of each photo of a job that can be read and is not too large for the task."""
    sizes = []
    for path in paths[: limits.MAX_PHOTOS]:
        try:
            sizes.append(allowed_size(path, task))
        except PhotoError:
            continue  # preview() reports it
    return sizes


def allowed_size(path: Path, task: Task | None) -> tuple[int, int]:
    """Return (h, w) of a photo.

    Raises:
        PhotoError: it cannot be read, or is too large for the task.
    """
    with storage.explain_missing():
        size = bounded.read_header(path).size
    codec.check_size(size, task.scale if task else 1)
    return size


def as_paths(photos: Sequence[str] | None) -> list[Path]:
    """Convert the value of a file component to paths."""
    return [Path(photo) for photo in photos or ()]
