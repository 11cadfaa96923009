"""Spans of OpenTelemetry, which the extra ``tracing`` brings; :mod:`app.tracing` says what they are of.

OpenTelemetry's own variables (``OTEL_...``) say where they go, how many are kept, and the name of the service.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from app import tracing
from app.tracing import Fact

PROPAGATOR = TraceContextTextMapPropagator()
CANCELLED = (GeneratorExit, CancelledError)


class Span(tracing.Span):
    """A span of OpenTelemetry's."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def current(self) -> AbstractContextManager[object]:
        """Return a context in which it is the current one."""
        # Messages and tracebacks of exceptions may have paths of visitors' files: they are not recorded.
        return trace.use_span(self._span, record_exception=False, set_status_on_exception=False)

    def headers(self) -> Mapping[str, str]:
        """Return ``traceparent``, as W3C's Trace Context has it."""
        headers: dict[str, str] = {}
        PROPAGATOR.inject(headers, trace.set_span_in_context(self._span))
        return headers

    def end(self, error: BaseException | None = None) -> None:
        """End the span; of an error, its kind is kept."""
        if isinstance(error, CANCELLED):
            self._span.set_attribute("din.cancelled", True)
        elif error is not None:
            self._span.set_attribute("error.type", type(error).__name__)
            self._span.set_status(trace.StatusCode.ERROR)
        self._span.end()


class Tracer(tracing.Tracer):
    """A tracer of OpenTelemetry's.

    Args:
        provider: takes its spans.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self.provider = provider
        self._tracer = provider.get_tracer("din")

    def start(self, name: str, facts: Mapping[str, Fact]) -> Span:
        """Start a span, as a part of the current one."""
        attributes = {f"din.{fact}": value for fact, value in facts.items()}
        return Span(self._tracer.start_span(f"din.{name}", attributes=attributes))

    def trace_id(self) -> str:
        """Return the id of the current trace, 32 hexadecimal digits, or ""."""
        context = trace.get_current_span().get_span_context()
        return trace.format_trace_id(context.trace_id) if context.is_valid else ""


def exporting(service: str, exporter: SpanExporter | None = None) -> Tracer:
    """Return a tracer that sends its spans to a collector, in batches and in a thread of its own.

    Args:
        service: name of this program, where ``OTEL_SERVICE_NAME`` gives none.
        exporter: None for OTLP's by HTTP.
    """
    resource = Resource({"service.name": service}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter()))
    return Tracer(provider)
