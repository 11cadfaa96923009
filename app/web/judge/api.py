"""The call ``judge`` of the page's API, for programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from app.codec import bounded
from app.errors import PhotoError, RestorationError
from app.i18n import ENGLISH, say
from app.web import limits, metrics, storage
from app.web.errors import page_error
from app.web.restore.jobs import JobRunner

Report = dict[str, Any]


class JudgeApi:
    """The function of the API. Gradio shows its signature and docstring to programs and language models.

    Args:
        runner: has the connection.
        page: the page whose queue holds the judgements.
    """

    def __init__(self, runner: JobRunner, page: gr.Blocks) -> None:
        self._runner, self._page = runner, page

    def judge(self, photo: str, request: gr.Request) -> Report:
        """Judge what a photo needs, without restoring it; a small network says so, and may be wrong.

        Args:
            photo: PNG, JPEG, WebP, TIFF, BMP, GIF, HEIC, AVIF, JPEG 2000, or PPM, of up to 24 megapixels and 64 MB.

        Returns:
            The probability of low_resolution, motion_blur, rain, haze, noise and none, the likeliest first; and the
            names of tasks to try, the first one first, for the argument "task" of the tool "restore".
        """
        try:
            limits.check_judgements(request, self._page)
            if not photo:
                raise PhotoError(say("error.no_photo"))
            with storage.explain_missing():
                pixels = bounded.decode(Path(photo)).rgb
            judgement = self._runner.client.judge(pixels, deadline_s=limits.JUDGEMENT_S)
        except RestorationError as error:
            metrics.refuse(error)
            raise page_error(error, ENGLISH) from error
        probabilities = {kind: round(probability, 4) for kind, probability in judgement.probabilities.items()}
        return {"probabilities": probabilities, "tasks": list(judgement.tasks)}


def add_judge_api(runner: JobRunner, page: gr.Blocks) -> None:
    """Add the event ``judge`` to a page."""
    with gr.Column(visible=False):
        gr.Button().click(
            JudgeApi(runner, page).judge,
            gr.File(label="photo"),
            gr.JSON(label="judgement"),
            api_name="judge",
            concurrency_limit=limits.CONCURRENT_JUDGEMENTS,
            concurrency_id=limits.JUDGEMENTS,
        )
