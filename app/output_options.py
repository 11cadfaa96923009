"""The options of commands that restore photos: what is done, and how the results are encoded."""

from __future__ import annotations

import argparse
import sys

from app import codec
from app.tasks import Quality, current_names


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--task", required=True, help="for example sr_x4")
    parser.add_argument(
        "--quality",
        default=Quality.FAST.value,
        help="fast, finer (the task's slower network, where it has one) or best (DIN+, eight passes); "
        "default: %(default)s",
    )
    parser.add_argument("--format", choices=list(codec.FORMATS), default="png", help="default: %(default)s")
    parser.add_argument(
        "--percent",
        type=int,
        default=codec.Output().percent,
        help="quality of " + ", ".join(f.label for f in codec.FORMATS.values() if f.has_percent) + "; 1 to 100",
    )
    parser.add_argument("--without-exif", action="store_true", help="leave out date, camera and place")


def chosen(args: argparse.Namespace, quality: str) -> tuple[str, Quality, codec.Output]:
    """Return the task's name, the quality and the encoding that the options name; print a notice about former names.

    Args:
        args: the parsed options.
        quality: the name of the quality.

    Raises:
        UnknownQualityError: there is no such quality.
        PhotoError: the percent is out of range.
    """
    name, level, notice = current_names(args.task, quality)
    if notice:
        print(notice, file=sys.stderr)
    return name, level, codec.Output(args.format, args.percent, metadata=not args.without_exif)
