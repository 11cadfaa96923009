"""The progress and the results of a job as HTML: the values of the templates in ``templates/restore``."""

from __future__ import annotations

import math
from collections.abc import Sequence

from app.i18n import Text, say
from app.web.restore.choices import duration, measured
from app.web.restore.jobs import Advance
from app.web.restore.results import Outcome, as_is
from app.web.templates import render


def progress_html(at: Advance, language: str) -> str:
    """Render how far a job is, as a bar and a sentence."""
    share = at.done / max(at.total, 1)
    if at.done:
        rest = say("progress.left", time=duration(at.seconds / share - at.seconds))
    else:
        rest = say("progress.loading" if at.is_loading else "progress.starting")
    text = say("progress.tiles", done=at.done, total=at.total, rest=rest)
    if at.place[1] > 1:
        text = say("progress.photo", place=at.place[0], photos=at.place[1], name=at.name, text=text)
    percent = f"{100 * share:.1f}"
    return render("restore/progress.html", language, done=at.done, total=at.total, percent=percent, text=text)


def message_html(text: Text, language: str, kind: str = "note") -> str:
    """Render one sentence of a kind that has a style of its own: ``note`` or ``error``."""
    return render("message.html", language, text=text, kind=kind)


def field_texts_html(language: str) -> str:
    """Render the texts of fields in which Gradio would use the browser's language, as CSS variables of page.css."""
    return render("restore/field_texts.html", language)


def outcomes_html(outcomes: Sequence[Outcome], losses: Sequence[Text], language: str) -> str:
    """Render the report of a job.

    Args:
        outcomes: of its photos: the only one is described, several have a line each.
        losses: what the chosen file format cannot keep.
        language: of the visitor.
    """
    report = photo_html(outcomes[0], language) if len(outcomes) == 1 else photos_html(outcomes, language)
    return report + "".join(message_html(loss, language) for loss in losses)


def photo_html(outcome: Outcome, language: str) -> str:
    """Render the report of one photo: its scores if it was a test, notices, and what ran."""
    if outcome.error is not None:
        return message_html(as_is(outcome.error.into(language)), language, "error")
    return render(
        "restore/photo.html",
        language,
        title=outcome.pictures[-1].label,
        name=outcome.name,
        scores=[(label, decibels(score.psnr), f"{score.ssim:.4f}") for label, score in outcome.scores],
        notices=outcome.notices,
        facts=outcome.facts,
        measured=measured(outcome.task.network(outcome.quality), language),
    )


def photos_html(outcomes: Sequence[Outcome], language: str) -> str:
    """Render a line for each of several photos, in their order."""
    lines = [(outcome.error is None, outcome.name, line(outcome)) for outcome in outcomes]
    return render("restore/photos.html", language, lines=lines, done=sum(is_done for is_done, _, _ in lines))


def line(outcome: Outcome) -> Text:
    """Return an outcome in a few words: its error, its gain in a test, or its sizes."""
    if outcome.error is not None:
        return outcome.error.text if isinstance(outcome.error.text, Text) else as_is(outcome.error.text)
    if outcome.scores:
        (_, before), (_, after) = outcome.scores
        return say("report.gain", before=decibels(before.psnr), after=decibels(after.psnr))
    return next(value for name, value in outcome.facts if name.key == "report.size")


def decibels(value: float) -> str:
    return "∞" if math.isinf(value) else f"{value:.2f} dB"
