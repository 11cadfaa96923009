"""Limits per visitor and for the queue, so that the server is shared fairly."""

from __future__ import annotations

import os

import gradio as gr
from starlette.requests import Request

from app.errors import RestorationError
from app.i18n import say
from app.web.gradio_compat import queued_requests

# Running and waiting jobs; beyond that, the page responds that the queue is full.
CONCURRENT_JOBS = 2
QUEUED_JOBS = 32
# Running and waiting jobs of one visitor, and photos in one job.
VISITOR_JOBS = 4
MAX_PHOTOS = 50
MAX_UPLOAD = "64mb"
QUEUE = "restore"  # concurrency id of the jobs that share the limits


class TooManyError(RestorationError):
    """A visitor exceeds a limit."""


def address(request: gr.Request | Request | None) -> str:
    """Return a visitor's IP address; on a Hugging Face Space, the one that its proxy forwards."""
    if request is None or request.client is None:
        return ""
    forwarded = request.headers.get("x-forwarded-for", "") if os.environ.get("SPACE_ID") else ""
    return forwarded.split(",")[0].strip() or str(request.client.host)


def jobs_of(visitor: str, page: gr.Blocks) -> int:
    """Return the number of a visitor's running and waiting jobs."""
    return sum(address(request) == visitor for request in queued_requests(page, QUEUE))


def check_count(photos: int) -> None:
    """Check the number of photos of a job.

    Raises:
        TooManyError: the number exceeds ``MAX_PHOTOS``.
    """
    if photos > MAX_PHOTOS:
        raise TooManyError(say("error.many_photos", photos=photos, limit=MAX_PHOTOS))


def check_share(request: gr.Request | None, page: gr.Blocks, already: int = 0) -> None:
    """Check the number of a visitor's running and waiting jobs.

    Args:
        request: of the visitor.
        page: the page whose queue holds the jobs.
        already: number of these jobs that belong to the request itself.

    Raises:
        TooManyError: another job would exceed ``VISITOR_JOBS``.
    """
    if jobs_of(address(request), page) - already >= VISITOR_JOBS:
        raise TooManyError(say("error.many_jobs", limit=VISITOR_JOBS))
