"""Decode broken and malicious files as the page does, and print what became of them.

``python -m tools.hostile_files`` tries some thousands: files made by hand, and mutations of valid ones. Each has to
become a picture, which can also be saved in every format, or be refused with a sentence of the codec, within the limits
of time and memory of the page. Files that are not are kept in ``--keep`` and named at the end; the exit code is 1 then.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from app import codec
from app.codec import Photo
from app.codec.bounded import Limits, Workers
from app.errors import PhotoError
from tools.hostile_files.handmade import EITHER, PICTURE, Case, cases
from tools.hostile_files.mutations import mutated
from tools.hostile_files.seeds import seeds

REFUSALS = {
    "error.not_an_image": "no image",
    "error.empty_file": "no image",
    "error.damaged": "damaged",
    "error.too_large": "too large",
    "error.bomb": "too large",
    "error.float": "floats",
    "error.decode_memory": "memory",
    "error.decode_time": "time",
}
QUICK = 4
SLOWEST = 10  # files that are named
COLUMNS = list(dict.fromkeys(REFUSALS.values()))


@dataclass(frozen=True)
class Trial:
    """The outcome of decoding a file.

    Attributes:
        case: the file.
        outcome: ``picture``, or the reason of the refusal.
        seconds: until the answer.
        memory: the most memory that its process had until then, in bytes; 0 if the process was ended.
        finding: what is wrong, or nothing.
    """

    case: Case
    outcome: str
    seconds: float
    memory: int
    finding: str = ""


def files(mutations: int, seed: int, is_quick: bool = False) -> Iterator[Case]:
    """Yield the files: each of those made by hand, and that many mutations of each valid file.

    Args:
        mutations: of each valid file.
        seed: of the mutations.
        is_quick: whether to take few of the files that are made by hand, and no slow ones.
    """
    made = (case for case in cases() if not (is_quick and case.is_slow))
    yield from itertools.islice(made, 0, None, QUICK if is_quick else 1)
    for name, data in seeds().items():
        source = random.Random(f"{seed} {name}")
        for number in range(mutations):
            kind, _, rest = name.partition(" ")
            yield Case(f"{kind} mutated", f"{rest}, {number}", mutated(data, source))


def attempt(case: Case, workers: Workers, path: Path) -> Trial:
    """Decode a file as the page does, and save the picture in each format."""
    path.write_bytes(case.data)
    started = time.monotonic()
    result = workers.ask({"scale": 1}, path)
    seconds = time.monotonic() - started
    if isinstance(result, Photo):
        outcome, finding = PICTURE, unsavable(result)
    else:
        outcome, finding = refused(result) if isinstance(result, PhotoError) else ("", f"no photo: {result}")
    if not finding and case.expected not in (EITHER, PICTURE if outcome == PICTURE else "refusal"):
        finding = f"{case.expected} was expected"
    return Trial(case, outcome, seconds, peak_memory(), finding)


def refused(error: PhotoError) -> tuple[str, str]:
    """Return the reason of a refusal, and what is wrong with it."""
    key = getattr(error.text, "key", "")
    return REFUSALS.get(key, key), "" if key in REFUSALS else f"not a refusal by the codec: {error!r}"


def unsavable(photo: Photo) -> str:
    """Return why a picture cannot be saved and read again, but for its size; nothing if it can."""
    for name, kind in codec.FORMATS.items():
        if max(photo.size) > kind.largest_side:
            continue
        try:
            again = codec.reopen(codec.encode(photo, codec.Output(name)))
        except Exception as error:
            return f"as {name}: {error!r}, {error.__cause__!r}"
        if again.size != photo.size:
            return f"as {name} it has {again.size} pixels, not {photo.size}"
    return ""


def peak_memory() -> int:
    """Return the most memory that a decoding process of this one has had, in bytes, and start to measure anew."""
    most = 0
    for worker in psutil.Process().children():
        try:
            status = Path(f"/proc/{worker.pid}/status").read_text()
            most = max(most, *(1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")))
            Path(f"/proc/{worker.pid}/clear_refs").write_text("5")
        except (OSError, ValueError, TypeError):
            continue  # it has just ended, or is about to start
    return most


def table(trials: Iterable[Trial]) -> str:
    """Return the table of the outcomes by kind."""
    kinds: dict[str, list[Trial]] = collections.defaultdict(list)
    for trial in trials:
        kinds[trial.case.kind].append(trial)
    kinds["all"] = [trial for group in kinds.values() for trial in group]
    lines = [["kind", "files", "pictures", *COLUMNS, "longest, s", "memory, MB"], ["---"] * (5 + len(COLUMNS))]
    for kind, group in kinds.items():
        counts = collections.Counter(trial.outcome for trial in group)
        figures = [f"{max(t.seconds for t in group):.2f}", f"{max(t.memory for t in group) / 1e6:.0f}"]
        numbers = [len(group), counts[PICTURE], *(counts[column] for column in COLUMNS)]
        lines.append([kind, *map(str, numbers), *figures])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> int:
    """Try the files; return 1 if something was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutations", type=int, default=70, help="of each valid file; default: %(default)s")
    parser.add_argument(
        "--quick", action="store_true", help=f"one in {QUICK} of the files made by hand, and no slow ones"
    )
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--keep", type=Path, help="folder for files with findings")
    args = parser.parse_args()
    limits = Limits()
    workers = Workers(1, limits)
    trials = []
    with tempfile.TemporaryDirectory() as folder:
        for case in files(args.mutations, args.seed, args.quick):
            trials.append(attempt(case, workers, Path(folder) / "photo"))
            if trials[-1].finding and args.keep:
                args.keep.mkdir(parents=True, exist_ok=True)
                (args.keep / f"{case.kind}, {case.name}".replace("/", "_")).write_bytes(case.data)
    workers.close()
    print(table(trials))
    print(
        f"\nLimits of a file: {limits.cpu_s} s of CPU time, {limits.wall_s} s, {limits.memory / 2**30:.0f} GB of memory"
    )
    print("The slowest:")
    for trial in sorted(trials, key=lambda trial: -trial.seconds)[:SLOWEST]:
        print(f"{trial.case.kind}, {trial.case.name}: {trial.seconds:.1f} s, {trial.outcome}")
    findings = [trial for trial in trials if trial.finding]
    for trial in findings:
        print(f"{trial.case.kind}, {trial.case.name}: {trial.finding}")
    return 1 if findings or not trials else 0


if __name__ == "__main__":
    sys.exit(main())
