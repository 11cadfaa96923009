"""The scores on file: the paper's Tables 3-7 and our own measurements (:mod:`din_model.results`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PAPER = Path(__file__).parent / "paper_results.json"  # task -> set -> method -> score
MEASURED = Path(__file__).parent / "results.json"  # task -> method -> set -> score

Score = tuple[float, float]  # PSNR in dB, SSIM
Rows = Mapping[str, Mapping[str, Score]]  # method -> set -> score


@dataclass(frozen=True)
class Results:
    """The scores of one task, those of the paper and our own; a set of ours may be a part of the paper's."""

    paper: Rows = field(default_factory=dict)
    measured: Rows = field(default_factory=dict)

    def as_json(self) -> str:
        """Return both as compact JSON, rounded as they are printed: ``{"paper": ROWS, "measured": ROWS}``."""
        tables = {name: rounded(rows) for name, rows in (("paper", self.paper), ("measured", self.measured))}
        return json.dumps(tables, ensure_ascii=False, separators=(",", ":"))


def rounded(rows: Rows) -> Rows:
    """Round PSNR to 2 and SSIM to 4 decimals."""
    return {
        method: {name: (round(psnr, 2), round(ssim, 4)) for name, (psnr, ssim) in scores.items()}
        for method, scores in rows.items()
    }


def read_paper(task: str, path: Path = PAPER) -> Rows:
    """Read the paper's rows of a task; empty where it has none."""
    rows: dict[str, dict[str, Score]] = {}
    for name, methods in json.loads(path.read_text()).get(task, {}).items():
        for method, (psnr, ssim) in methods.items():
            rows.setdefault(method, {})[name] = psnr, ssim
    return rows


def read_measured(path: Path = MEASURED) -> dict[str, Rows]:
    """Read our rows of every task that was measured; empty without the file."""
    tables: dict[str, Rows] = json.loads(path.read_text()) if path.is_file() else {}
    return tables


def read_results(task: str) -> Results:
    """Read the scores of a task."""
    return Results(read_paper(task), read_measured().get(task, {}))
