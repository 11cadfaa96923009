"""Options of events that all pages share, and the type of what their handlers return."""

from __future__ import annotations

from typing import Any

Updates = dict[Any, Any]  # of components

QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
LATEST: dict[str, Any] = {**QUIET, "trigger_mode": "always_last"}
EACH: dict[str, Any] = {**QUIET, "trigger_mode": "multiple"}
