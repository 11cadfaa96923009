"""The log of the servers: sentences for a person, or JSON for a program."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from traceback import walk_tb
from types import TracebackType

from app import tracing

FORMATS = ("text", "json")
# Of the page's web server, which sets up handlers of its own.
SERVER_LOGGERS = ("uvicorn", "uvicorn.error", "uvicorn.access")


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON: ``time`` (UTC), ``level``, ``logger``, ``message``, ``trace_id`` if traced.

    Of an exception it has the kind and the places in the code, without messages: these may have paths of visitors'
    files.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if trace_id := tracing.trace_id():
            line["trace_id"] = trace_id
        if record.exc_info and record.exc_info[0] is not None:
            kind, _, traceback = record.exc_info
            line |= {"exception": kind.__name__, "at": places(traceback)}
        return json.dumps(line, ensure_ascii=False)


def places(traceback: TracebackType | None) -> list[str]:
    """Return each line of code that an exception has passed, as ``MODULE:LINE``, from the outermost."""
    return [f"{frame.f_globals.get('__name__', '?')}:{line}" for frame, line in walk_tb(traceback)]


def begin(log_format: str) -> None:
    """Write the log to standard error: warnings, of the app itself also what happens.

    Args:
        log_format: of :data:`FORMATS`.
    """
    logging.getLogger("app").setLevel(logging.INFO)  # includes Triton's own log messages
    if log_format == "json":
        handler = logging.StreamHandler()
        handler.setFormatter(JsonFormatter())
        logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
        logging.captureWarnings(True)


def join(log_format: str) -> None:
    """Have what the running web server logs go the way of all else, where that is JSON."""
    for name in SERVER_LOGGERS if log_format == "json" else ():
        log = logging.getLogger(name)
        log.handlers.clear()
        log.propagate = True
