"""What a visitor can choose: families of tasks, their variants, and quality against speed."""

from __future__ import annotations

import base64
from pathlib import Path

from app.client import ServedTask
from app.pace import Pace
from app.texts import Text, knows, say

CARDS = Path(__file__).parent / "assets" / "cards"
EXAMPLES = Path(__file__).parent.parent / "examples"
FAST, BEST = "din", "din+"  # the network once, or as self-ensemble

Choices = list[tuple[str, str]]  # what is read, and what it stands for


def task_label(task: ServedTask) -> Text:
    """What a task is called; one that we have no word for is called as its model says."""
    return told(f"task.{task.name}", task.label)


def told(key: str, otherwise: str) -> Text:
    """The sentence of a key, or a word that stands for itself."""
    return say(key) if knows(key) else say("page.as_is", text=otherwise)


def families(tasks: dict[str, ServedTask], language: str) -> Choices:
    """The families of the tasks, in their order."""
    names = dict.fromkeys(task.family for task in tasks.values())
    return [(told(f"family.{name}", name.capitalize()).into(language), name) for name in names]


def variants(tasks: dict[str, ServedTask], family: str, language: str) -> Choices:
    """The tasks of a family, by what tells them apart, with what they measured."""
    return [(describe(task, language), task.name) for task in tasks.values() if task.family == family]


def describe(task: ServedTask, language: str) -> str:
    """A task as its choice reads."""
    return told(f"variant.{task.name}", task.variant.capitalize()).into(language)


def measured(task: ServedTask, language: str) -> str:
    """What a task's weights scored, as a sentence; empty where they were not measured."""
    if not task.psnr:
        return ""
    return say("page.measured", psnr=task.psnr, before=task.baseline_psnr, on=task.evaluated_on).into(language)


def qualities(task: ServedTask | None, sizes: list[tuple[int, int]], pace: Pace, language: str) -> Choices:
    """Fast or best, each with the time that photos of these (h, w) will take."""
    choices = []
    for name, key in ((FAST, "page.fast"), (BEST, "page.best")):
        expected = [pace.expect_s(task, size, name == BEST) for size in sizes] if task else []
        seconds = sum(s for s in expected if s is not None)
        label = say(key).into(language)
        if expected and None not in expected:
            label = say("page.expected", label=label, time=duration(seconds)).into(language)
        choices.append((label, name))
    return choices


def duration(seconds: float) -> str:
    """Seconds in few digits, as everyone reads them."""
    if seconds < 10:
        return f"{max(seconds, 0.1):.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"


def examples(task: ServedTask) -> list[Path]:
    """The example photos of a task."""
    return sorted((EXAMPLES / task.name).glob("*.png"))


def card_styles(names: list[str]) -> str:
    """CSS that gives each family its picture, in the order of the choice; in the page, so that nothing is fetched."""
    rules = []
    for place, name in enumerate(names, 1):
        picture = CARDS / f"{name}.jpg"
        if picture.is_file():
            data = base64.b64encode(picture.read_bytes()).decode()
            selector = f"#family label:nth-of-type({place})::before"
            rules.append(f"{selector} {{ background-image: url(data:image/jpeg;base64,{data}); }}")
    return "\n".join(rules)
