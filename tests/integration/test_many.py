"""``din restore-many`` as a shell runs it, with processes that are killed in the middle."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app import codec
from app.client import RestorationClient
from app.many.manifest import NAME, Manifest, State
from app.pipeline.restore import restore
from app.tasks import Quality
from tests.support import ray_cluster
from tests.support.arrivals import watching
from tests.support.files import ROOT
from tests.support.processes import free_port, wait_until

COUNT = 9
JOB = ("--task", "sr_x2", "--quality", "best")  # eight passes: there is time to kill it


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Photos in two folders, no two of them equal, and a file that is none."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "deep").mkdir()
    noise = np.random.default_rng(0)
    for number in range(COUNT):
        pixels = noise.integers(0, 256, (64, 64, 3), np.uint8)
        Image.fromarray(pixels).save(folder / ("deep" if number % 2 else ".") / f"{number}.png")
    (folder / "none.jpg").write_bytes(b"no image")
    return folder


@pytest.fixture(scope="module")
def expected(photos, triton):
    """The results, by their paths below the folder, as one photo at a time gives them."""
    with RestorationClient(triton.url) as client:
        task = client.task("sr_x2")
        return {
            photo.relative_to(photos).with_name(f"{photo.stem}_sr_x2_best.png"): codec.encode(
                restore(photo, task, client, Quality.BEST).after
            )
            for photo in photos.rglob("*.png")
        }


@pytest.fixture
def out(tmp_path):
    """The folder of the results, with those that these will lie in."""
    (tmp_path / "out/deep").mkdir(parents=True)
    return tmp_path / "out"


@pytest.fixture
def arrivals(out):
    with watching(out, out / "deep") as arrivals:
        yield arrivals


@contextmanager
def running(photos, out, url, *options, environment=None):
    """The command, and what it says."""
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "restore-many", photos, out, *JOB, "--triton-url", url, *options],
            cwd=ROOT,
            stdout=said,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )

        def wait():
            code = process.wait(200)
            said.seek(0)
            return code, said.read()

        try:
            yield process, wait
        finally:
            process.kill()
            process.wait()


def run(*arguments, **options):
    with running(*arguments, **options) as (_, wait):
        return wait()


def results(out):
    return {path.relative_to(out): path for path in out.rglob("*_best.png")}


def written(arrivals):
    """How often each result was written."""
    return Counter({path: count for path, count in arrivals.counts().items() if path.name.endswith("_best.png")})


def recorded(out):
    """The results that are recorded as done, each with what tells whether it was written again."""
    with tempfile.TemporaryDirectory() as copy:  # a run that is under way holds the lock of its own
        for file in out.glob(f"{NAME}*"):
            shutil.copy(file, copy)
        with closing(Manifest(Path(copy))) as manifest:
            done = [out / outcome.item.result for outcome in manifest.outcomes() if outcome.state is State.DONE]
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in done}


def check(photos, expected, out, kept, arrivals, run_again):
    """Everything is there once, and equal to what one photo at a time gives; what was recorded was not touched.

    Args:
        photos, expected, out: what is restored, its results, and where.
        kept: what was recorded before the last run.
        arrivals: counts what was written.
        run_again: does the last run; returns its exit status and what it said.
    """
    assert 0 < len(kept) < COUNT
    before = written(arrivals)
    assert kept.keys() <= before.keys()
    code, said = run_again()
    assert code == 1, said  # of the file that is no photo
    assert f"{COUNT - len(kept)} restored, 1 failed, {len(kept)} restored before" in said
    after = recorded(out)
    assert kept.items() <= after.items()
    assert set(after) == set(results(out).values())
    assert len(after) == COUNT
    assert written(arrivals) == before + Counter(after.keys() - kept.keys())  # each of the others once
    assert {path: result.read_bytes() for path, result in results(out).items()} == expected
    (error,) = map(json.loads, (out / "errors.jsonl").read_text().splitlines())
    assert error["photo"] == str(photos / "none.jpg")
    assert error["status"] == "INVALID_ARGUMENT"
    assert error["error"].startswith("The file is not an image")


def test_a_killed_run_is_gone_on_with(photos, expected, out, arrivals, triton):
    with running(photos, out, triton.url, "--jobs", "2") as (process, wait):
        wait_until(lambda: recorded(out) and len(results(out)) > 2, 60)
        code, said = run(photos, out, triton.url)  # another one meanwhile
        assert code == 1
        assert said == f"error: Another process restores photos into {out}: wait for its end, or give another folder.\n"
        process.kill()
        assert wait()[0] == -signal.SIGKILL
    kept = recorded(out)
    code, said = run(photos, out, triton.url, "--format", "webp")
    assert code == 1
    assert said.startswith(f"error: {out} was begun with --format png and cannot go on with --format webp")
    assert set(written(arrivals).values()) == {1}
    check(photos, expected, out, kept, arrivals, lambda: run(photos, out, triton.url))


def test_an_interrupted_run_is_gone_on_with(photos, expected, out, arrivals, triton):
    with running(photos, out, triton.url, "--jobs", "1") as (process, wait):
        wait_until(lambda: len(results(out)) > 2, 60)
        process.send_signal(signal.SIGINT)
        code, said = wait()
    assert code == 130, said
    assert "Traceback" not in said
    kept = recorded(out)
    assert written(arrivals) == Counter(kept.keys())  # nothing was done that is not recorded
    check(photos, expected, out, kept, arrivals, lambda: run(photos, out, triton.url))


def test_an_unknown_task_leaves_the_folder_to_others(photos, tmp_path, triton):
    out = tmp_path / "out"
    code, said = run(photos, out, triton.url, "--task", "colourise")
    assert code == 1
    assert said.startswith("error: There is no task 'colourise'")
    with closing(Manifest(out)) as manifest:
        manifest.check_options({"--task": "sr_x2"})


def test_a_replica_that_is_away_costs_no_photo(photos, expected, tmp_path, triton):
    out = tmp_path / "out"
    code, said = run(photos, out, f"127.0.0.1:{free_port()},{triton.url}")
    assert code == 1, said  # of the file that is no photo
    assert f"{COUNT} restored, 1 failed, 0 restored before" in said
    assert {path: result.read_bytes() for path, result in results(out).items()} == expected


@pytest.mark.parametrize("away", ["The restoration server", "Ray's cluster"])
def test_a_server_that_is_away_is_named_and_nothing_is_recorded(photos, tmp_path, triton, away):
    nowhere = f"127.0.0.1:{free_port()}"
    url, options = (triton.url, ("--ray", nowhere)) if away.startswith("Ray") else (nowhere, ())
    code, said = run(photos, tmp_path / "out", url, *options)
    assert code == 1
    assert re.fullmatch(f"error: {away}[^\n]* does not respond[^\n]*\\.\n", said), said
    assert recorded(tmp_path / "out") == {}


@pytest.mark.timeout(900)  # Ray's start and its workers' imports take minutes beside other work
def test_killed_workers_and_a_killed_driver_lose_nothing_and_double_nothing(photos, expected, out, arrivals, triton):
    with tempfile.TemporaryDirectory(prefix="din-ray-") as name:
        folder = Path(name)
        to = {"environment": ray_cluster.environment(folder)}
        with ray_cluster.running(folder) as address:
            with running(photos, out, triton.url, "--ray", address, **to) as (process, wait):
                wait_until(lambda: results(out) or process.poll() is not None, 400)
                assert process.poll() is None, wait()
                victim = ray_cluster.workers(folder)[0]
                os.kill(victim, signal.SIGKILL)
                before = len(results(out))
                wait_until(lambda: len(results(out)) > before + 1 and victim not in ray_cluster.workers(folder), 200)
                wait_until(lambda: recorded(out), 60)
                process.kill()
                assert wait()[0] == -signal.SIGKILL
            kept = recorded(out)
            wait_until(lambda: not ray_cluster.workers(folder), 60)  # Ray ends those of the driver
            # The killed worker may have stored its photo without having told so: this one alone is restored again.
            counts = written(arrivals)
            assert counts.total() - len(counts) <= 1
            check(photos, expected, out, kept, arrivals, lambda: run(photos, out, triton.url, "--ray", address, **to))
        assert ray_cluster.end(folder) == []
