"""Limits per visitor and for the queue, so that the server is shared fairly, and the end of the page's jobs."""

from __future__ import annotations

import logging
import threading
import time

import gradio as gr
from starlette.requests import Request

from app.errors import RestorationError, ServerUnavailableError
from app.i18n import say
from app.web.gradio_compat import is_awaited, queued_requests
from app.web.proxies import visitor_of

log = logging.getLogger(__name__)

# Running jobs, and running and waiting ones; beyond that, the server is busy.
CONCURRENT_JOBS = 2
QUEUED_JOBS = 32
# Events of any kind, such as choosing a task. Gradio refuses further ones, so it is far more than visitors cause.
QUEUED_EVENTS = 2000
# Running events of one kind, so that one visitor's photos never make another wait to choose a task.
CONCURRENT_EVENTS = 16
# Running and waiting jobs of one visitor, and photos in one job.
VISITOR_JOBS = 4
MAX_PHOTOS = 50
MAX_UPLOAD_MB = 64
MAX_UPLOAD = f"{MAX_UPLOAD_MB} MB"  # for visitors
QUEUE = "restore"  # concurrency id of the jobs that share the limits
JUDGEMENTS = "judge"  # the same of judgements and of parts of photos, which are short: none waits for jobs
CONCURRENT_JUDGEMENTS, JUDGEMENT_S = 2, 60.0  # of these: how many run, and the time that each has

# What a browser has to save and to fetch the result of the last job.
FETCH_S = 3.0
# Set when the page is about to end: the jobs that it has are finished, and no more are taken.
CLOSED = threading.Event()
# Set when that has taken too long: the jobs end with what they have.
GIVEN_UP = threading.Event()


class TooManyError(RestorationError):
    """A visitor exceeds a limit."""

    usual_status = "RESOURCE_EXHAUSTED"


class CallerGoneError(RestorationError):
    """The caller of the job has closed the connection."""

    usual_status = "CANCELLED"


def address(request: gr.Request | Request | None) -> str:
    """Return what stands for a visitor: the IP address, behind a trusted proxy the one that it forwards.

    :mod:`app.web.proxies` has both.
    """
    return "" if request is None or request.client is None else visitor_of(str(request.client.host))


def jobs_of(visitor: str, page: gr.Blocks) -> int:
    """Return the number of a visitor's running and waiting jobs."""
    return sum(address(request) == visitor for request in queued_requests(page, QUEUE))


def jobs(page: gr.Blocks) -> int:
    """Return the number of running and waiting jobs."""
    return len(queued_requests(page, QUEUE))


def drain(page: gr.Blocks, limit_s: float) -> None:
    """Take no more jobs, and wait until those that run and wait are done and their results could be fetched.

    Args:
        page: whose queue holds the jobs.
        limit_s: jobs that take longer are given up, early enough that their callers can still fetch what is done.
    """
    CLOSED.set()
    end_s = time.monotonic() + limit_s
    give_up_s = end_s - max(2 * FETCH_S, limit_s / 3)
    if not (waiting := jobs(page)):
        return
    print(f"Jobs to finish first: {waiting}, for at most {limit_s:.0f} s (another signal ends at once)", flush=True)
    while jobs(page) and time.monotonic() < end_s:
        if time.monotonic() > give_up_s:
            GIVEN_UP.set()
        time.sleep(0.1)
    time.sleep(max(0.0, min(FETCH_S, end_s - time.monotonic())))


def check_time() -> None:
    """Check that the page does not end before a job is done.

    Raises:
        ServerUnavailableError: it does.
    """
    if GIVEN_UP.is_set():
        raise ServerUnavailableError(say("error.server_away"))


def check_count(photos: int) -> None:
    """Check the number of photos of a job.

    Raises:
        TooManyError: the number exceeds ``MAX_PHOTOS``.
    """
    if photos > MAX_PHOTOS:
        raise TooManyError(say("error.many_photos", photos=photos, limit=MAX_PHOTOS))


def check_room(request: gr.Request | None, page: gr.Blocks) -> None:
    """Check, before a job is queued, the numbers of running and waiting jobs: of its visitor, and of all.

    Raises:
        TooManyError: there are ``QUEUED_JOBS``, or ``VISITOR_JOBS`` of this visitor, or the page is about to end.
    """
    if CLOSED.is_set() or jobs(page) >= QUEUED_JOBS:
        raise TooManyError(say("error.server_busy"))
    check_share(request, page)


def check_share(request: gr.Request | None, page: gr.Blocks, already: int = 0) -> None:
    """Check the number of a visitor's running and waiting jobs.

    A job that starts is checked again: many that are queued at the same moment all find room.

    Args:
        request: of the visitor.
        page: whose queue holds the jobs.
        already: number of these jobs that belong to the request itself.

    Raises:
        TooManyError: there are ``VISITOR_JOBS`` others.
    """
    if jobs_of(address(request), page) - already >= VISITOR_JOBS:
        raise TooManyError(say("error.many_jobs", limit=VISITOR_JOBS))


def check_judgements(request: gr.Request | None, page: gr.Blocks) -> None:
    """Check, when a judgement starts, the numbers of running and waiting ones: of its visitor, and of all.

    Raises:
        TooManyError: there are more than ``QUEUED_JOBS``, or than ``VISITOR_JOBS`` of this visitor, or the page is
            about to end.
    """
    visitors = [address(waiting) for waiting in queued_requests(page, JUDGEMENTS)]
    if CLOSED.is_set() or len(visitors) > QUEUED_JOBS:
        raise TooManyError(say("error.server_busy"))
    if visitors.count(address(request)) > VISITOR_JOBS:
        raise TooManyError(say("error.many_jobs", limit=VISITOR_JOBS))


def check_caller(request: gr.Request | None, page: gr.Blocks) -> None:
    """Check that the caller of a running job still waits for it.

    Raises:
        CallerGoneError: the connection is closed.
    """
    if request is not None and not is_awaited(page, request):
        log.info("A call has ended early: its caller has gone")
        raise CallerGoneError("The call has ended early: its caller has gone.")
