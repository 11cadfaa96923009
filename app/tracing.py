"""What is traced: a job, its photos and their tiles, under one id that goes to Triton and into the log.

Nothing is, and nothing is imported, until :func:`use` is told of a tracer, such as :mod:`app.telemetry`'s. Facts of a
span are names and numbers of ours: never pixels, names of files, addresses, or messages of errors.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from app.errors import ServerStartError

S = TypeVar("S")
T = TypeVar("T")
Fact = str | int

# The standard variables, as far as they say whether there are traces; OpenTelemetry itself reads the others.
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
EXPORTER, PROTOCOL = "otlp", "http/protobuf"


class Span:
    """A part of a trace; this one is of no trace, and does nothing."""

    def current(self) -> AbstractContextManager[object]:
        """Return a context in which spans that start are parts of this one, and the log has its id."""
        return nullcontext()

    def headers(self) -> Mapping[str, str]:
        """Return the headers of a request that is a part of this span."""
        return {}

    def end(self, error: BaseException | None = None) -> None:
        """End the span; of an error, its kind is kept."""


class Tracer:
    """What starts spans; this one traces nothing."""

    def start(self, name: str, facts: Mapping[str, Fact]) -> Span:
        """Start a span, as a part of the current one."""
        return NO_SPAN

    def trace_id(self) -> str:
        """Return the id of the current trace, 32 hexadecimal digits, or ""."""
        return ""


NO_SPAN, NO_TRACER = Span(), Tracer()
_tracer = NO_TRACER


def use(tracer: Tracer) -> None:
    """Trace by this tracer from now on."""
    global _tracer
    _tracer = tracer


def is_asked(variables: Mapping[str, str]) -> bool:
    """Return whether the environment asks for traces: by an exporter, or by an address to export to.

    Raises:
        ServerStartError: by an exporter or a protocol that there is not.
    """
    exporter = variables.get("OTEL_TRACES_EXPORTER", "")
    is_off = variables.get("OTEL_SDK_DISABLED", "").lower() == "true" or exporter == "none"
    if is_off or not (exporter or any(variables.get(name) for name in ENDPOINTS)):
        return False
    if exporter not in ("", EXPORTER):
        raise ServerStartError(f"OTEL_TRACES_EXPORTER is {exporter!r}: give {EXPORTER}, or none.")
    protocol = next((variables[name] for name in PROTOCOLS if variables.get(name)), PROTOCOL)
    if protocol != PROTOCOL:
        raise ServerStartError(f"The protocol of OTLP is {protocol!r}: give {PROTOCOL}.")
    return True


def begin_if_asked(service: str, variables: Mapping[str, str]) -> None:
    """Send traces to a collector from now on, if the environment asks for it.

    Args:
        service: name of this program, where ``OTEL_SERVICE_NAME`` gives none.
        variables: of the environment.

    Raises:
        ServerStartError: it asks for what there is not.
        ModuleNotFoundError: the extra ``tracing`` is not installed.
    """
    if is_asked(variables):
        # Imported here: without traces, nothing of it is needed.
        from app.telemetry import exporting

        use(exporting(service))


def start(name: str, **facts: Fact) -> Span:
    """Start a span as a part of the current one; whoever starts it ends it."""
    return _tracer.start(name, facts)


def start_part(name: str, **facts: Fact) -> Span:
    """Start a span as a part of the current one; where there is none, as with a check of health, nothing is traced."""
    return _tracer.start(name, facts) if _tracer.trace_id() else NO_SPAN


def trace_id() -> str:
    """Return the id of the current trace, 32 hexadecimal digits, or "" where nothing is traced."""
    return _tracer.trace_id()


def traced(name: str, steps: Generator[S, None, T], **facts: Fact) -> Generator[S, None, T]:
    """Trace a generator, from its first step to its end or until it is closed.

    Its span is the current one during its steps alone: whoever takes them may do so in several threads and contexts.
    """
    span = start(name, **facts)
    try:
        while True:
            try:
                with span.current():
                    step = next(steps)
            except StopIteration as end:
                result: T = end.value
                break
            yield step
    except BaseException as error:
        with span.current():
            steps.close()
        span.end(error)
        raise
    span.end()
    return result
