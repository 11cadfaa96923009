"""What a visitor can choose: families of tasks, their variants, and quality against speed.

Every choice is always offered whole, and the page's styles show what goes with the choice before it. What is chosen is
known to the browser alone: no answer of the server sets a choice, since it could come after the visitor's next one.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path

from app.i18n import Text, knows, say
from app.pipeline.eta import Pace
from app.tasks import ServedTask

CARDS = Path(__file__).parent / "static" / "cards"
EXAMPLES = Path(__file__).parents[2] / "examples"
FAST, FINER, BEST = "fast", "finer", "best"  # a task's fastest network; its slowest one; that one as self-ensemble
LEVELS = {FAST: "page.fast", FINER: "page.finer", BEST: "page.best"}

Choices = list[tuple[str, str]]  # what is read, and what it stands for
Tasks = Mapping[str, ServedTask]


def task_label(task: ServedTask) -> Text:
    """What a task is called; one that we have no word for is called as its model says."""
    return told(f"task.{task.task}", task.label)


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
    return [(describe(task, language), task.name) for task in tasks.values() if task.name == task.task]


def offered(tasks: Tasks) -> str:
    """What the page's scripts know of the tasks, as JSON: each one's family, and if it has a finer network."""
    return json.dumps(
        {
            name: {"family": task.family, "has_finer": len(networks(tasks, name)) > 1}
            for name, task in tasks.items()
            if name == task.task
        }
    )


def networks(tasks: Tasks, task: str) -> list[ServedTask]:
    """The networks that do a task, from fast to slow."""
    return [network for network in tasks.values() if network.task == task]


def network(tasks: Tasks, task: str, level: str) -> ServedTask | None:
    """The network that does a task so well; None where nothing does it."""
    found = networks(tasks, task)
    return found[0 if level == FAST else -1] if found else None


def describe(task: ServedTask, language: str) -> str:
    """A task as its choice reads."""
    return told(f"variant.{task.name}", task.variant.capitalize()).into(language)


def measured(task: ServedTask, language: str) -> str:
    """What a task's weights scored, as a sentence; empty where they were not measured."""
    if not task.psnr:
        return ""
    return say("page.measured", psnr=task.psnr, before=task.baseline_psnr, on=task.evaluated_on).into(language)


def qualities(tasks: Tasks, task: str, sizes: list[tuple[int, int]], pace: Pace, language: str) -> Choices:
    """The levels, each with the time that photos of these (h, w) will take."""
    choices = []
    for level, key in LEVELS.items():
        runs = network(tasks, task, level)
        expected = [pace.expect_s(runs, size, level == BEST) for size in sizes] if runs else []
        seconds = sum(s for s in expected if s is not None)
        label = say(key).into(language)
        if expected and None not in expected:
            label = say("page.expected", label=label, time=duration(seconds)).into(language)
        choices.append((label, level))
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


def choice_styles(tasks: Tasks) -> str:
    """CSS that gives each family its picture, and shows of the other choices what goes with those before them."""
    rules = []
    for place, family in enumerate(family_names(tasks), 1):
        picture = CARDS / f"{family}.jpg"
        if picture.is_file():  # in the page, so that nothing is fetched
            data = base64.b64encode(picture.read_bytes()).decode()
            selector = f"#family label:nth-of-type({place})::before"
            rules.append(f"{selector} {{ background-image: url(data:image/jpeg;base64,{data}); }}")
    for task in tasks.values():
        if task.name == task.task:
            rules.append(
                hide_unless(f"#family input[value='{task.family}']", f"#task label:has([value='{task.name}'])")
            )
    refined = ", ".join(f"#task input[value='{task.task}']" for task in tasks.values() if task.name != task.task)
    rules.append(hide_unless(refined or "#none", f"#quality label:has([value='{FINER}'])"))
    return "\n".join(rules)


def hide_unless(inputs: str, choice: str) -> str:
    """CSS that hides a choice while none of these inputs is checked."""
    return f"body:not(:has(:is({inputs}):checked)) {choice} {{ display: none; }}"
