"""Training recipes: the data and the settings of every network, from ``recipes.toml``.

A network is named as its weights file, TASK-PRESET. Data sets are named once and mixed by weight.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from din_model.config import PRESETS
from din_model.data import Pair, read_pairs
from din_model.datasets import LAYOUTS, Sample, read_dataset
from din_model.keep import Keep
from din_model.tasks import Task, find_task

RECIPES = Path(__file__).parent / "recipes.toml"


@dataclass(frozen=True)
class DataSet:
    """A data set of the recipes.

    Attributes:
        where: ``FOLDER`` or ``LAYOUT:FOLDER`` below the data's root (:mod:`din_model.datasets`).
        about: description, for the card.
        licence: of the data, for the card.
        research_only: whether the licence allows research alone, which then holds for weights trained on the data.
        held_out: regular expression on the name of an input (of a photo that is degraded on the fly, its own): what it
            matches is not trained on. A recipe that validates on this data set takes that part; all of it without.
        reduce: photos are reduced to a share of their sides, drawn for each between the two: that makes them sharper,
            with finer texture, and removes what JPEG has left. Of a pair both are, which makes its blur shorter.
    """

    where: str
    about: str
    licence: str
    research_only: bool = True
    held_out: str = ""
    reduce: tuple[float, ...] = ()

    def samples(self, root: Path, held_out: bool = False) -> list[Sample]:
        """Read the samples below a root to train on, or those that are held out for validation.

        Raises:
            FileNotFoundError, ValueError: as :func:`read_dataset`; or nothing is left; or what has a depth map is to be
                reduced.
        """
        layout, colon, folder = self.where.partition(":")
        name = f"{layout}:{root / folder}" if colon and layout in LAYOUTS else str(root / self.where)
        samples = read_dataset(name)
        if self.reduce:
            if any(sample.depth for sample in samples):
                raise ValueError(f"{name} has depth maps; only photos and pairs can be reduced")
            least, most = self.reduce
            shares = np.random.default_rng(0).uniform(least, most, len(samples))
            samples = [replace(sample, reduced_to=float(s)) for sample, s in zip(samples, shares, strict=True)]
        if self.held_out:
            samples = [s for s in samples if bool(re.search(self.held_out, (s.lq or s.hq).stem)) == held_out]
        if not samples:
            raise ValueError(f"{name} has nothing {'held out' if held_out else 'left'} ({self.held_out})")
        return samples


@dataclass(frozen=True)
class Recipe:
    """The data and settings that one network is trained with.

    Attributes:
        name: TASK-PRESET.
        task: what it restores.
        preset: name of its configuration.
        data: data sets to train on, each with the share of the patches that is drawn from it.
        validate: data sets whose held-out part it is validated on.
        iterations: of the whole training.
        batch: patches of an iteration, in each process.
        patch: side of a square patch, LQ pixels.
        rate: learning rate after the warm-up.
        start: network to start from, of a recipe before this one or as shipped, as far as its tensors fit; "" for none.
        optimiser: ``muon`` or ``adam`` (:mod:`din_model.optimiser`).
        schedule: ``trapezoid`` or ``halving`` (:class:`din_model.train.Schedule`).
        cool_down: share of the iterations at whose end the learning rate is nothing (``trapezoid``).
        ema_decay: of the averaged weights.
        trained_share: share of the averaged weights in those that are validated and kept; the rest are those that it
            began with, so that less of what they can do is forgotten (WiSE-FT).
        seed: of everything random.
        luma: share of the loss that is on luma alone (:mod:`din_model.loss`).
        camera: share of the patches whose input also has a camera's noise and JPEG (:mod:`din_model.camera`).
        donors: data sets of pairs; every second photo is degraded as a pair of them is (``Degradation.transfer``).
        keep: how much of the degradation is left in the ground truth (:mod:`din_model.keep`).
        earlier: data sets that only the weights it started from were trained on; their licences hold for its own, too.
        before: for the card: how the weights that it started from were trained, where no other card says so.
        trainings: for the card, where several are averaged (:mod:`din_model.average`): how they differ; where the end
            of one is taken: why, or what it is averaged with.
    """

    name: str
    task: Task
    preset: str
    data: tuple[tuple[DataSet, float], ...]
    validate: tuple[DataSet, ...]
    iterations: int
    batch: int
    patch: int
    rate: float
    start: str = ""
    optimiser: str = "muon"
    schedule: str = "trapezoid"
    cool_down: float = 0.25
    ema_decay: float = 0.999
    trained_share: float = 1.0
    seed: int = 0
    luma: float = 0.0
    camera: float = 0.0
    donors: tuple[DataSet, ...] = ()
    keep: Keep | None = None
    earlier: tuple[DataSet, ...] = ()
    before: str = ""
    trainings: str = ""

    def sets(self) -> list[DataSet]:
        """Return every data set that its weights have learned from."""
        return list(dict.fromkeys([*(data for data, _ in self.data), *self.donors, *self.earlier]))

    def mixture(self, root: Path) -> list[tuple[list[Sample], float]]:
        """Read the samples to train on, with the weight of each set."""
        return [(data.samples(root), weight) for data, weight in self.data]

    def donor_pairs(self, root: Path) -> list[Sample]:
        """Read the pairs whose degradation is transferred to photos."""
        return [sample for data in self.donors for sample in data.samples(root)]

    def held_out(self, root: Path) -> list[Sample]:
        """Read the samples to validate on."""
        return [sample for data in self.validate for sample in data.samples(root, held_out=True)]

    def validation_pairs(self, root: Path) -> Iterator[Pair]:
        """Yield the pairs to validate on, the mean of ``keep`` left in their ground truths.

        Whatever its seed, every training has the same, so that trainings can be compared.
        """
        for pair in read_pairs(self.task, self.held_out(root), seed=0):
            if keep := self.keep:
                pair = replace(pair, hq=keep.leave(pair.lq, pair.hq, (keep.least + keep.most) / 2))
            yield pair


def read_recipes(path: Path = RECIPES) -> dict[str, Recipe]:
    """Read the recipes of a file, in its order.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no valid TOML, or a recipe is not complete; the message says which and why.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there are no recipes at {path}")
    try:
        tables = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: {error}") from error
    try:
        sets = {
            name: DataSet(**{**table, "reduce": tuple(table.get("reduce", ()))})
            for name, table in tables.get("data", {}).items()
        }
    except TypeError as error:
        raise ValueError(f"{path}, data: {error}") from error
    common = tables.get("common", {})
    return {name: read_recipe(path, name, {**common, **table}, sets) for name, table in tables["network"].items()}


def find_recipe(name: str, path: Path = RECIPES) -> Recipe:
    """Read the recipe of a network.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not valid, or has no such network.
    """
    recipes = read_recipes(path)
    if name not in recipes:
        raise ValueError(f"{path} has no {name}; it has {', '.join(recipes)}")
    return recipes[name]


def read_recipe(path: Path, name: str, table: Mapping[str, Any], sets: Mapping[str, DataSet]) -> Recipe:
    """Read one recipe from its table.

    Raises:
        ValueError: it is not complete, or names what there is not.
    """
    try:
        task, _, preset = name.partition("-")
        if preset not in PRESETS:
            raise ValueError(f"there is no preset {preset!r}; there are {', '.join(PRESETS)}")
        unknown = set(table) - {field.name for field in fields(Recipe)}
        if unknown:
            raise ValueError(f"there is no {', '.join(sorted(unknown))}")
        values = {
            "name": name,
            "task": find_task(task),
            "preset": preset,
            **table,
            "data": tuple((sets[given], float(weight)) for given, weight in table["data"].items()),
            "validate": tuple(sets[given] for given in table["validate"]),
            **{name: tuple(sets[given] for given in table.get(name, [])) for name in ("donors", "earlier")},
            "keep": Keep(**table["keep"]) if "keep" in table else None,
        }
        return Recipe(**values)
    except KeyError as error:
        raise ValueError(f"{path}, {name}: {error} is missing") from error
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}, {name}: {error}") from error
