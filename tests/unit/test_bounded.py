"""Decoding in a process with limits: the same photos, and a sentence for each that exceeds a limit or crashes it."""

import contextlib
import signal
import subprocess
import sys
import threading

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import codec
from app.codec import Header, Photo, bounded
from app.codec.bounded import Limits, Workers
from app.codec.transfer import read_result, write_result
from app.errors import PhotoError
from app.i18n import Text
from tests.support.files import ROOT, png
from tests.support.processes import read_line, wait_until
from tools.hostile_files.handmade import many_scans, zeros
from tools.hostile_files.handmade import png as raw_png
from tools.hostile_files.seeds import seeds

SEEDS, FLOAT = seeds(), "TIFF float"
SMALL = png(np.arange(24 * 20 * 3, dtype=np.uint8).reshape(24, 20, 3))


@pytest.fixture
def started():
    """Make workers with given limits; they are ended afterwards."""
    made = []

    def start(**limits):
        made.append(Workers(1, Limits(**limits)))
        return made[-1]

    yield start
    for workers in made:
        workers.close()


@pytest.fixture(scope="module", autouse=True)
def ended():
    yield
    bounded.workers.close()


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.png"
    path.write_bytes(SMALL)
    return path


@pytest.fixture
def slow(tmp_path):
    path = tmp_path / "slow.jpg"
    path.write_bytes(many_scans(20_000, 2000))
    return path


def key_of(result):
    assert isinstance(result, PhotoError)
    assert isinstance(result.text, Text)
    return result.text.key


def worker_of(parent=None):
    """The decoding process that a process started last."""
    found = (child for child in psutil.Process(parent).children() if "app.codec.worker" in child.cmdline())
    return max(found, key=psutil.Process.create_time)


def works(workers, path):
    return isinstance(workers.ask({}, path), Header)


@pytest.mark.parametrize("name", sorted(set(SEEDS) - {FLOAT}))
def test_photos_are_those_that_are_decoded_here(name, tmp_path):
    path = tmp_path / "photo"
    path.write_bytes(SEEDS[name])
    here, there = codec.decode(path), bounded.decode(path)
    for field in ("rgb", "alpha", "deep"):
        one, other = getattr(here, field), getattr(there, field)
        assert (one is None and other is None) or (one.dtype == other.dtype and np.array_equal(one, other)), field
    for field in ("icc_profile", "exif", "notices", "is_gray"):
        assert getattr(here, field) == getattr(there, field), field
    assert bounded.read_header(path) == codec.read_header(path)


def test_errors_are_those_of_the_codec_in_every_language(tmp_path):
    path = tmp_path / "large.png"
    path.write_bytes(raw_png(9000, 9000, b""))
    with pytest.raises(PhotoError, match="81 megapixels, above the limit of 24 megapixels") as refused:
        bounded.decode(path)
    assert "81 Megapixel" in refused.value.into("de")
    path.write_bytes(SEEDS[FLOAT])
    with pytest.raises(PhotoError, match="floating-point"):
        bounded.decode(path)
    with pytest.raises(FileNotFoundError):
        bounded.decode(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        bounded.read_header(tmp_path / "none")


def test_a_header_is_read_once_until_its_file_changes(small):
    first = bounded.read_header(small)
    assert bounded.read_header(small) is first
    small.write_bytes(png(np.zeros((7, 9, 3), np.uint8)))
    assert bounded.read_header(small).size == (7, 9)
    small.unlink()
    with pytest.raises(FileNotFoundError):
        bounded.read_header(small)


def test_a_photo_that_takes_too_much_time_is_refused_and_the_next_is_decoded(started, slow, small):
    workers = started(cpu_s=1)
    assert str(workers.ask({"scale": 1}, slow)).startswith("The image takes more than 1 s to decode")
    assert isinstance(workers.ask({"scale": 1}, small), Photo)


def test_a_photo_that_takes_too_much_memory_is_refused_and_the_next_is_decoded(started, tmp_path, small):
    workers = started(memory=300 << 20)
    large = tmp_path / "large.png"
    large.write_bytes(raw_png(4800, 4800, zeros(4800 * 14401)))
    assert str(workers.ask({"scale": 1}, large)).startswith("The image needs too much memory to decode")
    assert isinstance(workers.ask({"scale": 1}, small), Photo)


@pytest.mark.parametrize(
    ("number", "key"), [(signal.SIGSEGV, "damaged"), (signal.SIGABRT, "damaged"), (signal.SIGKILL, "decode_memory")]
)
def test_a_crash_costs_one_photo(started, slow, small, number, key):
    workers, results = started(), []
    assert works(workers, small)
    crashing = worker_of()
    asking = threading.Thread(target=lambda: results.append(workers.ask({"scale": 1}, slow)))
    used = crashing.cpu_times().user
    asking.start()
    wait_until(lambda: crashing.cpu_times().user > used + 0.3)
    crashing.send_signal(number)
    asking.join()
    assert key_of(results[0]) == f"error.{key}"
    assert works(workers, small)
    assert worker_of().pid != crashing.pid


def test_a_worker_that_ends_while_idle_costs_none(started, small):
    workers = started()
    assert works(workers, small)
    idle = worker_of()
    idle.kill()
    wait_until(lambda: idle.status() == psutil.STATUS_ZOMBIE)
    assert works(workers, small)


def test_a_worker_that_hangs_is_replaced(started, small):
    workers = started(wall_s=4)
    wait_until(lambda: works(workers, small))  # it may take longer than that to start
    worker_of().suspend()
    assert key_of(workers.ask({"scale": 1}, small)) == "error.decode_time"
    wait_until(lambda: works(workers, small))


def test_who_waits_too_long_for_a_worker_is_told(started, slow, small, monkeypatch):
    workers = started(cpu_s=60)
    assert works(workers, small)
    asking = threading.Thread(target=workers.ask, args=({"scale": 1}, slow))
    used = worker_of().cpu_times().user
    asking.start()
    wait_until(lambda: worker_of().cpu_times().user > used + 0.3)
    monkeypatch.setattr(bounded, "WAIT_S", 0.01)
    with pytest.raises(PhotoError, match="busy"):
        workers.ask({"scale": 1}, small)
    worker_of().kill()
    asking.join()


def test_a_machine_without_room_for_a_process_is_busy(started, small, monkeypatch):
    def fail(*_, **__):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    workers = started()
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", fail)
        with pytest.raises(PhotoError, match="busy"):
            workers.ask({}, small)
    assert works(workers, small)


def test_a_worker_is_replaced_after_many_photos(started, small, monkeypatch):
    monkeypatch.setattr(bounded, "PHOTOS_PER_WORKER", 2)
    workers, pids = started(), []
    for _ in range(5):
        assert works(workers, small)
        pids.append(worker_of().pid)
    assert len(set(pids)) == 3


@given(st.binary(max_size=40), st.integers(0, 2000), st.booleans())
def test_what_a_hijacked_process_writes_is_a_result_or_refused(noise, at, is_cut):
    with bounded.anonymous_file() as file:
        write_result(file, codec.decode(SMALL))
        if is_cut:
            file.truncate(at)
        file.seek(at)
        file.write(noise)
        file.seek(0)
        with contextlib.suppress(ValueError):
            assert isinstance(read_result(file), Photo)


def test_pickles_are_not_read():
    with bounded.anonymous_file() as file:
        np.save(file, np.array([{}], dtype=object), allow_pickle=True)
        file.seek(0)
        with pytest.raises(ValueError, match="not a result"):
            read_result(file)


OWNER = """
import sys, threading
from pathlib import Path
from app.codec.bounded import Limits, Workers
from app.codec.transfer import read_result, write_result
workers = Workers(1, Limits(cpu_s=600, wall_s=600))
workers.ask({}, Path(sys.argv[1]))
print("ready", flush=True)
for path in sys.argv[2:]:
    workers.ask({"scale": 1}, Path(path))
threading.Event().wait()
"""


@pytest.mark.parametrize("is_at_work", [False, True])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_nothing_outlives_the_page(small, slow, is_at_work, number):
    command = [sys.executable, "-c", OWNER, str(small), *([str(slow)] if is_at_work else [])]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as owner:
        assert read_line(owner) == b"ready\n"
        worker = worker_of(owner.pid)
        used = worker.cpu_times().user
        if is_at_work:
            wait_until(lambda: worker.cpu_times().user > used + 0.3)
        owner.send_signal(number)
    wait_until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)


# Its own process: in that of the tests, threads of others open and close files meanwhile.
KEEPER = """
import sys
from pathlib import Path
import psutil
from app.codec.bounded import Limits, Workers
from tests.support.processes import wait_until
workers = Workers(1, Limits())
small, *photos = map(Path, sys.argv[1:])
workers.ask({}, small)
(worker,) = psutil.Process().children()
for turn in range(4):
    print(psutil.Process().num_fds(), worker.num_fds())
    for result in [workers.ask({"scale": 1}, photo) for photo in photos]:
        print(type(result).__name__, getattr(result, "text", None) and result.text.key)
    del result
workers.ask({}, small)
wait_until(lambda: worker.memory_info().rss < 100e6)  # the pixels alone had 69 MB
workers.close()
"""


def test_no_file_and_no_memory_is_kept(small, tmp_path):
    large, cut = tmp_path / "large.png", tmp_path / "cut.png"
    large.write_bytes(raw_png(4800, 4800, zeros(4800 * 14401)))
    cut.write_bytes(raw_png(4800, 4800, zeros(4800 * 14401)[:-9000]))
    command = [sys.executable, "-c", KEEPER, small, large, cut]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    assert said == 4 * [said[0], "Photo None", "PhotoError error.damaged"]
