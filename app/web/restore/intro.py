"""The introduction: photos before and after restoration, which the page opens with."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.i18n import ENGLISH, LANGUAGES, say
from app.tasks import Task, Tasks
from app.web import storage
from app.web.labels import task_label
from app.web.restore.layout import viewer_texts
from app.web.templates import render

FOLDER = Path(__file__).parent / "static" / "intro"


@dataclass(frozen=True)
class Pair:
    """A photo before and after restoration, made by ``python -m tools.intro``.

    Attributes:
        task: name of the task that was run.
        photo: name of the photo that was degraded.
        crop: top, left, height and width of the part of the photo that is shown, in pixels.
        seed: of the degradation.
        author, licence, source: of the photo.
    """

    task: str
    photo: str
    crop: tuple[int, int, int, int]
    seed: int
    author: str
    licence: str
    source: str

    @property
    def before(self) -> Path:
        """The file of the degraded photo, at the size of the restored one."""
        return FOLDER / f"{self.task}_before.webp"

    @property
    def after(self) -> Path:
        """The file of the restored photo."""
        return FOLDER / f"{self.task}_after.webp"


def read_pairs() -> list[Pair]:
    """Read the pairs of the page, one of each family."""
    rows = tomllib.loads((FOLDER / "pairs.toml").read_text(encoding="utf-8"))["pair"]
    return [Pair(**{**row, "crop": tuple(row["crop"])}) for row in rows]


def intro_head(tasks: Tasks) -> str:
    """Render what the head of the page holds for ``<din-intro>``; empty where the task of no pair is served.

    It is in the head, so that the first pair is shown before Gradio has built the page.
    """
    shown = [(pair, tasks[pair.task]) for pair in read_pairs() if pair.task in tasks]
    pairs = [described(pair, task, tasks) for pair, task in shown]
    texts = {language: intro_texts(shown, language) for language in LANGUAGES}
    return render("restore/intro.html", ENGLISH, intro={"pairs": pairs, "texts": texts}) if pairs else ""


def described(pair: Pair, task: Task, tasks: Tasks) -> dict[str, Any]:
    """Return a pair as ``<din-intro>`` expects it, with the family's tasks, for each of which it is shown."""
    _, _, height, width = pair.crop
    family = [other.name for other in tasks.values() if other.family == task.family]
    files = {"before": storage.url(pair.before), "after": storage.url(pair.after)}
    return {"family": task.family, "tasks": family, "width": width, "height": height, **files}


def intro_texts(shown: list[tuple[Pair, Task]], language: str) -> dict[str, Any]:
    """Return the texts of ``<din-intro>`` in a language."""
    return {
        "sentence": say("intro.sentence").into(language),
        "try": say("intro.try").into(language),
        "viewer": viewer_texts(language),
        "pairs": [
            {
                "before": say("report.before").into(language),
                "after": task_label(task).into(language),
                "credit": say("intro.credit", author=pair.author, licence=pair.licence).into(language),
            }
            for pair, task in shown
        ],
    }
