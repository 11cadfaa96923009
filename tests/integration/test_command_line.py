"""``python -m app restore`` and the page's command line, as a shell runs them."""

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from app import cli, codec
from app.pipeline.chain import chain_steps
from app.pipeline.restore import restore
from app.pipeline.restore import run as run_steps
from app.triton import REPOSITORY, Triton, embedded
from tests.support.files import ROOT, exif_of, png, read


def run(*arguments, folder=ROOT):
    return subprocess.run(
        [sys.executable, "-m", "app", *map(str, arguments)],
        cwd=folder,
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
    assert np.array_equal(restored, restore(png(small_photo), client.task("sr_x4"), client).after.rgb)


def test_exif_is_kept_or_left_out(small_photo, tmp_path, triton):
    tags = Image.Exif()
    tags[ExifTags.Base.Make] = "Pinhole"
    Image.fromarray(small_photo).save(tmp_path / "photo.jpg", exif=tags)
    for folder, options in (("kept", ()), ("left", ("--without-exif",))):
        to = ("--task", "sr_x2", "--out", tmp_path / folder, "--format", "jpeg", "--triton-url", triton.url)
        assert run("restore", tmp_path / "photo.jpg", *to, *options).returncode == 0
    assert exif_of(tmp_path / "kept/photo_sr_x2.jpg")[ExifTags.Base.Make] == "Pinhole"
    assert exif_of(tmp_path / "left/photo_sr_x2.jpg") == {}


def test_a_strength_blends_with_the_photo(photo, tmp_path, triton, client, small_photo):
    restored = restore(png(small_photo), client.task("sr_x2"), client)
    to = ("--task", "sr_x2", "--out", tmp_path / "out", "--triton-url", triton.url, "--strength")
    for strength in (0, 60):
        assert run("restore", photo, *to, strength).returncode == 0
        found = read(tmp_path / f"out/photo_sr_x2_{strength}percent.png")
        assert np.array_equal(found, codec.blend(restored.before, restored.after, strength).rgb)
    done = run("restore", photo, *to, 101)
    assert (done.returncode, done.stderr) == (1, "error: The strength 101 is outside the range of 0 to 100.\n")


def test_a_chain_is_restored_step_by_step(photo, tmp_path, triton, client, small_photo):
    """With 16 bits and alpha, which the steps hand on."""
    deep = np.random.default_rng(0).integers(0, 65536, (40, 56, 4), np.uint16)
    codec.save_png(
        codec.Photo(codec.eight_bits(deep[..., :3]), deep[..., 3], deep=deep[..., :3]), tmp_path / "deep.png"
    )
    to = ("--out", tmp_path / "out", "--triton-url", triton.url)
    done = run("restore", photo, tmp_path / "deep.png", "--task", "derain_heavy,sr_x2", "--strength", 60, *to)
    assert done.returncode == 0, done.stderr
    chain = client.chain("derain_heavy,sr_x2")
    for name in ("photo", "deep"):
        expected = run_steps(chain_steps(codec.decode(tmp_path / f"{name}.png"), chain, client))
        blended = codec.blend(expected.before, expected.after, 60)
        found = codec.reopen(tmp_path / f"out/{name}_derain_heavy_sr_x2_60percent.png")
        assert np.array_equal(found.rgb, blended.rgb)
        assert (found.deep is None) == (name == "photo")
        if found.deep is not None:
            assert np.array_equal(found.deep, blended.deep)
            assert np.array_equal(found.alpha, blended.alpha)


def test_the_limits_of_a_chain_are_told_before_it_begins(photo, tmp_path, triton):
    Image.fromarray(np.zeros((3000, 3000, 3), np.uint8)).save(tmp_path / "large.png")
    to = ("--out", tmp_path / "out", "--triton-url", triton.url)
    done = run("restore", tmp_path / "large.png", "--task", "sr_x2,derain_heavy", *to)
    assert done.returncode == 1
    assert "Before step 2 the photo would have 36 megapixels, above the limit of 24 megapixels" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    done = run("restore", photo, "--task", "deblur,deblur,deblur,deblur,sr_x2", *to)
    assert done.returncode == 1
    assert done.stderr.startswith("error: The chain has 5 steps, above the limit of 4")


def test_bad_files_are_named_and_the_others_go_on(photo, tmp_path, triton):
    files = {
        "text.txt": b"no image",
        "empty.png": b"",
        "cut.png": photo.read_bytes()[:1000],
        "pixel.png": png(np.zeros((1, 1, 3), np.uint8)),
        "long.png": png(np.zeros((10, 700_000, 3), np.uint8)),
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
    assert said["long.png"].startswith("Enlarged 4x the photo would have 112 megapixels, above the limit of 96")
    assert "No such file" in said["missing.png"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["photo_sr_x4.png", "pixel_sr_x4.png"]
    assert "Traceback" not in done.stderr


def test_nothing_is_overwritten_by_another_photo(photo, tmp_path):
    (tmp_path / "photo.jpg").write_bytes(photo.read_bytes())
    done = run("restore", photo, tmp_path / "photo.jpg", "--task", "sr_x4", "--out", tmp_path / "out")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {photo} and {tmp_path}/photo.jpg would both become")
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_cannot_be_made_is_named(photo, tmp_path):
    (tmp_path / "out").write_text("a file")
    done = run("restore", photo, "--task", "sr_x4", "--out", tmp_path / "out")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: The folder {tmp_path}/out cannot be made")


def test_unknown_tasks_are_named(photo, tmp_path, triton):
    done = run("restore", photo, "--task", "colourise", "--out", tmp_path / "out", "--triton-url", triton.url)
    assert done.returncode == 1
    assert done.stderr.startswith("error: There is no task 'colourise': this server offers sr_x2")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", [["restore", "x.png", "--task", "sr_x4", "--out", "out"], ["--port", "0"]])
def test_a_triton_that_is_not_there(command):
    done = run(*command, "--triton-url", "127.0.0.1:1")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: The restoration server does not respond")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [["restore", "x.png", "--task", "sr_x4", "--out", "out"], ["--port", "0"]])
def test_models_that_were_never_built(command, tmp_path):
    shutil.copytree(ROOT / "app", tmp_path / "app")
    shutil.copytree(REPOSITORY, tmp_path / "model_repository", ignore=shutil.ignore_patterns("model.pt"))
    done = run(*command, folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: No model has been built in ")
    assert done.stderr.endswith("run `make models` first.\n")


def test_models_that_are_damaged(photo, tmp_path):
    repository = Path(shutil.copytree(REPOSITORY, tmp_path / "repository"))
    (repository / "din_sr_x4/1/model.pt").write_bytes(b"damaged")
    with Triton(embedded.launch(), repository) as own:
        own.wait_ready()
        done = run("restore", photo, "--task", "sr_x4", "--out", tmp_path / "out", "--triton-url", own.url)
    assert done.returncode == 1
    assert done.stderr.startswith("error: The task sr_x4 is not available: its model file is missing or damaged.")


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


def test_a_folder_for_photos_that_cannot_be_made_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "file/photos"))
    done = run("--port", 0)
    assert done.returncode == 1
    assert done.stderr.startswith("error: Visitors' photos cannot be stored (")
    assert done.stderr.endswith("give the path of another folder in GRADIO_TEMP_DIR.\n")


def test_a_folder_for_photos_that_is_not_there_is_made(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "new/photos"))
    with cli.page_folder() as folder:
        assert folder.parent == tmp_path / "new/photos"
    assert list(folder.parent.iterdir()) == []
