"""``python -m app``: ``page``, ``restore``, ``triton`` and ``health`` of ``din``; the default command is ``page``."""

from __future__ import annotations

import sys

from app.cli import main

if __name__ == "__main__":
    sys.exit(main())
