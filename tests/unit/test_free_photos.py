"""The free photos of Debian's packages, by a package built here: no test needs a network."""

import csv
import hashlib
import os
import re
import subprocess

import numpy as np
import pytest
import skimage.data
from PIL import Image

from din_model import free_photos
from din_model.free_photos import LONGEST_SIDE, FreePhoto, collect, main, read_list, unpack

PATH = "usr/share/pictures/cat.png"


@pytest.fixture
def package(tmp_path):
    """A folder with one package of one photo, and the photo's entry."""
    tree = tmp_path / "tree"
    for folder in ("DEBIAN", "usr/share/pictures", "usr/share/doc/cats"):
        (tree / folder).mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(
        "Package: cats\nVersion: 1.0\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\nDescription: cats\n"
    )
    (tree / "usr/share/doc/cats/copyright").write_text("License: CC0-1.0\n")
    Image.fromarray(skimage.data.chelsea()).save(tree / PATH)
    debs = tmp_path / "debs"
    debs.mkdir()
    subprocess.run(["dpkg-deb", "--build", tree, debs / "cats_1.0_all.deb"], check=True, capture_output=True)
    digest = hashlib.sha256((tree / PATH).read_bytes()).hexdigest()
    return debs, FreePhoto("cats", PATH, digest, "CC0-1.0", "A cat")


def test_a_package_s_photos_are_checked_reduced_and_licensed(package, tmp_path):
    debs, photo = package
    unpack(debs)
    collect([photo], debs, tmp_path / "out")
    with Image.open(tmp_path / "out/cats_cat.png") as reduced:
        assert reduced.size == (round(451 / 2), round(300 / 2))
        small = np.asarray(reduced, float)
    means = skimage.data.chelsea()[:, :450].reshape(150, 2, 225, 2, 3).mean((1, 3))
    assert np.abs(small[:, :225] - means).mean() < 4
    assert (tmp_path / "out/cats.copyright.txt").read_text() == "License: CC0-1.0\n"
    with (tmp_path / "out/LICENCES.csv").open() as file:
        assert list(csv.DictReader(file)) == [
            {"package": "cats", "path": PATH, "licence": "CC0-1.0", "author": "A cat"}
        ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"path": "usr/share/pictures/dog.png"}, "cats holds no usr/share/pictures/dog.png"),
        ({"sha256": "0" * 64}, "cat.png of cats is another file than the one of the list"),
    ],
)
def test_another_file_than_the_list_s_is_refused(package, tmp_path, change, message):
    debs, photo = package
    unpack(debs)
    with pytest.raises(ValueError, match=message):
        collect([photo, FreePhoto(**{**vars(photo), **change})], debs, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_large_photos_become_as_small_as_the_others(tmp_path):
    Image.new("RGB", (5000, 2000)).save(tmp_path / "large.png")
    assert free_photos.reduce(tmp_path / "large.png").size == (LONGEST_SIDE, 512)


@pytest.fixture
def apt(package, tmp_path, monkeypatch):
    """An ``apt-get`` that knows the package alone."""
    debs, photo = package
    programs = tmp_path / "bin"
    programs.mkdir()
    script = programs / "apt-get"
    script.write_text(
        f'#!/bin/sh\n[ "$*" = "download cats" ] || {{ echo "E: Unable to locate package" >&2; exit 100; }}\n'
        f"cp {debs}/*.deb .\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(free_photos, "read_list", lambda: [photo])
    return monkeypatch


def test_the_command_gets_them(apt, tmp_path, capsys):
    assert main([str(tmp_path / "out")]) == 0
    assert "1 photos in" in capsys.readouterr().out
    assert (tmp_path / "out/cats_cat.png").is_file()


def test_what_apt_says_is_told(apt, tmp_path, capsys):
    apt.setattr(free_photos, "read_list", lambda: [FreePhoto("dogs", "a", "b", "c", "d")])
    assert main([str(tmp_path / "out")]) == 2
    assert "error: apt-get download failed: E: Unable to locate package" in capsys.readouterr().err


def test_a_system_without_apt_is_told_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([str(tmp_path / "out")]) == 2
    assert "error: apt-get is missing: the photos come from Debian's packages" in capsys.readouterr().err


def test_the_list_is_whole():
    photos = read_list()
    assert len(photos) >= 50
    assert len({photo.sha256 for photo in photos}) == len(photos)
    for photo in photos:
        assert re.fullmatch(r"[0-9a-f]{64}", photo.sha256)
        assert re.match(r"CC-BY(-SA)?-4.0|CC0-1.0|L?GPL-2", photo.licence)
        assert photo.author
