"""``python -m app``: the same as ``din page``, ``din restore`` and ``din health``; without a command, the page."""

from __future__ import annotations

import sys

from app.cli import main

if __name__ == "__main__":
    sys.exit(main())
