"""What the page says of its work, as HTML: progress, and what came of the photos."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from app.i18n import Text, say
from app.web.restore.choices import duration, measured
from app.web.restore.jobs import Advance
from app.web.restore.results import Outcome, as_is


def progress_html(at: Advance, language: str) -> str:
    """How far a job is."""
    share = at.done / max(at.total, 1)
    if at.done:
        rest = say("progress.left", time=duration(at.seconds / share - at.seconds))
    else:
        rest = say("progress.loading" if at.is_loading else "progress.starting")
    text = say("progress.tiles", done=at.done, total=at.total, rest=rest)
    if at.place[1] > 1:
        text = say("progress.photo", place=at.place[0], photos=at.place[1], name=at.name, text=text)
    label = escape(say("progress.name").into(language), quote=True)
    return (
        f'<div class="din-progress"><div class="din-bar" role="progressbar" aria-label="{label}" aria-valuemin="0" '
        f'aria-valuemax="{at.total}" aria-valuenow="{at.done}"><div style="width:{100 * share:.1f}%"></div></div>'
        f"<p>{escape(text.into(language))}</p></div>"
    )


def message_html(text: Text, language: str, kind: str = "note") -> str:
    """One sentence, of a kind that has its own looks: ``note`` or ``error``."""
    return f'<p class="din-{kind}" role="status">{escape(text.into(language))}</p>'


def outcomes_html(outcomes: Sequence[Outcome], losses: Sequence[Text], language: str) -> str:
    """The whole report: of a single photo what ran, of several a line each."""
    parts = [outcome_html(outcomes[0], language)] if len(outcomes) == 1 else [list_html(outcomes, language)]
    parts += [message_html(loss, language) for loss in losses]
    return "".join(parts)


def outcome_html(outcome: Outcome, language: str) -> str:
    """The report of one photo."""
    if outcome.error is not None:
        return message_html(as_is(outcome.error.into(language)), language, "error")
    title = escape(outcome.pictures[-1].label.into(language))
    parts = [f"<h3>{title} · {escape(outcome.name)}</h3>", scores_html(outcome, language)]
    parts += [message_html(notice, language) for notice in outcome.notices]
    rows = "".join(
        f'<tr><th scope="row">{escape(name.into(language))}</th><td>{escape(value.into(language))}</td></tr>'
        for name, value in outcome.facts
    )
    summary = escape(say("report.what_ran").into(language))
    footnote = escape(say("report.footnote").into(language))
    scored = escape(measured(outcome.task.network(outcome.quality), language))
    parts.append(
        f'<details class="din-facts"><summary>{summary}</summary><table>{rows}</table>'
        f"<p>{footnote} {scored}</p></details>"
    )
    return "".join(parts)


def scores_html(outcome: Outcome, language: str) -> str:
    """The table of a proof; nothing where nothing was measured."""
    if not outcome.scores:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{escape(label.into(language))}</th><td>{decibels(score.psnr)}</td>'
        f"<td>{score.ssim:.4f}</td></tr>"
        for label, score in outcome.scores
    )
    caption, photo = (escape(say(key).into(language)) for key in ("report.scores", "report.photo"))
    head = f'<tr><th scope="col">{photo}</th><th scope="col">PSNR</th><th scope="col">SSIM</th></tr>'
    return f'<table class="din-scores"><caption>{caption}</caption>{head}{rows}</table>'


def decibels(value: float) -> str:
    return "∞" if math.isinf(value) else f"{value:.2f} dB"


def list_html(outcomes: Sequence[Outcome], language: str) -> str:
    """A line for each of several photos, in their order."""
    lines = "".join(
        f"<li>{'⚠️' if outcome.error else '✓'} <b>{escape(outcome.name)}</b>: "
        f"{escape(line(outcome).into(language))}</li>"
        for outcome in outcomes
    )
    done = sum(outcome.error is None for outcome in outcomes)
    title = escape(say("report.batch", done=done, photos=len(outcomes)).into(language))
    return f'<h3>{title}</h3><ol class="din-outcomes">{lines}</ol>'


def line(outcome: Outcome) -> Text:
    """What came of a photo, in a line."""
    if outcome.error is not None:
        return outcome.error.text if isinstance(outcome.error.text, Text) else as_is(outcome.error.text)
    if outcome.scores:
        (_, before), (_, after) = outcome.scores
        return say("report.gain", before=decibels(before.psnr), after=decibels(after.psnr))
    return next(value for name, value in outcome.facts if name.key == "report.size")
