"""The options of commands that restore photos: what is done, and how the results are encoded."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

from app import codec
from app.tasks import Quality, current_names


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--task", required=True, help="for example sr_x4, or several, one after the other: derain_heavy,sr_x2"
    )
    parser.add_argument(
        "--quality",
        default=Quality.FAST.value,
        help="fast, finer (the task's slower network, where it has one) or best (DIN+: eight passes, or four where "
        "rain is removed); default: %(default)s",
    )
    parser.add_argument("--format", choices=list(codec.FORMATS), default="png", help="default: %(default)s")
    parser.add_argument(
        "--percent",
        type=int,
        default=codec.Output().percent,
        help="quality of " + ", ".join(f.label for f in codec.FORMATS.values() if f.has_percent) + "; 1 to 100",
    )
    parser.add_argument(
        "--strength",
        type=int,
        default=codec.WHOLE,
        metavar="PERCENT",
        help="from the photo itself (0), enlarged bicubically where the task enlarges, to its restoration (100); "
        "default: %(default)s",
    )
    parser.add_argument("--without-exif", action="store_true", help="leave out date, camera and place")


@dataclass(frozen=True)
class Chosen:
    """What the options name.

    Attributes:
        task: its name, or that of a chain.
        quality: selects the network, and whether it runs as a self-ensemble.
        output: how results are encoded.
        strength: in percent: how much of the restoration is seen.
    """

    task: str
    quality: Quality
    output: codec.Output
    strength: int


def chosen(args: argparse.Namespace, quality: str) -> Chosen:
    """Return what the options name; print a notice about former names.

    Args:
        args: the parsed options.
        quality: the name of the quality.

    Raises:
        UnknownQualityError: there is no such quality.
        PhotoError: the percent or the strength is out of range.
    """
    name, level, notice = current_names(args.task, quality)
    if notice:
        print(notice, file=sys.stderr)
    codec.check_strength(args.strength)
    return Chosen(name, level, codec.Output(args.format, args.percent, metadata=not args.without_exif), args.strength)
