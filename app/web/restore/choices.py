"""What a visitor can choose: families of tasks, their variants, and quality against speed.

Every choice is always offered whole, and the page's styles show what goes with the choice before it. What is chosen is
known to the browser alone: no answer of the server sets a choice, since it could come after the visitor's next one.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

from app.i18n import ENGLISH, Text, knows, say
from app.pipeline.eta import Pace
from app.tasks import Network, Quality, Task, Tasks
from app.web.templates import render

CARDS = Path(__file__).parent / "static" / "cards"
EXAMPLES = Path(__file__).parents[2] / "examples"

Choices = list[tuple[str, str]]  # what is read, and what it stands for


def task_label(task: Task) -> Text:
    """What a task is called; one that we have no word for is called as its model says."""
    return told(f"task.{task.name}", task.label)


def told(key: str, otherwise: str) -> Text:
    """The sentence of a key, or a word that stands for itself."""
    return say(key) if knows(key) else say("page.as_is", text=otherwise)


def family_names(tasks: Tasks) -> list[str]:
    """The families of the tasks, in their order."""
    return list(dict.fromkeys(task.family for task in tasks.values()))


def families(tasks: Tasks, language: str) -> Choices:
    """The families of the tasks, as they are chosen."""
    return [(told(f"family.{name}", name.capitalize()).into(language), name) for name in family_names(tasks)]


def variants(tasks: Tasks, language: str) -> Choices:
    """The tasks, by what tells those of a family apart."""
    return [(describe(task, language), task.name) for task in tasks.values()]


def offered(tasks: Tasks) -> str:
    """What the page's scripts know of the tasks, as JSON: each one's family, and if it has a finer network."""
    return json.dumps(
        {name: {"family": task.family, "has_finer": len(task.networks) > 1} for name, task in tasks.items()}
    )


def describe(task: Task, language: str) -> str:
    """A task as its choice reads."""
    return told(f"variant.{task.name}", task.variant.capitalize()).into(language)


def measured(network: Network, language: str) -> str:
    """The score of a network's weights as a sentence; empty where they were not measured."""
    if not network.psnr:
        return ""
    return say("page.measured", psnr=network.psnr, before=network.baseline_psnr, on=network.evaluated_on).into(language)


def qualities(task: Task | None, sizes: list[tuple[int, int]], pace: Pace, language: str) -> Choices:
    """The qualities, each with the time that photos of these (h, w) will take."""
    choices = []
    for quality in Quality:
        expected = [pace.expect_s(task, size, quality) for size in sizes] if task else []
        known = [seconds for seconds in expected if seconds is not None]
        label = say(f"page.{quality}").into(language)
        if known and len(known) == len(sizes):
            label = say("page.expected", label=label, time=duration(sum(known))).into(language)
        choices.append((label, quality.value))
    return choices


def duration(seconds: float) -> str:
    """Seconds in few digits, as everyone reads them."""
    if seconds < 10:
        return f"{max(seconds, 0.1):.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"


def examples(task: Task) -> list[Path]:
    """The example photos of a task."""
    return sorted((EXAMPLES / task.name).glob("*.png"))


def choice_styles(tasks: Tasks) -> str:
    """Render CSS that gives each family its picture, and hides what does not go with the choices before it."""
    pictures = [(place, CARDS / f"{family}.jpg") for place, family in enumerate(family_names(tasks), 1)]
    return render(
        "restore/choices.css",
        ENGLISH,
        pictures=[(place, base64.b64encode(path.read_bytes()).decode()) for place, path in pictures if path.is_file()],
        tasks=tasks.values(),
        refined=[task for task in tasks.values() if len(task.networks) > 1],
        finer=Quality.FINER,
    )
