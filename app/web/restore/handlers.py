"""Event handlers of the tab that restores photos.

The server's responses arrive with a delay and in any order. Therefore the options of a job are read at the click that
starts it and kept in the state ``job``; no response sets a choice or removes a result; and a handler runs again if a
choice has changed while it ran (``always_last``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from weakref import WeakSet

import gradio as gr

from app import codec
from app.codec import FORMATS, Output, bounded
from app.errors import PhotoError, RestorationError
from app.i18n import as_is, say
from app.tasks import Quality
from app.web import limits, metrics, storage
from app.web.errors import page_error
from app.web.event_options import EACH, LATEST, QUIET, Updates
from app.web.examples import examples
from app.web.restore import choices
from app.web.restore.html import chain_html, message_html, outcomes_html, progress_html
from app.web.restore.jobs import Job, JobOptions, JobProgress, JobRunner, Preview, Results, check_photos, check_results
from app.web.restore.layout import RestoreTab, in_comparison, sample_pictures
from app.web.restore.results import save_as, viewer_states, with_earlier_states
from app.web.restore.uploads import as_paths, photo_sizes, preview

Photos = list[str] | None
# JavaScript that runs in the browser without a request: clear the results of photos that were removed; disable the
# download until the file has the chosen format; enable Restore and disable Stop when no job runs.
CLEAR_RESULTS = "(photos) => dinClearResults(photos)"
DISABLE = "() => dinUpdate({ interactive: false })"
SET_IDLE = "() => [true, false, true, true].map((interactive) => dinUpdate({ interactive }))"
# The same after an error, which leaves the progress as it was.
SET_FAILED = f"() => [...({SET_IDLE})(), dinUpdate({{ value: '' }})]"


class Handlers:
    """The event handlers of the tab: each takes values and returns updates of components.

    Args:
        tab: the components to update.
        runner: runs the jobs.
        page: the page whose queue holds the jobs.
    """

    def __init__(self, tab: RestoreTab, runner: JobRunner, page: gr.Blocks) -> None:
        self._tab, self._runner, self._page = tab, runner, page
        self._begun: WeakSet[Job] = WeakSet()
        # Updates, and no buttons: those would be shown, since this is called while the page is built.
        self._busy: Updates = {
            tab.choice.restore: gr.update(interactive=False),
            tab.choice.stop: gr.update(interactive=True),
            tab.onward.go_on: gr.update(interactive=False),
            tab.onward.undo: gr.update(interactive=False),
        }

    def offer_qualities(self, task: str, photos: Photos, language: str) -> Updates:
        """Offer the qualities with their expected times; the clock asks again while they cannot be known."""
        chosen = self._runner.tasks.get(task)
        offered = choices.qualities(chosen, photo_sizes(as_paths(photos), chosen), self._runner.eta, language)
        is_early = bool(photos) and not self._runner.eta.is_known
        return {
            self._tab.choice.quality: gr.Radio(choices=offered),
            self._tab.choice.clock: gr.Timer(active=is_early),
        }

    def describe_task(self, task: str, photos: Photos, language: str) -> Updates:
        """Offer the qualities with their expected times, and the examples of the task."""
        chosen = self._runner.tasks.get(task)
        samples = sample_pictures(chosen, language) if chosen else []
        return {
            **self.offer_qualities(task, photos, language),
            self._tab.photos.samples: gr.Gallery(value=samples, selected_index=None),
        }

    def preview_photos(self, photos: Photos, task: str, language: str) -> Updates:
        """Show a single photo, and list the photos that cannot be restored."""
        states, sentences = preview(as_paths(photos), self._runner.tasks.get(task), language)
        return {
            self._tab.photos.preview: sentences,
            self._tab.result.viewer: gr.HTML(uploaded={"states": states, "photo": (photos or [""])[0]}),
        }

    def start(
        self, photos: Photos, task: str, quality: str, is_reference_test: bool, language: str, request: gr.Request
    ) -> Updates:
        """Start a job with the current choices, after the checks that need no waiting.

        Args:
            photos: paths of the uploads.
            task: name of the task.
            quality: value of a :class:`~app.tasks.Quality`.
            is_reference_test: whether to degrade the photos first and measure the results.
            language: of error messages.
            request: identifies the visitor, who has a share of the queue.

        Raises:
            gr.Error: the job cannot be run; the message gives the reason.
        """
        paths = as_paths(photos)
        try:
            chain = (self._runner.find_task(task),)
            limits.check_room(request, self._page)
            limits.check_count(len(paths))
            check_photos(paths, chain, is_reference_test)
        except RestorationError as error:
            metrics.refuse(error)
            raise page_error(error, language) from error
        options = JobOptions(chain, Quality(quality), is_reference_test)
        return {self._tab.job: Job(tuple(paths), options), **self._busy}

    def go_on(
        self, photos: Photos, results: Results, task: str, quality: str, language: str, request: gr.Request
    ) -> Updates:
        """Start a job with the results as its photos, after the checks that need no waiting.

        Args:
            photos: paths of the uploads.
            results: of the job that ran last; of other photos, they are refused.
            task: name of the next task.
            quality: value of a :class:`~app.tasks.Quality`.
            language: of error messages.
            request: identifies the visitor, who has a share of the queue.

        Raises:
            gr.Error: the job cannot be run; the message gives the reason.
        """
        try:
            found = self._runner.find_task(task)
            limits.check_room(request, self._page)
            is_shown = results.is_complete and results.photos == tuple(as_paths(photos))
            check_results(results.outcomes if is_shown else (), found)
        except RestorationError as error:
            metrics.refuse(error)
            raise page_error(error, language) from error
        return {self._tab.job: Job(results.photos, JobOptions((found,), Quality(quality)), results), **self._busy}

    def undo(self, results: Results, strength: int, language: str) -> Updates:
        """Take back the last step of a chain: show the results that it went on with, by a strength in percent."""
        previous = results.previous or results
        storage.touch(file for outcome in previous.outcomes for file in outcome.files)
        place = max(0, len(previous.restored) - 1)
        shown = self._show(previous, language, place, strength)
        return {self._tab.results: previous, self._tab.shown: place, **shown}

    def start_sample(
        self,
        task: str,
        quality: str,
        is_reference_test: bool,
        language: str,
        request: gr.Request,
        event: gr.SelectData,
    ) -> Updates:
        """Start a job with the example that was clicked.

        Args:
            task, quality, is_reference_test, language, request: as for :meth:`start`.
            event: the click; other pictures than the examples are ignored.

        Raises:
            gr.Error: the job cannot be run; the message gives the reason.
        """
        path = str(event.value["image"]["path"])
        samples = (sample for task in self._runner.tasks.values() for sample in examples(task))
        photos = [str(sample) for sample in samples if str(sample) == path]
        checked = self.start(photos, task, quality, is_reference_test, language, request)
        return {self._tab.photos.files: photos, **checked}

    def restore(self, job: Job | None, results: Results, language: str, request: gr.Request) -> Iterator[Updates]:
        """Run a job, and show its progress and results.

        A job runs once: whoever calls this event without the one that starts a job passes none of the limits.

        Args:
            job: the job to run, or None if none was started.
            results: of the job that ran last; an earlier result of the same photo is shown beside the new one.
            language: of messages and reports.
            request: identifies the visitor, who has a share of the queue.

        Yields:
            Updates whenever a tile or a photo is done.

        Raises:
            gr.Error: the job's only photo could not be restored; the message gives the reason.
        """
        try:
            if job is None or job in self._begun:
                raise PhotoError(say("error.no_photo"))
            self._begun.add(job)
            limits.check_share(request, self._page, already=1)
            photos, done = job.photos, Results(job.photos, previous=job.previous)
            # An earlier result of the same photo is compared with the new one.
            earlier = results.outcomes[0] if results.photos == photos and len(results.outcomes) == 1 else None
            yield self._busy
            for event in self._runner.run(photos, job.options, job.previous.outcomes if job.previous else ()):
                if isinstance(event, JobProgress):
                    yield {self._tab.result.progress: progress_html(event, language)}
                elif isinstance(event, Preview):
                    states = viewer_states(with_earlier_states(earlier, event.outcome), language)
                    yield {self._tab.result.viewer: in_comparison(states)}
                elif event.error is not None and len(photos) == 1:
                    raise event.error
                else:
                    done = replace(done, outcomes=(*done.outcomes, with_earlier_states(earlier, event)))
                    # The file may be of an earlier job: the download is disabled until the new one is saved.
                    disabled = {self._tab.result.download: gr.DownloadButton(interactive=False)}
                    shown = {self._tab.shown: max(0, len(done.restored) - 1)}
                    yield {self._tab.results: done, **shown, **disabled, **self._show(done, language)}
        except RestorationError as error:
            raise page_error(error, language) from error

    def _show(self, done: Results, language: str, place: int = -1, strength: int = codec.WHOLE) -> Updates:
        """Return the updates that show the results so far, one of them in the comparison, by a strength in percent."""
        states = viewer_states(done.restored[place], language, strength) if done.restored else []
        pictures = [(str(outcome.pictures[-1].path), outcome.name) for outcome in done.restored]
        return {
            self._tab.result.progress: "" if done.is_complete else gr.skip(),
            self._tab.result.viewer: in_comparison(states),
            self._tab.result.gallery: gr.Gallery(value=pictures, visible=len(done.photos) > 1, selected_index=None),
            self._tab.result.report: outcomes_html(done.outcomes, (), language),
            self._tab.onward.chain: chain_html(done.outcomes, language),
        }

    def save(self, name: str, percent: int, metadata: bool, strength: int, results: Results, language: str) -> Updates:
        """Write the restored photos in the chosen format, once all are done.

        Args:
            name: of the format, a key of :data:`~app.codec.FORMATS`.
            percent: quality, 1 to 100, for formats that have one.
            metadata: whether to keep EXIF.
            strength: in percent: how much of the restorations is seen.
            results: the photos to write.
            language: of the report.
        """
        shown: Updates = {self._tab.result.percent: gr.Slider(visible=FORMATS[name].has_percent)}
        if not (results.is_complete and results.restored):
            return shown
        try:
            path, losses = save_as(results.outcomes, Output(name, int(percent or 0), metadata), strength)
        except RestorationError as error:
            refusal = message_html(as_is(error.into(language)), language, "error")
            return shown | {self._tab.result.report: outcomes_html(results.outcomes, (), language) + refusal}
        return shown | {
            self._tab.result.download: gr.DownloadButton(value=str(path), interactive=True),
            self._tab.result.report: outcomes_html(results.outcomes, losses, language),
        }

    def blend(self, photos: Photos, results: Results, place: int, strength: int, language: str) -> Updates:
        """Show the photo in the comparison by a strength.

        Args:
            photos: paths of the uploads; results of others are not shown.
            results: of the job that ran last.
            place: of the photo among the restored ones.
            strength: in percent.
            language: of the labels.
        """
        if results.photos != tuple(as_paths(photos)) or not place < len(results.restored):
            return {self._tab.result.viewer: gr.skip()}
        states = viewer_states(results.restored[place], language, strength)
        return {self._tab.result.viewer: in_comparison(states)}

    def select_result(self, results: Results, strength: int, language: str, event: gr.SelectData) -> Updates:
        """Show the result that was clicked in the gallery in the comparison, by a strength in percent."""
        place = int(event.index)
        states = viewer_states(results.restored[place], language, strength)
        return {self._tab.shown: place, self._tab.result.viewer: in_comparison(states)}

    def stop(self, language: str) -> Updates:
        """Show that the job was stopped."""
        return {self._tab.result.progress: message_html(say("page.stopped"), language)}

    def take_picture(self, picture: str | None) -> Updates:
        """Select the picture of the camera as the photo to restore."""
        return {self._tab.photos.files: [picture] if picture else []}

    def translate(
        self, photos: Photos, task: str, results: Results, place: int, strength: int, language: str
    ) -> Updates:
        """Show the messages about the photos, and the results, in another language.

        Args:
            photos: paths of the uploads.
            task: name of the chosen task.
            results: of the job that ran last; those of other photos are not shown.
            place: of the photo in the comparison among the restored ones.
            strength: in percent: how much of its restoration is seen.
            language: the new language.
        """
        _, sentences = preview(as_paths(photos), self._runner.tasks.get(task), language)
        if results.photos != tuple(as_paths(photos)) or not results.outcomes:
            return {self._tab.photos.preview: sentences, self._tab.result.progress: ""}
        return {self._tab.photos.preview: sentences, **self._show(results, language, place, strength)}


def wire(tab: RestoreTab, runner: JobRunner, language: gr.Dropdown, page: gr.Blocks) -> None:
    """Connect the events of the tab to their handlers.

    Args:
        tab: the components of the tab.
        runner: runs the jobs.
        language: the language menu.
        page: the page whose queue holds the jobs.
    """
    handlers = Handlers(tab, runner, page)
    wire_choices(tab, runner, handlers, language)
    wire_job(tab, handlers, language)
    wire_results(tab, handlers, language)


def wire_choices(tab: RestoreTab, runner: JobRunner, handlers: Handlers, language: gr.Dropdown) -> None:
    """Connect the photos and the choices to what depends on them."""
    photos, choice, result = tab.photos, tab.choice, tab.result
    gr.on(
        [choice.family.input, choice.task.input],
        None,
        [choice.family, choice.task, choice.quality],
        [choice.task, choice.quality],
        js=f"(...chosen) => dinResolveChoice({choices.offered(runner.tasks)}, ...chosen)",
        **QUIET,
    )
    # The one without a request comes first: each event of a change waits for the response to the one before it.
    forgotten = [result.viewer, result.gallery, result.download, result.report, photos.preview, tab.onward.chain]
    photos.files.change(None, photos.files, forgotten, js=CLEAR_RESULTS, api_visibility="private")
    gr.on(
        [choice.task.change, photos.files.change, tab.results.change, language.change],
        handlers.describe_task,
        [choice.task, photos.files, language],
        [choice.quality, choice.clock, photos.samples],
        **LATEST,
    )
    choice.clock.tick(
        handlers.offer_qualities, [choice.task, photos.files, language], [choice.quality, choice.clock], **LATEST
    )
    photos.files.change(
        handlers.preview_photos,
        [photos.files, choice.task, language],
        [photos.preview, result.viewer],
        concurrency_limit=bounded.WORKERS - 1,  # one is left to the jobs
        **LATEST,
    )
    photos.webcam.input(handlers.take_picture, photos.webcam, photos.files, **LATEST)


def wire_job(tab: RestoreTab, handlers: Handlers, language: gr.Dropdown) -> None:
    """Connect the events that start, run and stop a job."""
    photos, choice, result = tab.photos, tab.choice, tab.result
    onward = tab.onward
    buttons = [choice.restore, choice.stop, onward.go_on, onward.undo]
    chosen = [choice.task, choice.quality, choice.is_reference_test, language]
    choice.restore.click(None, None, choice.restore, js=DISABLE, api_visibility="private")
    checked = choice.restore.click(
        handlers.start, [photos.files, *chosen], [tab.job, *buttons], concurrency_limit=None, **QUIET
    )
    checked.failure(None, None, buttons, js=SET_IDLE, api_visibility="private")
    outputs = [photos.files, tab.job, *buttons]
    photos.samples.select(handlers.start_sample, chosen, outputs, concurrency_limit=None, **EACH)
    onward.go_on.click(None, None, onward.go_on, js=DISABLE, api_visibility="private")
    next_step = onward.go_on.click(
        handlers.go_on,
        [photos.files, tab.results, onward.task, choice.quality, language],
        [tab.job, *buttons],
        concurrency_limit=None,
        **QUIET,
    )
    next_step.failure(None, None, buttons, js=SET_IDLE, api_visibility="private")
    tab.job.change(None, None, None, js="() => dinScrollToResult()", api_visibility="private")
    shown = [result.viewer, result.gallery, onward.chain, tab.shown]
    run = tab.job.change(
        handlers.restore,
        [tab.job, tab.results, language],
        [*shown, result.download, result.report, result.progress, tab.results, *buttons],
        concurrency_limit=limits.CONCURRENT_JOBS,
        concurrency_id=limits.QUEUE,
        trigger_mode="always_last",
        api_visibility="private",
        show_progress_on=[result.progress],
    )
    run.then(None, None, buttons, js=SET_IDLE, api_visibility="private")
    run.failure(None, None, [*buttons, result.progress], js=SET_FAILED, api_visibility="private")
    choice.stop.click(handlers.stop, language, result.progress, cancels=run, queue=False, **QUIET)


def wire_results(tab: RestoreTab, handlers: Handlers, language: gr.Dropdown) -> None:
    """Connect the events that show and save results."""
    result = tab.result
    selected = [tab.results, result.strength, language]
    result.gallery.select(handlers.select_result, selected, [result.viewer, tab.shown], **EACH)
    gr.on(
        [tab.results.change, result.strength.input],
        handlers.blend,
        [tab.photos.files, tab.results, tab.shown, result.strength, language],
        result.viewer,
        concurrency_limit=limits.CONCURRENT_JOBS,  # each holds a whole photo
        **LATEST,
    )
    onward = tab.onward
    onward.undo.click(None, None, result.download, js=DISABLE, api_visibility="private")
    undone = onward.undo.click(
        handlers.undo,
        [tab.results, result.strength, language],
        [result.viewer, result.gallery, result.report, result.progress, onward.chain, tab.results, tab.shown],
        **QUIET,
    )
    undone.then(None, None, None, js="() => dinKeepFocus()", api_visibility="private")
    formats = [component.input for component in result.output]
    gr.on(formats, None, None, result.download, js=DISABLE, api_visibility="private")
    gr.on(
        [tab.results.change, *formats],
        handlers.save,
        [*result.output, tab.results, language],
        [result.percent, result.download, result.report],
        **LATEST,
    )
    for button, function in ((result.share, "dinShare"), (result.copy, "dinCopy")):
        button.click(
            None, [result.download, result.viewer], result.progress, js=f"(...parts) => {function}(...parts)", **QUIET
        )
    language.change(
        handlers.translate,
        [tab.photos.files, tab.choice.task, tab.results, tab.shown, result.strength, language],
        [tab.photos.preview, result.viewer, result.gallery, result.report, result.progress, onward.chain],
        **QUIET,
    )
