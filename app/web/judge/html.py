"""A judgement as HTML: the values of ``templates/judge/verdict.html``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from babel.numbers import format_percent

from app.i18n import Text, say
from app.judgement import LEAST_PROBABILITY, NONE, Judgement
from app.tasks import Task
from app.web.labels import task_label
from app.web.templates import render

SURE, LIKELY = 0.8, 0.5


@dataclass(frozen=True)
class Candidate:
    """A task to try.

    Attributes:
        task: the task.
        picture: URL of the restored crop; empty while it is being restored.
    """

    task: Task
    picture: str = ""


def verdict(judgement: Judgement) -> Text:
    """Say in plain words what a photo needs most likely."""
    probability, kind = judgement.probabilities[judgement.kind], say(f"kind.{judgement.kind}")
    if probability < LIKELY:
        return say("judge.unsure", kind=kind)
    return say("judge.sure" if probability >= SURE else "judge.likely", kind=kind)


def verdict_html(
    photo: str, name: str, judgement: Judgement, before: str, candidates: Sequence[Candidate], language: str
) -> str:
    """Render a judgement.

    Args:
        photo: path of the upload: the page hides what is said of another photo.
        name: of the photo.
        judgement: of the photo.
        before: URL of the crop as it is.
        candidates: the tasks to try, with what they make of the crop.
        language: tag of the visitor's language.
    """
    shown = [
        (say(f"kind.{kind}"), format_percent(probability, locale=language), f"{100 * probability:.0f}")
        for kind, probability in judgement.probabilities.items()
        if probability >= LEAST_PROBABILITY / 2
    ]
    return render(
        "judge/verdict.html",
        language,
        photo=photo,
        name=name,
        verdict=verdict(judgement),
        shown=shown,
        is_fine=judgement.kind == NONE,
        before=before,
        candidates=[(each.task.name, task_label(each.task), each.picture) for each in candidates],
    )
