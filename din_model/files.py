"""Write files atomically: no reader sees an incomplete file, even if the writer is killed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside a file to write to, and rename it to the file's once it is written.

    If writing fails, the file stays as it was. Its mode is that of a new file, whatever the writer sets: safetensors
    writes files that only their owner can read.

    Args:
        path: of the file; its folder is made if it is missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    try:
        partial.touch()
        mode = partial.stat().st_mode
        yield partial
        partial.chmod(mode)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
