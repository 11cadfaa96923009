"""Degradations, from HQ to LQ: one file a kind, plain NumPy, randomness as an argument.

``DEGRADATIONS`` has every :class:`Degradation` that a module of this package defines, by its name: a new file is found
without being listed.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from imaging.degradations.kind import Degradation

__all__ = ["DEGRADATIONS", "Degradation"]


def find_degradations() -> dict[str, Degradation]:
    """Return the degradations that the modules of this package define, by name.

    Raises:
        ValueError: two have the same name.
    """
    found: dict[str, Degradation] = {}
    for module in iter_modules(__path__, f"{__name__}."):
        for value in vars(import_module(module.name)).values():
            if isinstance(value, Degradation) and found.setdefault(value.name, value) is not value:
                raise ValueError(f"two degradations are named {value.name!r}")
    return found


DEGRADATIONS = find_degradations()
