"""A real Prometheus, Debian's: started with a configuration, and asked."""

import math
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.support.files import ROOT
from tests.support.processes import free_port, wait_until

DEPLOY = ROOT / "deploy"
TIMEOUT_S = 30
START_S = 60


def program(name: str) -> str:
    """The path of a program of Debian's package; a missing one is a failure, never a skip."""
    found = shutil.which(name)
    assert found, f"{name} is missing: apt-get install prometheus"
    return found


class Prometheus:
    """A running Prometheus.

    Args:
        url: of its API.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, **parameters: str) -> Any:
        """The data of an answer of the API."""
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=TIMEOUT_S).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an expression now."""
        found: list[dict[str, Any]] = self.get("query", query=expression)["result"]
        return found

    def has_numbers(self, expression: str) -> bool:
        """Whether an expression has a number now; nought divided by nought is none."""
        return any(math.isfinite(float(series["value"][1])) for series in self.query(expression))


def configuration(targets: dict[str, str], folder: Path) -> Path:
    """The configuration of one box with other addresses and more scrapes, in a folder.

    Args:
        targets: the address of each job.
        folder: that gets the rules, too.
    """
    config = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    assert {job["job_name"] for job in config["scrape_configs"]} == targets.keys()
    for job in config["scrape_configs"]:
        job["static_configs"] = [{"targets": [targets[job["job_name"]]]}]
    for name in config["rule_files"]:
        shutil.copy(DEPLOY / name, folder)
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(config))
    return path


@contextmanager
def scraping(targets: dict[str, str], folder: Path) -> Iterator[Prometheus]:
    """A Prometheus that scrapes every second.

    Args:
        targets: the address of each job of the configuration.
        folder: for its data and its configuration.
    """
    address = f"127.0.0.1:{free_port()}"
    command = [
        program("prometheus"),
        f"--config.file={configuration(targets, folder)}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--log.level=warn",
    ]
    output = folder / "said.txt"
    with output.open("w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
    try:
        prometheus = Prometheus(f"http://{address}")

        def is_ready() -> bool:
            assert process.poll() is None, output.read_text()
            try:
                return httpx.get(f"{prometheus.url}/-/ready", timeout=TIMEOUT_S).is_success
            except httpx.TransportError:
                return False

        wait_until(is_ready, START_S)
        yield prometheus
    finally:
        process.terminate()
        try:
            process.wait(30)
        finally:
            process.kill()
            process.wait()
            print(output.read_text())  # pytest shows it with a failure
