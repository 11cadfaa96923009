"""The button "Try a part first", and the events of choosing the part in the comparison."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.client import Limit
from app.codec import Photo, bounded
from app.errors import PhotoError, RestorationError
from app.i18n import say
from app.tasks import Quality
from app.web import limits, metrics, storage
from app.web.errors import page_error
from app.web.event_options import LATEST, QUIET, Updates
from app.web.labels import task_label
from app.web.part.square import restore_square, side_for, square
from app.web.restore.html import message_html
from app.web.restore.jobs import JobRunner, Results
from app.web.restore.layout import RestoreTab, in_comparison
from app.web.restore.results import Picture, viewer_state, viewer_states
from app.web.restore.uploads import as_paths


@dataclass(frozen=True)
class Part:
    """The event handlers of a part.

    Attributes:
        tab: the components of the page that they update.
        runner: has the connection, the tasks and the time estimates.
        page: the page whose queue holds the requests.
    """

    tab: RestoreTab
    runner: JobRunner
    page: gr.Blocks

    def offer(self, photos: list[str] | None, task: str, quality: str, language: str) -> Updates:
        """Let the visitor choose a square of the photo.

        Args:
            photos: paths of the uploads.
            task: name of the task.
            quality: value of a :class:`~app.tasks.Quality`.
            language: of error messages.

        Raises:
            gr.Error: there is not exactly one photo, or no such task; the message gives the reason.
        """
        try:
            if len(photos or ()) != 1:
                raise PhotoError(say("error.no_photo"))
            side = side_for(self.runner.find_task(task), Quality(quality), self.runner.eta)
        except RestorationError as error:
            raise page_error(error, language) from error
        return {self.tab.result.viewer: gr.HTML(picking={"side": side})}

    def restore(
        self,
        photos: list[str] | None,
        task: str,
        quality: str,
        language: str,
        request: gr.Request,
        event: gr.SelectData,
    ) -> Iterator[Updates]:
        """Restore the square that was chosen, and show it before and after.

        Args:
            photos: paths of the uploads; the first one is meant.
            task: name of the task.
            quality: value of a :class:`~app.tasks.Quality`.
            language: of the texts.
            request: identifies the visitor, who has a share of the queue.
            event: has the centre of the square as [x, y], shares of width and height.

        Yields:
            That it is being restored, and the result.

        Raises:
            gr.Error: it could not be restored; the message gives the reason.
        """
        viewer, progress = self.tab.result.viewer, self.tab.result.progress
        try:
            limits.check_judgements(request, self.page)
            if not photos:
                raise PhotoError(say("error.no_photo"))
            yield {viewer: gr.skip(), progress: message_html(say("part.working"), language)}
            states, (h, w) = self.shown(photos[0], task, Quality(quality), language, centre_of(event))
            yield {viewer: in_comparison(states), progress: message_html(say("part.done", w=w, h=h), language)}
        except RestorationError as error:
            metrics.refuse(error)
            yield {viewer: gr.HTML(picking={}), progress: ""}
            raise page_error(error, language) from error

    def shown(
        self, path: str, name: str, quality: Quality, language: str, centre: tuple[float, float]
    ) -> tuple[list[dict[str, object]], tuple[int, int]]:
        """Restore a square of a stored photo; return what the comparison shows of it, and its (h, w)."""
        task = self.runner.find_task(name)
        with storage.explain_missing():
            pixels = bounded.decode(as_paths([path])[0]).rgb
        place = square((pixels.shape[0], pixels.shape[1]), centre, side_for(task, quality, self.runner.eta))
        client = self.runner.client.within(Limit(limits.JUDGEMENT_S))
        before, after = restore_square(pixels, place, task, quality, client)
        size = after.shape[0], after.shape[1]
        with storage.results_folder() as folder:
            pictures = [
                Picture(label, storage.save_preview(Photo(shown), size, folder / name), size)
                for label, shown, name in (
                    (say("report.bicubic" if task.scale > 1 else "report.before"), before, "before"),
                    (task_label(task), after, "after"),
                )
            ]
        states = [viewer_state(picture, language) | {"part_of": path} for picture in pictures]
        return states, (before.shape[0], before.shape[1])

    def show_whole(
        self, photos: list[str] | None, results: Results, place: int, strength: int, language: str
    ) -> Updates:
        """Show the whole photo again: its result if there is one, else as it is.

        Args:
            photos: paths of the uploads.
            results: of the job that ran last.
            place: of the photo among the restored ones.
            strength: in percent: how much of its restoration is seen.
            language: of the labels.
        """
        is_restored = results.photos == tuple(as_paths(photos)) and place < len(results.restored)
        states = viewer_states(results.restored[place], language, strength) if is_restored else []
        return {self.tab.result.viewer: in_comparison(states), self.tab.result.progress: ""}


def centre_of(event: gr.SelectData) -> tuple[float, float]:
    """Return the (x, y) that an event tells, each from 0 to 1; the middle for anything else."""
    place: Any = event.index
    if not isinstance(place, list) or len(place) != 2:
        return 0.5, 0.5
    x, y = (float(share) if isinstance(share, int | float) and 0 <= share <= 1 else 0.5 for share in place)
    return x, y


def wire_part(tab: RestoreTab, runner: JobRunner, language: gr.Dropdown, page: gr.Blocks) -> None:
    """Connect the events.

    Args:
        tab: the components.
        runner: has the connection and the tasks.
        language: the language menu.
        page: the page whose queue holds the requests.
    """
    part, choice, result = Part(tab, runner, page), tab.choice, tab.result
    chosen = [tab.photos.files, choice.task, choice.quality, language]
    choice.part.click(part.offer, chosen, result.viewer, **QUIET)
    choice.part.click(None, None, None, js="() => dinScrollToResult()", **QUIET)
    result.viewer.select(
        part.restore,
        chosen,
        [result.viewer, result.progress],
        concurrency_limit=limits.CONCURRENT_JUDGEMENTS,
        concurrency_id=limits.JUDGEMENTS,
        **LATEST,
    )
    result.viewer.clear(
        part.show_whole,
        [tab.photos.files, tab.results, tab.shown, result.strength, language],
        [result.viewer, result.progress],
        **QUIET,
    )
