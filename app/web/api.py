"""What other programs call: the named events behind REST, ``gradio_client`` and MCP, described for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gradio as gr

from app import codec
from app.codec import FORMATS, Output
from app.errors import RestorationError
from app.i18n import ENGLISH, say
from app.web import limits
from app.web.restore.jobs import Advance, Order, Workshop, check_photos
from app.web.restore.layout import as_paths, find_task, page_error
from app.web.restore.results import Outcome, save_as

Report = dict[str, Any]
Verdict = dict[str, Any]  # as gr.validate makes it
PHOTOS_AT, TASK_AT = 0, 1  # among the arguments
FAST, BEST = "din", "din+"  # the network once, or as self-ensemble


def offer_programs(workshop: Workshop, page: gr.Blocks) -> None:
    """Adds the events ``restore``, ``restore_batch`` and ``tasks`` to a page."""

    def verdict(photos: Sequence[str], task: str) -> list[Verdict]:
        """What Gradio answers at once instead of queueing a call that cannot succeed, an entry for each argument."""
        refused_at = TASK_AT
        try:
            found = find_task(workshop, task)
            refused_at = PHOTOS_AT
            limits.check_count(len(photos))
            check_photos(as_paths(photos), found)
        except RestorationError as error:
            return [gr.validate(place != refused_at, str(error)) for place in range(len(options) + 1)]
        return [gr.validate(True, "")] * (len(options) + 1)

    def check_one(photo: str | None, task: str, *_: object) -> list[Verdict]:
        return verdict([photo] if photo else [], task)

    def check_batch(photos: list[str] | None, task: str, *_: object) -> list[Verdict]:
        return verdict(photos or [], task)

    def do(
        photos: Sequence[str], order: Order, output: Output, progress: gr.Progress
    ) -> tuple[Path | None, list[Outcome]]:
        outcomes = []
        for event in workshop.steps([Path(photo) for photo in photos], order):
            if isinstance(event, Outcome):
                outcomes.append(event)
            elif isinstance(event, Advance):
                progress((event.done, event.total), desc=describe(event), unit="tiles")
        return save_as(outcomes, output)[0], outcomes

    def restore(
        photo: str,
        task: str,
        quality: str,
        file_format: str,
        percent: float | None,
        metadata: bool,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),
    ) -> tuple[str, Report]:
        """Restores one photo: enlarges it, or removes motion blur, rain or haze.

        Args:
            photo: The photo: PNG, JPEG, WebP, TIFF, BMP, GIF or HEIC, up to 24 megapixels and 64 MB.
            task: What to do, for example sr_x4 to enlarge it four times; the tool "tasks" lists and explains them all.
            quality: "din" is fast; "din+" averages eight passes: a little better, eight times slower.
            file_format: Of the restored photo: png (lossless), jpeg, webp or tiff (lossless).
            percent: Quality of JPEG and WebP, 1 to 100; WebP is lossless at 100.
            metadata: Whether to keep EXIF data such as date and place; the colour profile is always kept.

        Returns:
            The restored photo as a file, and a report: what ran, sizes in pixels, tiles, seconds, notices.
        """
        try:
            limits.check_share(request, page, already=1)
            order = Order(find_task(workshop, task), quality == BEST)
            path, (outcome,) = do([photo], order, Output(file_format, int(percent or 0), metadata), progress)
            if outcome.error is not None:
                raise outcome.error
        except RestorationError as error:
            raise page_error(error, ENGLISH) from error
        return str(path), report(outcome)

    def restore_batch(
        photos: list[str],
        task: str,
        quality: str,
        file_format: str,
        percent: float | None,
        metadata: bool,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),
    ) -> tuple[str | None, list[Report]]:
        """Restores several photos in the same way; one that cannot be restored does not stop the others.

        Args:
            photos: Up to 50 photos, each as for the tool "restore".
            task: What to do; the tool "tasks" lists and explains them all.
            quality: "din" is fast; "din+" averages eight passes: a little better, eight times slower.
            file_format: Of the restored photos: png (lossless), jpeg, webp or tiff (lossless).
            percent: Quality of JPEG and WebP, 1 to 100; WebP is lossless at 100.
            metadata: Whether to keep EXIF data such as date and place; the colour profile is always kept.

        Returns:
            A ZIP of the restored photos in their order (the photo itself if it is one), and a report for each photo,
            with its error where it could not be restored.
        """
        try:
            limits.check_share(request, page, already=1)
            order = Order(find_task(workshop, task), quality == BEST)
            path, outcomes = do(photos, order, Output(file_format, int(percent or 0), metadata), progress)
        except RestorationError as error:
            raise page_error(error, ENGLISH) from error
        return (str(path) if path else None), [report(outcome) for outcome in outcomes]

    def tasks() -> list[Report]:
        """Lists what photos can be restored for, and by which networks.

        Returns:
            For each network its name (the argument "task" of the other tools), the task it does, label, family, scale
            (output size over input size), preset, precision, device, and the PSNR in dB that it was measured with. Of
            several networks for one task the fastest has the task's name.
        """
        wanted = (
            "name",
            "task",
            "label",
            "family",
            "variant",
            "scale",
            "preset",
            "precision",
            "device",
            "psnr",
            "evaluated_on",
        )
        return [{key: asdict(task)[key] for key in wanted} for task in workshop.client.tasks().values()]

    names = list(workshop.tasks)
    with gr.Column(visible=False):
        photo, photos = gr.File(label="photo"), gr.File(label="photos", file_count="multiple")
        task = gr.Dropdown(names, value=names[0] if names else None, label="task")
        task.preprocess = lambda payload: payload  # type: ignore[method-assign]  # an unknown one gets our own words
        options = [
            task,
            gr.Radio([FAST, BEST], value=FAST, label="quality"),
            gr.Radio(list(FORMATS), value="png", label="file_format"),
            gr.Number(codec.Output().quality, minimum=1, maximum=100, precision=0, label="percent"),
            gr.Checkbox(True, label="metadata"),
        ]
        restored, told = gr.File(label="restored"), gr.JSON(label="report")
        for function, given, check in ((restore, photo, check_one), (restore_batch, photos, check_batch)):
            gr.Button().click(
                function,
                [given, *options],
                [restored, told],
                api_name=function.__name__,
                validator=check,
                concurrency_limit=limits.CONCURRENT_JOBS,
                concurrency_id=limits.QUEUE,
            )
        gr.Button().click(tasks, None, told, api_name="tasks", queue=False)


def describe(event: Advance) -> str:
    """What a job is at, beside its count of tiles."""
    what = say("progress.loading" if event.is_loading else "progress.name")
    if event.place[1] == 1:
        return str(what)
    return str(say("progress.photo", place=event.place[0], photos=event.place[1], name=event.name, text=what))


def report(outcome: Outcome) -> Report:
    """An outcome as JSON."""
    if outcome.error is not None:
        return {"name": outcome.name, "task": outcome.task.name, "error": str(outcome.error)}
    return {
        "name": outcome.name,
        "task": outcome.task.name,
        **{name.key.removeprefix("report."): str(value) for name, value in outcome.facts},
        "notices": [str(notice) for notice in outcome.notices],
    }
