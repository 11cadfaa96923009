"""Uses of Gradio's private parts, for Gradio 6.31.0, which pyproject.toml pins.

No other module uses private parts. When Gradio is upgraded, check each function here against Gradio's source.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from urllib.parse import unquote

import gradio as gr
from fastapi import HTTPException
from gradio import processing_utils, routes, state_holder
from gradio.blocks import Block as Block  # the base of components and layouts, which `gradio` itself does not export
from gradio.components import Component
from gradio.data_classes import PredictBodyInternal
from gradio.exceptions import InvalidPathError
from gradio.route_utils import GradioMultiPartParser
from gradio.utils import get_upload_folder
from gradio_client import Client
from gradio_client.client import Job
from starlette.formparsers import MultiPartException
from starlette.requests import Request

FILES = "/gradio_api/file="
GONE = "din.gone"  # in the ASGI scope of a request to the MCP server: the event that its caller has left
T = TypeVar("T")
B = TypeVar("B", bound=Block)
C = TypeVar("C", bound=Component)


def set_properties(component: B, **properties: Any) -> B:
    """Set properties of an existing component as if they had been arguments of its constructor; return the component.

    Gradio 6.31.0 sends the attributes to the browser, but copies a visitor's component from ``constructor_args``
    (``Blocks.postprocess_data``): one that is not in there is lost at the component's first update.
    """
    for name, value in properties.items():
        setattr(component, name, value)
    component.constructor_args.update(properties)
    return component


def accept_any(component: C, schema: dict[str, Any] | None = None) -> C:
    """Make a component pass any value of an API call to the handler; return the component.

    A Dropdown of Gradio 6.31.0 refuses a value that is not among its choices in ``preprocess``, in English and with a
    list of Python values, and has no option to leave that to the handler without a free text field. Its MCP server
    checks values by the schema of the component.

    Args:
        component: of an event of the API.
        schema: JSON schema that programs are told, in the place of the component's own.
    """
    if schema is not None:
        component.api_info = lambda: schema  # type: ignore[method-assign]
    component.preprocess = lambda payload: payload  # type: ignore[method-assign]
    return component


def job_numbers(page: gr.Blocks, concurrency_id: str) -> tuple[int, int]:
    """Return the numbers of waiting and of running events of a concurrency id, as :func:`queued_requests` counts."""
    queue = page._queue
    queues = queue.event_queue_per_concurrency_id
    waiting = queues[concurrency_id].queue if concurrency_id in queues else []
    working = [event for job in queue.active_jobs if job for event in job if event.concurrency_id == concurrency_id]
    return sum(event.alive for event in waiting), sum(event.alive for event in working)


def queued_requests(page: gr.Blocks, concurrency_id: str) -> list[gr.Request | Request]:
    """Return the HTTP requests behind the waiting and running events of a concurrency id.

    Only ``Blocks._queue`` of Gradio 6.31.0 has them, and knows those that were cancelled or whose client disconnected
    (``Event.alive``); a separate counter would miss these.
    """
    queue = page._queue
    queues = queue.event_queue_per_concurrency_id
    waiting = queues[concurrency_id].queue if concurrency_id in queues else []
    working = [event for job in queue.active_jobs if job for event in job if event.concurrency_id == concurrency_id]
    return [event.request for event in [*waiting, *working] if event.alive and event.request is not None]


def is_awaited(page: gr.Blocks, request: gr.Request) -> bool:
    """Return whether the caller of a running event is still connected.

    Gradio 6.31.0 cancels generators alone when their caller goes; ``Event.alive`` tells it of the others.
    """
    running = [event for job in page._queue.active_jobs if job for event in job]
    return any(event.alive and event.request is request.request for event in running)


def has_events(page: gr.Blocks, session: str) -> bool:
    """Return whether a visitor's session has waiting or running events; only ``Blocks._queue`` knows it."""
    return bool(page._queue.pending_event_ids_session.get(session))


def answer_joins_after(page: gr.Blocks, wait: Callable[[str], Coroutine[Any, Any, None]]) -> None:
    """Make the queue tell a visitor of an event's start only after a wait; the event itself does not wait.

    Only ``Queue.push`` of Gradio 6.31.0 is called between the two and knows the visitor.

    Args:
        page: the page whose queue it is.
        wait: returns when a session, by its name, may be told.
    """
    push = page._queue.push

    async def push_then_wait(body: PredictBodyInternal, request: Request, username: str | None) -> Any:
        answer = await push(body=body, request=request, username=username)
        await wait(str(body.session_hash))
        return answer

    page._queue.push = push_then_wait  # type: ignore[method-assign]


def refuse_foreign_files(of_url: str, of_path: str) -> None:
    """Make Gradio request nothing from other hosts for a caller, and name no path of this machine to one.

    Gradio 6.31.0 downloads URLs that are given in the place of a file (``async_ssrf_protected_get``), serves any URL as
    ``/gradio_api/file=URL`` (``secure_url_stream_response``), and answers a path outside its uploads with that path
    made absolute (``_check_allowed``). It has no option against any of these.

    Args:
        of_url: the error message for a URL.
        of_path: the error message for a path that is not that of an upload.
    """
    check_allowed = processing_utils._check_allowed

    async def refuse_download(url: str) -> NoReturn:
        raise gr.Error(of_url, print_exception=False)

    async def refuse_file(url: str, request: Request) -> NoReturn:
        raise HTTPException(403, of_url)

    def refuse_path(path: str | Path, check_in_upload_folder: bool) -> None:
        try:
            check_allowed(path, check_in_upload_folder)
        except InvalidPathError:
            raise gr.Error(of_path, print_exception=False) from None

    processing_utils.async_ssrf_protected_get = refuse_download
    processing_utils._check_allowed = refuse_path
    routes.secure_url_stream_response = refuse_file  # type: ignore[attr-defined]


def keep_sessions_small() -> None:
    """Make Gradio keep no copy of the page's configuration for every visitor, of whom it remembers 10,000.

    Gradio 6.31.0 keeps one for its "deep links", 118 kB with this page (``SessionState.config_values``); the page has
    no such links.
    """

    class SmallSessionState(state_holder.SessionState):
        def __init__(self, blocks: gr.Blocks) -> None:
            super().__init__(blocks)
            self.config_values = {}

        def __setitem__(self, key: int, value: Any) -> None:
            super().__setitem__(key, value)
            self.config_values = {}

        def _update_config(self, key: int) -> None:
            pass

        def _update_value_in_config(self, key: int, value: Any) -> None:
            pass

    state_holder.SessionState = SmallSessionState  # type: ignore[misc]


def take_files_alone(sentence: str) -> None:
    """Make Gradio's uploads refuse form fields that are no files.

    Gradio 6.31.0 collects such a field in memory, without a limit, and has no use for it.

    Args:
        sentence: the error message.
    """
    begin = GradioMultiPartParser.on_headers_finished

    def begin_file(parser: GradioMultiPartParser) -> None:
        begin(parser)
        if parser._current_part.file is None:
            raise MultiPartException(sentence)

    GradioMultiPartParser.on_headers_finished = begin_file  # type: ignore[assignment, method-assign]


def prepare_tools(page: gr.Blocks, headers: dict[str, str]) -> None:
    """Let the MCP server take uploads by their addresses, send headers with the calls of its own page, and cancel them.

    The MCP server of Gradio 6.31.0 passes any address on, to be downloaded, runs tools by a client of its own, which
    has no password and no option for one, and goes on with a tool whose caller has left. It describes a list of files
    by a reference that leads nowhere, and refuses every call with one.

    Args:
        page: launched with its MCP server.
        headers: of the calls.
    """
    server = page.mcp_server_obj
    assert server is not None
    convert, describe = server.convert_strings_to_filedata, server.get_input_schema

    def take_uploads(value: Any, filedata_positions: list[list[str | int]]) -> Any:
        places = [place for position in filedata_positions for place in places_of_files(value, position)]
        return convert(with_uploads(value), places)

    def connect() -> Client:
        if server._client_instance is None:
            server._client_instance = Client(
                str(server.local_url),
                download_files=False,
                verbose=False,
                analytics_enabled=False,
                _skip_components=False,
                headers={"x-gradio-user": "mcp", **headers},
            )
        return server._client_instance

    def until_gone(run: Callable[..., Coroutine[Any, Any, T]]) -> Callable[..., Coroutine[Any, Any, T]]:
        async def run_until_gone(job: Job, *options: Any) -> T:
            request = server.mcp_server.request_context.request
            assert request is not None
            gone: asyncio.Event = request.scope[GONE]
            running = asyncio.ensure_future(run(job, *options))
            leaving = asyncio.ensure_future(gone.wait())
            try:
                await asyncio.wait({running, leaving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                leaving.cancel()
                if not running.done():
                    running.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
                    # In a thread, since it is a request to this very page.
                    asyncio.get_running_loop().run_in_executor(None, cancel_when_queued, job)
            if not running.done():
                raise ConnectionResetError("The caller has gone.")
            return running.result()

        return run_until_gone

    def describe_arguments(
        tool_name: str, parameters: dict[str, str] | None = None
    ) -> tuple[dict[str, Any], list[list[str | int]]]:
        schema, positions = describe(tool_name, parameters)
        return without_references(schema), positions

    server.get_input_schema = describe_arguments  # type: ignore[method-assign]
    server._execute_tool_with_progress = until_gone(server._execute_tool_with_progress)  # type: ignore[method-assign]
    server._execute_tool_without_progress = until_gone(  # type: ignore[method-assign]
        server._execute_tool_without_progress
    )
    server.convert_strings_to_filedata = take_uploads  # type: ignore[method-assign]
    server._get_or_create_client = connect  # type: ignore[method-assign]


def cancel_when_queued(job: Job) -> None:
    """Cancel a call of a tool once the queue has given it a number: Gradio 6.31.0 cancels nothing before."""
    while not job.future.done() and job.communicator is not None and job.communicator.event_id is None:
        time.sleep(0.05)
    job.cancel()


def without_references(schema: Any) -> Any:
    """Return a JSON schema without its references and what they refer to; Gradio writes a file's type beside each."""
    if isinstance(schema, dict):
        return {name: without_references(part) for name, part in schema.items() if name not in ("$defs", "$ref")}
    return [without_references(part) for part in schema] if isinstance(schema, list) else schema


def places_of_files(arguments: dict[str, Any], position: list[str | int]) -> list[list[str | int]]:
    """Return the places of the files in the arguments of a tool: in a list, each has its own.

    Args:
        arguments: of the tool, by name.
        position: of the file in the schema of the arguments; that of a list's files ends in "items".
    """
    match position:
        case [str(name), "items"]:
            files = arguments.get(name)
            return [[name, place] for place in range(len(files))] if isinstance(files, list) else []
        case _:
            return [position]


def with_uploads(value: Any) -> Any:
    """Return the arguments of a tool with its addresses of the page's own files replaced by the files."""
    if isinstance(value, dict):
        return {name: with_uploads(part) for name, part in value.items()}
    if isinstance(value, list):
        return [with_uploads(part) for part in value]
    if isinstance(value, str) and value.startswith(("http://", "https://")) and FILES in value:
        return {"path": unquote(value.partition(FILES)[2]), "meta": {"_type": "gradio.FileData"}}
    return value


def upload_folder() -> Path:
    """Return the folder of uploads, which Gradio 6.31.0 also serves; only ``gradio.utils`` knows it."""
    return Path(get_upload_folder())


@contextlib.contextmanager
def without_messages() -> Iterator[None]:
    """Suppress the output of ``Blocks.launch``: with ``quiet``, Gradio 6.31.0 still prints its MCP server's address."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield
