"""How much one visitor may ask for at once, so that there is something left for the others."""

from __future__ import annotations

import os

import gradio as gr
from starlette.requests import Request

from app.errors import RestorationError
from app.i18n import say
from app.web.gradio_compat import queued_requests

# Photos in work at once and jobs waiting; beyond that the page says that the queue is full.
CONCURRENT_JOBS = 2
QUEUED_JOBS = 32
# Jobs that one visitor has waiting and in work, and photos in one of them.
VISITOR_JOBS = 4
MAX_PHOTOS = 50
MAX_UPLOAD = "64mb"
QUEUE = "restore"  # the jobs that share the limits


class TooManyError(RestorationError):
    """A visitor asks for more than their share."""


def address(request: gr.Request | Request | None) -> str:
    """Where a visitor is; behind a Space's proxy as it tells."""
    if request is None or request.client is None:
        return ""
    forwarded = request.headers.get("x-forwarded-for", "") if os.environ.get("SPACE_ID") else ""
    return forwarded.split(",")[0].strip() or str(request.client.host)


def jobs_of(visitor: str, page: gr.Blocks) -> int:
    """Return how many jobs a visitor has waiting and in work."""
    return sum(address(request) == visitor for request in queued_requests(page, QUEUE))


def check_count(photos: int) -> None:
    """Checks how many photos a job has.

    Raises:
        TooManyError: they are too many.
    """
    if photos > MAX_PHOTOS:
        raise TooManyError(say("error.many_photos", photos=photos, limit=MAX_PHOTOS))


def check_share(request: gr.Request | None, page: gr.Blocks, already: int = 0) -> None:
    """Checks how many jobs a visitor has.

    Args:
        request: of the visitor.
        page: whose queue it is.
        already: how many of the jobs count themselves.

    Raises:
        TooManyError: they are too many.
    """
    if jobs_of(address(request), page) - already >= VISITOR_JOBS:
        raise TooManyError(say("error.many_jobs", limit=VISITOR_JOBS))
