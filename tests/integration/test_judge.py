"""The judge of photos behind a real Triton: the client, the command, the API, and what keeps it running."""

import asyncio
import os
import re
import shutil
import signal
import time

import numpy as np
import pytest
import skimage.data
import torch
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from app import cli
from app.client import AsyncRestorationClient, RestorationClient
from app.errors import PhotoError, UnknownTaskError
from app.judgement import JUDGE_MODEL
from app.triton import REPOSITORY, Triton, embedded
from din_model.judge import NAMES, load_judge
from din_model.judge_data import damaged
from imaging.look import look
from tests.support.files import png
from tests.support.processes import process_of, wait_until

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
LARGEST = (4000, 6000)  # 24 megapixels
IN_TIME_S = 0.5
RECOVERY_S = 60


@pytest.fixture(scope="module")
def noisy():
    """A photo with grain that nobody overlooks."""
    noise = np.random.default_rng(0).normal(0, 40, skimage.data.coffee().shape)
    return np.clip(skimage.data.coffee() + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def file(tmp_path, noisy):
    path = tmp_path / "noisy.png"
    path.write_bytes(png(noisy))
    return path


def test_the_answer_is_the_network_s_in_this_process(client, small_photo):
    photo = damaged(skimage.data.astronaut(), "rain", np.random.default_rng(1))
    squares = torch.from_numpy(look(photo))[None]
    with torch.inference_mode():
        answer = load_judge().probabilities(squares[:, :-1], squares[:, -1], torch.tensor([photo.shape[:2]]))[0]
    said = client.judge(photo).probabilities
    assert [said[name] for name in NAMES] == pytest.approx(answer.tolist(), abs=1e-4)
    assert list(said.values()) == sorted(said.values(), reverse=True)
    assert sum(said.values()) == pytest.approx(1, abs=1e-4)


def test_grain_is_told_and_its_task_is_proposed(client, noisy, file):
    for picture in (noisy, file, file.read_bytes()):
        said = client.judge(picture)
        assert said.kind == "noise"
        assert said.tasks[0] == "sr_x3_dn"
        assert set(said.tasks) <= set(client.tasks())


def test_the_largest_photo_takes_no_longer_than_is_promised(client):
    pixels = np.random.default_rng(0).integers(0, 256, (*LARGEST, 3)).astype(np.uint8)
    client.judge(pixels)  # the instance loads the network at its first request
    times = []
    for _ in range(5):
        started = time.monotonic()
        client.judge(pixels)
        times.append(time.monotonic() - started)
    assert min(times) < IN_TIME_S


def test_it_is_watched_and_is_no_task(triton, client):
    assert client.has_judge()
    assert client.instances()[JUDGE_MODEL] == 1
    assert JUDGE_MODEL not in client.tasks()
    assert JUDGE_MODEL not in client.usage()
    with pytest.raises(UnknownTaskError, match="There is no task 'judge'"):
        client.task(JUDGE_MODEL)


def test_in_an_event_loop(triton, noisy):
    async def judge():
        async with AsyncRestorationClient(triton.url) as client:
            return await client.judge(noisy, deadline_s=60)

    assert asyncio.run(judge()).kind == "noise"


def test_what_is_no_photo_is_refused(client):
    with pytest.raises(PhotoError, match="is not an image"):
        client.judge(b"no photo")
    with pytest.raises(PhotoError, match="uint8"):
        client.judge(np.zeros((8, 8, 3)))


def test_the_command_says_it_in_a_line_and_goes_on_after_an_error(triton, file, tmp_path, capsys):
    (tmp_path / "text.txt").write_text("no photo")
    options = ["judge", str(tmp_path / "text.txt"), str(file), "--triton-url", triton.url]
    assert cli.main(options) == 1
    printed = capsys.readouterr()
    assert re.fullmatch(rf"{file}: noise \d+%.*; try sr_x3_dn.*\n", printed.out)
    assert printed.err.startswith(f"{tmp_path / 'text.txt'}: The file is not an image")
    assert cli.main(["judge", str(file), "--triton-url", triton.url]) == 0


def test_the_page_s_api_judges_a_photo(page_url, file, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    api = Client(page_url, verbose=False, download_files=tmp_path)
    said = api.predict(handle_file(str(file)), api_name="/judge")
    assert next(iter(said["probabilities"])) == "noise"
    assert set(said["probabilities"]) == set(NAMES)
    assert said["tasks"][0] == "sr_x3_dn"
    (tmp_path / "text.png").write_text("no photo")
    with pytest.raises(AppError, match="is not an image"):
        api.predict(handle_file(str(tmp_path / "text.png")), api_name="/judge")
    api.close()


def test_an_instance_that_dies_is_replaced_and_a_server_without_a_judge_says_so(tmp_path, noisy, small_photo, caplog):
    repository = tmp_path / "repository"
    for model in ("din_sr_x2", JUDGE_MODEL):
        shutil.copytree(REPOSITORY / model, repository / model)
    with Triton(embedded.launch(), repository) as own, RestorationClient(own.url) as client:
        own.wait_ready()
        assert client.judge(noisy).kind == "noise"
        pid = process_of(own.port, f"{JUDGE_MODEL}_0_0")
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: own.restarts == 1 and client.is_live() and client.has_judge(), RECOVERY_S)
        assert client.judge(noisy).kind == "noise"
        assert set(client.judge(noisy).tasks) <= {"sr_x2"}
    assert f"has lost {JUDGE_MODEL}_0_0: restarting it" in caplog.text
    shutil.rmtree(repository / JUDGE_MODEL)
    with Triton(embedded.launch(), repository) as own, RestorationClient(own.url) as client:
        own.wait_ready()
        assert not client.has_judge()
        with pytest.raises(UnknownTaskError, match="This server cannot judge photos"):
            client.judge(noisy)
        assert client.restore(small_photo, "sr_x2").tiles == 1
