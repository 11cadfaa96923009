"""The command ``din judge``: tell what photos need."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from app.client import RestorationClient
from app.errors import RestorationError
from app.judgement import Judgement
from app.triton_options import add_triton_options, connection_options, find_triton

SHOWN = 0.05  # kinds that are less likely are left out


def add_judge_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``din judge``."""
    add_triton_options(parser)
    parser.add_argument("photos", type=Path, nargs="+", metavar="FILE", help="a photo to judge")


def judge_files(args: argparse.Namespace) -> int:
    """Judge files one after the other; errors are reported and do not stop the others."""
    failures, options = 0, connection_options(args)
    with find_triton(args) as triton, RestorationClient(triton.url, options) as client:
        for path in args.photos:
            try:
                print(f"{path}: {sentence(client.judge(path))}")
            except (RestorationError, OSError) as error:
                print(f"{path}: {error}", file=sys.stderr)
                failures += 1
    return 1 if failures else 0


def sentence(judgement: Judgement) -> str:
    """Say a judgement in one line."""
    likely = ", ".join(
        f"{kind.replace('_', ' ')} {probability:.0%}"
        for kind, probability in judgement.probabilities.items()
        if probability >= SHOWN
    )
    return f"{likely}; try {', '.join(judgement.tasks)}" if judgement.tasks else f"{likely}; nothing to try"
