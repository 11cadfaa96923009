"""The page of the kiosk mode: a full-screen slideshow of photos before and after restoration, with a camera."""

from __future__ import annotations

from typing import Any

import gradio as gr

from app.client import RestorationClient
from app.i18n import ENGLISH, say
from app.web import limits
from app.web.kiosk.handlers import Handlers, KioskParts, kiosk_value, wire
from app.web.kiosk.slideshow import Slideshow
from app.web.site import Site, scripts

REFRESH_S = 1.0
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


class KioskPage(gr.Blocks):
    """A page whose slideshow stops when it is closed."""

    def __init__(self, slideshow: Slideshow, **options: Any) -> None:
        super().__init__(**options)
        self.slideshow = slideshow

    def close(self, verbose: bool = True) -> None:
        super().close(verbose)
        self.slideshow.stop()


def lay_out(slideshow: Slideshow) -> KioskParts:
    """Lay out the kiosk, in English until the visitor's language is known."""
    kiosk = gr.HTML(
        kiosk_value(slideshow, ENGLISH),
        answer={},
        html_template="<din-kiosk></din-kiosk>",
        js_on_load=ON_LOAD,
        apply_default_css=False,
        elem_id="kiosk",
    )
    return KioskParts(gr.State(ENGLISH), kiosk, gr.Timer(REFRESH_S))


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
        parts = lay_out(slideshow)
        wire(parts, Handlers(parts, slideshow, page), page)
    slideshow.start()
    page.queue(default_concurrency_limit=limits.CONCURRENT_EVENTS, max_size=limits.QUEUED_EVENTS)
    return Site(page, KIOSK_CSS, scripts("kiosk/static/camera.js", "kiosk/static/kiosk.js"))
