"""How far the work on many photos is: a line on standard error."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from app.many.manifest import Outcome, State
from app.many.walk import walk

TERMINAL_S, LOG_S = 0.5, 60.0  # between two lines, on a terminal and elsewhere
CLEAR = "\r\x1b[K"  # the line, on a terminal


@dataclass
class Tally:
    """How many photos are finished.

    Attributes:
        done: restored by this run.
        errors: that this run could not restore, those left out because they were refused before included.
        before: restored by runs before.
        known: how many there are in all; None until they are counted.
        started_s: when this run began, by the monotonic clock.
        tried: how many this run has finished itself, which its rate is of.
    """

    done: int = 0
    errors: int = 0
    before: int = 0
    known: int | None = None
    started_s: float = field(default_factory=time.monotonic)
    tried: int = 0

    def skip(self, state: State) -> None:
        """Count a photo that is left out."""
        self.errors += state is State.REFUSED
        self.before += state is State.DONE

    def add(self, outcome: Outcome) -> None:
        """Count a photo that was tried."""
        self.tried += 1
        self.errors += outcome.state is not State.DONE
        self.done += outcome.state is State.DONE

    def line(self) -> str:
        """Return the progress as text: how many, how fast, and how long the others take."""
        seconds = max(time.monotonic() - self.started_s, 1e-3)
        rate, finished = self.tried / seconds, self.done + self.errors + self.before
        words = [f"{finished}/{self.known} photos" if self.known is not None else f"{finished} photos"]
        words += [f"{self.errors} failed"] if self.errors else []
        words += [f"{rate:.1f} photos/s"]
        if self.known is not None and rate:
            words.append(f"{clock(max(self.known - finished, 0) / rate)} left")
        return ", ".join(words)


def clock(seconds: float) -> str:
    """Return a time as H:MM:SS."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


class Display:
    """Prints the progress now and then, and what else there is to say between.

    Args:
        tally: whose line is printed.
    """

    def __init__(self, tally: Tally) -> None:
        self._tally, self._is_terminal = tally, sys.stderr.isatty()
        self._next_s = time.monotonic() + (0 if self._is_terminal else LOG_S)

    def refresh(self) -> None:
        """Print the progress if it is time to."""
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + (TERMINAL_S if self._is_terminal else LOG_S)
            self._print(self._tally.line() + ("" if self._is_terminal else "\n"))

    def skip(self, state: State) -> None:
        """Count a photo that is left out."""
        self._tally.skip(state)
        self.refresh()

    def add(self, outcome: Outcome) -> None:
        """Count a photo that was tried; print its error, if it has one."""
        self._tally.add(outcome)
        if outcome.error:
            self._print(f"{outcome.item.photo}: {outcome.error}\n")

    def end(self) -> None:
        """Print the progress for the last time, on a terminal."""
        if self._is_terminal:
            self._print(f"{self._tally.line()}\n")

    def _print(self, text: str) -> None:
        print(f"{CLEAR if self._is_terminal else ''}{text}", end="", file=sys.stderr, flush=True)


def count(source: Path, out: Path, tally: Tally, stop: threading.Event) -> None:
    """Count the photos in a thread beside the work: a million names take a while."""

    def found() -> Iterator[int]:
        for _ in walk(source, out):
            if stop.is_set():
                return
            yield 1

    def work() -> None:
        total = sum(found())
        if not stop.is_set():
            tally.known = total

    threading.Thread(target=work, name="din-many-count", daemon=True).start()
