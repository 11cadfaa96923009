"""What fuzzing has found stays mended, and the fuzz target works: it is run for some seconds."""

import contextlib
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
def test_a_finding_is_a_photo_or_refused(path):
    with contextlib.suppress(PhotoError):
        assert codec.decode(path).rgb.size


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="atheris has no release for it")
def test_nothing_is_found_in_some_seconds(tmp_path):
    command = [sys.executable, "-m", "tests.fuzz.fuzz_decode", str(tmp_path), "--seconds", str(SECONDS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    runs, added = (
        int(re.search(rf"stat::{name}:\s+(\d+)", done.stderr)[1])
        for name in ("number_of_executed_units", "new_units_added")
    )
    assert runs > 200
    assert added > 0  # coverage guides it
