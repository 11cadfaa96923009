"""SIGINT, which Ctrl-C sends, and SIGTERM."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

INTERRUPTED = 130  # the exit status after either


def interrupt(number: int, frame: FrameType | None) -> None:
    """Handle a signal as Ctrl-C is handled.

    Raises:
        KeyboardInterrupt: always.
    """
    raise KeyboardInterrupt


def on_signals(handler: Callable[[int, FrameType | None], None]) -> None:
    """Set the handler of SIGINT and SIGTERM, also where a shell has started the app with SIGINT ignored."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)
