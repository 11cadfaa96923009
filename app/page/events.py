"""What happens on the tab where photos are restored, when something on it is touched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from app.codec import Output
from app.errors import RestorationError
from app.page import choices, limits
from app.page.job import Advance, Order, Preview, Workshop, check_photos
from app.page.outcomes import Outcome, beside, save_as, viewer_states
from app.page.report import message_html, outcomes_html, progress_html
from app.page.restore_tab import (
    RestoreTab,
    as_paths,
    find_task,
    page_error,
    photo_sizes,
    preview,
    sample_pictures,
    viewer_value,
)
from app.texts import say

Photos = list[str] | None
Outcomes = tuple[Outcome, ...]
Updates = tuple[Any, ...]


def wire(tab: RestoreTab, workshop: Workshop, language: gr.Dropdown, page: gr.Blocks, arrived: Any) -> None:
    """Connects the components of the tab.

    Args:
        tab: to connect.
        workshop: what does the work.
        language: the choice of it.
        page: whose queue is used.
        arrived: the event after which family and task are as the address asks.
    """
    tasks, pace = workshop.tasks, workshop.pace
    shown = [tab.progress, tab.viewer, tab.gallery, tab.download, tab.report, tab.outcomes]
    buttons = [tab.restore, tab.stop]

    def levels(task: str, paths: list[Path], level: str, language: str) -> gr.Radio:
        """The choice of quality for a task and photos; what is chosen stays, for it may have changed meanwhile."""
        offered = choices.qualities(tasks, task, photo_sizes(paths), pace, language)
        if level == choices.FINER and len(choices.networks(tasks, task)) < 2:
            return gr.Radio(choices=offered, value=choices.FAST)
        return gr.Radio(choices=offered)

    def choose_family(family: str, photos: Photos, level: str, language: str) -> Updates:
        name = next(name for name, task in tasks.items() if task.family == family)
        return gr.Radio(value=name), *choose_task(name, photos, level, language)

    def choose_task(task: str, photos: Photos, level: str, language: str) -> Updates:
        samples = sample_pictures(tasks[task], language) if task in tasks else []
        return levels(task, as_paths(photos), level, language), gr.Gallery(value=samples, selected_index=None)

    def translate(task: str, photos: Photos, level: str, language: str) -> Updates:
        variants = gr.Radio(choices=choices.variants(tasks, language))
        return variants, *choose_task(task, photos, level, language)

    def bring(photos: Photos, task: str, level: str, language: str) -> Updates:
        paths = as_paths(photos)
        states, sentences = preview(paths, tasks.get(task), language)
        return (
            levels(task, paths, level, language),
            sentences,
            viewer_value(states, language),
            gr.Gallery(visible=False),
            gr.DownloadButton(interactive=False),
            "",
            (),
        )

    def check(photos: Photos, task: str, is_trial: bool, language: str, request: gr.Request) -> Updates:
        """Everything that can be known before waiting for one's turn."""
        try:
            limits.check_share(request, page)
            limits.check_count(len(photos or ()))
            check_photos(as_paths(photos), find_task(workshop, task), is_trial)
        except RestorationError as error:
            raise page_error(error, language) from error
        return gr.Button(interactive=False), gr.Button(interactive=True)

    def restore(
        photos: Photos,
        task: str,
        level: str,
        is_trial: bool,
        file_format: str,
        percent: int,
        metadata: bool,
        outcomes: Outcomes,
        language: str,
    ) -> Iterator[Updates]:
        try:
            network = choices.network(tasks, task, level) or find_task(workshop, task)
            order = Order(network, level == choices.BEST, is_trial)
            output = Output(file_format, int(percent or 0), metadata)
            paths, done = as_paths(photos), []
            earlier = outcomes[0] if len(outcomes) == len(paths) == 1 else None  # restorations of this photo
            for event in workshop.steps(paths, order):
                if isinstance(event, Advance):
                    yield progress_html(event, language), *(gr.skip() for _ in shown[1:])
                elif isinstance(event, Preview):
                    states = viewer_states(beside(earlier, event.outcome), language)
                    yield gr.skip(), viewer_value(states, language), *(gr.skip() for _ in shown[2:])
                elif event.error is not None and len(paths) == 1:
                    raise event.error
                else:
                    done.append(beside(earlier, event))
                    yield show(done, output, language, is_last=len(done) == len(paths))
        except RestorationError as error:
            raise page_error(error, language) from error

    def select(outcomes: Outcomes, language: str, event: gr.SelectData) -> dict[str, object]:
        restored = [outcome for outcome in outcomes if outcome.error is None]
        return viewer_value(viewer_states(restored[int(event.index)], language), language)

    def save(file_format: str, percent: int, metadata: bool, outcomes: Outcomes, language: str) -> Updates:
        has_quality = gr.Slider(visible=file_format in ("jpeg", "webp"))
        if not any(outcome.master for outcome in outcomes):
            return has_quality, gr.skip(), gr.skip()
        try:
            path, losses = save_as(outcomes, Output(file_format, int(percent or 0), metadata))
        except RestorationError as error:
            raise page_error(error, language) from error
        return has_quality, str(path), outcomes_html(outcomes, losses, language)

    def stopped(language: str) -> Updates:
        return message_html(say("page.stopped"), language), gr.Button(interactive=True), gr.Button(interactive=False)

    def pick_sample(task: str, event: gr.SelectData) -> list[str]:
        return [str(choices.examples(tasks[task])[int(event.index)])]

    def take_picture(picture: str | None) -> list[str]:
        return [picture] if picture else []

    def reshow(outcomes: Outcomes, language: str) -> Updates:
        if not outcomes:
            return gr.skip(), gr.skip(), ""
        restored = [outcome for outcome in outcomes if outcome.error is None]
        states = viewer_states(restored[0], language) if restored else []
        return viewer_value(states, language), outcomes_html(outcomes, (), language), ""

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    chosen = [tab.task, tab.photos, tab.quality, language]
    tab.family.input(choose_family, [tab.family, *chosen[1:]], [tab.task, tab.quality, tab.samples], **quiet)
    tab.task.input(choose_task, chosen, [tab.quality, tab.samples], **quiet)

    def bring_on(event: Any) -> Any:
        shows = [tab.quality, tab.brought, tab.viewer, tab.gallery, tab.download, tab.report, tab.outcomes]
        return event(bring, [tab.photos, tab.task, tab.quality, language], shows, **quiet)

    def restore_on(event: Any) -> Any:
        checked = event(check, [tab.photos, tab.task, tab.is_trial, language], buttons, concurrency_limit=None, **quiet)
        checked.success(None, None, None, js="() => dinWatch()", api_visibility="private")
        run = checked.success(
            restore,
            [tab.photos, tab.task, tab.quality, tab.is_trial, *tab.output, tab.outcomes, language],
            shown,
            concurrency_limit=limits.CONCURRENT_JOBS,
            concurrency_id=limits.QUEUE,
            api_visibility="private",
            show_progress_on=[tab.progress],
        )
        run.then(lambda: (gr.Button(interactive=True), gr.Button(interactive=False)), None, buttons, **quiet)
        run.success(choose_task, chosen, [tab.quality, tab.samples], **quiet)  # its time is known better now
        return run

    bring_on(tab.photos.upload)
    bring_on(tab.photos.delete)
    bring_on(tab.photos.clear)
    bring_on(tab.webcam.input(take_picture, tab.webcam, tab.photos, **quiet).then)
    picked = bring_on(tab.samples.select(pick_sample, tab.task, tab.photos, **quiet).then)
    runs = [restore_on(tab.restore.click), restore_on(picked.then)]
    tab.stop.click(stopped, language, [tab.progress, *buttons], cancels=runs, queue=False, **quiet)
    tab.gallery.select(select, [tab.outcomes, language], tab.viewer, **quiet)
    for component in tab.output:
        component.input(save, [*tab.output, tab.outcomes, language], [tab.output[1], tab.download, tab.report], **quiet)
    for event in (language.change, arrived.then):
        event(translate, chosen, [tab.task, tab.quality, tab.samples], **quiet)
    language.change(reshow, [tab.outcomes, language], [tab.viewer, tab.report, tab.progress], **quiet)


def show(outcomes: Sequence[Outcome], output: Output, language: str, is_last: bool) -> Updates:
    """Progress, viewer, gallery, download, report and state after another photo."""
    restored = [outcome for outcome in outcomes if outcome.error is None]
    states = viewer_states(restored[-1], language) if restored else []
    many = len(outcomes) > 1 or not is_last
    gallery = [(str(outcome.pictures[-1].path), outcome.name) for outcome in restored]
    path, losses = save_as(outcomes, output) if is_last else (None, ())
    return (
        "" if is_last else gr.skip(),
        viewer_value(states, language),
        gr.Gallery(value=gallery, visible=many, selected_index=None),
        gr.DownloadButton(value=str(path), interactive=True) if path else gr.DownloadButton(interactive=False),
        outcomes_html(outcomes, losses, language),
        tuple(outcomes),
    )
