"""Find the photos below a folder, or of a list, one after the other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app import codec
from app.errors import PhotoError


@dataclass(frozen=True)
class Found:
    """A photo, or a folder that cannot be read.

    Attributes:
        path: absolute.
        place: relative; the result belongs there, below the folder of the results.
        problem: why the folder cannot be read; None for a photo.
    """

    path: Path
    place: Path
    problem: OSError | None = None


def check_source(source: Path, out: Path) -> None:
    """Check that there is something to walk, and that the results are no photos of it.

    Args:
        source: a folder, or a list of photos.
        out: the folder of the results.

    Raises:
        PhotoError: it is neither; or the results would be among the photos.
    """
    if not source.exists():
        raise PhotoError(f"There is no {source}: give a folder of photos, or a text file with a path on each line.")
    if source.is_file() and source.suffix.lower() in codec.READ_SUFFIXES:
        raise PhotoError(f"{source} is a photo, not a folder or a list of photos: `din restore` restores it.")
    if source.is_dir() and source.resolve().is_relative_to(out.resolve()):
        raise PhotoError(f"{out} is or holds {source}: the results need a folder where no photos are looked for.")


def walk(source: Path, out: Path) -> Iterator[Found]:
    """Yield the photos below a folder, in no order, or those of a list, in its order.

    No more is kept in memory than the folders that are still to be read.

    Args:
        source: a folder, whose photos are known by the suffixes of their names; or a text file with a path on each
            line, of any name. Links to folders are not followed.
        out: the folder of the results; left out where it is below ``source``.
    """
    source, out = source.resolve(), out.resolve()
    return below(source, out) if source.is_dir() else listed(source)


def below(source: Path, out: Path) -> Iterator[Found]:
    """Yield the photos below a folder, both paths being resolved."""
    waiting = [source]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    path = Path(entry.path)
                    if entry.is_dir(follow_symlinks=False):
                        waiting += [path] if path != out else []
                    elif path.suffix.lower() in codec.READ_SUFFIXES:
                        yield Found(path, path.relative_to(source))
        except OSError as error:
            yield Found(folder, folder.relative_to(source), error)


def listed(source: Path) -> Iterator[Found]:
    """Yield the photos of a list; relative paths begin in the current folder.

    Raises:
        PhotoError: the list cannot be read.
    """
    try:
        with source.open("rb") as lines:
            for line in lines:
                if text := os.fsdecode(line.rstrip(b"\r\n")):
                    yield Found(absolute(text), place_of(text))
    except OSError as error:
        raise PhotoError(f"The list {source} cannot be read ({error.strerror}).") from error


def absolute(text: str) -> Path:
    """Return an absolute path, in which links stay as they are."""
    return Path(os.path.normpath(Path.cwd() / text))


def place_of(text: str) -> Path:
    """Return where the result of a listed path belongs: in the folders that the path names, below that of the results.

    A path that leaves the current folder is made absolute first.
    """
    path = Path(os.path.normpath(text))
    if path.is_absolute() or path.parts[:1] == ("..",):
        path = absolute(text)
        return path.relative_to(path.anchor)
    return path
