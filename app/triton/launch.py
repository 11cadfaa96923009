"""What tells one Triton from another when it is started."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

# For glibc: memory that one layer frees serves the next. Given back to the system and fetched again, it costs a third.
KEPT_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "1000000000", "MALLOC_TRIM_THRESHOLD_": "256000000"}


@dataclass(frozen=True)
class Launch:
    """How one kind of Triton is started; what all kinds share is in :mod:`app.triton.process`.

    Attributes:
        name: what a message calls it, for example ``the embedded Triton``.
        program: the server's binary.
        environment: that it runs in.
        prepare: fills the server's own folder, and returns the options that only this kind has.
        processes_per_instance: 1 where each instance of a model is a process that may die alone, else 0.
    """

    name: str
    program: Path
    environment: Mapping[str, str]
    prepare: Callable[[Path], list[str]]
    processes_per_instance: int
