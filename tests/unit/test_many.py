"""Many photos: finding, choosing, recording, and what a crash at any step leaves."""

import argparse
import errno
import io
import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from app.client import Limit
from app.codec import Output
from app.codec.bounded import Limits, Workers
from app.errors import PhotoError, ServerError, ServerUnavailableError, StorageError
from app.many import by_ray, manifest, ray_cluster, walk
from app.many.command import open_folder, read_jobs
from app.many.manifest import Item, Manifest, Outcome, State
from app.many.photo import PARTS, Job, Restorer, put
from app.many.plan import plan, result_of
from app.many.progress import Tally, clock
from app.many.threads import in_threads
from app.tasks import Quality
from tests.support.clients import NearestClient, finished
from tests.support.processes import free_port
from tests.support.served import TASK


@pytest.fixture
def photos(tmp_path):
    """Three photos in two folders, and a file that is none."""
    for name in ("photos/a.png", "photos/b.JPG", "photos/deep/er/c.webp", "photos/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path / "photos"


@pytest.fixture
def job(tmp_path):
    return Job("sr_x2", Quality.FAST, Output(), tmp_path / "out")


def places(source, out):
    return sorted(str(found.place) for found in walk.walk(source, out))


def test_photos_are_found_in_folders_and_the_results_are_not(photos):
    (photos / "out").mkdir()
    (photos / "out/a_sr_x2.png").write_bytes(b"")
    (photos / "again").symlink_to(photos, target_is_directory=True)
    assert places(photos, photos / "out") == ["a.png", "b.JPG", "deep/er/c.webp"]


def test_photos_are_found_one_by_one(photos, monkeypatch):
    read: list[Path] = []
    scandir = os.scandir

    def note(folder):
        read.append(folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", note)
    found = walk.walk(photos, photos.parent / "out")
    assert read == []
    next(found)
    assert read == [photos]


def test_a_folder_that_cannot_be_read_is_named_and_the_others_are(photos, monkeypatch):
    scandir = os.scandir

    def refuse(folder):
        if folder.name == "deep":
            raise PermissionError(errno.EACCES, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    found = list(walk.walk(photos, photos.parent / "out"))
    assert [each.path.name for each in found if each.problem] == ["deep"]
    assert sorted(each.path.name for each in found if not each.problem) == ["a.png", "b.JPG"]


def test_a_list_names_photos_of_any_name(photos, monkeypatch):
    monkeypatch.chdir(photos)
    (photos / "list").write_bytes(b"a.png\r\n\ndeep/../notes.txt\n../photos/b.JPG\n/x/\xff.png")
    found = list(walk.walk(photos / "list", photos / "out"))
    assert [each.path for each in found] == [
        photos / "a.png",
        photos / "notes.txt",
        photos / "b.JPG",
        Path(os.fsdecode(b"/x/\xff.png")),
    ]
    beside = (photos / "b.JPG").relative_to("/")
    assert [each.place for each in found] == [
        Path("a.png"),
        Path("notes.txt"),
        beside,
        Path(os.fsdecode(b"x/\xff.png")),
    ]


def test_a_list_that_cannot_be_read_ends_the_work(photos, monkeypatch):
    def refuse(path, mode):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PhotoError, match="The list .* cannot be read \\(Input/output error\\)"):
        list(walk.listed(photos / "list"))


@pytest.mark.parametrize(
    ("source", "out", "words"),
    [
        ("none", "out", "There is no"),
        ("photos/a.png", "out", "is a photo"),
        ("photos", "photos", "is or holds"),
        ("photos/deep", "photos", "is or holds"),
    ],
)
def test_what_cannot_be_walked_is_named(photos, source, out, words):
    with pytest.raises(PhotoError, match=words):
        walk.check_source(photos.parent / source, photos.parent / out)
    walk.check_source(photos, photos / "out")


class Crash(BaseException):
    """The process is killed here."""


def run(photos, job, content=b"restored", tries_again=False):
    """Restore without a server: returns the names of the results that were written, and the outcomes reported."""
    written: list[str] = []
    reported: list[Outcome] = []
    skipped: list[State] = []
    with closing(open_folder(job)) as record:
        found = walk.walk(photos, job.out)

        def report(outcome):
            record.record(outcome)
            reported.append(outcome)

        for item in plan(found, job, record, tries_again, skipped.append, report):
            assert item.result is not None
            put(content, job.out / item.result, job.out / PARTS)
            written.append(item.result.name)
            record.record(Outcome(item, State.DONE))
    return sorted(written), reported, skipped


def results(out):
    return {path.name: path.read_bytes() for path in out.rglob("*_sr_x2.png")}


NAMES = ["a_sr_x2.png", "b_sr_x2.png", "c_sr_x2.png"]
STEPS = {
    "before the file is begun": (uuid, "uuid4"),
    "before the file is on the disk": (os, "fsync"),
    "before the file is in its place": (Path, "replace"),
    "before it is recorded": (Manifest, "record"),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("count", [0, 1, 2])
def test_after_a_crash_at_any_step_everything_is_there_once(photos, job, monkeypatch, step, count):
    owner, name = STEPS[step]
    original, calls = getattr(owner, name), []

    def crash(*arguments):
        calls.append(arguments)
        if len(calls) > (2 * count if name == "fsync" else count):  # a file and its folder
            raise Crash
        return original(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, crash)
        with pytest.raises(Crash):
            run(photos, job)
    kept = results(job.out)
    assert len(kept) == count + (step == "before it is recorded")
    assert all(content == b"restored" for content in kept.values())
    written, reported, skipped = run(photos, job)
    assert len(written) == 3 - count
    assert skipped == [State.DONE] * count
    assert reported == []
    assert sorted(results(job.out)) == NAMES
    assert list((job.out / PARTS).iterdir()) == []
    assert run(photos, job) == ([], [], [State.DONE] * 3)


def test_what_a_killed_process_left_half_done_is_deleted(photos, job):
    run(photos, job)
    (job.out / PARTS / "half").write_bytes(b"res")
    run(photos, job)
    assert list((job.out / PARTS).iterdir()) == []


def test_a_photo_that_changed_is_restored_again(photos, job):
    run(photos, job)
    (photos / "a.png").write_bytes(b"another")
    assert run(photos, job)[0] == ["a_sr_x2.png"]


def test_photos_with_the_same_result_are_an_error_of_the_second(photos, job):
    (photos / "b.png").write_bytes(b"")
    written, reported, _ = run(photos, job)
    assert written == NAMES
    (outcome,) = reported
    assert outcome.state is State.REFUSED
    assert "has the same result, b_sr_x2.png" in outcome.error
    assert outcome.item.photo.name in ("b.png", "b.JPG")
    written, reported, skipped = run(photos, job)
    assert (written, reported) == ([], [])
    assert sorted(skipped) == [State.DONE] * 3 + [State.REFUSED]


def test_what_is_no_file_or_not_there_is_an_error(photos, job, tmp_path):
    os.mkfifo(photos / "pipe.png")  # reading it would wait for ever
    (tmp_path / "list").write_text(f"{photos}/pipe.png\n{photos}/none.png\n{photos}/a.png")
    written, reported, _ = run(tmp_path / "list", job)
    assert written == ["a_sr_x2.png"]
    assert [(each.state, each.error) for each in reported] == [
        (State.REFUSED, "This is not a file."),
        (State.FAILED, "The photo cannot be read (No such file or directory)."),
    ]


def test_refused_photos_wait_for_a_change_or_the_option_and_failed_ones_for_the_next_run(photos, job):
    with closing(open_folder(job)) as record:
        items = list(plan(walk.walk(photos, job.out), job, record, False, print, print))
        for item, state in zip(items, (State.DONE, State.REFUSED, State.FAILED), strict=True):
            record.record(Outcome(item, state, "" if state is State.DONE else "A reason.", "INTERNAL"))
        assert [record.settled(item) for item in items] == [State.DONE, State.REFUSED, None]
        assert [record.settled(item, tries_again=True) for item in items] == [State.DONE, None, None]
        record.export_errors(job.out / "errors.jsonl")
    lines = [json.loads(line) for line in (job.out / "errors.jsonl").read_text().splitlines()]
    assert lines == [
        {"photo": str(item.photo), "error": "A reason.", "status": "INTERNAL"}
        for item in sorted(items[1:], key=lambda item: item.photo)
    ]


def test_another_process_is_refused_and_the_lock_ends_with_its_holder(job):
    with closing(open_folder(job)), pytest.raises(StorageError, match="Another process restores photos into"):
        Manifest(job.out)
    Manifest(job.out).close()


def test_other_options_are_refused_by_name(job):
    with closing(open_folder(job)) as record:
        record.keep_options(job.options())
    other = Job("sr_x4", Quality.BEST, Output("jpeg"), job.out)
    sentence = (
        "begun with --task sr_x2, --quality fast, --format png and cannot go on with --task sr_x4, --quality best"
    )
    with pytest.raises(StorageError, match=sentence):
        open_folder(other)
    open_folder(job).close()


def test_a_manifest_that_is_none_or_newer_is_named(job, tmp_path, monkeypatch):
    job.out.mkdir()
    (job.out / manifest.NAME).write_bytes(b"no database" * 100)
    with pytest.raises(StorageError, match="cannot be used \\(file is not a database\\)"):
        open_folder(job)
    (job.out / manifest.NAME).unlink()
    with monkeypatch.context() as patch:
        patch.setattr(manifest, "VERSION", 2)
        open_folder(job).close()
    with pytest.raises(StorageError, match="another version of din"):
        open_folder(job)


def test_a_manifest_that_breaks_on_the_way_is_named(job):
    record = open_folder(job)
    record.close()
    item = next(numbered(1))
    for step in (record.settled, record.begin, lambda item: record.record(Outcome(item, State.DONE))):
        with pytest.raises(
            StorageError, match="manifest.sqlite3 cannot be used \\(Cannot operate on a closed database"
        ):
            step(item)


def test_a_folder_that_cannot_be_made_is_named(job):
    job.out.write_text("a file")
    with pytest.raises(StorageError, match="cannot be used \\(File exists\\)"):
        open_folder(job)


class Client(NearestClient):
    """Serves one task, or fails."""

    def __init__(self, error=None):
        super().__init__()
        self.error = error

    def recent_chain(self, name):
        raise ServerUnavailableError("away")  # the task that was read before serves

    def submit(self, network, pixels, descriptors):
        if self.error:
            raise self.error
        return finished(pixels.repeat(2, 0).repeat(2, 1))


@pytest.fixture(scope="module")
def workers():
    with closing(Workers(1, Limits())) as made:
        yield made


@pytest.fixture
def item(tmp_path, job):
    (job.out / PARTS).mkdir(parents=True)
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "a.png")
    return Item(tmp_path / "a.png", Path("deep/a_sr_x2.png"))


def test_a_photo_is_restored_by_a_chain_and_blended(item, job, workers):
    chained = replace(job, task="sr_x2,sr_x2", strength=50)
    assert result_of(Path("deep/a.jpg"), chained) == Path("deep/a_sr_x2_sr_x2_50percent.png")
    assert (chained.options()["--task"], chained.options()["--strength"]) == ("sr_x2,sr_x2", "50")
    assert Restorer(chained, (TASK, TASK), Client(), workers)(item) == Outcome(item, State.DONE)
    with Image.open(chained.out / item.result) as image:
        assert image.size == (32, 32)


def test_a_photo_is_restored_into_its_place(item, job, workers):
    assert Restorer(job, (TASK,), Client(), workers)(item) == Outcome(item, State.DONE)
    with Image.open(io.BytesIO((job.out / item.result).read_bytes())) as image:
        assert image.size == (16, 16)
    assert list((job.out / PARTS).iterdir()) == []


@pytest.mark.parametrize(
    ("error", "state", "words", "status"),
    [
        (PhotoError("It cannot be used."), State.REFUSED, "It cannot be used.", "INVALID_ARGUMENT"),
        (PhotoError("Decoders are busy.", "UNAVAILABLE"), State.FAILED, "Decoders are busy.", "UNAVAILABLE"),
        (ServerUnavailableError("All are away."), State.FAILED, "All are away.", "UNAVAILABLE"),
        (ServerError("It broke."), State.FAILED, "It broke.", "INTERNAL"),
        (OSError(errno.EIO, "Input/output error"), State.FAILED, "cannot be read (Input/output error)", "UNKNOWN"),
        (KeyError("bug"), State.FAILED, "An unexpected error (KeyError): 'bug'", "UNKNOWN"),
    ],
)
def test_an_error_is_an_outcome(item, job, workers, error, state, words, status):
    outcome = Restorer(job, (TASK,), Client(error), workers)(item)
    assert (outcome.state, outcome.status, outcome.ends) == (state, status, False)
    assert words in outcome.error
    assert not (job.out / item.result).exists()


@pytest.mark.parametrize(("code", "ends"), [(errno.ENOSPC, True), (errno.ENAMETOOLONG, False)])
def test_a_full_disk_ends_the_work_and_a_long_name_does_not(item, job, workers, monkeypatch, code, ends):
    def refuse(handle):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    outcome = Restorer(job, (TASK,), Client(), workers)(item)
    assert (outcome.state, outcome.ends) == (State.FAILED, ends)
    assert outcome.error == f"The result deep/a_sr_x2.png cannot be stored ({os.strerror(code)})."
    assert list((job.out / PARTS).iterdir()) == []


def numbered(count):
    return (Item(Path(f"/{number}.png"), Path(f"{number}")) for number in range(count))


def test_no_more_photos_are_known_than_there_is_work_for():
    taken, going = [], threading.Event()

    def items():
        for item in numbered(100):
            taken.append(item)
            yield item

    def restore(item):
        going.wait(60)
        return Outcome(item, State.DONE)

    outcomes = in_threads(items(), restore, 2, threading.Event(), Limit())
    assert next(outcomes) is None
    assert len(taken) == 4
    going.set()
    assert len([outcome for outcome in outcomes if outcome]) == 100


def test_a_stop_finishes_what_is_under_way_and_cancels_requests():
    stop, limit = threading.Event(), Limit()
    seen: list[Outcome] = []

    def restore(item):
        if seen:
            limit.remaining_s()  # raises CancelledError after the stop
        return Outcome(item, State.DONE)

    for outcome in in_threads(numbered(10_000), restore, 2, stop, limit):
        seen += [outcome] if outcome else []
        stop.set()
    assert 1 <= len(seen) <= 4


def test_the_line_of_progress(monkeypatch):
    now = iter([10.0, 10.0])
    tally = Tally(started_s=0.0)
    monkeypatch.setattr("time.monotonic", lambda: next(now))
    for state in (State.DONE, State.DONE, State.DONE, State.FAILED):
        tally.add(Outcome(next(numbered(1)), state))
    for state in (State.DONE, State.REFUSED):
        tally.skip(state)
    assert tally.line() == "6 photos, 2 failed, 0.4 photos/s"
    tally.known = 1006
    assert tally.line() == "6/1006 photos, 2 failed, 0.4 photos/s, 0:41:40 left"
    assert clock(100 * 3600 + 61) == "100:01:01"


def test_the_options_are_read():
    assert read_jobs("3") == 3
    assert by_ray.read_address("auto") == "auto"
    assert by_ray.read_address("head.example:6379") == "head.example:6379"
    for text in ("0", "-1", "many"):
        with pytest.raises(argparse.ArgumentTypeError, match=f"'{text}' is not a number of photos"):
            read_jobs(text)
    for text in ("photos/", "head.example:99999"):
        with pytest.raises(argparse.ArgumentTypeError, match=f"'{text}' is not HOST:PORT or auto"):
            by_ray.read_address(text)


def test_nothing_to_do_starts_no_cluster():
    assert list(by_ray.by_ray(islice(numbered(1), 0), None, "none.example:1", None, threading.Event())) == []


class FailingRay(ModuleType):
    """Ray, which starts at an attempt; or never."""

    def __init__(self, succeeds_at):
        super().__init__("ray")
        self.succeeds_at, self.starts, self.ends = succeeds_at, 0, 0

    def init(self, *addresses, **options):
        self.starts += 1
        if self.starts != self.succeeds_at:
            raise RuntimeError("The node timed out. This could happen\nbecause of much")

    def shutdown(self):
        self.ends += 1

    def cluster_resources(self):
        return {"CPU": 2.0}


def test_workers_that_do_not_start_are_started_again_a_few_times(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", ray := FailingRay(succeeds_at=3))
    with ray_cluster.connected(ray_cluster.LOCAL, None) as cpus:
        assert (cpus, ray.starts, ray.ends) == (2, 3, 0)
    assert (ray.starts, ray.ends) == (3, 1)

    monkeypatch.setitem(sys.modules, "ray", ray := FailingRay(succeeds_at=None))
    sentence = "^Ray's workers cannot be started here, 3 attempts failed: The node timed out\\.$"
    with pytest.raises(ServerUnavailableError, match=sentence), ray_cluster.connected(ray_cluster.LOCAL, None):
        pass
    assert (ray.starts, ray.ends) == (3, 0)


def test_what_a_failed_start_leaves_is_killed(tmp_path):
    code = ["-c", "input()", str(tmp_path)]
    with subprocess.Popen([sys.executable, *code], stdin=subprocess.PIPE) as process:
        ray_cluster.end_processes(str(tmp_path / "other"))
        assert process.poll() is None
        ray_cluster.end_processes(str(tmp_path))
        assert process.wait(60) == -signal.SIGKILL


@pytest.mark.parametrize(("address", "reason"), [("nowhere", "Connection refused"), ("auto", "The node timed out")])
def test_a_cluster_that_does_not_respond_is_named(address, reason, monkeypatch):
    address = address.replace("nowhere", f"127.0.0.1:{free_port()}")
    monkeypatch.setitem(sys.modules, "ray", FailingRay(succeeds_at=None))
    sentence = f"^Ray's cluster {address} does not respond: {reason}\\.$"
    with pytest.raises(ServerUnavailableError, match=sentence), ray_cluster.connected(address, None):
        pass
