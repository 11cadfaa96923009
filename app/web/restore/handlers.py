"""What happens on the tab where photos are restored, when something on it is touched.

The server's answers come late and in any order. So what a job does is taken from the page at the click that starts it,
and kept in ``started``; no answer sets a choice or removes a result; and what is shown of a choice is asked for once
more when the choice has changed meanwhile (``always_last``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from app.codec import Output
from app.errors import PhotoError, RestorationError
from app.i18n import say
from app.tasks import Quality
from app.web import limits
from app.web.restore import choices
from app.web.restore.html import message_html, outcomes_html, progress_html
from app.web.restore.jobs import Advance, Order, Preview, Results, Start, Workshop, check_photos
from app.web.restore.layout import (
    RestoreTab,
    as_paths,
    find_task,
    page_error,
    photo_sizes,
    preview,
    sample_pictures,
)
from app.web.restore.results import as_is, beside, save_as, viewer_states

Photos = list[str] | None
Updates = dict[Any, Any]  # of components
# What the browser does at once: it forgets what is not of the photos which are there now, withholds a file until it is
# as chosen and Restore until a job has ended, and has Stop ready only while there is one.
FORGET = "(photos) => dinForget(photos)"
WITHHOLD = "() => dinPut({ interactive: false })"
IDLE = "() => [dinPut({ interactive: true }), dinPut({ interactive: false })]"


def wire(tab: RestoreTab, workshop: Workshop, language: gr.Dropdown, page: gr.Blocks, arrived: Any) -> None:
    """Connects the components of the tab.

    Args:
        tab: to connect.
        workshop: what does the work.
        language: the choice of it.
        page: whose queue is used.
        arrived: the event after which family and task are as the address asks.
    """
    tasks = workshop.tasks
    _, percent, _ = tab.output
    buttons = [tab.restore, tab.stop]
    busy = {tab.restore: gr.Button(interactive=False), tab.stop: gr.Button(interactive=True)}

    def welcome(task: str, language: str) -> gr.HTML:
        """An example of the task, if it has been restored before."""
        example = workshop.restored_example(tasks[task]) if task in tasks else None
        return gr.HTML(example=viewer_states(example, language) if example else [])

    def describe(task: str, photos: Photos, language: str) -> tuple[gr.Radio, gr.Gallery]:
        """What a task takes, and examples of it."""
        offered = choices.qualities(tasks.get(task), photo_sizes(as_paths(photos)), workshop.pace, language)
        samples = sample_pictures(tasks[task], language) if task in tasks else []
        return gr.Radio(choices=offered), gr.Gallery(value=samples, selected_index=None)

    def bring(photos: Photos, task: str, language: str) -> tuple[str, gr.HTML]:
        states, sentences = preview(as_paths(photos), tasks.get(task), language)
        return sentences, gr.HTML(brought={"states": states})

    def start(
        photos: Photos, task: str, level: str, is_reference_test: bool, language: str, request: gr.Request
    ) -> Updates:
        """Checks everything that can be known before waiting for one's turn."""
        paths = as_paths(photos)
        try:
            found = find_task(workshop, task)
            limits.check_share(request, page)
            limits.check_count(len(paths))
            check_photos(paths, found, is_reference_test)
        except RestorationError as error:
            raise page_error(error, language) from error
        return {tab.started: Start(tuple(paths), Order(found, Quality(level), is_reference_test)), **busy}

    def start_sample(
        task: str, level: str, is_reference_test: bool, language: str, request: gr.Request, event: gr.SelectData
    ) -> Updates:
        path = str(event.value["image"]["path"])
        photos = [str(sample) for shown in tasks.values() for sample in choices.examples(shown) if str(sample) == path]
        return {tab.photos: photos, **start(photos, task, level, is_reference_test, language, request)}

    def restore(started: Start | None, results: Results, language: str) -> Iterator[Updates]:
        try:
            if started is None:
                raise PhotoError(say("error.no_photo"))
            photos, done = started.photos, Results(started.photos)
            # What was made of the same photo before.
            earlier = results.outcomes[0] if results.photos == photos and len(results.outcomes) == 1 else None
            yield busy
            for event in workshop.steps(photos, started.order):
                if isinstance(event, Advance):
                    yield {tab.progress: progress_html(event, language)}
                elif isinstance(event, Preview):
                    yield {tab.viewer: gr.HTML(restored=viewer_states(beside(earlier, event.outcome), language))}
                elif event.error is not None and len(photos) == 1:
                    raise event.error
                else:
                    done = Results(photos, (*done.outcomes, beside(earlier, event)))
                    is_saved = gr.DownloadButton(interactive=False)  # not yet; the file there is may be an earlier one
                    yield {tab.results: done, tab.download: is_saved, **show(done, language)}
        except RestorationError as error:
            raise page_error(error, language) from error

    def show(done: Results, language: str) -> Updates:
        """The results after another photo."""
        states = viewer_states(done.restored[-1], language) if done.restored else []
        pictures = [(str(outcome.pictures[-1].path), outcome.name) for outcome in done.restored]
        return {
            tab.progress: "" if done.is_complete else gr.skip(),
            tab.viewer: gr.HTML(restored=states),
            tab.gallery: gr.Gallery(value=pictures, visible=len(done.photos) > 1, selected_index=None),
            tab.report: outcomes_html(done.outcomes, (), language),
        }

    def save(name: str, percent_kept: int, with_metadata: bool, results: Results, language: str) -> Updates:
        """Writes what was restored in the format that is chosen."""
        shown: Updates = {percent: gr.Slider(visible=name in ("jpeg", "webp"))}
        if not (results.is_complete and results.restored):
            return shown
        try:
            path, losses = save_as(results.outcomes, Output(name, int(percent_kept or 0), with_metadata))
        except RestorationError as error:
            refusal = message_html(as_is(error.into(language)), language, "error")
            return shown | {tab.report: outcomes_html(results.outcomes, (), language) + refusal}
        return shown | {
            tab.download: gr.DownloadButton(value=str(path), interactive=True),
            tab.report: outcomes_html(results.outcomes, losses, language),
        }

    def select(results: Results, language: str, event: gr.SelectData) -> gr.HTML:
        return gr.HTML(restored=viewer_states(results.restored[int(event.index)], language))

    def stopped(language: str) -> str:
        return message_html(say("page.stopped"), language)

    def take_picture(picture: str | None) -> list[str]:
        return [picture] if picture else []

    def reshow(photos: Photos, results: Results, language: str) -> Updates:
        if results.photos != tuple(as_paths(photos)) or not results.outcomes:
            return {tab.progress: ""}
        return show(results, language)

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    latest: dict[str, Any] = {**quiet, "trigger_mode": "always_last"}
    chosen = [tab.task, tab.quality, tab.is_reference_test, language]
    gr.on(
        [tab.family.input, tab.task.input],
        None,
        [tab.family, tab.task, tab.quality],
        [tab.task, tab.quality],
        js=f"(...chosen) => dinSettle({choices.offered(tasks)}, ...chosen)",
        api_visibility="private",
    )
    arrived.then(welcome, [tab.task, language], tab.viewer, **quiet)

    replaced = [tab.viewer, tab.gallery, tab.download, tab.report]
    # The browser's own first: each event of a change waits for the answer to the one before it.
    tab.photos.change(None, tab.photos, [*replaced, tab.brought], js=FORGET, api_visibility="private")
    changes = [tab.task.change, tab.photos.change, tab.results.change, language.change]
    gr.on(changes, describe, [tab.task, tab.photos, language], [tab.quality, tab.samples], **latest)
    tab.photos.change(bring, [tab.photos, tab.task, language], [tab.brought, tab.viewer], **latest)
    tab.webcam.input(take_picture, tab.webcam, tab.photos, **latest)

    each: dict[str, Any] = {**quiet, "trigger_mode": "multiple"}
    tab.restore.click(None, None, tab.restore, js=WITHHOLD, api_visibility="private")
    begun = tab.restore.click(start, [tab.photos, *chosen], [tab.started, *buttons], concurrency_limit=None, **quiet)
    begun.failure(None, None, buttons, js=IDLE, api_visibility="private")
    begins = [tab.photos, tab.started, *buttons]
    tab.samples.select(start_sample, chosen, begins, concurrency_limit=None, **each)
    tab.started.change(None, None, None, js="() => dinWatch()", api_visibility="private")
    run = tab.started.change(
        restore,
        [tab.started, tab.results, language],
        [*replaced, tab.progress, tab.results, *buttons],
        concurrency_limit=limits.CONCURRENT_JOBS,
        concurrency_id=limits.QUEUE,
        trigger_mode="always_last",
        api_visibility="private",
        show_progress_on=[tab.progress],
    )
    run.then(None, None, buttons, js=IDLE, api_visibility="private")
    tab.stop.click(stopped, language, tab.progress, cancels=run, queue=False, **quiet)
    tab.gallery.select(select, [tab.results, language], tab.viewer, **each)

    formats = [component.input for component in tab.output]
    gr.on(formats, None, None, tab.download, js=WITHHOLD, api_visibility="private")
    saved = [percent, tab.download, tab.report]
    gr.on([tab.results.change, *formats], save, [*tab.output, tab.results, language], saved, **latest)
    language.change(reshow, [tab.photos, tab.results, language], [*replaced, tab.progress], **quiet)
