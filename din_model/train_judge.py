"""Train the judge of photos: ``din train-judge --root DATA``, an hour on one core."""

from __future__ import annotations

import argparse
import math
import sys
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from din_model.card import RESEARCH_LICENCE, write_card
from din_model.data import list_photos, photo_size, read_photo
from din_model.datasets import read_dataset
from din_model.judge import JUDGE_WEIGHTS, NAMES, Judge, save_judge
from din_model.judge_data import LARGE_PX, Exhibit, Exhibits, damaged, exhibit, part_of
from imaging.degradations.kind import Image
from imaging.look import SIDE, SQUARES

RECIPE = Path(__file__).with_name("judge.toml")
BINS = 10
LABEL_SMOOTHING = 0.02  # streaks may be hidden in a texture, and a photo may have damage of its own
DRAWS = 30  # of a picture that is large enough
Say = Callable[[str], None]
Stacked = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class JudgeRecipe:
    """How the judge is trained; ``judge.toml`` says what each value means."""

    samples: int
    tests: int
    pairs_share: float
    iterations: int
    batch: int
    squares: int
    side: int
    rate: float
    seed: int
    data_licence: str
    photos: dict[str, float]
    pairs: dict[str, list[str]]


def read_recipe(path: Path = RECIPE) -> JudgeRecipe:
    """Read a recipe.

    Raises:
        ValueError: a value is missing or unknown.
    """
    try:
        return JudgeRecipe(**tomllib.loads(path.read_text(encoding="utf-8")))
    except (TypeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{path} is not a recipe of the judge: {error}") from error


def read_photos(recipe: JudgeRecipe, root: Path, part: str) -> list[tuple[list[Path], float]]:
    """Return the photos of each folder that belong to a part of the training, with the folder's weight.

    Raises:
        FileNotFoundError: a folder is missing or has no photo of that part.
    """
    parts = []
    for folder, weight in recipe.photos.items():
        paths = [path for path in list_photos(root / folder) if part_of(path) == part]
        if not paths:
            raise FileNotFoundError(f"{root / folder} has no photo for the part {part!r}: it holds too few")
        parts.append((paths, weight))
    return parts


def held_back(recipe: JudgeRecipe, root: Path, part: str) -> list[Exhibit]:
    """Return exhibits of photos that are not trained on, each photo once with every kind of damage.

    Raises:
        FileNotFoundError: there is no photo of that part that is large enough.
    """
    (paths, _), *_ = read_photos(recipe, root, part)
    large = [path for path in paths if math.sqrt(math.prod(photo_size(path))) >= LARGE_PX][: recipe.tests]
    if not large:
        raise FileNotFoundError(f"no photo for the part {part!r} has {LARGE_PX:.0f} pixels a side")
    rng = np.random.default_rng((recipe.seed, 0 if part == "fit" else 1))
    return [held_back_exhibit(read_photo(path), kind, rng) for path in large for kind in NAMES]


def held_back_exhibit(photo: Image, kind: str, rng: np.random.Generator) -> Exhibit:
    """Return an exhibit with a single truth: a clean picture is so large that nobody calls it small."""
    for _ in range(DRAWS):
        shown = exhibit(damaged(photo, kind, rng), kind)
        if shown.truth.max() == 1:
            return shown
    return exhibit(photo, kind)


def stack(exhibits: Iterable[Exhibit], count: int) -> Stacked:
    """Stack exhibits one by one, for they take half a megabyte each.

    Args:
        exhibits: as many as ``count``.
        count: N.

    Returns:
        Squares (N, S, H, W, 3), sizes (N, 2) and truths (N, kinds).
    """
    squares = np.empty((count, SQUARES, SIDE, SIDE, 3), np.uint8)
    sizes, truths = np.empty((count, 2), np.int32), np.empty((count, len(NAMES)), np.float32)
    for place, each in zip(range(count), exhibits, strict=True):
        squares[place], sizes[place], truths[place] = each.squares, each.size, each.truth
    return torch.from_numpy(squares), torch.from_numpy(sizes), torch.from_numpy(truths)


def some_squares(squares: Tensor, count: int, side: int, generator: torch.Generator) -> list[Tensor]:
    """Draw parts of some squares of each photo, and the whole photo; all mirrored or none.

    Rain falls along the columns, so rows and columns are not swapped.

    Returns:
        Squares (N, count, side, side, 3) and whole photos (N, H, W, 3).
    """
    chosen = torch.rand(len(squares), SQUARES - 1, generator=generator).argsort(1)[:, :count]
    top, left = torch.randint(SIDE - side + 1, (2,), generator=generator).tolist()
    parts = squares[torch.arange(len(squares))[:, None], chosen, top : top + side, left : left + side]
    seen = [parts, squares[:, -1]]
    return [each.flip(-2) for each in seen] if torch.rand((), generator=generator) < 0.5 else seen


def fit(judge: Judge, exhibits: Stacked, recipe: JudgeRecipe, say: Say) -> None:
    """Train a judge on exhibits, with AdamW and a rate that rises and falls by a cosine."""
    squares, sizes, truths = exhibits
    optimiser = torch.optim.AdamW(judge.parameters(), recipe.rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.rate, recipe.iterations, pct_start=0.1)
    generator = torch.Generator().manual_seed(recipe.seed)
    judge.train()
    total = 0.0
    for iteration in range(1, recipe.iterations + 1):
        batch = torch.randint(len(squares), (recipe.batch,), generator=generator)
        logits = judge(*some_squares(squares[batch], recipe.squares, recipe.side, generator), sizes[batch])
        loss = nn.functional.cross_entropy(logits, truths[batch], label_smoothing=LABEL_SMOOTHING)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        total += float(loss.detach())
        if iteration % 200 == 0:
            say(f"iteration {iteration}: loss {total / 200:.3f}")
            total = 0.0
    judge.eval()


def logits_of(judge: Judge, exhibits: Sequence[Exhibit]) -> tuple[Tensor, Tensor]:
    """Return a judge's logits of exhibits and the numbers of their kinds."""
    with torch.inference_mode():
        stacks = [stack([each], 1) for each in exhibits]
        logits = torch.cat([judge(squares[:, :-1], squares[:, -1], size) for squares, size, _ in stacks])
    return logits, torch.tensor([int(each.truth.argmax()) for each in exhibits])


def fit_temperature(logits: Tensor, kinds: Tensor) -> float:
    """Return the temperature under which held-back photos are most likely, found among a fine grid."""
    grid = [math.exp(step / 50) for step in range(-70, 71)]
    return min(grid, key=lambda temperature: float(nn.functional.cross_entropy(logits / temperature, kinds)))


def confusion(probabilities: Tensor, kinds: Tensor) -> NDArray[np.int64]:
    """Count what was said (columns) of photos of each kind (rows), (kinds, kinds)."""
    table = np.zeros((len(NAMES), len(NAMES)), np.int64)
    np.add.at(table, (kinds.numpy(), probabilities.argmax(1).numpy()), 1)
    return table


def calibration_error(probabilities: Tensor, kinds: Tensor) -> float:
    """Return how far, on average, the probability of what was said is from how often it is true (ECE, ten bins)."""
    said, choice = probabilities.max(1)
    is_true = (choice == kinds).float()
    places = (said * BINS).long().clamp(max=BINS - 1)
    gaps = [abs(float((said - is_true)[places == place].sum())) for place in range(BINS)]
    return sum(gaps) / len(said)


def table_rows(table: NDArray[np.int64]) -> str:
    """Return a confusion table as rows of Markdown."""
    header = f"| is \\ was said | {' | '.join(name.replace('_', ' ') for name in NAMES)} |"
    rows = [
        f"| {name.replace('_', ' ')} | {' | '.join(map(str, row))} |" for name, row in zip(NAMES, table, strict=True)
    ]
    return "\n".join([header, "|---" * (len(NAMES) + 1) + "|", *rows])


def train(recipe: JudgeRecipe, root: Path, say: Say) -> tuple[Judge, dict[str, str]]:
    """Train a judge by a recipe.

    Args:
        recipe: names the data.
        root: folder of the data.
        say: is told the progress.

    Returns:
        The judge with its temperature, and what its file states of itself.

    Raises:
        FileNotFoundError, ValueError: data is missing or damaged.
    """
    torch.manual_seed(recipe.seed)
    pairs = {kind: [each for name in names for each in dataset(root, name)] for kind, names in recipe.pairs.items()}
    make, started = Exhibits(read_photos(recipe, root, "train"), pairs, recipe.pairs_share, recipe.seed), time.time()

    def made() -> Iterator[Exhibit]:
        for number in range(recipe.samples):
            yield make(number)
            if (number + 1) % 300 == 0:
                say(f"{number + 1} of {recipe.samples} pictures made, {time.time() - started:.0f} s")

    exhibits = stack(made(), recipe.samples)
    judge: Judge = Judge().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    fit(judge, exhibits, recipe, say)
    temperature = fit_temperature(*logits_of(judge, held_back(recipe, root, "fit")))
    judge.temperature.fill_(temperature)
    tests = held_back(recipe, root, "test")
    logits, kinds = logits_of(judge, tests)
    probabilities = torch.softmax(logits / temperature, 1)
    table = confusion(probabilities, kinds)
    trained = sum(len(paths) for paths, _ in read_photos(recipe, root, "train"))
    card = {
        "parameters": str(sum(weight.numel() for weight in judge.parameters())),
        "accuracy": f"{table.trace() / table.sum():.3f}",
        "calibration_error": f"{calibration_error(probabilities, kinds):.3f}",
        "temperature": f"{temperature:.3f}",
        "tests": str(len(tests)),
        "table": table_rows(table),
        "data_licence": recipe.data_licence,
        "licence": RESEARCH_LICENCE,
        "trained_on": f"{recipe.samples} pictures made of {trained} photos and {sum(map(len, pairs.values()))} pairs",
        "training": f"{recipe.iterations} iterations, batch {recipe.batch}, AdamW, learning rate {recipe.rate}, "
        f"{(time.time() - started) / 60:.0f} minutes of one CPU core",
    }
    say(f"accuracy {card['accuracy']}, calibration error {card['calibration_error']}, temperature {temperature:.2f}")
    return judge, card


def dataset(root: Path, name: str) -> list[Any]:
    """Read a data set below a folder; its name may have a layout before it."""
    layout, colon, folder = name.rpartition(":")
    return read_dataset(f"{layout}{colon}{root / folder}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="din train-judge", description="Train the network that judges photos.")
    parser.add_argument("--root", type=Path, required=True, help="folder of the data that the recipe names")
    parser.add_argument("--recipe", type=Path, default=RECIPE, help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=JUDGE_WEIGHTS, help="weights file; default: the shipped one")
    args = parser.parse_args(arguments)
    try:
        judge, card = train(read_recipe(args.recipe), args.root, lambda line: print(line, flush=True))
        save_judge(judge, args.out, card)
        written = write_card(args.out)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(card["table"])
    print(args.out, written)
    return 0


if __name__ == "__main__":
    sys.exit(main())
