"""Photos for training and evaluation: reading folders, pairing, degrading, cropping."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image as PillowImage
from PIL import UnidentifiedImageError
from torch import Tensor

from din_model.degradations.kind import Image
from din_model.tasks import Task

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"}


def read_photo(path: Path) -> Image:
    """Reads a photo as uint8 (H, W, 3) RGB.

    Raises:
        ValueError: the file is not a readable photo; the message names it.
    """
    try:
        with PillowImage.open(path) as photo:
            return np.asarray(photo.convert("RGB"))
    except (OSError, UnidentifiedImageError) as error:
        raise ValueError(f"{path} is not a readable photo: {error}") from error


def has_one_channel(path: Path) -> bool:
    """Whether a photo's file is gray by its format, not merely by its colours."""
    with PillowImage.open(path) as photo:
        return len(photo.getbands()) == 1 and photo.mode != "P"


def list_photos(folder: Path) -> list[Path]:
    """The photos of a folder and its subfolders, sorted by name.

    Raises:
        FileNotFoundError: the folder does not exist or holds no photo.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    photos = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    if not photos:
        raise FileNotFoundError(f"the folder {folder} holds no photo ({', '.join(sorted(SUFFIXES))})")
    return photos


def crop_to_multiple(image: Image, multiple: int) -> Image:
    """Cuts the last rows and columns so that both sizes are multiples, as the SR protocol does."""
    h, w = image.shape[:2]
    return image[: h - h % multiple, : w - w % multiple]


@dataclass(frozen=True)
class Pair:
    """One photo in both states: lq uint8 (H, W, 3), hq uint8 (scale * H, scale * W, 3)."""

    name: str
    lq: Image
    hq: Image
    is_gray: bool  # the ground truth's file has a single channel


def evaluation_pairs(task: Task, hq: Path, lq: Path | None, seed: int = 0) -> Iterator[Pair]:
    """The pairs that a task is scored on.

    Args:
        task: gives scale and degradation.
        hq: folder of ground truths.
        lq: folder of inputs, in the same order by name; None degrades the ground truths.
        seed: of the random degradations; each photo has its own stream.

    Raises:
        ValueError: numbers or sizes of the two folders do not fit, or the task has no degradation.
    """
    hq_paths = list_photos(hq)
    lq_paths = list_photos(lq) if lq is not None else [None] * len(hq_paths)
    if len(hq_paths) != len(lq_paths):
        raise ValueError(f"{hq} holds {len(hq_paths)} photos, {lq} holds {len(lq_paths)}: they must be pairs")
    for index, (hq_path, lq_path) in enumerate(zip(hq_paths, lq_paths, strict=True)):
        target = crop_to_multiple(read_photo(hq_path), task.scale)
        if lq_path is not None:
            source = read_photo(lq_path)
        else:
            source = degrade(task, target, np.random.default_rng((seed, index)))
        if target.shape != (source.shape[0] * task.scale, source.shape[1] * task.scale, 3):
            raise ValueError(
                f"{hq_path.name} is {target.shape[0]}x{target.shape[1]}, its input "
                f"{source.shape[0]}x{source.shape[1]}: not {task.scale} times its size"
            )
        yield Pair(hq_path.stem, source, target, has_one_channel(hq_path))


def degrade(task: Task, hq: Image, rng: np.random.Generator) -> Image:
    """Degrades one photo as the task says.

    Raises:
        ValueError: the task has no synthetic degradation.
    """
    if task.degradation is None:
        raise ValueError(f"{task.name} has no synthetic degradation: give the folder of its inputs (--lq)")
    return task.degradation.apply(hq, task.scale, rng)


class PatchSampler:
    """Random training batches from photos held in memory.

    A batch depends on the seed and its iteration alone, so a resumed run sees what an unbroken one would.

    Args:
        task: gives scale, patch size and degradation.
        folders: folders of HQ photos; photos smaller than a patch are left out.
        batch: patches a batch.
        seed: of everything random.

    Raises:
        ValueError: no photo is large enough, or the task has no degradation.
    """

    # Iterations for which a photo keeps one random degradation: whole photos are degraded, which costs more than a
    # patch, but rain and haze are nothing that a patch could have alone.
    KEPT = 400

    def __init__(self, task: Task, folders: list[Path], batch: int, seed: int) -> None:
        if task.degradation is None:
            raise ValueError(f"{task.name} has no synthetic degradation: it cannot be trained on clean photos")
        self.task, self.batch, self.seed = task, batch, seed
        self.is_random = task.degradation.is_random
        side = task.patch * task.scale
        photos = [crop_to_multiple(read_photo(p), task.scale) for folder in folders for p in list_photos(folder)]
        self.hq = [p for p in photos if min(p.shape[:2]) >= side]
        if not self.hq:
            raise ValueError(f"no photo in {', '.join(map(str, folders))} is at least {side}x{side}")
        self._lq: dict[int, tuple[int, Image]] = {}
        # A photo is drawn as often as its area says, so that every pixel has the same chance.
        areas = np.array([p.shape[0] * p.shape[1] for p in self.hq], dtype=np.float64)
        self.chances = areas / areas.sum()

    def __len__(self) -> int:
        return len(self.hq)

    def lq(self, index: int, iteration: int) -> Image:
        """The degraded photo that an iteration sees; photos change in turn, not all at once."""
        generation = (iteration + index) // self.KEPT if self.is_random else 0
        kept = self._lq.get(index)
        if kept is None or kept[0] != generation:
            rng = np.random.default_rng((self.seed, index, generation))
            kept = self._lq[index] = generation, degrade(self.task, self.hq[index], rng)
        return kept[1]

    def patch(self, iteration: int, rng: np.random.Generator) -> tuple[Image, Image]:
        """One aligned (lq, hq) crop, flipped and rotated at random."""
        s, size = self.task.scale, self.task.patch
        index = int(rng.choice(len(self.hq), p=self.chances))
        hq, lq = self.hq[index], self.lq(index, iteration)
        top, left = (int(rng.integers(n - size + 1)) for n in lq.shape[:2])
        target = hq[top * s : (top + size) * s, left * s : (left + size) * s]
        source = lq[top : top + size, left : left + size]
        turns, flip = int(rng.integers(4)), bool(rng.integers(2))
        source, target = np.rot90(source, turns), np.rot90(target, turns)
        return (source[:, ::-1], target[:, ::-1]) if flip else (source, target)

    def __call__(self, iteration: int) -> tuple[Tensor, Tensor]:
        """The batch of an iteration: lq (N, 3, p, p) and hq (N, 3, sp, sp), float32 in [0, 1]."""
        rng = np.random.default_rng((self.seed, iteration))
        lq, hq = zip(*(self.patch(iteration, rng) for _ in range(self.batch)), strict=True)
        return to_tensor(np.stack(lq)), to_tensor(np.stack(hq))


def to_tensor(images: Image) -> Tensor:
    """uint8 (N, H, W, 3) to float32 (N, 3, H, W) in [0, 1], laid out channels_last."""
    return torch.tensor(images).permute(0, 3, 1, 2).float() / 255


def to_image(restored: Tensor) -> Image:
    """float (3, H, W) in [0, 1] to uint8 (H, W, 3): rounded and clipped."""
    pixels = (restored.float() * 255).round().clamp(0, 255).to(torch.uint8)
    image: Image = pixels.permute(1, 2, 0).contiguous().numpy()
    return image
