"""Triton alone, for pages on other machines: ``din triton``, and ``din health --triton-url``."""

import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import yaml

from app import cli
from app.client import ConnectionOptions, RestorationClient
from app.errors import ServerBusyError
from app.signals import INTERRUPTED
from app.triton import REPOSITORY
from tests.support.files import ROOT
from tests.support.manifests import KUBERNETES
from tests.support.processes import folder_of, free_port, processes_with, wait_until

START_S = 180


@dataclass(frozen=True)
class Served:
    """A running ``din triton``."""

    process: subprocess.Popen[bytes]
    port: int
    metrics_port: int
    output: Path


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """Triton with one model, at all addresses of this machine."""
    shutil.copytree(REPOSITORY / "din_sr_x4", tmp_path / "repository/din_sr_x4")
    port, metrics_port, output = free_port(), free_port(), tmp_path / "said.txt"
    options = ["--host", "0.0.0.0", "--port", port, "--metrics-port", metrics_port]
    command = [sys.executable, "-m", "app", "triton", "--repository", tmp_path / "repository", *options]
    with output.open("w") as said:
        process = subprocess.Popen(list(map(str, command)), cwd=ROOT, stdout=said, stderr=said)
    try:
        wait_until(lambda: "Triton is at" in output.read_text() or process.poll() is not None, START_S)
        assert process.poll() is None, output.read_text()
        yield Served(process, port, metrics_port, output)
    finally:
        process.kill()
        process.wait()
        print(output.read_text())  # pytest shows it with a failure


def health(url: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app", "health", "--triton-url", url]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_triton_alone_restores_counts_and_ends(served, client, small_photo):
    url = f"127.0.0.1:{served.port}"
    wait_until(lambda: health(url).returncode == 0, START_S)
    assert re.fullmatch(r"Triton restored a tiny picture \(sr_x4\) in .* s\.\n", health(url).stdout)
    with RestorationClient(url, ConnectionOptions(timeout_s=60)) as own:
        restored = own.submit(own.task("sr_x4").network(), small_photo).result()
    assert np.array_equal(restored, client.submit(client.task("sr_x4").network(), small_photo).result())

    with urllib.request.urlopen(f"http://127.0.0.1:{served.metrics_port}/metrics", timeout=30) as answer:
        metrics = answer.read().decode()
    (rule,) = yaml.safe_load((KUBERNETES / "prometheus-adapter.yaml").read_text())["rules"]["custom"]
    counter = rule["seriesQuery"].partition("{")[0]
    (waited_us,) = re.findall(rf'^{counter}{{model="din_sr_x4",version="1"}} (\d+)$', metrics, re.MULTILINE)
    assert int(waited_us) > 0
    folder = folder_of(served.port)
    command = "\0".join(
        Path(f"/proc/{pid}/cmdline").read_text() for pid in processes_with(f"--grpc-port={served.port}\0")
    )
    assert "--grpc-max-connection-age=" in command
    assert "--allow-http=false" in command

    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(60) == INTERRUPTED
    wait_until(lambda: not processes_with(folder))
    assert "Traceback" not in served.output.read_text()
    done = health(url)
    assert done.returncode == 1
    assert re.fullmatch(r"error: .* does not respond.*\n", done.stderr)


def test_an_address_that_this_machine_lacks_is_named():
    command = [sys.executable, "-m", "app", "triton", "--host", "192.0.2.1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert re.fullmatch(r"error: Triton cannot use port 8001 of 192\.0\.2\.1 \(.*\)\.\n", done.stderr)


def test_a_triton_with_a_full_queue_is_healthy(triton, monkeypatch):
    def refuse(client):
        raise ServerBusyError("busy")

    monkeypatch.setattr(cli, "probe", refuse)
    assert cli.triton_health(triton.url) == "Triton works: its queue is full."
