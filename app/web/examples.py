"""The example photos that come with the page."""

from __future__ import annotations

from pathlib import Path

from app.tasks import Task

EXAMPLES = Path(__file__).parents[1] / "examples"


def examples(task: Task) -> list[Path]:
    """Return the paths of a task's example photos."""
    return sorted((EXAMPLES / task.name).glob("*.png"))
