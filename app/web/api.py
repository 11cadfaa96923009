"""The API for programs: named events that Gradio offers by REST, ``gradio_client`` and MCP."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import gradio as gr

from app import codec
from app.codec import FORMATS, Output
from app.errors import RestorationError, UnknownQualityError
from app.i18n import ENGLISH, say
from app.tasks import FORMER_QUALITIES, SEPARATOR, Chain, Quality, Task, chain_name, current_names
from app.web import limits, metrics
from app.web.errors import page_error
from app.web.gradio_compat import accept_any
from app.web.restore.jobs import JobOptions, JobProgress, JobRunner, check_photos
from app.web.restore.results import Outcome, save_as
from app.web.restore.uploads import as_paths

Report = dict[str, Any]
Validation = dict[str, Any]  # made by gr.validate


class Api:
    """The functions of the API. Gradio shows their signatures and docstrings to programs and language models.

    Args:
        runner: runs the jobs.
        page: the page whose queue holds the jobs.
    """

    def __init__(self, runner: JobRunner, page: gr.Blocks) -> None:
        self._runner, self._page = runner, page

    def restore(
        self,
        photo: str,
        task: str,
        quality: str,
        file_format: str,
        percent: float | None,
        metadata: bool,
        strength: float | None,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),
    ) -> tuple[str, Report]:
        """Restore one photo: enlarge it, or remove motion blur, rain or haze.

        Args:
            photo: PNG, JPEG, WebP, TIFF, BMP, GIF, HEIC, AVIF, JPEG 2000, or PPM, of up to 24 megapixels and 64 MB.
            task: What to do, for example sr_x4 to enlarge it four times; the tool "tasks" lists and explains them all.
                Several, separated by commas, are done one after the other: derain_heavy,sr_x2.
            quality: "fast", "finer" (a slower network, where the task has one) or "best" (that one in several passes).
            file_format: Of the restored photo; "png" is lossless.
            percent: Quality of formats with lossy compression, 1 to 100; WebP is lossless at 100.
            metadata: Whether to keep EXIF data such as date and place; the colour profile is always kept.
            strength: How much of the restoration is seen, in percent: 0 is the photo, enlarged bicubically if need be.

        Returns:
            The restored photo as a file, and a report: what ran, sizes in pixels, tiles, seconds, notices.
        """
        try:
            path, reports, outcomes = self._run(
                [photo], task, quality, file_format, percent, metadata, strength, request, progress
            )
            if outcomes[0].error is not None:
                raise outcomes[0].error
        except RestorationError as error:
            raise page_error(error, ENGLISH) from error
        return str(path), reports[0]

    def restore_batch(
        self,
        photos: list[str],
        task: str,
        quality: str,
        file_format: str,
        percent: float | None,
        metadata: bool,
        strength: float | None,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),
    ) -> tuple[str | None, list[Report]]:
        """Restore several photos in the same way; one that cannot be restored does not stop the others.

        Args:
            photos: Up to 50 photos, each as for the tool "restore".
            task: What to do; the tool "tasks" lists and explains them all. Several, separated by commas, are done one
                after the other.
            quality: "fast", "finer" (a slower network, where the task has one) or "best" (that one in several passes).
            file_format: Of the restored photos; "png" is lossless.
            percent: Quality of formats with lossy compression, 1 to 100; WebP is lossless at 100.
            metadata: Whether to keep EXIF data such as date and place; the colour profile is always kept.
            strength: How much of the restoration is seen, in percent: 0 is the photo, enlarged bicubically if need be.

        Returns:
            A ZIP of the restored photos in their order (the photo itself if it is one), and a report for each photo,
            with its error where it could not be restored.
        """
        try:
            path, reports, _ = self._run(
                photos, task, quality, file_format, percent, metadata, strength, request, progress
            )
        except RestorationError as error:
            raise page_error(error, ENGLISH) from error
        return (str(path) if path else None), reports

    def tasks(self) -> list[Report]:
        """List the tasks that photos can be restored for.

        Returns:
            For each task its name (the argument "task" of the other tools), label, family, variant, description (the
            photos that it is for), scale (output size over input size), and the qualities that it has, each with its
            network's preset, precision, device, and the PSNR in dB that it was measured with. The same facts of the
            fast network stand beside the name, too.
        """
        return [describe_task(task) for task in self._runner.client.tasks().values()]

    def check(
        self, photos: str | list[str] | None, task: str, quality: str, request: gr.Request, *_: object
    ) -> list[Validation]:
        """Check a call of ``restore`` or ``restore_batch`` before it is queued; return a result for each argument."""
        photos = [photos] if isinstance(photos, str) else photos or []
        refused = "task"
        try:
            found = self._find(task, quality)[0]
            refused = "photo"
            limits.check_room(request, self._page)
            limits.check_count(len(photos))
            check_photos(as_paths(photos), found)
        except RestorationError as error:
            metrics.refuse(error)
            refused = "quality" if isinstance(error, UnknownQualityError) else refused
            return [gr.validate(name != refused, str(error) if name == refused else "") for name in ARGUMENTS]
        return [gr.validate(True, "")] * len(ARGUMENTS)

    def _find(self, task: str, quality: str) -> tuple[Chain, Quality, str]:
        """Find a chain of tasks and a quality by name; the notice is not empty if a name of 0.4 was used.

        Raises:
            UnknownTaskError, UnknownQualityError: no such task or quality; the message lists those that exist.
        """
        name, level, notice = current_names(task or "", quality)
        return self._runner.find_chain(name), level, notice

    def _run(
        self,
        photos: Sequence[str],
        task: str,
        quality: str,
        file_format: str,
        percent: float | None,
        metadata: bool,
        strength: float | None,
        request: gr.Request,
        progress: gr.Progress,
    ) -> tuple[Path | None, list[Report], list[Outcome]]:
        """Restore photos and write them in the requested format.

        Args:
            photos: paths of the uploads.
            task, quality, file_format, percent, metadata, strength: as for :meth:`restore`.
            request: identifies the caller, who has a share of the queue.
            progress: receives the number of tiles done.

        Returns:
            The file to download, or None if no photo was restored; the report and the outcome of each photo.

        Raises:
            RestorationError: the job was refused, or its caller has gone.
        """
        limits.check_share(request, self._page, already=1)
        limits.check_count(len(photos))
        found, level, notice = self._find(task, quality)
        outcomes = []
        with closing(self._runner.run(as_paths(photos), JobOptions(found, level))) as events:
            for event in events:
                if isinstance(event, Outcome):
                    outcomes.append(event)
                elif isinstance(event, JobProgress):
                    progress((event.done, event.total), desc=describe(event), unit="tiles")
                    limits.check_caller(request, self._page)
        path, _ = save_as(outcomes, Output(file_format, int(percent or 0), metadata), strength_of(strength))
        return path, [report(outcome, notice) for outcome in outcomes], outcomes


# What callers of ``restore`` give; ``restore_batch`` has ``photos`` in the place of the first.
ARGUMENTS = tuple(
    name for name in inspect.signature(Api.restore).parameters if name not in ("self", "request", "progress")
)


def add_api(runner: JobRunner, page: gr.Blocks) -> None:
    """Add the events ``restore``, ``restore_batch`` and ``tasks`` to a page."""
    api, names = Api(runner, page), list(runner.tasks)
    with gr.Column(visible=False):
        photo, photos = gr.File(label="photo"), gr.File(label="photos", file_count="multiple")
        # Unknown names are reported by the validators.
        schema = {"type": "string", "examples": [*names, SEPARATOR.join(names[:2])]}  # a chain is in no list of names
        task = accept_any(gr.Dropdown(names, value=names[0] if names else None, label="task"), schema)
        quality = accept_any(gr.Radio([*Quality, *FORMER_QUALITIES], value=Quality.FAST.value, label="quality"))
        options = [
            task,
            quality,
            gr.Radio(list(FORMATS), value="png", label="file_format"),
            gr.Number(
                codec.DEFAULT_PERCENT,
                minimum=codec.MIN_PERCENT,
                maximum=codec.MAX_PERCENT,
                precision=0,
                label="percent",
            ),
            gr.Checkbox(True, label="metadata"),
            gr.Number(codec.WHOLE, minimum=codec.NONE, maximum=codec.WHOLE, precision=0, label="strength"),
        ]
        restored, reports = gr.File(label="restored"), gr.JSON(label="report")
        for function, given in ((api.restore, photo), (api.restore_batch, photos)):
            gr.Button().click(
                function,
                [given, *options],
                [restored, reports],
                api_name=function.__name__,
                validator=api.check,
                concurrency_limit=limits.CONCURRENT_JOBS,
                concurrency_id=limits.QUEUE,
            )
        gr.Button().click(api.tasks, None, reports, api_name="tasks", queue=False)


def strength_of(strength: float | None) -> int:
    """Return the strength in percent; the whole restoration where a caller gives none."""
    return codec.WHOLE if strength is None else int(strength)


def describe_task(task: Task) -> Report:
    """Describe a task as JSON, with the facts of its network for each quality."""
    facts = ("preset", "precision", "device", "psnr", "evaluated_on")

    def network_facts(quality: Quality) -> Report:
        network = task.network(quality)
        return {fact: getattr(network, fact) for fact in facts}

    return {
        "name": task.name,
        "label": task.label,
        "family": task.family,
        "variant": task.variant,
        "description": task.description,
        "scale": task.scale,
        **network_facts(Quality.FAST),
        "qualities": {quality.value: network_facts(quality) for quality in task.qualities},
    }


def describe(progress: JobProgress) -> str:
    """Describe the current step of a job, for the progress bar that counts its tiles."""
    step = "waiting" if progress.is_waiting else "loading" if progress.is_loading else "name"
    text = say(f"progress.{step}")
    number, photos = progress.place
    if photos == 1:
        return str(text)
    return str(say("progress.photo", place=number, photos=photos, name=progress.name, text=text))


def report(outcome: Outcome, notice: str = "") -> Report:
    """Describe an outcome as JSON; a notice about the call is added to those of the photo."""
    task = chain_name(tuple(run.task for run in outcome.runs))
    known = {"name": outcome.name, "task": task, "quality": outcome.runs[-1].quality.value}
    if outcome.error is not None:
        return {**known, "error": str(outcome.error)}
    return {
        **known,
        **{name.key.removeprefix("report."): str(value) for name, value in outcome.facts},
        "notices": [str(text) for text in (*outcome.notices, notice) if str(text)],
    }
