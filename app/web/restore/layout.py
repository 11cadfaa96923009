"""The tab where photos are restored: bring, choose, watch, compare, keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from app import codec
from app.codec import FORMATS
from app.errors import PhotoError, RestorationError
from app.i18n import ENGLISH, Text, say
from app.tasks import Quality, Task
from app.web import storage
from app.web.bind import Words
from app.web.restore import choices
from app.web.restore.html import message_html
from app.web.restore.jobs import Results, Workshop, read
from app.web.restore.results import Picture, as_is, viewer_state

PHOTO_TYPES = ["image", ".heic", ".heif", ".avif", ".tif", ".tiff", ".webp", ".bmp", ".gif"]
VIEWER_TEXTS = (
    *("slider", "side_by_side", "zoom_in", "zoom_out", "fit", "actual_pixels", "lens", "full_screen"),
    *("exit_full_screen", "left", "right", "divider", "hint", "picture_alt"),
)
# A photo that was brought is shown until it is restored, however late it comes, and an example until there is one.
SHOW_STATES = """
const show = () => {
    const [empty, viewer] = element.querySelectorAll('.din-empty, din-compare');
    const { value: texts, example, brought, restored } = props;
    const states = restored.length ? restored : (brought.states ?? example);
    empty.textContent = texts.empty;
    empty.hidden = states.length > 0;
    viewer.texts = texts;
    if (JSON.stringify(states) !== JSON.stringify(viewer.states)) viewer.states = states;  // or zoom would be lost
    viewer.hidden = !states.length;
};
watch(['value', 'example', 'brought', 'restored'], show);
show();
"""


@dataclass(frozen=True)
class RestoreTab:
    """The components that other parts of the page set or read."""

    photos: gr.File
    family: gr.Radio
    task: gr.Radio
    quality: gr.Radio
    is_reference_test: gr.Checkbox
    output: tuple[gr.Radio, gr.Slider, gr.Checkbox]
    samples: gr.Gallery
    brought: gr.HTML
    restore: gr.Button
    stop: gr.Button
    progress: gr.HTML
    viewer: gr.HTML
    gallery: gr.Gallery
    download: gr.DownloadButton
    report: gr.HTML
    started: gr.State
    results: gr.State
    webcam: gr.Image


def viewer_texts(language: str) -> dict[str, str]:
    """The words of the comparison."""
    texts = {name: say(f"viewer.{name}").into(language) for name in VIEWER_TEXTS}
    return texts | {"empty": say("page.empty").into(language)}


def lay_out(workshop: Workshop, words: Words) -> RestoreTab:
    """Places the components of the tab."""
    tasks = workshop.tasks
    first = next(iter(tasks.values()), None)
    family = first.family if first else None
    with gr.Row(equal_height=False):
        with gr.Column(scale=4, min_width=320, elem_id="choose"):
            heading(words, "page.step_bring")
            photos = words.bind(
                gr.File(file_count="multiple", file_types=PHOTO_TYPES, height=150, elem_id="photos"),
                label=say("page.photos"),
            )
            limit = codec.megapixels(codec.MAX_INPUT_PIXELS)
            hint(words, say("page.photos_hint", minutes=storage.CACHE_AGE_S // 60, limit=limit))
            words.bind(gr.HTML(visible="hidden"), value=own_words)
            brought = gr.HTML(elem_id="brought")
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
            heading(words, "page.step_choose")
            family_choice = words.bind(
                gr.Radio(value=family, elem_id="family"),
                label=say("page.family"),
                choices=lambda language: choices.families(tasks, language),
            )
            task = words.bind(
                gr.Radio(value=first.name if first else None, elem_id="task"),
                label=say("page.variant"),
                choices=lambda language: choices.variants(tasks, language),
            )
            levels = choices.qualities(first, [], workshop.pace, ENGLISH)
            quality = gr.Radio(levels, value=Quality.FAST.value, elem_id="quality")
            words.bind(quality, label=say("page.quality"))
            is_reference_test = words.bind(
                gr.Checkbox(elem_id="trial"), label=say("page.trial"), info=say("page.trial_info")
            )
            with gr.Row(elem_id="act"):
                restore = words.bind(gr.Button(variant="primary", elem_id="restore"), value=say("page.restore"))
                stop = words.bind(gr.Button(variant="stop", interactive=False, elem_id="stop"), value=say("page.stop"))
        with gr.Column(scale=7, min_width=320, elem_id="see"):
            progress = gr.HTML(elem_id="progress")
            viewer = words.bind(
                gr.HTML(
                    example=[],
                    brought={},
                    restored=[],
                    html_template="<p class='din-empty'></p><din-compare hidden></din-compare>",
                    js_on_load=SHOW_STATES,
                    elem_id="comparison",
                ),
                value=viewer_texts,
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
                formats = words.bind(
                    gr.Radio([(f.label, name) for name, f in FORMATS.items()], value="png", elem_id="format"),
                    label=say("page.format"),
                )
                percent = words.bind(
                    gr.Slider(1, 100, 92, step=1, visible=False, elem_id="percent"), label=say("page.percent")
                )
                metadata = words.bind(gr.Checkbox(True, elem_id="metadata"), label=say("page.metadata"))
                download = words.bind(
                    gr.DownloadButton(variant="primary", interactive=False, elem_id="download"),
                    label=say("page.download"),
                )
    return RestoreTab(
        photos,
        family_choice,
        task,
        quality,
        is_reference_test,
        (formats, percent, metadata),
        samples,
        brought,
        restore,
        stop,
        progress,
        viewer,
        gallery,
        download,
        report,
        gr.State(None),
        gr.State(Results()),
        webcam,
    )


def heading(words: Words, key: str) -> None:
    words.bind(gr.Markdown(elem_classes="din-step"), value=lambda language: f"## {say(key).into(language)}")


def hint(words: Words, text: Text) -> None:
    words.bind(gr.Markdown(elem_classes="din-hint"), value=text)


def own_words(language: str) -> str:
    """What stands in the fields where Gradio would speak the browser's language, whatever was chosen."""
    drop, camera = (say(key).into(language).replace('"', "'") for key in ("page.drop", "page.start_camera"))
    return f'<style>:root {{ --din-drop: "{drop}"; --din-camera: "{camera}"; }}</style>'


def sample_pictures(task: Task, language: str) -> list[tuple[str, str]]:
    """The examples of a task, each with a name for those who do not see it."""
    return [
        (str(path), say("page.sample", number=number, task=choices.task_label(task)).into(language))
        for number, path in enumerate(choices.examples(task), 1)
    ]


def page_error(error: RestorationError, language: str) -> gr.Error:
    """An error as the page shows it."""
    return gr.Error(error.into(language), print_exception=False, title=say("page.error").into(language))


def preview(paths: Sequence[Path], task: Task | None, language: str) -> tuple[list[dict[str, object]], str]:
    """A single photo as it was brought, and a sentence on each that cannot be restored or is many."""
    scale = task.scale if task else 1
    sentences: list[str] = []
    states: list[dict[str, object]] = []
    for path in paths:
        try:
            data = read(path)
            size = codec.read_size(data)
            codec.check_size(size, scale)
            if len(paths) == 1:
                photo = codec.decode(data)
                shown = storage.save_preview(photo, photo.size, storage.new_folder() / "brought")
                states = [viewer_state(Picture(say("report.before"), shown, photo.size), language)]
                sentences.append(message_html(say("page.brought", name=path.name, w=size[1], h=size[0]), language))
        except PhotoError as error:
            text = as_is(f"{path.name}: {error.into(language)}")
            sentences.append(message_html(text, language, "error"))
    if len(paths) > 1:
        sentences.insert(0, message_html(say("page.brought_many", photos=len(paths)), language))
    return states, "".join(sentences)


def photo_sizes(paths: Sequence[Path]) -> list[tuple[int, int]]:
    """(h, w) of those photos that can be read."""
    sizes = []
    for path in paths:
        try:
            sizes.append(codec.read_size(read(path)))
        except PhotoError:
            continue  # it is told where the photo is shown
    return sizes


def as_paths(photos: Sequence[str] | None) -> list[Path]:
    return [Path(photo) for photo in photos or ()]


def find_task(workshop: Workshop, name: str | None) -> Task:
    """The task of that name; visitors of a server without any may send none.

    Raises:
        UnknownTaskError: there is none.
    """
    return workshop.tasks[name] if name in workshop.tasks else workshop.client.task(name or "")
