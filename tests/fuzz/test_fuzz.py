"""The findings of fuzzing stay fixed, and the fuzz target runs for some seconds without a new one."""

import os
import re
import subprocess
import sys

import pytest

from app import codec
from app.errors import PhotoError
from tests.support.files import ROOT

FINDINGS = sorted((ROOT / "tests/fuzz/findings").iterdir())
SECONDS = 15


@pytest.mark.parametrize("path", FINDINGS, ids=lambda path: path.name)
def test_a_finding_is_a_photo_that_can_be_saved_or_is_refused(path):
    """The names tell which, up to their first hyphen; those that are found anew may be either."""
    kind, is_photo = path.name.partition("-")[0], True
    try:
        photo = codec.decode(path)
    except PhotoError:
        is_photo = False
    else:
        for name in codec.FORMATS:
            assert codec.reopen(codec.encode(photo, codec.Output(name))).size == photo.size
    assert is_photo == {"photo": True, "refused": False}.get(kind, is_photo)


@pytest.mark.skipif(
    sys.version_info >= (3, 12) and os.environ.get("CI") != "true", reason="atheris has no release for it"
)
def test_nothing_is_found_in_some_seconds(tmp_path):
    # A program's peak of memory begins with what the process that started it holds: here a small shell, not the tests.
    shell = ["sh", "-c", '"$@"; exit $?', "fuzz"]
    command = [*shell, sys.executable, "-m", "tests.fuzz.fuzz_decode", str(tmp_path), "--seconds", str(SECONDS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    runs, added = (
        int(re.findall(rf"stat::{name}:\s+(\d+)", done.stderr)[0])
        for name in ("number_of_executed_units", "new_units_added")
    )
    assert runs > 200
    assert added > 0  # coverage guides it
