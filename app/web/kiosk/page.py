"""The page of the kiosk mode: a full-screen slideshow of photos before and after restoration, with a camera."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from app.client import RestorationClient
from app.errors import RestorationError
from app.i18n import ENGLISH, choose_language, say
from app.web import limits, storage
from app.web.kiosk.slideshow import Pair, Slideshow
from app.web.restore.choices import families, task_label
from app.web.site import Site, scripts

REFRESH_S = 1.0
WORDS = (
    *("name", "before", "after", "starting", "take", "another", "pause", "play", "previous", "next", "full_screen"),
    *("no_full_screen", "what", "shutter", "choose_file", "restoring", "no_camera", "denied", "close", "not_begun"),
)
EXPLAIN_FAILURE = """() => {
    const kiosk = document.querySelector('din-kiosk');
    kiosk.fail(kiosk.texts.not_begun);
}"""
KIOSK_CSS = """
body, gradio-app { background: #07090c !important; }
din-kiosk { position: fixed; inset: 0; z-index: 1000; }
footer { display: none !important; }
"""
ON_LOAD = """
const find = () => element.querySelector('din-kiosk');
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
    """Return a pair as the properties that ``<din-kiosk>`` expects."""
    (h, w), (high, wide) = pair.sizes
    caption = (
        say("kiosk.pixels", w=w, h=h)
        if (h, w) == (high, wide)
        else say("kiosk.enlarged", w=w, h=h, wide=wide, high=high)
    )
    return {
        "before": storage.url(pair.before),
        "after": storage.url(pair.after),
        "label": task_label(pair.task).into(language),
        "caption": caption.into(language),
    }


def kiosk_value(slideshow: Slideshow, language: str) -> dict[str, object]:
    """Return the properties of ``<din-kiosk>``, without photos that visitors take."""
    texts: dict[str, str] = {name: say(f"kiosk.{name}").into(language) for name in WORDS}
    return {
        "language": language,
        "texts": texts | {"not_sent": say("kiosk.not_sent", limit=limits.MAX_UPLOAD).into(language)},
        "families": [{"name": name, "label": label} for label, name in families(slideshow.tasks, language)],
        "pairs": [pair_value(pair, language) for pair in slideshow.pairs],
        "notice": slideshow.error.into(language) if slideshow.error else "",
    }


class KioskPage(gr.Blocks):
    """A page whose slideshow stops when it is closed."""

    def __init__(self, slideshow: Slideshow, **options: Any) -> None:
        super().__init__(**options)
        self.slideshow = slideshow

    def close(self, verbose: bool = True) -> None:
        super().close(verbose)
        self.slideshow.stop()


def build_kiosk(client: RestorationClient) -> Site:
    """Build the page of the kiosk mode; the examples are restored in a background thread.

    Args:
        client: connection to Triton; its tasks are read once.

    Raises:
        ServerUnavailableError: no server responds.
    """
    slideshow = Slideshow(client)
    page: KioskPage
    with KioskPage(
        slideshow,
        title=str(say("kiosk.title")),
        analytics_enabled=False,
        fill_width=True,
    ) as page:
        language = gr.State(ENGLISH)
        kiosk = gr.HTML(
            kiosk_value(slideshow, ENGLISH),
            answer={},
            html_template="<din-kiosk></din-kiosk>",
            js_on_load=ON_LOAD,
            apply_default_css=False,
            elem_id="kiosk",
        )
        timer = gr.Timer(REFRESH_S)

        def arrive(request: gr.Request) -> tuple[str, dict[str, object]]:
            """Return the visitor's language, by the URL or else the browser, and the slideshow in it."""
            asked = dict(request.query_params).get("lang") or request.headers.get("accept-language", "")
            tag = choose_language(asked)
            return tag, kiosk_value(slideshow, tag)

        def refresh(language: str) -> tuple[dict[str, object], gr.Timer]:
            """Return the slideshow with the pairs restored so far, and the timer, which stops after the last one."""
            is_done = slideshow.is_done  # read before the pairs, or the last pair could be missed
            return kiosk_value(slideshow, language), gr.Timer(active=not is_done)

        def restore(language: str, data: gr.EventData, request: gr.Request) -> Iterator[Any]:
            """Restore a photo, and yield its progress and its result; the number makes equal responses differ."""

            def answer(**said: object) -> gr.HTML:
                return gr.HTML(answer={"number": data.number, **said})

            try:
                limits.check_share(request, page, already=1)
                for event in slideshow.restore_photo(Path(data.path), data.family):
                    if isinstance(event, Pair):
                        yield answer(
                            pair=pair_value(event, language) | {"life_s": storage.CACHE_AGE_S - storage.CACHE_SWEEP_S}
                        )
                    else:
                        tiles = say("kiosk.tiles", done=event.done, total=event.total)
                        text = (say("progress.waiting") if event.is_waiting else tiles).into(language)
                        yield answer(progress={"text": text, "share": event.done / event.total})
            except RestorationError as error:
                yield answer(failure=error.into(language))

        page.load(arrive, None, [language, kiosk], api_visibility="private", show_progress="hidden")
        timer.tick(refresh, language, [kiosk, timer], queue=False, api_visibility="private", show_progress="hidden")
        restored = kiosk.photo(
            restore,
            language,
            kiosk,
            concurrency_limit=limits.CONCURRENT_JOBS,
            concurrency_id=limits.QUEUE,
            trigger_mode="multiple",
            api_visibility="private",
            show_progress="hidden",
        )
        restored.failure(None, None, None, js=EXPLAIN_FAILURE, api_visibility="private")
    slideshow.start()
    page.queue(default_concurrency_limit=limits.CONCURRENT_EVENTS, max_size=limits.QUEUED_EVENTS)
    return Site(page, KIOSK_CSS, scripts("kiosk/static/camera.js", "kiosk/static/kiosk.js"))
