"""Fuzz the decoding of photos: ``python -m tests.fuzz.fuzz_decode FOLDER --seconds 600``, or ``make fuzz``.

atheris changes files so that they reach new lines of Pillow, tifffile and the codec. A finding is an exception that is
not the codec's own, a crash, or a file that takes more than ``TIMEOUT_S`` or ``MEMORY_MB``. It is written to
``tests/fuzz/findings``, whose files ``test_fuzz.py`` decodes ever after. It starts from the small files of
:mod:`tools.hostile_files`.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["PIL", "tifffile", "pillow_heif", "app.codec"]):
    from app import codec
    from app.errors import PhotoError

from tools.hostile_files.handmade import jpegs, no_photos, others
from tools.hostile_files.seeds import seeds

FINDINGS = Path(__file__).parent / "findings"
LARGEST = 4096  # bytes of a file
TIMEOUT_S = 120  # by the clock: other work on the machine lengthens it
MEMORY_MB = 2048


def try_file(data: bytes) -> None:
    """Decode a file: it is a photo, or refused with a sentence of the codec."""
    with contextlib.suppress(PhotoError):
        codec.decode(data)


def write_corpus(folder: Path) -> None:
    """Write the small files to start from."""
    made = [case.data for part in (no_photos, jpegs, others) for case in part()]
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate([*seeds().values(), *made]):
        if len(data) <= LARGEST:
            (folder / f"{number:04d}").write_bytes(data)


def main() -> None:
    """Fuzz for the given time; the exit code is not 0 if something was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="folder for the files to start from, and those that reach new lines")
    parser.add_argument("--seconds", type=int, default=600, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    args = parser.parse_args()
    write_corpus(args.corpus)
    options = [f"-max_total_time={args.seconds}", f"-seed={args.seed}", f"-max_len={LARGEST}", "-print_final_stats=1"]
    limits = [f"-timeout={TIMEOUT_S}", f"-report_slow_units={TIMEOUT_S}", f"-rss_limit_mb={MEMORY_MB}"]
    atheris.Setup([sys.argv[0], *options, *limits, f"-artifact_prefix={FINDINGS}/", str(args.corpus)], try_file)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
