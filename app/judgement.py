"""What the judge of photos says: how likely each kind of damage is, and which tasks to try."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import ServerError
from app.tasks import parameters_of

JUDGE_MODEL = "judge"
NONE = "none"  # the kind without damage
CANDIDATES = 3
LEAST_PROBABILITY = 0.1  # a kind below it proposes nothing

Kinds = Mapping[str, Sequence[str]]  # names of the tasks that help against each kind, in the order of the output


@dataclass(frozen=True)
class Judgement:
    """A judged photo.

    Attributes:
        probabilities: of each kind, from the likeliest to the least likely; their sum is 1.
        tasks: names of tasks to try, the first one first; empty where nothing seems to be wrong.
    """

    probabilities: Mapping[str, float]
    tasks: tuple[str, ...]

    @property
    def kind(self) -> str:
        """The likeliest kind."""
        return next(iter(self.probabilities))


def read_kinds(config: Any) -> Kinds:
    """Read the kinds from the configuration of the judge's model.

    Raises:
        ServerError: it is not one that ``din export`` writes.
    """
    try:
        kinds = json.loads(parameters_of(config)["kinds"])
        return {str(kind): [str(task) for task in tasks] for kind, tasks in kinds.items()}
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise ServerError(
            f"The model {JUDGE_MODEL} is not one of `din export`: {error} is missing or wrong."
        ) from error


def judgement(answer: NDArray[np.float32], kinds: Kinds, offered: Collection[str]) -> Judgement:
    """Read the judge's answer.

    Args:
        answer: (kinds,), the probability of each kind.
        kinds: of the judge's model.
        offered: names of the tasks that the server has.

    Raises:
        ServerError: the answer is not of these kinds.
    """
    if answer.shape != (len(kinds),):
        raise ServerError(f"The model {JUDGE_MODEL} answered {answer.shape} for {len(kinds)} kinds.")
    said = zip(kinds, map(float, answer), strict=True)
    probabilities = dict(sorted(said, key=lambda each: -each[1]))
    return Judgement(probabilities, proposed(probabilities, kinds, offered))


def proposed(probabilities: Mapping[str, float], kinds: Kinds, offered: Collection[str]) -> tuple[str, ...]:
    """Return the tasks to try: the first one of each likely kind, then the others of these kinds, at most three.

    Args:
        probabilities: of the kinds, the likeliest first.
        kinds: their tasks; the one without damage has none.
        offered: names of the tasks that the server has.
    """
    likely = [
        [task for task in kinds[kind] if task in offered]
        for kind, probability in probabilities.items()
        if probability >= LEAST_PROBABILITY
    ]
    firsts = [tasks[0] for tasks in likely if tasks]
    others = [task for tasks in likely for task in tasks[1:]]
    return tuple(firsts + others)[:CANDIDATES]
