"""What the page counts, and what it looks up when Prometheus asks."""

import re
import socket
import urllib.request
from types import SimpleNamespace

import gradio as gr
import pytest

from app import cli
from app.cli import check_metrics, parse_arguments
from app.client import RestorationClient
from app.errors import AddressError, PhotoError, ServerError, ServerStartError, StorageError, UnknownTaskError
from app.pipeline.restore import Step
from app.tasks import Quality
from app.triton.process import Endpoint
from app.triton_options import ExternalTriton
from app.web import limits, metrics, scrape
from app.web.gradio_compat import job_numbers
from app.web.limits import TooManyError
from tests.support.processes import free_port, run_async
from tests.support.replica import TASK, Replica, serving


def photos(outcome, task="sr_x4"):
    labels = {"task": task, "quality": "fast", "outcome": outcome}
    return metrics.REGISTRY.get_sample_value("din_page_photos_total", labels) or 0.0


def seconds(suffix):
    labels = {"task": "sr_x4", "quality": "fast"}
    return metrics.REGISTRY.get_sample_value(f"din_page_photo_seconds_{suffix}", labels) or 0.0


def refused(reason):
    return metrics.REGISTRY.get_sample_value("din_page_refused_jobs_total", {"reason": reason}) or 0.0


def ending(error=None):
    yield 1
    if error:
        raise error
    return "done"


def run(steps):
    """Take all steps; return their result."""

    def result():
        kept.append((yield from steps))

    kept: list[object] = []
    list(result())
    return kept[0]


def test_a_restored_photo_is_counted_with_its_time():
    before, times = photos("restored"), seconds("count")
    assert run(metrics.watched(ending(), "sr_x4", Quality.FAST)) == "done"
    assert (photos("restored"), seconds("count")) == (before + 1, times + 1)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (PhotoError("damaged"), "refused"),
        (ServerError("refused by Triton"), "failed"),
        (StorageError("no room"), "failed"),
        (RuntimeError("ours"), "failed"),
    ],
)
def test_a_photo_without_a_result_is_counted_by_its_error(error, outcome):
    before, times = photos(outcome), seconds("count")
    with pytest.raises(type(error)):
        run(metrics.watched(ending(error), "sr_x4", Quality.FAST))
    assert (photos(outcome), seconds("count")) == (before + 1, times)


def test_a_photo_whose_visitor_leaves_is_cancelled():
    before = photos("cancelled")
    steps = metrics.watched(ending(), "sr_x4", Quality.FAST)
    next(steps)
    steps.close()
    assert photos("cancelled") == before + 1


def test_tiles_are_counted_as_they_are_done_also_by_a_photo_that_starts_again():
    def tiles():
        labels = {"task": "sr_x4", "quality": "best"}
        return metrics.REGISTRY.get_sample_value("din_page_tiles_total", labels) or 0.0

    before = tiles()
    told = [Step(done, 4) for done in (0, 1, 3, 3, 0, 2)]
    counting = metrics.counting((step for step in told), "sr_x4", Quality.BEST)
    assert next(counting) == told[0]
    assert next(counting) == told[1]
    assert tiles() == before + 1
    assert list(counting) == told[2:]
    assert tiles() == before + 5


@pytest.mark.parametrize(
    ("error", "reason"),
    [(TooManyError("busy"), "busy"), (PhotoError("damaged"), "photo"), (UnknownTaskError("sr_x5"), "other")],
)
def test_a_job_that_is_not_queued_is_counted_by_its_reason(error, reason):
    before = refused(reason)
    metrics.refuse(error)
    assert refused(reason) == before + 1


RESTARTED = SimpleNamespace(restarts=3)


async def empty_page():
    with gr.Blocks() as page:  # in an event loop, or Gradio would open some and leave them
        return page


def scraped(client, triton=RESTARTED):
    """The metrics at their port, by name and labels."""
    page, port = run_async(empty_page()), free_port()
    with scrape.serve("127.0.0.1", port, page, client, triton):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            text = answer.read().decode()
        second = scrape.serve("127.0.0.1", port, page, client, triton)
        with pytest.raises(ServerStartError, match=f"cannot use port {port} of 127.0.0.1"), second:
            pass
    return {name: float(value) for name, value in re.findall(r"^([^#].*) (\S+)$", text, re.MULTILINE)}


@pytest.fixture
def replica(monkeypatch, tmp_path):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    (tmp_path / "upload").write_bytes(bytes(123))
    with serving(Replica()) as server:
        yield server


def test_what_prometheus_reads(replica):
    with RestorationClient(replica.address) as client:
        found = scraped(client)
    assert found["din_page_triton_up"] == found["din_page_healthy"] == 1
    assert found["din_page_triton_restarts_total"] == 3
    assert found[f'din_page_network_served{{network="{TASK}"}}'] == 1
    assert found["din_page_storage_bytes"] == 123
    assert found["din_page_storage_limit_bytes"] == 2 << 30
    assert found['din_page_jobs{state="waiting"}'] == found['din_page_jobs{state="running"}'] == 0
    assert found["din_page_jobs_limit"] == limits.QUEUED_JOBS
    assert found["process_resident_memory_bytes"] > 0
    # What has not happened yet is nought, so that its first time is seen.
    for outcome in metrics.OUTCOMES:
        assert found[f'din_page_photos_total{{outcome="{outcome}",quality="best",task="{TASK}"}}'] == 0


def test_a_triton_that_is_away_or_has_lost_a_network(replica, monkeypatch):
    with RestorationClient(replica.address) as client:
        monkeypatch.setattr(client, "broken", lambda: {"deblur": "taken out of service"})
        found = scraped(client, ExternalTriton(replica.address))
        assert found['din_page_network_served{network="deblur"}'] == 0
        assert found[f'din_page_network_served{{network="{TASK}"}}'] == 1
        assert "din_page_triton_restarts_total" not in found
        monkeypatch.setattr(client, "is_live", lambda: False)
        found = scraped(client)
        assert found["din_page_triton_up"] == found["din_page_healthy"] == 0
        assert not any("network_served" in name for name in found)


def test_jobs_wait_or_run_until_their_visitor_leaves():
    def event(kind, alive=True):
        return SimpleNamespace(concurrency_id=kind, alive=alive)

    waiting = SimpleNamespace(queue=[event("restore"), event("restore"), event("restore", alive=False)])
    running = [None, [event("restore"), event("restore", alive=False)], [event("other")]]
    queue = SimpleNamespace(event_queue_per_concurrency_id={"restore": waiting}, active_jobs=running)
    page = SimpleNamespace(_queue=queue)
    assert job_numbers(page, "restore") == (2, 1)
    assert job_numbers(page, "other") == (0, 1)


def test_metrics_are_off_and_on_loopback_unless_asked_otherwise():
    args = parse_arguments(["page"])
    assert (args.metrics_port, args.triton_metrics_port, args.metrics_host) == (None, None, "127.0.0.1")
    assert "--allow-metrics=false" in Endpoint(8001).options()
    assert "--metrics-address=127.0.0.1" in Endpoint(8001, metrics_port=8002, metrics_host="127.0.0.1").options()
    assert "--metrics-address=10.0.0.1" in Endpoint(8001, "10.0.0.1", metrics_port=8002).options()


@pytest.mark.parametrize(
    ("options", "kind", "sentence"),
    [
        (
            ["--metrics-port", "7860"],
            ServerStartError,
            "--metrics-port and --port are both 7860: give metrics a port of their own.",
        ),
        (
            ["--metrics-port", "PORT", "--triton-metrics-port", "PORT"],
            ServerStartError,
            "--triton-metrics-port and --metrics-port are both PORT: give metrics a port of their own.",
        ),
        (
            ["--triton-metrics-port", "PORT", "--triton-url", "triton:8001"],
            AddressError,
            "--triton-metrics-port is for a Triton that is started: the one of --triton-url has its own.",
        ),
        (
            ["--metrics-port", "-1"],
            ServerStartError,
            r"The page cannot use port -1 of 127\.0\.0\.1 \(.*--metrics-port\.",
        ),
    ],
)
def test_ports_of_metrics_that_cannot_be_are_one_sentence(options, kind, sentence, monkeypatch):
    monkeypatch.delenv("TRITON_URL", raising=False)
    port = str(free_port())
    args = parse_arguments(["page", *(option.replace("PORT", port) for option in options)])
    with pytest.raises(kind, match=sentence.replace("PORT", port)):
        check_metrics(args)


def test_a_port_of_metrics_that_is_taken_is_told_before_anything_starts(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["page", "--port", str(free_port()), "--metrics-port", str(port)]) == 1
    assert f"cannot use port {port} of 127.0.0.1" in capsys.readouterr().err
