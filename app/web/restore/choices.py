"""The choices of the page: families of tasks, variants, and quality.

Every component always has all its options; style sheets hide those that do not apply to the current selection. The
selection is kept in the browser alone: no response of the server sets it, since it could arrive after the next click.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

from app.i18n import ENGLISH, Name, say
from app.pipeline.eta import EtaEstimator
from app.tasks import Network, Quality, Task, Tasks
from app.web.labels import Choices, family_labels
from app.web.templates import render

CARDS = Path(__file__).parent / "static" / "cards"


def variants(tasks: Tasks, language: str) -> Choices:
    """Return the options of the task choice."""
    return [(describe(task, language), task.name) for task in tasks.values()]


def offered(tasks: Tasks) -> str:
    """Return JSON for the page's scripts: the family of each task, and whether it has a finer network."""
    return json.dumps(
        {name: {"family": task.family, "has_finer": len(task.networks) > 1} for name, task in tasks.items()}
    )


def describe(task: Task, language: str) -> str:
    """Return a task's label within its family."""
    return Name(f"variant.{task.name}", english=task.variant).into(language)


def measured(network: Network, language: str) -> str:
    """Return a sentence with a network's PSNR; empty where it was not measured."""
    if not network.psnr:
        return ""
    return say("page.measured", psnr=network.psnr, before=network.baseline_psnr, on=network.evaluated_on).into(language)


def qualities(task: Task | None, sizes: list[tuple[int, int]], eta: EtaEstimator, language: str) -> Choices:
    """Return the options of the quality choice.

    Args:
        task: the selected task, if any.
        sizes: (h, w) of the photos; the label states the expected time for all of them, once it can be estimated.
        eta: estimates the times.
        language: tag of the visitor's language.
    """
    choices = []
    for quality in Quality:
        expected = [eta.expect_s(task, size, quality) for size in sizes] if task else []
        known = [seconds for seconds in expected if seconds is not None]
        label = say(f"page.{quality}").into(language)
        if known and len(known) == len(sizes):
            label = say("page.expected", label=label, time=duration(sum(known))).into(language)
        choices.append((label, quality.value))
    return choices


def duration(seconds: float) -> str:
    """Format a duration given in seconds."""
    if seconds < 10:
        return f"{max(seconds, 0.1):.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"


def choice_styles(tasks: Tasks) -> str:
    """Render the CSS that gives each family its picture, and hides options that do not apply to the selection."""
    pictures = [(place, CARDS / f"{family}.jpg") for place, family in enumerate(family_labels(tasks), 1)]
    return render(
        "restore/choices.css",
        ENGLISH,
        pictures=[(place, base64.b64encode(path.read_bytes()).decode()) for place, path in pictures if path.is_file()],
        tasks=tasks.values(),
        refined=[task for task in tasks.values() if len(task.networks) > 1],
        finer=Quality.FINER,
    )
