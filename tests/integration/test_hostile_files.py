"""Hostile files by the hundred, and one that crashes a decoder of a running page."""

import re
import signal
import subprocess
import sys

import psutil
import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError

from tests.support.files import ROOT, png, read
from tests.support.page_client import page_client
from tests.support.processes import running_page, wait_until
from tools.hostile_files.handmade import many_scans


def test_hostile_files_are_pictures_or_refused():
    """One in four of those made by hand, and five mutations of each kind; python -m tools.hostile_files tries all."""
    command = [sys.executable, "-m", "tools.hostile_files", "--quick", "--mutations", "5"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (totals,) = re.findall(r"^\| all .*$", done.stdout, re.M)
    _, files, pictures, *_ = totals.split(" | ")
    assert int(files) > 300
    assert 50 < int(pictures) < int(files) - 50


def decoders(page):
    """The page's decoding processes that have computed for more than three seconds, and all of them."""
    found = [child for child in page.children() if "app.codec.worker" in child.cmdline()]
    return [child for child in found if child.cpu_times().user > 3], found


def test_a_file_that_crashes_a_decoder_costs_its_own_refusal(triton, tmp_path, small_photo):
    hostile, sound = tmp_path / "hostile.jpg", tmp_path / "sound.png"
    hostile.write_bytes(many_scans(20_000, 2000))  # it would be decoded for minutes
    sound.write_bytes(png(small_photo))
    with running_page("--triton-url", triton.url) as (url, process):
        page, api = psutil.Process(process.pid), page_client(url)
        job = api.submit(handle_file(str(hostile)), "sr_x4", api_name="/restore")
        wait_until(lambda: decoders(page)[0])
        (crashed,), _ = decoders(page)
        crashed.send_signal(signal.SIGSEGV)
        with pytest.raises(AppError, match="The image is damaged or cut off and cannot be read"):
            job.result()
        download, _ = api.predict(handle_file(str(sound)), "sr_x4", api_name="/restore")
        assert read(download).shape == (240, 336, 3)
        _, workers = decoders(page)
        assert crashed not in workers
        api.close()
    assert workers
    wait_until(lambda: not any(worker.is_running() for worker in workers))
