"""The labels of tasks and of their families, in the visitor's language."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from app.i18n import Name, Text, say
from app.tasks import Quality, Task, TaskRun, Tasks

Choices = list[tuple[str, str]]  # label and value


def task_label(task: Task) -> Text:
    """Return the label of a task."""
    return Name(f"task.{task.name}", english=task.label)


def run_label(run: TaskRun) -> Text:
    """Return the label of a task that was run, with its quality where that is not the fastest."""
    label = task_label(run.task)
    if run.quality is Quality.FAST or run.quality not in run.task.qualities:
        return label
    return say(f"report.{run.quality}", task=label)


def chain_label(runs: Sequence[TaskRun]) -> Text:
    """Return the label of what one or several tasks have made of a photo."""
    return functools.reduce(lambda first, then: say("report.chain", first=first, then=then), map(run_label, runs))


def task_description(task: Task) -> Text:
    """Return the sentence that says which photos a task is for."""
    return Name(f"description.{task.name}", english=task.description)


def family_labels(tasks: Tasks) -> dict[str, Text]:
    """Return the label of each family of tasks by its name, in order."""
    return {task.family: Name(f"family.{task.family}", english=task.family_label) for task in tasks.values()}


def families(tasks: Tasks, language: str) -> Choices:
    """Return the options of the family choice."""
    return [(label.into(language), name) for name, label in family_labels(tasks).items()]
