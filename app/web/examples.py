"""The example photos that come with the page."""

from __future__ import annotations

from pathlib import Path

from app.tasks import Task

EXAMPLES = Path(__file__).parents[1] / "examples"
AUTHORS = "NASA, SpaceX, Rachel Michetti, Stéfan van der Walt, Daniel Büchele"
LICENCES = "Public Domain, CC0 1.0, CC BY 2.0"


def examples(task: Task) -> list[Path]:
    """Return the paths of a task's example photos."""
    return sorted((EXAMPLES / task.name).glob("*.png"))
