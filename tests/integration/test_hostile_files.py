"""Hostile files by the hundred: each is a picture that can be saved, or refused within the limits."""

import re
import subprocess
import sys

from tests.support.files import ROOT


def test_hostile_files_are_pictures_or_refused():
    """One in four of those made by hand, and five mutations of each kind; python -m tools.hostile_files tries all."""
    command = [sys.executable, "-m", "tools.hostile_files", "--quick", "--mutations", "5"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    _, files, pictures, *_ = re.search(r"^\| all .*$", done.stdout, re.M)[0].split(" | ")
    assert int(files) > 300
    assert 50 < int(pictures) < int(files) - 50
