"""What became of each photo: an SQLite database in the folder of the results.

It is written by one process at a time, which holds its lock. A photo is recorded when its result is in its place; the
record is on the disk before the next step.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

from app.errors import RestorationError, StorageError

NAME = "manifest.sqlite3"
VERSION = 1  # of the tables
TABLES = """
CREATE TABLE options (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE photos (
    photo BLOB PRIMARY KEY, -- its path
    result BLOB UNIQUE,     -- path below the folder of the results; NULL where there cannot be one
    changed_ns INTEGER NOT NULL,
    length INTEGER NOT NULL,
    state TEXT NOT NULL,
    error TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
"""


class State(StrEnum):
    """What became of a photo."""

    BEGUN = "begun"  # it is under way, or was when the process was killed
    DONE = "done"
    REFUSED = "refused"  # it cannot be used: it is not tried again until its file changes
    FAILED = "failed"  # for another reason: it is tried again by the next run


@dataclass(frozen=True)
class Item:
    """A photo to restore.

    Attributes:
        photo: absolute path.
        result: path below the folder of the results; None where there cannot be one.
        changed_ns, length: of the file, its time of change and its length in bytes; 0 if it is not there.
    """

    photo: Path
    result: Path | None
    changed_ns: int = 0
    length: int = 0


@dataclass(frozen=True)
class Outcome:
    """What became of a photo.

    Attributes:
        item: the photo.
        state: DONE, REFUSED or FAILED.
        error: why it could not be restored, a sentence; empty if it was.
        status: name of gRPC's status code for the error.
        ends: whether no other photo can be stored, either: nothing is recorded then.
    """

    item: Item
    state: State
    error: str = ""
    status: str = ""
    ends: bool = False


class Manifest:
    """The record of the photos of one folder of results; the lock is held until it is closed.

    Args:
        folder: of the results.

    Raises:
        StorageError: another process holds the lock, or the database cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        with self._explained():
            # Only the main thread writes; the lock is that of the database, which the system frees with the process.
            self._connection = sqlite3.connect(self.path, timeout=0)
            self._connection.executescript("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL")
            self._connection.executescript("PRAGMA synchronous = FULL; BEGIN EXCLUSIVE")
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            if version == 0:
                self._connection.executescript(f"BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT")
            self._connection.commit()
        if version not in (0, VERSION):
            raise StorageError(f"{self.path} is of another version of din: give another folder.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Free the lock; photos that are begun are forgotten."""
        self._connection.close()

    def check_options(self, options: Mapping[str, str]) -> None:
        """Check that the options are those that were kept, if any were.

        Args:
            options: by their names on the command line.

        Raises:
            StorageError: they are not; the message names the differences.
        """
        with self._explained():
            kept = dict(self._connection.execute("SELECT name, value FROM options"))
        differences = [name for name in options if kept and kept.get(name) != options[name]]
        if differences:
            before = ", ".join(f"{name} {kept.get(name)}" for name in differences)
            now = ", ".join(f"{name} {options[name]}" for name in differences)
            raise StorageError(
                f"{self.path.parent} was begun with {before} and cannot go on with {now}: give the former, or another "
                "folder."
            )

    def keep_options(self, options: Mapping[str, str]) -> None:
        """Keep the options of the first run; every other has the same."""
        with self._explained(), self._connection:
            self._connection.executemany("INSERT OR IGNORE INTO options VALUES (?, ?)", options.items())

    def settled(self, item: Item, tries_again: bool = False) -> State | None:
        """Return what became of a photo that is not to be restored; None for one that is.

        Args:
            item: the photo as it is now.
            tries_again: whether a photo that was refused is to be restored.
        """
        with self._explained():
            row = self._connection.execute(
                "SELECT result, changed_ns, length, state FROM photos WHERE photo = ?", (os.fsencode(item.photo),)
            ).fetchone()
        if row is None:
            return None
        result, changed_ns, length, state = row
        if (changed_ns, length) != (item.changed_ns, item.length) or result not in (None, encoded(item.result)):
            return None
        if state == State.FAILED or (state == State.REFUSED and tries_again):
            return None
        return State(state)

    def begin(self, item: Item) -> Path | None:
        """Note that a photo is under way; this is on the disk with the next record.

        Returns:
            None; or another photo that has the same result, and nothing is noted then.
        """
        result = encoded(item.result)
        with self._explained():
            row = self._connection.execute(
                "SELECT photo FROM photos WHERE result = ? AND photo != ?", (result, os.fsencode(item.photo))
            ).fetchone()
            if row is not None:
                return Path(os.fsdecode(row[0]))
            self._write(Outcome(item, State.BEGUN))
        return None

    def record(self, outcome: Outcome) -> None:
        """Record what became of a photo; it is on the disk afterwards.

        Raises:
            StorageError: it cannot be written.
        """
        with self._explained():
            self._write(outcome)
            self._connection.commit()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Give errors of the database, which may be damaged, or its disk full, as a StorageError."""
        try:
            yield
        except sqlite3.Error as error:
            raise explain(self.path, error) from error

    def _write(self, outcome: Outcome) -> None:
        item = outcome.item
        self._connection.execute(
            "INSERT OR REPLACE INTO photos VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                os.fsencode(item.photo),
                encoded(item.result),
                item.changed_ns,
                item.length,
                outcome.state,
                outcome.error,
                outcome.status,
            ),
        )

    def forget_begun(self) -> None:
        """Forget the photos that were under way when the process before was killed: they are to be restored."""
        with self._explained(), self._connection:
            self._connection.execute("DELETE FROM photos WHERE state = ?", (State.BEGUN,))

    def outcomes(self) -> Iterator[Outcome]:
        """Yield what became of every photo, in the order of their paths; those under way are left out."""
        with self._explained():
            rows = self._connection.execute("SELECT * FROM photos WHERE state != ? ORDER BY photo", (State.BEGUN,))
            for photo, result, changed_ns, length, state, error, status in rows:
                place = None if result is None else Path(os.fsdecode(result))
                yield Outcome(Item(Path(os.fsdecode(photo)), place, changed_ns, length), State(state), error, status)

    def export_errors(self, target: Path) -> None:
        """Write the photos that could not be restored as JSON, one a line: ``photo``, ``error`` and ``status``.

        Raises:
            StorageError: the file cannot be written.
        """
        part = target.with_name(target.name + ".part")
        try:
            with part.open("w", encoding="ascii") as file:
                for outcome in self.outcomes():
                    if outcome.state is not State.DONE:
                        line = {"photo": str(outcome.item.photo), "error": outcome.error, "status": outcome.status}
                        file.write(json.dumps(line) + "\n")
            part.replace(target)
        except OSError as error:
            raise StorageError(f"{target} cannot be written ({error.strerror}).") from error


def encoded(path: Path | None) -> bytes | None:
    """Return a path as the database has it: names of files need not be text."""
    return None if path is None else os.fsencode(path)


def explain(path: Path, error: sqlite3.Error) -> RestorationError:
    """Return the error of a database that cannot be used."""
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
        return StorageError(
            f"Another process restores photos into {path.parent}: wait for its end, or give another folder."
        )
    return StorageError(f"{path} cannot be used ({error}).")
