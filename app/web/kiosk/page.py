"""The page of the kiosk mode: a full-screen slideshow of photos before and after restoration, with a camera."""

from __future__ import annotations

from typing import Any

import gradio as gr

from app.client import RestorationClient
from app.i18n import ENGLISH, say
from app.web import limits
from app.web.kiosk.handlers import Handlers, KioskParts, kiosk_value, wire
from app.web.kiosk.phones import Phones, Role
from app.web.kiosk.slideshow import Slideshow
from app.web.site import Site, scripts, source, styles

REFRESH_S = 1.0
SCRIPTS = ("static/sweep.js", "kiosk/static/camera.js", "kiosk/static/kiosk.js")


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
        js_on_load=source("kiosk/static/on_load.js"),
        apply_default_css=False,
        elem_id="kiosk",
    )
    return KioskParts(gr.State(ENGLISH), gr.State(Role.VISITOR), gr.State(), kiosk, gr.Timer(REFRESH_S))


def build_kiosk(client: RestorationClient, phones: Phones | None = None) -> Site:
    """Build the page of the kiosk mode; the examples are restored in a background thread.

    Args:
        client: connection to Triton; its tasks are read once.
        phones: who may send photos to the big screen; None for nobody.

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
        wire(parts, Handlers(parts, slideshow, page, phones), page)
    slideshow.start()
    page.queue(default_concurrency_limit=limits.CONCURRENT_EVENTS, max_size=limits.QUEUED_EVENTS)
    return Site(page, styles("kiosk/static/page.css"), scripts(*SCRIPTS))
