"""Describe how one kind of Triton is started."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

# Has glibc keep the memory that one layer frees for the next: returning it to the system costs a third of the time.
KEPT_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "1000000000", "MALLOC_TRIM_THRESHOLD_": "256000000"}


@dataclass(frozen=True)
class Launch:
    """The start of one kind of Triton; :mod:`app.triton.process` has the options that all kinds share.

    Attributes:
        name: in messages, for example ``the embedded Triton``.
        program: the server's binary.
        environment: variables of its process.
        prepare: fills the server's own folder, and returns the options of this kind alone.
        processes_per_instance: 1 where each instance of a model is a process of its own, else 0.
    """

    name: str
    program: Path
    environment: Mapping[str, str]
    prepare: Callable[[Path], list[str]]
    processes_per_instance: int
