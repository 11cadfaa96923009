"""Traces: one id from a photo to its tiles, to Triton and into the log; nothing of the photo, and nothing when off."""

import io
import json
import logging
import subprocess
import sys
from concurrent.futures import CancelledError
from contextlib import closing

import grpc
import numpy as np
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode, format_trace_id

from app import logs, tracing
from app.client import AsyncRestorationClient, RestorationClient
from app.client.limit import Limit
from app.errors import PhotoError, ServerError, ServerStartError
from app.telemetry import Tracer, exporting
from tests.support.files import ROOT
from tests.support.processes import run_async
from tests.support.replica import TASK, TILE, Replica, serving

PIXELS = np.zeros((100, 75, 3), np.uint8)


@pytest.fixture
def exporter():
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracing.use(Tracer(provider))
    yield kept
    tracing.use(tracing.NO_TRACER)
    provider.shutdown()


@pytest.fixture
def replica():
    with serving(Replica()) as server:
        yield server


@pytest.fixture
def log():
    """What the log says, line by line."""
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(logs.JsonFormatter())
    logger = logging.getLogger("app")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in handler.stream.getvalue().splitlines()]
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.fixture
def job(exporter):
    """A span that is the current one."""
    span = tracing.start("job")
    with span.current():
        yield span
    span.end()


def by_name(exporter, name):
    return [span for span in exporter.get_finished_spans() if span.name == name]


def parents(replica):
    """The headers ``traceparent`` that come with inferences, as (trace, span)."""
    seen = []

    def note(number, call):
        header = dict(call.invocation_metadata()).get("traceparent")
        seen.append(header and tuple(int(part, 16) for part in header.split("-")[1:3]))

    replica.before = note
    return seen


def test_tiles_are_parts_of_their_photo_and_triton_gets_its_id(exporter, replica):
    seen = parents(replica)
    with RestorationClient(replica.address) as client:
        steps = client.steps(PIXELS, TASK, "fast", Limit())
        for _ in tracing.traced("photo", steps, task=TASK):
            assert tracing.trace_id() == ""  # whoever takes the steps is not part of it
    (photo,), tiles = by_name(exporter, "din.photo"), by_name(exporter, "din.tile")
    assert len(tiles) == len(seen) == replica.inferences > 1
    assert {tile.parent.span_id for tile in tiles} == {photo.context.span_id}
    assert set(seen) == {(photo.context.trace_id, tile.context.span_id) for tile in tiles}
    assert dict(photo.attributes) == {"din.task": TASK}
    assert [dict(tile.attributes) for tile in tiles] == [{"din.model": f"din_{TASK}"}] * len(tiles)


def test_photos_in_an_event_loop_are_parts_of_what_asks_for_them(exporter, replica):
    async def restore():
        span = tracing.start("service")
        async with AsyncRestorationClient(replica.address) as client:
            with span.current():
                await client.restore(PIXELS, TASK)
        span.end()

    run_async(restore())
    (service,), tiles = by_name(exporter, "din.service"), by_name(exporter, "din.tile")
    assert len(tiles) > 1
    assert {tile.parent.span_id for tile in tiles} == {service.context.span_id}


def test_a_tile_by_itself_is_not_traced(exporter, replica):
    seen = parents(replica)
    with RestorationClient(replica.address) as client:
        client.submit(client.task(TASK).network(), PIXELS[:TILE, :TILE]).result()
    assert (exporter.get_finished_spans(), seen) == ((), [None])


def test_a_refused_tile_is_an_error_without_its_message_and_has_its_id_in_the_log(exporter, job, replica, log):
    replica.before = lambda number, call: call.abort(grpc.StatusCode.INTERNAL, "of /tmp/secret.png")
    with RestorationClient(replica.address) as client, pytest.raises(ServerError):
        client.submit(client.task(TASK).network(), PIXELS[:TILE, :TILE]).result()
    (tile,) = by_name(exporter, "din.tile")
    assert (tile.status.status_code, tile.status.description) == (StatusCode.ERROR, None)
    assert (tile.attributes["error.type"], tile.events) == ("ServerError", ())
    told = [line for line in log() if line["message"].startswith("Triton answered INTERNAL")]
    assert [line["trace_id"] for line in told] == [format_trace_id(tile.context.trace_id)]


def test_a_tile_that_is_not_sent_ends_its_span(exporter, job, replica):
    with RestorationClient(replica.address) as client:
        network, limit = client.task(TASK).network(), Limit()
        limit.cancel()
        with pytest.raises(CancelledError):
            client.within(limit).submit(network, PIXELS[:TILE, :TILE])
    (tile,) = by_name(exporter, "din.tile")
    assert dict(tile.attributes) == {"din.model": network.tiles_model, "din.cancelled": True}


def counting_to(number, ended):
    try:
        yield from range(number)
    finally:
        ended.append(tracing.trace_id())
    return "done"


def test_steps_that_are_closed_early_end_within_their_span(exporter):
    ended: list[str] = []
    with closing(tracing.traced("job", counting_to(3, ended))) as steps:
        assert next(steps) == 0
    (job,) = by_name(exporter, "din.job")
    assert dict(job.attributes) == {"din.cancelled": True}
    assert ended == [format_trace_id(job.context.trace_id)]


def test_steps_keep_their_result_and_their_error(exporter):
    def fail():
        yield 1
        raise PhotoError("/tmp/secret.png is damaged")

    def result():
        assert (yield from tracing.traced("job", counting_to(2, []))) == "done"

    assert list(result()) == [0, 1]
    with pytest.raises(PhotoError):
        list(tracing.traced("photo", fail()))
    (photo,) = by_name(exporter, "din.photo")
    assert dict(photo.attributes) == {"error.type": "PhotoError"}
    assert "secret" not in photo.to_json()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "page"}, False),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, False),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, True),
    ],
)
def test_the_standard_variables_ask_for_traces(variables, expected):
    assert tracing.is_asked(variables) is expected


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER is 'zipkin': give otlp, or none."),
        (
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "The protocol of OTLP is 'grpc': give http/protobuf.",
        ),
    ],
)
def test_what_there_is_not_is_one_sentence(variables, sentence):
    with pytest.raises(ServerStartError) as refused:
        tracing.begin_if_asked("din-page", variables)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(("variable", "expected"), [(None, "din-page"), ("mine", "mine")])
def test_the_service_has_a_name(variable, expected, monkeypatch):
    if variable:
        monkeypatch.setenv("OTEL_SERVICE_NAME", variable)
    kept = InMemorySpanExporter()
    tracer = exporting("din-page", kept)
    tracer.start("job", {}).end()
    tracer.provider.shutdown()
    (span,) = kept.get_finished_spans()
    assert span.resource.attributes["service.name"] == expected


def test_without_traces_nothing_of_opentelemetry_s_sdk_is_imported():
    code = """
import sys
from app import cli, tracing
tracing.begin_if_asked("din-page", {})
assert tracing.start("job").headers() == {} and tracing.trace_id() == ""
sys.exit(any(name.startswith("opentelemetry") for name in sys.modules))
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
