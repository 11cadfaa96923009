"""The options that guides describe, and those that commands have."""

import argparse
import re
from collections.abc import Callable


def described_options(guide: str, section: str) -> set[str]:
    """The options in the table of a section."""
    _, text = guide.split(f"\n## {section}\n")
    rows = re.findall(r"^\| (`--.*?) \|", text.split("\n## ")[0], re.MULTILINE)
    return {option for row in rows for option in re.findall(r"`(.*?)`", row)}


def options(add_options: Callable[[argparse.ArgumentParser], None]) -> set[str]:
    """The options that the usage of a command shows."""
    parser = argparse.ArgumentParser()
    add_options(parser)
    return set(re.findall(r"--[a-z-]+", parser.format_usage())) | {"--help"}
