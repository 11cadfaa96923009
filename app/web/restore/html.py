"""The progress and the results of a job as HTML: the values of the templates in ``templates/restore``."""

from __future__ import annotations

import math
from collections.abc import Sequence

from app.i18n import Text, as_is, say
from app.tasks import Tasks
from app.web.labels import run_label, task_description
from app.web.restore.choices import duration, measured
from app.web.restore.jobs import JobProgress
from app.web.restore.results import Outcome
from app.web.templates import render


def progress_html(progress: JobProgress, language: str) -> str:
    """Render the progress of a job as a bar and a sentence."""
    done, total, (number, photos) = progress.done, progress.total, progress.place
    share = done / max(total, 1)
    if done:
        rest = say("progress.left", time=duration(progress.seconds / share - progress.seconds))
    else:
        rest = say("progress.loading" if progress.is_loading else "progress.starting")
    text = say("progress.waiting") if progress.is_waiting else say("progress.tiles", done=done, total=total, rest=rest)
    if photos > 1:
        text = say("progress.photo", place=number, photos=photos, name=progress.name, text=text)
    percent = f"{100 * share:.1f}"
    return render("restore/progress.html", language, done=done, total=total, percent=percent, text=text)


def message_html(text: Text, language: str, kind: str = "note") -> str:
    """Render one sentence in the style of a kind: ``note`` or ``error``."""
    return render("message.html", language, text=text, kind=kind)


def field_texts_html(language: str) -> str:
    """Render, as CSS variables of page.css, the texts that Gradio would show in the browser's language."""
    return render("restore/field_texts.html", language)


def descriptions_html(tasks: Tasks, language: str) -> str:
    """Render the descriptions of all tasks; a style sheet hides those of tasks that are not chosen."""
    described = [(task.name, task_description(task)) for task in tasks.values()]
    return render("restore/descriptions.html", language, described=described)


def outcomes_html(outcomes: Sequence[Outcome], losses: Sequence[Text], language: str) -> str:
    """Render the report of a job.

    Args:
        outcomes: of the photos; a single one is shown in full, several as one line each.
        losses: properties that the chosen file format cannot store.
        language: tag of the visitor's language.
    """
    report = photo_html(outcomes[0], language) if len(outcomes) == 1 else photos_html(outcomes, language)
    return report + "".join(message_html(loss, language) for loss in losses)


def photo_html(outcome: Outcome, language: str) -> str:
    """Render the report of one photo: scores of a reference test, notices, and run-time facts."""
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
        measured=measured_html(outcome, language),
    )


def measured_html(outcome: Outcome, language: str) -> str:
    """Return what the network was measured with; nothing where several have run, which were measured alone."""
    if len(outcome.runs) > 1:
        return ""
    (run,) = outcome.runs
    return measured(run.task.network(run.quality), language)


def chain_html(outcomes: Sequence[Outcome], language: str) -> str:
    """Render what was done to the photos, step by step; nothing where it was one step."""
    done = [outcome.runs for outcome in outcomes if outcome.error is None]
    if not done or len(done[0]) < 2:
        return ""
    return render("restore/chain.html", language, labels=[run_label(run) for run in done[0]])


def photos_html(outcomes: Sequence[Outcome], language: str) -> str:
    """Render one line for each photo, in order."""
    lines = [(outcome.error is None, outcome.name, line(outcome)) for outcome in outcomes]
    return render("restore/photos.html", language, lines=lines, done=sum(is_done for is_done, _, _ in lines))


def line(outcome: Outcome) -> Text:
    """Summarise an outcome: its error, its gain in a reference test, or its sizes."""
    if outcome.error is not None:
        return outcome.error.text if isinstance(outcome.error.text, Text) else as_is(outcome.error.text)
    if outcome.scores:
        (_, before), (_, after) = outcome.scores
        return say("report.gain", before=decibels(before.psnr), after=decibels(after.psnr))
    return next(value for name, value in outcome.facts if name.key == "report.size")


def decibels(value: float) -> str:
    """Format a value in dB, which may be infinite."""
    return "∞" if math.isinf(value) else f"{value:.2f} dB"
