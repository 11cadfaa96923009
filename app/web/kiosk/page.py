"""The stage: a full screen of befores and afters in turn, for a booth, with a camera for those who pass by."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from app.client import RestorationClient
from app.errors import RestorationError
from app.i18n import ENGLISH, choose_language, say
from app.web import limits, storage
from app.web.kiosk.slideshow import Pair, Show
from app.web.restore.choices import families, task_label
from app.web.site import Site, scripts

REFRESH_S = 1.0
WORDS = (
    *("name", "before", "after", "starting", "take", "another", "pause", "play", "previous", "next", "full_screen"),
    *("no_full_screen", "what", "shutter", "choose_file", "restoring", "no_camera", "denied", "close", "not_begun"),
)
EXPLAIN_FULL = """() => {
    const stage = document.querySelector('din-stage');
    stage.fail(stage.texts.not_begun);
}"""
STAGE_CSS = """
body, gradio-app { background: #07090c !important; }
din-stage { position: fixed; inset: 0; z-index: 1000; }
footer { display: none !important; }
"""
PERFORM = """
const find = () => element.querySelector('din-stage');
let photos = 0;
const show = () => {
    const { language, ...properties } = props.value;
    document.documentElement.lang = language;
    Object.assign(find(), properties);
};
const hear = () => {
    const { progress, pair, failure } = props.answer;
    if (progress) find().progress = progress;
    if (pair) find().show(pair);
    if (failure) find().fail(failure);
};
element.addEventListener('photo', async ({ detail }) => {
    try {
        const { path } = await upload(detail.file);
        photos += 1;
        trigger('photo', { path, family: detail.family, number: photos });
    } catch {
        find().fail(props.value.texts.not_sent);
    }
});
watch('value', show);
watch('answer', hear);
show();
"""


def pair_value(pair: Pair, language: str) -> dict[str, object]:
    """A pair as the element takes it."""
    (h, w), (high, wide) = pair.sizes
    caption = (
        say("stage.pixels", w=w, h=h)
        if (h, w) == (high, wide)
        else say("stage.enlarged", w=w, h=h, wide=wide, high=high)
    )
    return {
        "before": storage.url(pair.before),
        "after": storage.url(pair.after),
        "label": task_label(pair.task).into(language),
        "caption": caption.into(language),
    }


def stage_value(show: Show, language: str) -> dict[str, object]:
    """All that the element is told, but of photos taken there."""
    texts: dict[str, str] = {name: say(f"stage.{name}").into(language) for name in WORDS}
    return {
        "language": language,
        "texts": texts | {"not_sent": say("stage.not_sent", limit=limits.MAX_UPLOAD).into(language)},
        "families": [{"name": name, "label": label} for label, name in families(show.tasks, language)],
        "pairs": [pair_value(pair, language) for pair in show.pairs],
        "notice": show.error.into(language) if show.error else "",
    }


class StagePage(gr.Blocks):
    """A page whose show ends when it is closed."""

    def __init__(self, show: Show, **options: Any) -> None:
        super().__init__(**options)
        self.show = show

    def close(self, verbose: bool = True) -> None:
        super().close(verbose)
        self.show.end()


def build_stage(client: RestorationClient) -> Site:
    """The stage over one Triton; its examples are restored in the background.

    Args:
        client: connection to Triton; its tasks are read once.

    Raises:
        ServerUnavailableError: no server answers.
    """
    show = Show(client)
    page: StagePage
    with StagePage(
        show,
        title=str(say("stage.title")),
        analytics_enabled=False,
        fill_width=True,
    ) as page:
        language = gr.State(ENGLISH)
        stage = gr.HTML(
            stage_value(show, ENGLISH),
            answer={},
            html_template="<din-stage></din-stage>",
            js_on_load=PERFORM,
            apply_default_css=False,
            elem_id="stage",
        )
        timer = gr.Timer(REFRESH_S)

        def arrive(request: gr.Request) -> tuple[str, dict[str, object]]:
            asked = dict(request.query_params).get("lang") or request.headers.get("accept-language", "")
            tag = choose_language(asked)
            return tag, stage_value(show, tag)

        def refresh(language: str) -> tuple[dict[str, object], gr.Timer]:
            is_done = show.is_done  # before the pairs are read: none may come after
            return stage_value(show, language), gr.Timer(active=not is_done)

        def take(language: str, data: gr.EventData) -> Iterator[Any]:
            """Tells how far a taken photo is, and what came of it; the number keeps equal answers apart."""

            def answer(**said: object) -> gr.HTML:
                return gr.HTML(answer={"number": data.number, **said})

            try:
                for event in show.take(Path(data.path), data.family):
                    if isinstance(event, Pair):
                        yield answer(
                            pair=pair_value(event, language) | {"life_s": storage.CACHE_AGE_S - storage.CACHE_SWEEP_S}
                        )
                    else:
                        done, total = event
                        text = say("stage.tiles", done=done, total=total).into(language)
                        yield answer(progress={"text": text, "share": done / total})
            except RestorationError as error:
                yield answer(failure=error.into(language))

        page.load(arrive, None, [language, stage], api_visibility="private", show_progress="hidden")
        timer.tick(refresh, language, [stage, timer], queue=False, api_visibility="private", show_progress="hidden")
        taken = stage.photo(
            take,
            language,
            stage,
            concurrency_limit=limits.CONCURRENT_JOBS,
            concurrency_id=limits.QUEUE,
            trigger_mode="multiple",
            api_visibility="private",
            show_progress="hidden",
        )
        taken.failure(None, None, None, js=EXPLAIN_FULL, api_visibility="private")
    show.begin()
    page.queue(max_size=limits.QUEUED_JOBS)
    return Site(page, STAGE_CSS, scripts("kiosk/static/camera.js", "kiosk/static/stage.js"))
