"""Start a local Triton over the model repository and keep it running."""

from __future__ import annotations

from app.triton import embedded, installed
from app.triton.launch import Launch
from app.triton.repository import REPOSITORY, default_repository
from app.triton.supervisor import Policy, Triton

LAUNCHES = {"embedded": embedded.launch, "installed": installed.launch}

__all__ = [
    "LAUNCHES",
    "REPOSITORY",
    "Launch",
    "Policy",
    "Triton",
    "default_repository",
    "embedded",
    "installed",
    "preferred",
]


def preferred() -> str:
    """Return the key of :data:`LAUNCHES` to use by default: the machine's own Triton if it has one."""
    return "installed" if installed.is_there() else "embedded"
