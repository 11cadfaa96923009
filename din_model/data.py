"""Photos for training and evaluation: reading, pairing, degrading, cropping."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import UnidentifiedImageError
from torch import Tensor

from din_model.camera import add_camera_artifacts
from din_model.datasets import SUFFIXES, Sample, read_dataset
from din_model.keep import Keep
from din_model.tasks import Task
from imaging.degradations.kind import Image
from imaging.degradations.resize import resize


def read_photo(path: Path) -> Image:
    """Read a photo as uint8 (H, W, 3) RGB.

    Raises:
        ValueError: the file is not a readable photo; the message names it.
    """
    try:
        with PillowImage.open(path) as photo:
            return np.asarray(photo.convert("RGB"))
    except (OSError, UnidentifiedImageError) as error:
        raise ValueError(f"{path} is not a readable photo: {error}") from error


def read_hq(sample: Sample) -> Image:
    """Read a ground truth, and reduce it if its sample says so.

    Returns:
        uint8 (H, W, 3).

    Raises:
        ValueError: the file is not a readable photo; the message names it.
    """
    return reduce_photo(read_photo(sample.hq), sample.reduced_to)


def reduce_photo(photo: Image, share: float) -> Image:
    """Reduce a photo to a share of its sides."""
    return photo if share == 1 else resize(photo, reduced(photo.shape[:2], share))


def reduced(size: Sequence[int], share: float) -> tuple[int, int]:
    """Return a size (h, w) whose sides are a share of those given."""
    h, w = (max(1, round(side * share)) for side in size)
    return h, w


def read_depth(path: Path) -> NDArray[np.float64]:
    """Read a depth map of 8 or 16 bits as (H, W), 1 where it is farthest.

    Raises:
        ValueError: the file is not a readable picture; the message names it.
    """
    try:
        with PillowImage.open(path) as picture:
            depth = np.asarray(picture, np.float64)
    except (OSError, UnidentifiedImageError) as error:
        raise ValueError(f"{path} is not a readable depth map: {error}") from error
    depth = depth.mean(2) if depth.ndim == 3 else depth
    return depth / max(float(depth.max()), 1e-9)


def photo_size(path: Path) -> tuple[int, int]:
    """Read the size (h, w) of a photo from its header.

    Raises:
        ValueError: the file is not a readable photo; the message names it.
    """
    try:
        with PillowImage.open(path) as photo:
            return photo.height, photo.width
    except (OSError, UnidentifiedImageError) as error:
        raise ValueError(f"{path} is not a readable photo: {error}") from error


def has_one_channel(path: Path) -> bool:
    """Return whether a photo's file is gray by its format, not merely by its colours."""
    with PillowImage.open(path) as photo:
        return len(photo.getbands()) == 1 and photo.mode != "P"


def list_photos(folder: Path) -> list[Path]:
    """List the photos of a folder and its subfolders, sorted by name.

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
    """Cut the last rows and columns so that both sizes are multiples, as the SR protocol does."""
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
    """Yield the pairs of two folders, or of one whose photos are degraded.

    Args:
        task: gives scale and degradation.
        hq: folder of ground truths.
        lq: folder of inputs, in the same order by name; None degrades the ground truths.
        seed: of the random degradations; each photo has its own stream.

    Raises:
        FileNotFoundError: a folder is missing or empty.
        ValueError: numbers or sizes of the two folders do not fit.
    """
    hq_paths = list_photos(hq)
    lq_paths = list_photos(lq) if lq is not None else [None] * len(hq_paths)
    if len(hq_paths) != len(lq_paths):
        raise ValueError(f"{hq} holds {len(hq_paths)} photos, {lq} holds {len(lq_paths)}: they must be pairs")
    return read_pairs(task, [Sample(h, lq=path) for h, path in zip(hq_paths, lq_paths, strict=True)], seed)


def dataset_pairs(task: Task, names: list[str], seed: int = 0) -> Iterator[Pair]:
    """Yield the pairs of data sets, each written ``FOLDER`` or ``LAYOUT:FOLDER`` (see :mod:`din_model.datasets`)."""
    return read_pairs(task, [sample for name in names for sample in read_dataset(name)], seed)


def read_pairs(task: Task, samples: list[Sample], seed: int) -> Iterator[Pair]:
    """Read samples one by one; degrade those that have no input.

    Raises:
        ValueError: a photo cannot be read, or an input has not the size that its ground truth asks for.
    """
    for index, sample in enumerate(samples):
        hq = crop_to_multiple(read_hq(sample), task.scale)
        if sample.lq is not None:
            lq = read_lq(task, sample, hq)
        else:
            lq = degrade(task, hq, np.random.default_rng((seed, index)), sample.depth)
        # Of several inputs to one ground truth each has its own name.
        yield Pair((sample.lq or sample.hq).stem, lq, hq, has_one_channel(sample.hq))


def read_pair(task: Task, sample: Sample) -> tuple[Image, Image]:
    """Read a sample that has an input as (hq, lq).

    Raises:
        ValueError: it has none, cannot be read, or the sizes do not fit.
    """
    if sample.lq is None:
        raise ValueError(f"{sample.hq} has no input: it is no pair")
    hq = crop_to_multiple(read_hq(sample), task.scale)
    return hq, read_lq(task, sample, hq)


def read_lq(task: Task, sample: Sample, hq: Image) -> Image:
    """Read the input of a sample that has one, and reduce it as its ground truth.

    Raises:
        ValueError: it cannot be read, or its size does not fit its ground truth.
    """
    assert sample.lq is not None
    lq = reduce_photo(read_photo(sample.lq), sample.reduced_to)
    if hq.shape != (lq.shape[0] * task.scale, lq.shape[1] * task.scale, 3):
        raise ValueError(
            f"{sample.lq} is {lq.shape[0]}x{lq.shape[1]} and its ground truth {hq.shape[0]}x{hq.shape[1]}: "
            f"not {task.scale} times its size"
        )
    return lq


def degrade(task: Task, hq: Image, rng: np.random.Generator, depth: Path | None = None) -> Image:
    """Degrade a ground truth, by its depth map where there is one and the degradation depends on depth.

    Args:
        task: gives scale and degradation.
        hq: uint8 (H, W, 3), the sides multiples of the scale.
        rng: source of all randomness.
        depth: file of the depth map, (H, W).

    Returns:
        uint8 (H / scale, W / scale, 3).

    Raises:
        ValueError: the depth map cannot be read or is not of the photo's size.
    """
    if depth is None or task.degradation.with_depth is None:
        return task.degradation.apply(hq, task.scale, rng)
    plane = read_depth(depth)
    if plane.shape != hq.shape[:2]:
        sizes = f"{plane.shape[0]}x{plane.shape[1]}, its photo {hq.shape[0]}x{hq.shape[1]}"
        raise ValueError(f"the depth map {depth} is {sizes}")
    return task.degradation.with_depth(hq, plane, rng)


class PatchSampler:
    """Random training patches of a mixture of data sets: photos degraded on the fly, pairs, photos with depth maps.

    A patch depends on the seed, the iteration and its place in the batch alone, so a resumed run sees what an
    unbroken one would, and two processes see together what one with the doubled batch would.

    Args:
        task: gives scale and degradation.
        mixture: the samples of every data set with the weight that it is drawn by; photos smaller than a patch are
            left out.
        seed: of everything random.
        patch: LQ pixels of a square patch.
        camera: share of the patches whose input also has a camera's noise and JPEG
            (:mod:`din_model.camera`).
        donors: pairs; every second photo is degraded as one of them is, not by the generator.
        keep: how much of the degradation is left in the ground truth; None: nothing.

    Raises:
        ValueError: there are donors, but this degradation cannot be transferred; a part of it is to be left in the
            ground truths, but they are larger; a data set has no photo that is large enough; or a pair is broken.
    """

    # Iterations for which a random degradation is kept, for it costs more than a patch. It covers a window of a few
    # patches, for rain, haze and motion extend beyond a patch.
    KEPT = 200
    WINDOW = 2  # sides of a patch
    IN_MEMORY = 1024  # photos; of larger data sets the least used are read again

    def __init__(
        self,
        task: Task,
        mixture: list[tuple[list[Sample], float]],
        seed: int,
        patch: int,
        camera: float = 0.0,
        donors: Sequence[Sample] = (),
        keep: Keep | None = None,
    ) -> None:
        if donors and task.degradation.transfer is None:
            raise ValueError(f"{task.degradation.name} cannot be transferred from a pair to a photo")
        if keep is not None and task.scale > 1:
            raise ValueError(f"{task.name} enlarges: it has no ground truth that a degraded photo can be mixed with")
        self.task, self.seed, self.size, self.camera, self.keep = task, seed, patch, camera, keep
        self.samples: list[Sample] = []
        chances: list[NDArray[np.float64]] = []
        for samples, weight in mixture:
            sized = [(sample, reduced(photo_size(sample.hq), sample.reduced_to)) for sample in samples]
            fitting = [(sample, h * w) for sample, (h, w) in sized if min(h, w) >= patch * task.scale]
            if not fitting:
                side = patch * task.scale
                raise ValueError(f"no photo in {samples[0].hq.parent} is at least {side}x{side}")
            self.samples += [sample for sample, _ in fitting]
            # Within a data set a photo is drawn as often as its area says, so that every pixel has the same chance.
            areas = np.array([area for _, area in fitting], dtype=np.float64)
            chances.append(weight * areas / areas.sum())
        self.chances = np.concatenate(chances) / sum(weight for _, weight in mixture)
        self.donors = [read_pair(task, sample) for sample in donors]
        self.hq = lru_cache(self.IN_MEMORY)(self._read_hq)
        self._generated = lru_cache(self.IN_MEMORY)(self._make_pair)

    def __len__(self) -> int:
        return len(self.samples)

    def _read_hq(self, index: int) -> Image:
        return crop_to_multiple(read_hq(self.samples[index]), self.task.scale)

    def _make_pair(self, index: int, generation: int) -> tuple[Image, Image]:
        sample, hq, degradation = self.samples[index], self.hq(index), self.task.degradation
        rng = np.random.default_rng((self.seed, index, generation))
        if sample.lq is not None:
            lq = read_lq(self.task, sample, hq)
            return (degradation.renew(hq, lq, rng) if degradation.renew is not None and generation % 2 else lq), hq
        if sample.depth is None and degradation.is_random:
            return self._degraded_window(hq, rng)
        return degrade(self.task, hq, rng, sample.depth), hq

    def _degraded_window(self, hq: Image, rng: np.random.Generator) -> tuple[Image, Image]:
        """Degrade a random part of a photo, of a few patches, with its surroundings."""
        s, context = self.task.scale, self.task.degradation.context_px
        sides = [min(n // s, self.WINDOW * self.size) for n in hq.shape[:2]]
        corner = [int(rng.integers(n // s - side + 1)) for n, side in zip(hq.shape[:2], sides, strict=True)]
        start = [max(0, first - context) for first in corner]
        rows, columns = (
            slice(s * a, s * (b + side + context)) for a, b, side in zip(start, corner, sides, strict=True)
        )
        window, transfer = hq[rows, columns], self.task.degradation.transfer
        if self.donors and transfer is not None and rng.random() < 0.5:
            lq = transfer(window, self.donors[int(rng.integers(len(self.donors)))], rng)
        else:
            lq = degrade(self.task, window, rng)
        rows, columns = (slice(b - a, b - a + side) for a, b, side in zip(start, corner, sides, strict=True))
        top, left = (s * first for first in corner)
        return lq[rows, columns], hq[top : top + s * sides[0], left : left + s * sides[1]]

    def pair(self, index: int, iteration: int) -> tuple[Image, Image]:
        """Return the pair (lq, hq) that an iteration crops from; the pairs are renewed in turn, not all at once.

        Where another LQ image can be made from a pair (``Degradation.renew``), every second one is.
        """
        changes = self.task.degradation.is_random
        if self.samples[index].lq is not None:
            changes = self.task.degradation.renew is not None
        return self._generated(index, (iteration + index) // self.KEPT if changes else 0)

    def patch(self, iteration: int, place: int) -> tuple[Image, Image]:
        """Return an aligned crop (lq, hq), flipped and turned at random; ``place`` is its index in the batch.

        Where the degradation is upright, only by half turns.
        """
        rng = np.random.default_rng((self.seed, iteration, place))
        s, size = self.task.scale, self.size
        index = int(rng.choice(len(self.samples), p=self.chances))
        lq, hq = self.pair(index, iteration)
        top, left = (int(rng.integers(n - size + 1)) for n in lq.shape[:2])
        target = hq[top * s : (top + size) * s, left * s : (left + size) * s]
        source = lq[top : top + size, left : left + size]
        turns, flip = int(rng.integers(4)), bool(rng.integers(2))
        turns -= turns % 2 if self.task.degradation.is_upright else 0
        if self.keep:
            target = self.keep.leave(source, target, self.keep.draw(rng))
        if rng.random() < self.camera:
            source = add_camera_artifacts(source, rng)
        source, target = np.rot90(source, turns), np.rot90(target, turns)
        return (source[:, ::-1], target[:, ::-1]) if flip else (source, target)


class Batches(torch.utils.data.Dataset[tuple[Tensor, Tensor]]):
    """The batches of one process, by iteration: lq (N, 3, p, p) and hq (N, 3, sp, sp), float32 in [0, 1].

    Args:
        sampler: makes the patches.
        batch: patches for this process.
        rank: number of this process, from 0.
    """

    def __init__(self, sampler: PatchSampler, batch: int, rank: int = 0) -> None:
        self.sampler, self.batch, self.rank = sampler, batch, rank

    def __getitem__(self, iteration: int) -> tuple[Tensor, Tensor]:
        places = range(self.rank * self.batch, (self.rank + 1) * self.batch)
        lq, hq = zip(*(self.sampler.patch(iteration, place) for place in places), strict=True)
        return to_tensor(np.stack(lq)), to_tensor(np.stack(hq))


def to_tensor(images: Image) -> Tensor:
    """Convert uint8 (N, H, W, 3) to float32 (N, 3, H, W) in [0, 1], in channels_last layout."""
    return torch.tensor(images).permute(0, 3, 1, 2).float() / 255


def to_image(restored: Tensor) -> Image:
    """Convert float (3, H, W) in [0, 1] to uint8 (H, W, 3), rounded and clipped."""
    pixels = (restored.float() * 255).round().clamp(0, 255).to(torch.uint8)
    image: Image = pixels.permute(1, 2, 0).contiguous().numpy()
    return image
