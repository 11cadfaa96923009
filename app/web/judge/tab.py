"""The button "What does my photo need?", and the judgement below it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import gradio as gr

from app.client import Limit
from app.codec import bounded
from app.errors import PhotoError, RestorationError
from app.i18n import say
from app.web import limits, metrics, storage
from app.web.bind import Words
from app.web.errors import page_error
from app.web.event_options import QUIET
from app.web.judge.crops import MAGNIFIED, as_url, middle, most_detailed, restored_crop
from app.web.judge.html import Candidate, verdict_html
from app.web.restore import choices
from app.web.restore.html import message_html
from app.web.restore.jobs import JobRunner


@dataclass(frozen=True)
class JudgeParts:
    """The components.

    Attributes:
        ask: the button; hidden where the server has no judge.
        verdict: what was said, and the candidates.
    """

    ask: gr.Button
    verdict: gr.HTML


@dataclass(frozen=True)
class ChoiceParts:
    """The components of the page that it works with.

    Attributes:
        files: the photos; the first one is judged.
        family, task, quality: the choices that a candidate sets.
        language: the language menu.
    """

    files: gr.File
    family: gr.Radio
    task: gr.Radio
    quality: gr.Radio
    language: gr.Dropdown


def lay_out_judge(has_judge: bool, words: Words) -> JudgeParts:
    """Lay out the button and the judgement.

    Args:
        has_judge: whether the server can judge photos.
        words: binds the texts of the page.
    """
    ask = words.bind(gr.Button(elem_id="ask", visible=has_judge), value=say("judge.ask"))
    verdict = gr.HTML(js_on_load="dinShowVerdict(element, trigger, watch)", elem_id="verdict")
    return JudgeParts(ask, verdict)


class Judging:
    """Judges photos for visitors.

    Args:
        runner: has the connection and the tasks.
        page: the page whose queue holds the judgements.
    """

    def __init__(self, runner: JobRunner, page: gr.Blocks) -> None:
        self._runner, self._page = runner, page

    def judge(self, photos: list[str] | None, language: str, request: gr.Request) -> Iterator[str]:
        """Judge the first photo, then restore a crop of it by each candidate.

        Args:
            photos: paths of the uploads.
            language: of the texts.
            request: identifies the visitor, who has a share of the queue.

        Yields:
            HTML: that it is looked at, what was said, and the candidates as their crops are restored.

        Raises:
            gr.Error: the photo cannot be judged; the message gives the reason.
        """
        try:
            limits.check_judgements(request, self._page)
            if not photos:
                raise PhotoError(say("error.no_photo"))
            yield message_html(say("judge.working"), language)
            yield from self._steps(photos[0], language)
        except RestorationError as error:
            metrics.refuse(error)
            yield ""  # nothing is looked at any more
            raise page_error(error, language) from error

    def _steps(self, path: str, language: str) -> Iterator[str]:
        """Yield what was said, then the same with each further crop; errors are RestorationErrors."""
        client = self._runner.client.within(Limit(limits.JUDGEMENT_S))
        with storage.explain_missing():
            pixels = bounded.decode(Path(path)).rgb
        judgement = client.judge(pixels)
        candidates = [Candidate(self._runner.find_task(task)) for task in judgement.tasks]
        is_magnified, crop = any(each.task.scale > 1 for each in candidates), most_detailed(pixels)
        before = as_url(middle(crop, MAGNIFIED) if is_magnified else crop)

        def shown() -> str:
            return verdict_html(path, Path(path).name, judgement, before, candidates, language)

        yield shown()
        for place, candidate in enumerate(candidates):
            limits.check_time()
            picture = as_url(restored_crop(crop, candidate.task, client, is_magnified))
            candidates[place] = replace(candidate, picture=picture)
            yield shown()


def wire_judge(parts: JudgeParts, choice: ChoiceParts, runner: JobRunner, page: gr.Blocks) -> None:
    """Connect the events.

    Args:
        parts: the components.
        choice: the components of the page that it works with.
        runner: has the connection and the tasks.
        page: the page whose queue holds the judgements.
    """
    judging = Judging(runner, page)
    parts.ask.click(
        judging.judge,
        [choice.files, choice.language],
        parts.verdict,
        concurrency_limit=limits.CONCURRENT_JUDGEMENTS,
        concurrency_id=limits.JUDGEMENTS,
        **QUIET,
    )
    choice.files.change(None, choice.files, None, js="(photos) => dinNotePhoto(photos)", api_visibility="private")
    parts.verdict.select(
        None,
        choice.quality,
        [choice.family, choice.task, choice.quality],
        js=f"(quality) => dinTakeCandidate({choices.offered(runner.tasks)}, quality)",
        api_visibility="private",
    )
    choice.task.change(None, choice.task, None, js="(task) => dinShowChosen(task)", api_visibility="private")
