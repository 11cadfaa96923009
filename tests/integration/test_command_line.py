"""``python -m app restore`` and the page's command line, as a shell runs them."""

import socket
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from app.restore import restore
from tests.conftest import ROOT, png, read


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "app", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture
def photo(tmp_path, small_photo):
    path = tmp_path / "photo.png"
    Image.fromarray(small_photo).save(path)
    return path


def test_restore_starts_its_own_triton(photo, tmp_path, client, small_photo):
    done = run("restore", photo, "--task", "sr_x4", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    restored = read(tmp_path / "out/photo_sr_x4.png")
    assert np.array_equal(restored, restore(png(small_photo), "sr_x4", client).after.rgb)


def test_bad_files_are_named_and_the_others_go_on(photo, tmp_path, triton):
    files = {
        "text.txt": b"no image",
        "empty.png": b"",
        "cut.png": photo.read_bytes()[:1000],
        "pixel.png": png(np.zeros((1, 1, 3), np.uint8)),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    inputs = [tmp_path / name for name in (*files, "missing.png")] + [photo]
    done = run("restore", *inputs, "--task", "sr_x4", "--out", tmp_path / "out", "--triton-url", triton.url)
    assert done.returncode == 1
    said = dict(line.removeprefix(f"{tmp_path}/").split(": ", 1) for line in done.stderr.strip().splitlines())
    assert said["text.txt"].startswith("The file is not an image")
    assert said["empty.png"].startswith("The file is empty")
    assert said["cut.png"].startswith("The image is damaged or cut off")
    assert said["pixel.png"].startswith("The photo is only 1x1 pixels")
    assert "No such file" in said["missing.png"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["photo_sr_x4.png", "pixel_sr_x4.png"]
    assert "Traceback" not in done.stderr


def test_unknown_tasks_are_named(photo, tmp_path, triton):
    done = run("restore", photo, "--task", "colourise", "--out", tmp_path / "out", "--triton-url", triton.url)
    assert done.returncode == 1
    assert done.stderr == "error: There is no task 'colourise': this server offers sr_x4.\n"


@pytest.mark.parametrize("command", [["restore", "x.png", "--task", "sr_x4", "--out", "out"], ["--port", "0"]])
def test_a_triton_that_is_not_there(command):
    done = run(*command, "--triton-url", "127.0.0.1:1")
    assert done.returncode == 1
    assert done.stderr.startswith("error: The restoration server does not answer")
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_named_before_anything_starts():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("--port", port)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: The page cannot use port {port} of 127.0.0.1")
    assert "give another with --port" in done.stderr
    assert done.stdout == ""
