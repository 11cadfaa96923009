"""The version of the installed package."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def installed_version() -> str:
    """Return the package's version; a checkout that is not installed has none."""
    try:
        return version("din")
    except PackageNotFoundError:
        return "(not installed)"
