"""Event handlers of the kiosk mode."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakSet

import gradio as gr

from app import codec
from app.errors import RestorationError
from app.i18n import choose_language, say
from app.pipeline.restore import Step
from app.web import limits, storage
from app.web.errors import page_error
from app.web.event_options import EACH, QUIET, Updates
from app.web.kiosk.phones import PARAMETER, Phones, Role
from app.web.kiosk.slideshow import Pair, Slideshow
from app.web.labels import families, task_label

WORDS = (
    *("name", "before", "after", "starting", "take", "another", "pause", "play", "previous", "next", "full_screen"),
    *("no_full_screen", "what", "shutter", "choose_file", "restoring", "no_camera", "denied", "close", "not_begun"),
    *("scan", "on_screen"),
)
# JavaScript that runs in the browser without a request.
EXPLAIN_FAILURE = """() => {
    const kiosk = document.querySelector('din-kiosk');
    kiosk.fail(kiosk.texts.not_begun);
}"""


@dataclass(frozen=True)
class KioskParts:
    """The components of the kiosk.

    Attributes:
        language: tag of the visitor's language.
        role: the visitor's :class:`Role`.
        taken: the visitor's photo.
        kiosk: ``<din-kiosk>``: its properties, and the answer to a visitor's photo.
        timer: refreshes the slideshow.
    """

    language: gr.State
    role: gr.State
    taken: gr.State
    kiosk: gr.HTML
    timer: gr.Timer


@dataclass(frozen=True, eq=False)  # the same photo again is another one
class Taken:
    """A photo that a visitor has taken.

    Attributes:
        path: of the upload.
        family: of the task.
        number: of the photo, which its answers repeat.
    """

    path: Path
    family: str
    number: int


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


def step_value(step: Step, language: str) -> dict[str, object]:
    """Return the progress of a photo as ``<din-kiosk>`` expects it: a text, and a share of 0 to 1."""
    tiles = say("kiosk.tiles", done=step.done, total=step.total)
    text = say("progress.waiting") if step.is_waiting else tiles
    return {"text": text.into(language), "share": step.done / step.total}


def kiosk_value(slideshow: Slideshow, language: str, stage: Phones | None = None) -> dict[str, object]:
    """Return the properties of ``<din-kiosk>``, without photos that visitors take there.

    Args:
        slideshow: its pairs.
        language: of texts.
        stage: on the big screen: who may send photos to it, and what they have sent.
    """
    texts: dict[str, str] = {name: say(f"kiosk.{name}").into(language) for name in WORDS}
    return {
        "language": language,
        "texts": texts | {"not_sent": say("kiosk.not_sent", limit=limits.MAX_UPLOAD).into(language)},
        "accept": ",".join(("image/*", *codec.READ_SUFFIXES)),
        "families": [{"name": name, "label": label} for label, name in families(slideshow.tasks, language)],
        "pairs": [pair_value(pair, language) for pair in slideshow.pairs],
        "notice": slideshow.error.into(language) if slideshow.error else "",
        "code": {"picture": stage.code(), "link": stage.link} if stage else None,
        "sent": [pair_value(pair, language) | {"life_s": life_s} for pair, life_s in stage.sent()] if stage else [],
    }


class Handlers:
    """The event handlers of the kiosk: each takes values and returns updates of components.

    Args:
        parts: the components to update.
        slideshow: what is shown; it also restores what visitors take.
        page: the page whose queue holds the jobs.
        phones: who may send photos to the big screen; None for nobody.
    """

    def __init__(self, parts: KioskParts, slideshow: Slideshow, page: gr.Blocks, phones: Phones | None = None) -> None:
        self._parts, self._slideshow, self._page, self._phones = parts, slideshow, page, phones
        self._begun: WeakSet[Taken] = WeakSet()

    def arrive(self, request: gr.Request) -> Updates:
        """Set the visitor's language, by the URL or else the browser, and role, and show the slideshow accordingly."""
        asked = dict(request.query_params)
        tag = choose_language(asked.get("lang") or request.headers.get("accept-language", ""))
        role = self._phones.role(asked.get(PARAMETER), request.client.host) if self._phones else Role.VISITOR
        return {self._parts.language: tag, self._parts.role: role, self._parts.kiosk: self._value(tag, role)}

    def _value(self, language: str, role: Role) -> dict[str, object]:
        """Return the properties of ``<din-kiosk>`` for somebody of that role."""
        value = kiosk_value(self._slideshow, language, self._phones if role is Role.STAGE else None)
        return value | {"notice": say("kiosk.old_code").into(language)} if role is Role.LATE else value

    def refresh(self, language: str, role: Role) -> Updates:
        """Show the pairs restored so far, and those sent; the timer stops after the last one if no others can come."""
        is_done = self._slideshow.is_done  # read before the pairs, or the last pair could be missed
        return {
            self._parts.kiosk: self._value(language, role),
            self._parts.timer: gr.Timer(active=not is_done or role is Role.STAGE),
        }

    def withdraw(self, role: Role, data: gr.EventData) -> None:
        """Remove from the big screen what a phone has sent, if the operator there presses Delete.

        Args:
            role: of who asks.
            data: of the event: ``picture``, the URL of the restored picture.
        """
        if self._phones and role is Role.STAGE:
            self._phones.withdraw(str(data.picture))

    def admit(self, language: str, data: gr.EventData, request: gr.Request) -> Updates:
        """Check, before a visitor's photo is queued, that there is room for it, and keep it.

        Args:
            language: of error messages.
            data: of the event: ``path`` of the upload, ``family`` of the task, and ``number`` of the photo.
            request: identifies the visitor.

        Raises:
            gr.Error: there is no room; the message gives the reason.
        """
        try:
            limits.check_room(request, self._page)
        except RestorationError as error:
            raise page_error(error, language) from error
        return {self._parts.taken: Taken(Path(data.path), data.family, data.number)}

    def restore(self, taken: Taken | None, language: str, role: Role, request: gr.Request) -> Iterator[Updates]:
        """Restore a visitor's photo, and show its progress and its result, which a phone sends to the big screen.

        Args:
            taken: the photo; it is restored once.
            language: of messages and captions.
            role: of the visitor.
            request: identifies the visitor, who has a share of the queue.

        Yields:
            Updates whenever a tile is done, and at last the pair, or why there is none.
        """
        if taken is None or taken in self._begun:
            return
        self._begun.add(taken)
        try:
            limits.check_share(request, self._page, already=1)
            for event in self._slideshow.restore_photo(taken.path, taken.family):
                if isinstance(event, Pair):
                    life_s = storage.CACHE_AGE_S - storage.CACHE_SWEEP_S
                    is_sent = self._phones is not None and role is Role.PHONE
                    if self._phones and is_sent:
                        self._phones.send(event, life_s)
                    shown = pair_value(event, language) | {"life_s": life_s}
                    yield self._answer(taken, pair=shown, is_on_screen=is_sent)
                else:
                    limits.check_time()
                    yield self._answer(taken, progress=step_value(event, language))
        except RestorationError as error:
            yield self._answer(taken, failure=error.into(language))

    def _answer(self, taken: Taken, **said: object) -> Updates:
        """Return the update that answers a photo; its number makes equal answers to two photos differ."""
        return {self._parts.kiosk: gr.HTML(answer={"number": taken.number, **said})}


def wire(parts: KioskParts, handlers: Handlers, page: gr.Blocks) -> None:
    """Connect the events of the kiosk to their handlers."""
    language, kiosk, timer = parts.language, parts.kiosk, parts.timer
    role = parts.role
    page.load(handlers.arrive, None, [language, role, kiosk], **QUIET)
    timer.tick(handlers.refresh, [language, role], [kiosk, timer], queue=False, **QUIET)
    kiosk.withdraw(handlers.withdraw, role, None, queue=False, **QUIET)
    admitted = kiosk.photo(handlers.admit, language, parts.taken, concurrency_limit=None, **EACH)
    restored = admitted.success(
        handlers.restore,
        [parts.taken, language, role],
        kiosk,
        concurrency_limit=limits.CONCURRENT_JOBS,
        concurrency_id=limits.QUEUE,
        **EACH,
    )
    for event in (admitted, restored):
        event.failure(None, None, None, js=EXPLAIN_FAILURE, api_visibility="private")
