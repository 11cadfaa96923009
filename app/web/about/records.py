"""What the project has on file of its weights: their results, the paper's, and their cards. Each may be missing."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
MEASURED = ROOT / "din_model" / "results.json"
PAPER = ROOT / "din_model" / "paper_results.json"
CARDS = ROOT / "din_model" / "weights"

Score = tuple[float, float]  # PSNR in dB, SSIM
Rows = Mapping[str, Mapping[str, Score]]  # method -> set -> score
FACT = re.compile(r"^- \*\*(.+?)\*\*: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Card:
    """What the card of a task's weights tells, in English.

    Attributes:
        parameters: of the network, as printed: ``601,539``; empty where it is not told.
        trained_on, training, licence: what it learnt from, how, and under which licences the photos are.
    """

    parameters: str
    trained_on: str
    training: str
    licence: str


@functools.cache
def read_measured(path: Path = MEASURED) -> Mapping[str, Rows] | None:
    """What these weights measured, by task; None without the file."""
    if not path.is_file():
        return None
    tables: dict[str, Rows] = json.loads(path.read_text(encoding="utf-8"))
    return tables


@functools.cache
def read_paper(path: Path = PAPER) -> Mapping[str, Rows] | None:
    """The paper's tables, by task; None without the file."""
    if not path.is_file():
        return None
    tables: dict[str, dict[str, dict[str, Score]]] = {}
    for task, sets in json.loads(path.read_text(encoding="utf-8")).items():
        rows = tables.setdefault(task, {})
        for name, scores in sets.items():
            for method, score in scores.items():
                rows.setdefault(method, {})[name] = score
    return tables


@functools.cache
def read_card(task: str, preset: str, folder: Path = CARDS) -> Card | None:
    """The card of a task's weights; None without it."""
    path = folder / f"{task}-{preset}.md"
    if not path.is_file():
        return None
    text = path.read_text(encoding="utf-8")
    facts = dict(FACT.findall(text))
    parameters = re.search(r"\(([\d,]+) parameters\)", text)
    return Card(
        parameters[1] if parameters else "",
        *(facts.get(name, "") for name in ("Trained on", "Training", "Licence of the data")),
    )
