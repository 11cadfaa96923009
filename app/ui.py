"""The Gradio page: pick a task, bring a photo, restore it, compare, download."""

from __future__ import annotations

import tempfile
from pathlib import Path

import gradio as gr
from gradio.data_classes import ImageData
from gradio.utils import get_upload_folder

from app import codec
from app.client import RestorationClient, ServedTask, unavailable
from app.codec import Photo
from app.errors import PhotoError, RestorationError
from app.restore import Restoration, restore

EXAMPLES = Path(__file__).parent / "examples"
MAX_UPLOAD = "64mb"
CACHE_AGE_S = 600
CACHE_SWEEP_S = 60
# Photos in work at once and photos waiting; beyond that the page says that the queue is full.
CONCURRENT_PHOTOS = 2
QUEUED_PHOTOS = 32
# The comparison shows at most this many pixels: browsers stall on more. The download is always whole.
MAX_PREVIEW_PIXELS = 8_000_000

LOADING = "Loading the network: the first photo of a task takes a moment longer"

INTRODUCTION = """# DIN image restoration
Bring a photo, choose what to do with it, and compare the result. Photos stay on this server for at most ten minutes.
"""


def describe(task: ServedTask) -> str:
    """A task as its choice reads: its label, and its measured figure where there is one."""
    return f"{task.label} ({task.psnr} dB on {task.evaluated_on})" if task.psnr else task.label


# Two inputs are passed on as they came, so that the pipeline, not Gradio, says what is wrong with them. Their instances
# are changed, for a subclass would make Gradio write a stub file beside this module at import.


def photo_input() -> gr.Image:
    """An image input that hands over the path of the uploaded file instead of opening it."""
    photo = gr.Image(
        type="filepath",
        image_mode=None,
        sources=["upload", "clipboard", "webcam"],
        label="Photo",
        height=360,
        elem_id="photo",
    )
    decode_data_url = photo.preprocess

    def take_path(payload: ImageData | None) -> str | None:
        if payload is not None and payload.path is not None:
            return payload.path
        return decode_data_url(payload)  # type: ignore[return-value]  # type="filepath" makes it a path

    photo.preprocess = take_path  # type: ignore[method-assign]
    return photo


def task_input(tasks: list[ServedTask]) -> gr.Radio:
    """A choice of tasks that lets unknown names through."""
    picker = gr.Radio(
        [(describe(task), task.name) for task in tasks],
        value=tasks[0].name if tasks else None,
        label="What to do",
        elem_id="task",
    )
    picker.preprocess = lambda payload: payload  # type: ignore[method-assign]
    return picker


def offer_examples(tasks: list[ServedTask], photo: gr.Image, picker: gr.Radio) -> None:
    """For each task a row of example photos, from the folder of its name; only the chosen task's row is seen."""
    rows: list[gr.Column] = []
    for task in tasks:
        photos = [str(path) for path in sorted((EXAMPLES / task.name).glob("*.png"))]
        with gr.Column(visible=task is tasks[0]) as row:
            if photos:
                gr.Examples(
                    photos,
                    photo,
                    label=f"Examples: {task.label[0].lower()}{task.label[1:]}",
                    cache_examples=False,
                    elem_id=f"examples-{task.name}",
                )
        rows.append(row)

    def show_row(chosen: str) -> list[gr.Column]:
        return [gr.Column(visible=task.name == chosen) for task in tasks]

    picker.change(show_row, picker, rows, api_visibility="private", show_progress="hidden")


def report(result: Restoration) -> str:
    """What ran, as Markdown under the result."""
    (h, w), (rh, rw) = result.before.size, result.after.size
    tiles = "1 tile" if result.tiles == 1 else f"{result.tiles} tiles"
    lines = [
        f"**{result.task.label}**: {w}x{h} to {rw}x{rh} pixels, {tiles}, {result.seconds:.1f} s "
        f"(network {result.task.preset}).",
        *result.after.notices,
    ]
    return "\n\n".join(lines)


def comparison(result: Restoration) -> tuple[Photo, Photo]:
    """Before and after at one size, small enough for a browser."""
    size = codec.fit(result.after.size, MAX_PREVIEW_PIXELS)
    return codec.resize(result.before, size), codec.resize(result.after, size)


def save_result(result: Restoration, name: str) -> tuple[str, tuple[str, str]]:
    """Writes the download and the two pictures of the comparison where Gradio serves and later deletes them."""
    folder = Path(get_upload_folder())
    folder.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=folder))
    download = folder / f"{name}_{result.task.name}.png"
    codec.save_png(result.after, download)
    shown = []
    for label, photo in zip(("before", "after"), comparison(result), strict=True):
        if photo is result.after:
            shown.append(str(download))
            continue
        path = folder / f"{label}.png"
        codec.save_png(photo, path)
        shown.append(str(path))
    return str(download), (shown[0], shown[1])


def enable_download() -> gr.DownloadButton:
    return gr.DownloadButton(interactive=True)


def build_page(client: RestorationClient) -> gr.Blocks:
    """The page over one Triton.

    Args:
        client: connection to Triton; its tasks are read once.

    Raises:
        ServerUnavailableError: no server answers.
    """
    tasks, broken = client.tasks(), client.broken()

    def restore_photo(
        photo: str | None, task: str | None, progress: gr.Progress = gr.Progress()
    ) -> tuple[str, tuple[str, str], str]:
        """Restores a photo: returns the restored PNG, the (before, after) pictures and a report."""

        try:
            if photo is None:
                raise PhotoError("Choose a photo first.")
            path = Path(photo)
            is_first = task in tasks and not client.has_restored(tasks[task])

            def show(done: int, total: int) -> None:
                message = LOADING if is_first and done == 0 else "Restoring"
                progress((done, total), desc=message, unit="tiles")

            result = restore(path.read_bytes(), task or "", client, show)
            download, pictures = save_result(result, path.stem)
        except RestorationError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return download, pictures, report(result)

    page: gr.Blocks
    with gr.Blocks(
        title="DIN image restoration",
        analytics_enabled=False,
        delete_cache=(CACHE_SWEEP_S, CACHE_AGE_S),
        fill_width=True,
    ) as page:
        gr.Markdown(INTRODUCTION)
        for name in broken:
            gr.Markdown(f"⚠️ {unavailable(name)}")
        with gr.Row():
            with gr.Column(scale=2):
                task = task_input(list(tasks.values()))
                photo = photo_input()
                button = gr.Button("Restore", variant="primary", elem_id="restore")
                offer_examples(list(tasks.values()), photo, task)
            with gr.Column(scale=3):
                slider = gr.ImageSlider(
                    type="filepath", label="Before and after", interactive=False, max_height=640, elem_id="comparison"
                )
                download = gr.DownloadButton("Download PNG", interactive=False, elem_id="download")
                details = gr.Markdown(elem_id="report")
        button.click(
            restore_photo,
            [photo, task],
            [download, slider, details],
            api_name="restore",
            concurrency_limit=CONCURRENT_PHOTOS,
        ).success(enable_download, None, download, api_visibility="private")
    page.queue(max_size=QUEUED_PHOTOS)
    return page


def launch_page(page: gr.Blocks, host: str, port: int) -> None:
    """Starts serving the page, in threads of its own; nothing is fetched from or sent to anywhere else."""
    page.launch(
        server_name=host,
        server_port=port,
        prevent_thread_lock=True,
        show_error=True,
        quiet=True,
        share=False,
        ssr_mode=False,
        run_history=False,
        enable_monitoring=False,
        max_file_size=MAX_UPLOAD,
        footer_links=["api"],
    )
