"""Get photos to train on that anyone may use: ``din free-photos OUT``.

They lie in packages of Debian, from where ``apt-get`` downloads them; nothing is installed. ``free_photos.csv`` lists
them one by one, with their checksums and with the authors and licences that the packages' copyright files name.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as PillowImage

LIST = Path(__file__).parent / "free_photos.csv"
SMALLEST_REDUCTION = 2.0  # what a camera's mosaic, sharpening and JPEG leave is gone at half the size
LONGEST_SIDE = 1280


@dataclass(frozen=True)
class FreePhoto:
    """A photo of a package.

    Attributes:
        package: of Debian.
        path: in the package.
        sha256: of the file there.
        licence: as the package's copyright file names it.
        author: who is named there.
    """

    package: str
    path: str
    sha256: str
    licence: str
    author: str


def read_list(path: Path = LIST) -> list[FreePhoto]:
    """Read the photos of a list."""
    with path.open(newline="", encoding="utf-8") as file:
        return [FreePhoto(**row) for row in csv.DictReader(file)]


def run(command: list[str], folder: Path) -> None:
    """Run a program of Debian's in a folder.

    Raises:
        FileNotFoundError: there is no such program.
        ValueError: it failed; the message has its last line.
    """
    if shutil.which(command[0]) is None:
        raise FileNotFoundError(f"{command[0]} is missing: the photos come from Debian's packages")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise ValueError(f"{' '.join(command[:2])} failed: {lines[-1]}")


def download(packages: list[str], folder: Path) -> None:
    """Download packages into a folder, in the version that apt knows; ``apt-get update`` must have been run.

    Raises:
        FileNotFoundError, ValueError: as :func:`run`.
    """
    run(["apt-get", "download", *packages], folder)


def unpack(folder: Path) -> None:
    """Unpack the packages of a folder, each into a folder of its name.

    Raises:
        FileNotFoundError, ValueError: as :func:`run`.
    """
    for deb in sorted(folder.glob("*.deb")):
        run(["dpkg-deb", "-x", str(deb), str(folder / deb.name.partition("_")[0])], folder)


def reduce(path: Path) -> PillowImage.Image:
    """Reduce a photo to half its size or less, so that no side is longer than ``LONGEST_SIDE``."""
    with PillowImage.open(path) as photo:
        factor = max(SMALLEST_REDUCTION, max(photo.size) / LONGEST_SIDE)
        size = (round(photo.width / factor), round(photo.height / factor))
        return photo.convert("RGB").resize(size, PillowImage.Resampling.BICUBIC)


def collect(photos: list[FreePhoto], unpacked: Path, out: Path) -> None:
    """Check the photos of unpacked packages, write them reduced as PNG, and their copyright files beside them.

    Raises:
        ValueError: a photo is missing or is not the one of the list; nothing is written then.
    """
    for photo in photos:
        path = unpacked / photo.package / photo.path
        if not path.is_file():
            raise ValueError(f"{photo.package} holds no {photo.path}: it may be another version of the package")
        if hashlib.sha256(path.read_bytes()).hexdigest() != photo.sha256:
            raise ValueError(f"{photo.path} of {photo.package} is another file than the one of the list")
    out.mkdir(parents=True, exist_ok=True)
    for photo in photos:
        # Several photos of one package are called by their size: the folder that tells them apart goes into the name.
        parts = [part for part in Path(photo.path).with_suffix("").parts[3:] if part not in ("contents", "images")]
        reduce(unpacked / photo.package / photo.path).save(out / f"{photo.package}_{'_'.join(parts)}.png")
    with (out / "LICENCES.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["package", "path", "licence", "author"])
        rows.writerows([photo.package, photo.path, photo.licence, photo.author] for photo in photos)
    for package in sorted({photo.package for photo in photos}):
        shutil.copy(unpacked / package / f"usr/share/doc/{package}/copyright", out / f"{package}.copyright.txt")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="din free-photos", description="Get freely licensed photos to train on, from packages of Debian."
    )
    parser.add_argument("out", type=Path, help="folder to write the photos to")
    args = parser.parse_args(arguments)
    photos = read_list()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            download(sorted({photo.package for photo in photos}), folder)
            unpack(folder)
            collect(photos, folder, args.out)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{len(photos)} photos in {args.out}; their licences are in LICENCES.csv")
    return 0


if __name__ == "__main__":
    sys.exit(main())
