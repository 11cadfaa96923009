"""The container as docs/deployment.md starts it: no rights, a read-only root, and two places to write."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from gradio_client import handle_file
from PIL import Image

from app.pipeline.restore import restore
from tests.support.files import ROOT, png, read
from tests.support.namespaces import usable
from tests.support.page_client import page_client
from tests.support.processes import free_port, wait_until

TASK, USER = "sr_x4", 1000
START_S, HEALTHY_S = 180, 90
PARTS = ("app", "deploy", "din_model", "imaging")
NAMESPACE = ("unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child")

# Makes the file system of the container out of this machine's: $1 the image's tree, $2 its virtual environment, $3 its
# interpreter, $4 the folder that hides the interpreter from other users, or nothing.
CONTAINER = """
set -eu
mount --bind "$1" /srv
mount --bind "$2" /srv/.venv
if [ -n "$4" ]; then
    mount --bind "$3" /mnt
    mount -t tmpfs -o mode=755 none "$4"
    mkdir -p "$3"
    mount --move /mnt "$3"
fi
cut -d' ' -f2 /proc/mounts | grep -Ev '^/(proc|sys|dev)(/|$)' | while read -r point; do
    mount -o remount,bind,ro "$point"
done
mount -t tmpfs -o nosuid,nodev,mode=1777,size=4g none /tmp
mount -t tmpfs -o nosuid,nodev,noexec,mode=1777,size=256m none /dev/shm
cd /srv
shift 4
exec setpriv --reuid=1000 --regid=1000 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
"""

pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.timeout(600)]


def image_environment() -> dict[str, str]:
    """The variables that the Dockerfile sets."""
    lines = re.findall(r"^ENV (.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    return dict(pair.split("=", 1) for line in lines for pair in line.split())


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The tree that the Dockerfile copies, with the weights of one network, so that it starts quickly."""
    ignored = shutil.ignore_patterns("__pycache__")
    for part in PARTS:
        shutil.copytree(ROOT / part, tmp_path / "image" / part, ignore=ignored)
    for weights in (tmp_path / "image/din_model/weights").glob("*.safetensors"):
        if weights.stem != f"{TASK}-din_64":
            weights.unlink()
    (tmp_path / "image/.venv").mkdir()
    return tmp_path / "image"


@pytest.fixture
def enter(image: Path) -> list[str]:
    """The command that starts another in the container."""
    base = Path(sys.base_prefix).resolve()
    hidden = next((str(folder) for folder in reversed(base.parents) if not folder.stat().st_mode & 0o001), "")
    command = [*NAMESPACE, "sh", "-c", CONTAINER, "sh", str(image), sys.prefix, str(base), hidden]
    usable(command, "rights and mount namespaces")
    return command


def status(pid: int) -> dict[str, str]:
    """Return what the kernel says of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, value in (line.split(":", 1) for line in lines)}


def test_nothing_but_two_folders_can_be_written(enter):
    tried = (
        "for folder in /srv /srv/app /srv/.venv /etc /var/tmp /tmp /dev/shm; do touch $folder/new && echo $folder; done"
    )
    done = subprocess.run([*enter, "sh", "-c", tried], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["/tmp", "/dev/shm"]
    assert done.stderr.count("Read-only file system") == 5


def test_the_page_restores_a_photo_without_rights_on_a_read_only_root(enter, tmp_path, small_photo, client):
    port, output = free_port(), tmp_path / "said.txt"
    command = [*enter, "deploy/start.sh", "--host", "127.0.0.1", "--port", str(port), "--triton", "embedded"]
    environment = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", **image_environment()}
    with output.open("w") as said:
        container = subprocess.Popen(command, stdout=said, stderr=said, env=environment)
    try:
        wait_until(lambda: "The page is at" in output.read_text() or container.poll() is not None, START_S)
        assert container.poll() is None, output.read_text()
        health = [sys.executable, "-m", "app", "health", "--port", str(port)]
        wait_until(lambda: subprocess.run(health, cwd=ROOT, capture_output=True).returncode == 0, HEALTHY_S)

        Image.fromarray(small_photo).save(tmp_path / "photo.png")
        page = page_client(f"http://127.0.0.1:{port}", download_files=tmp_path / "downloads")
        download, _ = page.predict(handle_file(str(tmp_path / "photo.png")), TASK, api_name="/restore")
        page.close()
        assert np.array_equal(read(download), restore(png(small_photo), client.task(TASK), client).after.rgb)

        inside = psutil.Process(container.pid).children(recursive=True)
        names = {process.name() for process in inside}
        assert {"tritonserver", "triton_python_backend_stub"} <= names
        for process in inside:
            found = status(process.pid)
            assert found["Uid"].split() == found["Gid"].split() == [str(USER)] * 4
            assert found["NoNewPrivs"] == "1"
            assert {int(found[kind], 16) for kind in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")} == {0}
    finally:
        # The first process of the container by itself: giving up its rights, it is no longer killed with its parent.
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in psutil.Process(container.pid).children():
                process.kill()
        container.kill()
        container.wait()
        print(output.read_text())  # pytest shows it with a failure
    said = output.read_text()
    assert "Traceback" not in said
    assert "Read-only file system" not in said
    assert "Permission denied" not in said
