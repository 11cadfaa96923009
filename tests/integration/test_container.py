"""A container, simulated by a process namespace: the app is process 1, which does not reap orphans."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from gradio_client import handle_file
from PIL import Image

from app.pipeline.restore import restore
from app.triton import embedded
from tests.support.files import ROOT, png, read
from tests.support.namespaces import usable
from tests.support.page_client import page_client
from tests.support.processes import SERVER_KILLED, free_port, wait_until

TASK = "sr_x4"
# What an image holds of this tree.
IMAGE = ("app", "deploy", "din_model", "imaging", "model_repository")
NAMESPACE = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
START_S, RECOVER_S = 180, 90

pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def namespace() -> tuple[str, ...]:
    """The command that starts another in a process namespace; as a user who is not root, in one of theirs."""
    command = NAMESPACE if os.geteuid() == 0 else (*NAMESPACE, "--map-root-user")
    usable(command, "process namespaces")
    return command


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The tree as the Dockerfile copies it, with a virtual environment beside it, and no models built."""
    for name in IMAGE:
        shutil.copytree(ROOT / name, tmp_path / "din" / name, ignore=shutil.ignore_patterns("model.pt", "__pycache__"))
    (tmp_path / "din/.venv").symlink_to(sys.prefix)
    return tmp_path / "din"


@pytest.fixture
def nvidia(tmp_path: Path) -> Path:
    """A folder for the PATH with a ``tritonserver``, laid out as in NVIDIA's image: it knows its own backends."""
    wheel = embedded.find_wheel()
    embedded.assemble_backends(wheel, tmp_path / "backends")
    needed = " ".join(f"{name}='{value}'" for name, value in embedded.environment(wheel).items())
    program = tmp_path / "bin/tritonserver"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nexec env {needed} {wheel.server} --backend-directory={tmp_path / "backends"} "$@"\n'
    )
    program.chmod(0o755)
    return program.parent


def table() -> list[dict[str, Any]]:
    """Process number, parent, name and status of every process."""
    return [process.info for process in psutil.process_iter(["pid", "ppid", "name", "status"])]


class Container:
    """A process namespace, seen from outside."""

    def __init__(self, port: int, output: Path, unshare: subprocess.Popen[bytes]) -> None:
        self.port, self.output, self.unshare = port, output, unshare
        wait_until(lambda: any(found["ppid"] == unshare.pid for found in table()))
        self.first = next(found["pid"] for found in table() if found["ppid"] == unshare.pid)
        self.namespace = Path(f"/proc/{self.first}/ns/pid").readlink()

    def said(self) -> str:
        return self.output.read_text()

    def processes(self) -> list[dict[str, Any]]:
        """Everything in it, what has ended and was not collected too."""

        def is_inside(pid: int) -> bool:
            try:
                return Path(f"/proc/{pid}/ns/pid").readlink() == self.namespace
            except OSError:
                return False

        return [found for found in table() if is_inside(found["pid"])]

    def tritons(self) -> list[int]:
        return [
            found["pid"]
            for found in self.processes()
            if found["name"] == "tritonserver" and found["status"] != psutil.STATUS_ZOMBIE
        ]

    def zombies(self) -> list[dict[str, Any]]:
        return [found for found in self.processes() if found["status"] == psutil.STATUS_ZOMBIE]

    def health(self) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "app", "health", "--port", str(self.port)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)


@contextmanager
def running(command: list[str], folder: Path, port: int, path: str, files: Path) -> Iterator[Container]:
    """A container with that command as its first process, from its start to what is left of it."""
    output = files / "said.txt"
    environment = {**os.environ, "PATH": path, "TMPDIR": str(files), "GRADIO_TEMP_DIR": str(files / "gradio")}
    (files / "gradio").mkdir()
    with output.open("w") as said:
        unshare = subprocess.Popen(command, cwd=folder, stdout=said, stderr=said, env=environment)
    try:
        container = Container(port, output, unshare)
        wait_until(lambda: "The page is at" in container.said() or unshare.poll() is not None, START_S)
        assert unshare.poll() is None, container.said()
        yield container
    finally:
        unshare.kill()
        unshare.wait()
        print(output.read_text())  # pytest shows it with a failure


@pytest.mark.parametrize("kind", ["embedded", "installed"])
def test_a_container_brings_its_triton_back_and_leaves_nothing(
    kind, namespace, image, nvidia, tmp_path, small_photo, client
):
    """Both kinds of image: python as the first process with the embedded Triton, and deploy/start.sh over NVIDIA's."""
    port, files = free_port(), tmp_path / "files"
    files.mkdir()
    path = os.environ["PATH"] if kind == "embedded" else f"{nvidia}{os.pathsep}{os.environ['PATH']}"
    command = [*namespace, "deploy/start.sh", "--host", "127.0.0.1", "--port", str(port)]
    with running(command, image, port, path, files) as container:
        assert f"Starting the {kind} Triton" in container.said()
        server = wait_for_one(container.tritons)
        wait_until(lambda: container.health().returncode == 0, RECOVER_S)

        os.kill(server, signal.SIGKILL)
        wait_until(lambda: container.health().returncode == 1)
        wait_until(lambda: container.health().returncode == 0, RECOVER_S)
        assert wait_for_one(container.tritons) != server
        assert re.search(f"The {kind} Triton {SERVER_KILLED}", container.said())
        with suppress(AssertionError):  # what ends is collected within a moment
            wait_until(lambda: not container.zombies())
        assert container.zombies() == []

        Image.fromarray(small_photo).save(tmp_path / "photo.png")
        page = page_client(f"http://127.0.0.1:{port}", download_files=tmp_path / "downloads")
        download, _ = page.predict(handle_file(str(tmp_path / "photo.png")), TASK, api_name="/restore")
        page.close()
        assert np.array_equal(read(download), restore(png(small_photo), client.task(TASK), client).after.rgb)

        folders = [found.name for found in files.glob("din-triton-*")]
        assert len(folders) == 1
        os.kill(container.first, signal.SIGTERM)
        container.unshare.wait(30)
    assert "Traceback" not in container.said()
    assert container.processes() == []
    assert not list(Path("/dev/shm").glob(folders[0] + "*"))
    assert not list(files.glob("din-*"))
    assert list((files / "gradio").iterdir()) == []


def wait_for_one(found: Callable[[], list[int]]) -> int:
    """The one process that there will be."""
    wait_until(lambda: len(found()) == 1)
    return found()[0]


def test_a_page_that_does_not_answer_is_unhealthy():
    command = [sys.executable, "-m", "app", "health", "--port", str(free_port())]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: The page at http://127.0.0.1:")
    assert len(done.stderr.splitlines()) == 1


def test_a_missing_tritonserver_is_named(tmp_path):
    command = [sys.executable, "-m", "app", "restore", "x.png", "--task", TASK, "--out", "out", "--triton", "installed"]
    environment = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: There is no tritonserver on the PATH")
