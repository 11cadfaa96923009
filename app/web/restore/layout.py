"""Layout of the tab that restores photos."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from app import codec
from app.codec import FORMATS
from app.i18n import ENGLISH, Text, say
from app.tasks import Quality, Task, Tasks
from app.web import labels, storage
from app.web.bind import Words
from app.web.examples import AUTHORS, LICENCES, examples
from app.web.judge.tab import JudgeParts, lay_out_judge
from app.web.restore import choices
from app.web.restore.html import descriptions_html, field_texts_html
from app.web.restore.jobs import JobRunner, Results
from app.web.site import source

# JavaScript that moves <din-intro>, where there is one, to its place.
PLACE_INTRO = "document.querySelector('din-intro')?.moveTo(element);"
CLOCK_S = 2.0  # between questions for the expected times, until they are known
# Gradio takes a file by its MIME type or its suffix; telephones offer their photos by the former.
PHOTO_TYPES = ["image", *codec.READ_SUFFIXES]
VIEWER_TEXTS = (
    *("slider", "side_by_side", "zoom_in", "zoom_out", "fit", "actual_pixels", "lens", "full_screen"),
    *("exit_full_screen", "left", "right", "divider", "hint", "picture_alt", "copied", "not_copied", "not_shared"),
)

VIEWER = """<p class="din-empty"></p><din-part hidden></din-part><din-compare hidden></din-compare>
<button type="button" class="din-whole" hidden></button>"""


@dataclass(frozen=True)
class PhotoParts:
    """The components for input photos.

    Attributes:
        files: the photos to restore.
        preview: messages about the photos.
        webcam: the camera.
        samples: the examples of the chosen task.
    """

    files: gr.File
    preview: gr.HTML
    webcam: gr.Image
    samples: gr.Gallery


@dataclass(frozen=True)
class ChoiceParts:
    """The components for choosing a task, and for starting and stopping a job.

    Attributes:
        clock: asks for the expected times until the server's speed is known.
        part: restores a part of the photo.
    """

    family: gr.Radio
    task: gr.Radio
    quality: gr.Radio
    clock: gr.Timer
    is_reference_test: gr.Checkbox
    restore: gr.Button
    stop: gr.Button
    part: gr.Button


@dataclass(frozen=True)
class ResultParts:
    """The components for showing, saving and handing on results."""

    progress: gr.HTML
    viewer: gr.HTML
    strength: gr.Slider
    gallery: gr.Gallery
    report: gr.HTML
    format: gr.Radio
    percent: gr.Slider
    metadata: gr.Checkbox
    download: gr.DownloadButton
    share: gr.Button
    copy: gr.Button

    @property
    def output(self) -> tuple[gr.Radio, gr.Slider, gr.Checkbox, gr.Slider]:
        """The components for what is saved, and how."""
        return self.format, self.percent, self.metadata, self.strength


@dataclass(frozen=True)
class OnwardParts:
    """The components for going on with a result.

    Attributes:
        chain: what was done so far.
        task: the task to go on with.
        go_on: starts a job with it.
        undo: takes the last step back.
    """

    chain: gr.HTML
    task: gr.Dropdown
    go_on: gr.Button
    undo: gr.Button


@dataclass(frozen=True)
class RestoreTab:
    """The components and the state of the tab.

    Attributes:
        photos, judge, choice, result, onward: the components.
        job: a :class:`~app.web.restore.jobs.Job`, the last one that was started.
        results: the :class:`~app.web.restore.jobs.Results` of the job that ran last.
        shown: place of the photo in the comparison among the restored ones.
    """

    photos: PhotoParts
    judge: JudgeParts
    choice: ChoiceParts
    result: ResultParts
    onward: OnwardParts
    job: gr.State
    results: gr.State
    shown: gr.State


def lay_out(runner: JobRunner, words: Words) -> RestoreTab:
    """Lay out the tab.

    Args:
        runner: has the tasks to offer and the time estimates.
        words: binds the texts of the page.
    """
    first = next(iter(runner.tasks.values()), None)
    with gr.Row(equal_height=False):
        with gr.Column(scale=4, min_width=320, elem_id="choose"):
            photos = lay_out_photos(first, words)
            heading(words, "page.step_choose")
            judge = lay_out_judge(runner.has_judge, words)
            choice = lay_out_choice(runner, first, words)
        with gr.Column(scale=7, min_width=320, elem_id="see"):
            result = lay_out_result(words)
            onward = lay_out_onward(runner.tasks, words)
    return RestoreTab(
        photos, judge, choice, result, onward, job=gr.State(None), results=gr.State(Results()), shown=gr.State(0)
    )


def lay_out_photos(first: Task | None, words: Words) -> PhotoParts:
    """Lay out the components for input photos, with the examples of the first task."""
    heading(words, "page.step_upload")
    files = words.bind(
        gr.File(file_count="multiple", file_types=PHOTO_TYPES, height=150, elem_id="photos"),
        label=say("page.photos"),
    )
    limit = codec.megapixels(codec.MAX_INPUT_PIXELS)
    hint(words, say("page.photos_hint", minutes=storage.CACHE_AGE_S // 60, limit=limit))
    words.bind(gr.HTML(visible="hidden"), value=field_texts_html)
    preview = gr.HTML(elem_id="uploaded")
    with words.bind(gr.Accordion(open=False, elem_id="camera"), label=say("page.camera")):
        webcam = words.bind(
            gr.Image(sources=["webcam"], type="filepath", image_mode=None, format="png", elem_id="webcam"),
            label=say("page.camera"),
        )
    hint(words, say("page.samples"))
    samples = words.bind(
        gr.Gallery(
            sample_pictures(first, ENGLISH) if first else None,
            columns=4,
            height="auto",
            object_fit="cover",
            allow_preview=False,
            interactive=False,
            buttons=[],
            show_label=False,
            elem_id="samples",
        ),
        label=say("page.samples"),
    )
    hint(words, say("intro.credit", author=AUTHORS, licence=LICENCES))
    return PhotoParts(files, preview, webcam, samples)


def lay_out_choice(runner: JobRunner, first: Task | None, words: Words) -> ChoiceParts:
    """Lay out the components for choosing task and quality; the first task is selected."""
    tasks = runner.tasks
    family = words.bind(
        gr.Radio(value=first.family if first else None, elem_id="family"),
        label=say("page.family"),
        choices=lambda language: labels.families(tasks, language),
    )
    task = words.bind(
        gr.Radio(value=first.name if first else None, elem_id="task"),
        label=say("page.variant"),
        choices=lambda language: choices.variants(tasks, language),
    )
    words.bind(gr.HTML(elem_id="described"), value=lambda language: descriptions_html(tasks, language))
    offered = choices.qualities(first, [], runner.eta, ENGLISH)
    quality = words.bind(
        gr.Radio(offered, value=Quality.FAST.value, elem_id="quality"),
        label=say("page.quality"),
    )
    clock = gr.Timer(CLOCK_S, active=False)
    is_reference_test = words.bind(
        gr.Checkbox(elem_id="reference_test"), label=say("page.reference_test"), info=say("page.reference_test_info")
    )
    part = words.bind(gr.Button(elem_id="part"), value=say("part.try"))
    with gr.Row(elem_id="act"):
        restore = words.bind(gr.Button(variant="primary", elem_id="restore"), value=say("page.restore"))
        stop = words.bind(gr.Button(variant="stop", interactive=False, elem_id="stop"), value=say("page.stop"))
    return ChoiceParts(family, task, quality, clock, is_reference_test, restore, stop, part)


def lay_out_result(words: Words) -> ResultParts:
    """Lay out the components for showing and saving results."""
    gr.HTML(js_on_load=PLACE_INTRO, elem_id="intro")
    progress = gr.HTML(elem_id="progress")
    viewer = words.bind(
        gr.HTML(
            uploaded={},
            restored=[],
            picking={},
            html_template=VIEWER,
            js_on_load=source("restore/static/on_load.js"),
            elem_id="comparison",
        ),
        value=viewer_texts,
    )
    strength = words.bind(
        gr.Slider(codec.NONE, codec.WHOLE, codec.WHOLE, step=1, buttons=[], elem_id="strength"),
        label=say("page.strength"),
        info=say("page.strength_info"),
    )
    gallery = words.bind(
        gr.Gallery(
            visible=False,
            columns=6,
            fit_columns=False,
            height="auto",
            object_fit="cover",
            allow_preview=False,
            interactive=False,
            buttons=[],
            elem_id="results",
        ),
        label=say("page.results"),
    )
    report = gr.HTML(elem_id="report")
    with gr.Row(elem_id="keep"):
        default = codec.Output()
        formats = words.bind(
            gr.Radio([(f.label, name) for name, f in FORMATS.items()], value=default.format, elem_id="format"),
            label=say("page.format"),
        )
        percent = words.bind(
            gr.Slider(codec.MIN_PERCENT, codec.MAX_PERCENT, default.percent, step=1, visible=False, elem_id="percent"),
            label=say("page.percent"),
        )
        metadata = words.bind(gr.Checkbox(default.metadata, elem_id="metadata"), label=say("page.metadata"))
        download = words.bind(
            gr.DownloadButton(variant="primary", interactive=False, elem_id="download"), label=say("page.download")
        )
        share = words.bind(gr.Button(elem_id="share"), value=say("page.share"))
        copy = words.bind(gr.Button(elem_id="copy"), value=say("page.copy"))
    return ResultParts(progress, viewer, strength, gallery, report, formats, percent, metadata, download, share, copy)


def lay_out_onward(tasks: Tasks, words: Words) -> OnwardParts:
    """Lay out the components for going on with a result."""

    def offered(language: str) -> labels.Choices:
        return [(labels.task_label(task).into(language), name) for name, task in tasks.items()]

    chain = gr.HTML(elem_id="chain")
    with gr.Row(elem_id="onward"):
        task = words.bind(  # with the choices from the start, or Gradio would warn of the value
            gr.Dropdown(offered(ENGLISH), value=next(iter(tasks), None), filterable=False, elem_id="next_task"),
            label=say("page.go_on_with"),
            choices=offered,
        )
        go_on = words.bind(gr.Button(elem_id="go_on"), value=say("page.go_on"))
        undo = words.bind(gr.Button(elem_id="undo"), value=say("page.undo"))
    return OnwardParts(chain, task, go_on, undo)


def viewer_texts(language: str) -> dict[str, object]:
    """Return the texts of the comparison, and of choosing a part."""
    texts: dict[str, object] = {name: say(f"viewer.{name}").into(language) for name in VIEWER_TEXTS}
    part = {name: say(f"part.{name}").into(language) for name in ("frame", "hint", "whole")}
    part["place"] = say("part.place", x="{x}", y="{y}").into(language)  # the script fills them in
    return texts | {"empty": say("page.empty").into(language), "part": part}


def in_comparison(states: list[dict[str, object]]) -> gr.HTML:
    """Return the update that shows states of a photo in the comparison; no part of it is being chosen any more."""
    return gr.HTML(restored=states, picking={})


def heading(words: Words, key: str) -> None:
    """Add the heading of a step; ``key`` is that of its text."""
    words.bind(gr.Markdown(elem_classes="din-step"), value=lambda language: f"## {say(key).into(language)}")


def hint(words: Words, text: Text) -> None:
    """Add an explanatory line."""
    words.bind(gr.Markdown(elem_classes="din-hint"), value=text)


def sample_pictures(task: Task, language: str) -> list[tuple[str, str]]:
    """Return the examples of a task as (path, text alternative)."""
    return [
        (str(path), say("page.sample", number=number, task=labels.task_label(task)).into(language))
        for number, path in enumerate(examples(task), 1)
    ]
