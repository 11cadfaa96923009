"""What the page and its Triton tell while they work: to a real Prometheus, a collector of traces, and the log."""

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import yaml
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from app.codec import Pixels
from app.triton import REPOSITORY
from tests.support.collector import Collector, collecting
from tests.support.files import png
from tests.support.processes import PageProcess, free_port, running_page, wait_until
from tests.support.prometheus import DEPLOY, Prometheus, scraping
from tests.support.queue import Caller, event_numbers, restore_call, upload

WAIT_S = 60
NAME, VISITOR = "secret beach", "203.0.113.77"
# The queries of the dashboard that may be empty, and why.
MAY_BE_EMPTY = {"nv_gpu_": "there is no GPU"}
INTERVAL = "20s"
TILES = 8  # of the quality "best" with a small photo
EXAMPLES = 1  # which the page restores when it starts


@dataclass(frozen=True)
class Seen:
    """A page with its own Triton, which has restored a photo and refused a file, and those that watch it."""

    url: str
    process: PageProcess
    metrics: str
    prometheus: Prometheus
    collector: Collector
    answers: list[dict[str, Any]]

    def log(self) -> list[dict[str, Any]]:
        lines = self.process.said().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


@pytest.fixture(scope="module")
def seen(small_photo: Pixels, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp("seen")
    shutil.copytree(REPOSITORY / "din_sr_x4", folder / "repository/din_sr_x4")
    ports = free_port(), free_port()
    targets = dict(zip(("page", "triton"), (f"127.0.0.1:{port}" for port in ports), strict=True))
    options = ["--repository", str(folder / "repository"), "--log-format", "json"]
    options += ["--metrics-port", str(ports[0]), "--triton-metrics-port", str(ports[1])]
    with pytest.MonkeyPatch.context() as patch, collecting() as collector:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.address)
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        with running_page(*options) as (url, process), scraping(targets, folder) as prometheus:
            wait_until(lambda: prometheus.has_numbers("sum(up) == 2"), WAIT_S)
            caller = Caller(url, event_numbers(url), **{"X-Forwarded-For": VISITOR})
            file = upload(url, (f"{NAME}.png", png(small_photo)))
            caller.join("restore", file, "sr_x4", "best", "png", 92, False, 100)
            answers = caller.answers(1)
            # Refused before it is queued, and afterwards.
            damaged = upload(url, (f"{NAME}.png", b"no photo"))
            assert caller.join("restore", *restore_call(damaged)).status_code != 200
            caller.join("restore_batch", *restore_call([file, damaged]))
            yield Seen(url, process, f"http://{targets['page']}/metrics", prometheus, collector, answers)


def queries() -> dict[str, str]:
    """The dashboard's queries, by title and number."""
    panels = json.loads((DEPLOY / "grafana/dashboard.json").read_text())["panels"]
    return {
        f"{panel['title']} {target['refId']}": target["expr"].replace("$__rate_interval", INTERVAL)
        for panel in panels
        for target in panel.get("targets", ())
    }


def test_every_query_of_the_dashboard_has_numbers(seen):
    asked = {title: query for title, query in queries().items() if not any(name in query for name in MAY_BE_EMPTY)}
    assert len(asked) > 20

    def empty() -> list[str]:
        return [title for title, query in asked.items() if not seen.prometheus.has_numbers(query)]

    # Rates need two scrapes, and end a while after the photo.
    deadline_s = time.monotonic() + WAIT_S
    while (missing := empty()) and time.monotonic() < deadline_s:
        time.sleep(0.5)
    assert missing == []


def test_what_may_be_empty_is_answered_and_in_use(seen):
    for name in MAY_BE_EMPTY:
        found = [query for query in queries().values() if name in query]
        assert found
        for query in found:
            seen.prometheus.query(query)


def test_every_alert_is_evaluated_and_silent(seen):
    def rules() -> list[dict[str, Any]]:
        (group,) = seen.prometheus.get("rules")["groups"]
        return list(group["rules"])

    wait_until(lambda: all(rule["health"] != "unknown" for rule in rules()), WAIT_S)
    written = yaml.safe_load((DEPLOY / "prometheus-rules.yaml").read_text())["groups"][0]["rules"]
    assert {rule["name"] for rule in rules()} == {rule["alert"] for rule in written}
    for rule in rules():
        assert (rule["health"], rule["state"]) == ("ok", "inactive"), rule


def test_photos_are_counted_by_their_ends(seen):
    def photos(outcome: str) -> float:
        found = seen.prometheus.query(f'sum(din_page_photos_total{{outcome="{outcome}"}})')
        return float(found[0]["value"][1])

    assert seen.answers[0].get("error") is None, seen.answers
    wait_until(lambda: (photos("restored"), photos("refused")) == (EXAMPLES + 2, 1), WAIT_S)
    assert (photos("failed"), photos("cancelled")) == (0, 0)
    wait_until(lambda: seen.prometheus.query(f'din_page_tiles_total{{quality="best"}} == {TILES}'), WAIT_S)
    assert seen.prometheus.query('din_page_refused_jobs_total{reason="photo"} == 1')
    assert seen.prometheus.query('din_page_network_served{network="sr_x4"} == 1')


def test_the_page_s_port_has_no_metrics(seen):
    for path in ("/metrics", "/metrics/"):
        assert "din_page_" not in httpx.get(seen.url + path, follow_redirects=True).text
    assert "din_page_photos_total" in httpx.get(seen.metrics).text


def test_one_id_goes_from_the_job_to_its_tiles_and_into_the_log(seen):
    wait_until(lambda: sum(span.name == "din.job" for span in seen.collector.spans()) == EXAMPLES + 2, WAIT_S)
    spans = seen.collector.spans()
    (job,) = (span for span in spans if span.name == "din.job" and facts(span)["din.quality"] == "best")
    (photo,) = (span for span in spans if span.parent_span_id == job.span_id)
    tiles = [span for span in spans if span.parent_span_id == photo.span_id]
    # On a busy machine a request may be given up and sent again: each has its span.
    answered = [tile for tile in tiles if not {"error.type", "din.cancelled"} & facts(tile).keys()]
    assert (photo.name, {tile.name for tile in tiles}, len(answered)) == ("din.photo", {"din.tile"}, TILES)
    assert {span.trace_id for span in (photo, *tiles)} == {job.trace_id}
    assert facts(job) == {"din.task": "sr_x4", "din.quality": "best", "din.photos": "1"}
    assert facts(answered[0]) == {"din.model": "din_sr_x4"}
    told = [line for line in seen.log() if line.get("trace_id") == job.trace_id.hex()]
    assert [(line["level"], line["logger"]) for line in told] == [("INFO", "app.web.metrics")]
    assert told[0]["message"].startswith("A photo was restored (sr_x4, best) after ")
    (refused,) = (span for span in spans if span.name == "din.photo" and "error.type" in facts(span))
    assert facts(refused)["error.type"] == "PhotoError"


def facts(span: Span) -> dict[str, str]:
    """The attributes of a span, as texts."""
    values = {fact.key: fact.value for fact in span.attributes}
    return {name: value.string_value or str(value.int_value) for name, value in values.items()}


def test_nothing_of_a_visitor_or_a_photo_is_told(seen):
    told = {
        "metrics": httpx.get(seen.metrics).text,
        "log": seen.process.said(),
        "traces": "".join(map(str, seen.collector.requests())),
    }
    for where, text in told.items():
        assert text
        for secret in (NAME, NAME.split()[1], VISITOR, "secret"):
            assert secret not in text, where
        assert "Traceback" not in text
    allowed = {"din.task", "din.quality", "din.photos", "din.model", "din.cancelled", "error.type"}
    assert {fact.key for span in seen.collector.spans() for fact in span.attributes} <= allowed
    assert not any(span.events for span in seen.collector.spans())
    assert {line.keys() - {"trace_id"} == {"time", "level", "logger", "message"} for line in seen.log()} == {True}
