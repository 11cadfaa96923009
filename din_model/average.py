"""Average trainings of one network: din average NETWORK --runs RUNS RUNS ... [--weights FILE] --out RUNS.

Trainings that began with the same weights end near each other, and the mean of their weights restores better than each
of them ("model soups"). Takes the averaged weights at the end of every training and writes their mean to
OUT/NETWORK/best.safetensors, from where din ship takes it. Those that the trainings began with may be averaged, too, by
--weights: the mean forgets less of what these can do. A file that is given twice counts as two trainings.
"""

from __future__ import annotations

import argparse
import pickle
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from din_model.checkpoint import first_line, load_weights, save_weights
from din_model.config import PRESETS
from din_model.recipes import RECIPES, Recipe, find_recipe


def average(recipe: Recipe, states: list[dict[str, Any]], others: list[dict[str, Tensor]], path: Path) -> None:
    """Write the mean of the weights that trainings of a network ended with.

    Args:
        recipe: of the network.
        states: of the trainings, as in their ``last.pt``.
        others: weights that count as those of a training.
        path: of the weights file; its metadata hold the number of trainings and the sums of their iterations and times.

    Raises:
        ValueError: the trainings are not of one network.
    """
    ends = [*(state["average"] for state in states), *others]
    shapes = [{name: tensor.shape for name, tensor in end.items()} for end in ends]
    if any(shape != shapes[0] for shape in shapes):
        raise ValueError(f"the trainings of {recipe.name} have different networks")
    mean = {name: torch.stack([end[name].double() for end in ends]).mean(dim=0) for name in shapes[0]}
    card = {
        "trainings": str(len(states)),
        "iterations": str(sum(state["iteration"] for state in states)),
        "core_hours": f"{sum(state['spent']['core_seconds'] for state in states) / 3600:.1f}",
    }
    config = PRESETS[recipe.preset].for_task(recipe.task.scale, recipe.task.stride)
    save_weights(path, mean, config, recipe.task.name, recipe.preset, card, torch.float32)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="din average", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("network", metavar="NETWORK", help="TASK-PRESET")
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="folders of the trainings' runs")
    parser.add_argument(
        "--weights", type=Path, nargs="+", default=[], metavar="FILE", help="weights to average as well"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of runs to write to")
    parser.add_argument("--recipes", type=Path, default=RECIPES)
    args = parser.parse_args(arguments)
    try:
        recipe = find_recipe(args.network, args.recipes)
        if not recipe.trainings:
            raise ValueError(f"say in {args.recipes}, {recipe.name}, how the trainings differ: trainings = ...")
        paths = [runs / args.network / "last.pt" for runs in args.runs]
        if missing := [str(path) for path in paths if not path.is_file()]:
            raise FileNotFoundError(f"there is no training at {', '.join(missing)}")
        states = [torch.load(path, map_location="cpu", weights_only=True) for path in paths]
        others = [load_weights(path).model.state_dict() for path in args.weights]
        average(recipe, states, others, args.out / args.network / "best.safetensors")
    except (pickle.UnpicklingError, RuntimeError) as error:  # of torch.load
        print(f"error: a training's last.pt is damaged: {first_line(error)}", file=sys.stderr)
        return 2
    except (FileNotFoundError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
