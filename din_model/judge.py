"""The judge: a small network that tells what a photo needs, with honest probabilities.

It sees what :func:`imaging.look.look` cuts out of a photo. ``din train-judge`` trains it, and ``din export`` writes it
for Triton beside the restoring networks, with the tasks that help against each kind of damage.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from din_model.checkpoint import JUDGE, WEIGHTS, CheckpointError, first_line, read_metadata
from din_model.files import replacing

JUDGE_WEIGHTS = WEIGHTS / f"{JUDGE}.safetensors"


@dataclass(frozen=True)
class Kind:
    """A kind of damage, or none.

    Attributes:
        name: identifier.
        tasks: names of those that help against it, the first one to try first.
    """

    name: str
    tasks: tuple[str, ...] = ()


# In the order of the network's outputs.
KINDS = (
    Kind("low_resolution", ("sr_x4", "sr_x3_bd", "sr_x2")),
    Kind("motion_blur", ("deblur",)),
    Kind("rain", ("derain_mixed", "derain_heavy", "derain_light")),
    Kind("haze", ("dehaze_outdoor", "dehaze_indoor")),
    Kind("noise", ("sr_x3_dn",)),
    Kind("none"),
)
NAMES = tuple(kind.name for kind in KINDS)

LARGE_PX = 800.0  # from this geometric mean of the sides on, a photo's size says nothing more
CHANNELS = (24, 32, 64, 96, 128)  # of the squares' convolutions
WHOLE_CHANNELS = (16, 32, 48, 64)  # of the whole photo's
HIDDEN = 96


def convolutions(channels: tuple[int, ...], dense: int) -> nn.Sequential:
    """Return convolutions that each halve the picture, the last one only if ``dense`` does not count it."""
    layers: list[nn.Module] = []
    for place, (before, after) in enumerate(zip((3, *channels), channels, strict=False)):
        stride, kernel = (1 if place >= dense else 2), (5 if place == 0 else 3)
        layers += [
            nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers)


def moments(features: Tensor) -> Tensor:
    """Return mean and standard deviation over a picture: (N, C, H, W) to (N, 2 C)."""
    mean = features.mean((2, 3))
    variance = (features - mean[:, :, None, None]).square().mean((2, 3))
    return torch.cat([mean, (variance + 1e-4).sqrt()], 1)


class Judge(nn.Module):
    """Squares of a photo, and its size, to the logits of :data:`KINDS`.

    Every square goes through the same convolutions; mean and maximum over the squares are what is known of the photo.

    Attributes:
        temperature: the logits are divided by it for probabilities; fitted on photos that were held back.
    """

    temperature: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.squares = convolutions(CHANNELS, dense=4)
        self.whole = convolutions(WHOLE_CHANNELS, dense=4)
        known = 4 * CHANNELS[-1] + 2 * WHOLE_CHANNELS[-1] + 1
        self.head = nn.Sequential(nn.Linear(known, HIDDEN), nn.ReLU(), nn.Dropout(0.3), nn.Linear(HIDDEN, len(KINDS)))
        self.register_buffer("temperature", torch.ones(()))

    def forward(self, squares: Tensor, whole: Tensor, size: Tensor) -> Tensor:
        """Return logits, (N, kinds).

        Args:
            squares: uint8 (N, S, H, W, 3), any number of parts of the photo, of any size.
            whole: uint8 (N, H, W, 3), the whole photo, reduced.
            size: (N, 2), h and w of the photo, pixels.
        """
        batch, count = squares.shape[:2]
        seen = moments(self.squares(to_input(squares.flatten(0, 1)))).unflatten(0, (batch, count))
        side = (size.float().prod(1, keepdim=True).sqrt() / LARGE_PX).clamp(max=1.0)
        known = torch.cat([seen.mean(1), seen.amax(1), moments(self.whole(to_input(whole))), side], 1)
        logits: Tensor = self.head(known)
        return logits

    def probabilities(self, squares: Tensor, whole: Tensor, size: Tensor) -> Tensor:
        """Return the probabilities of the kinds, (N, kinds); arguments as of :meth:`forward`."""
        return torch.softmax(self(squares, whole, size) / self.temperature, 1)


def to_input(pixels: Tensor) -> Tensor:
    """Convert uint8 (N, H, W, 3) to float32 (N, 3, H, W) about 0, in channels_last layout."""
    return pixels.permute(0, 3, 1, 2).float() / 255 - 0.5


def save_judge(judge: Judge, path: Path, card: dict[str, str]) -> None:
    """Write a judge as float16 safetensors.

    Args:
        judge: with its temperature.
        path: of the file.
        card: what the file states of itself; ``din card`` renders it.
    """
    weights = {
        name: tensor.detach().half().contiguous()
        for name, tensor in judge.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    with replacing(path) as partial:
        save_file(weights, partial, metadata={**card, "task": JUDGE, "kinds": json.dumps(NAMES)})


def load_judge(path: Path = JUDGE_WEIGHTS) -> Judge:
    """Read a judge, in evaluation mode.

    Raises:
        CheckpointError: the file is missing, damaged, or not of a judge of these kinds.
    """
    metadata = read_metadata(path)
    if metadata.get("task") != JUDGE or json.loads(metadata.get("kinds", "[]")) != list(NAMES):
        raise CheckpointError(f"the weights at {path} are not of a judge of {', '.join(NAMES)}: train it anew")
    judge = Judge()
    try:
        with safe_open(path, framework="pt") as file:
            weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 - not a dict
        counters = {name: value for name, value in judge.state_dict().items() if name.endswith("num_batches_tracked")}
        judge.load_state_dict({**weights, **counters})
    except (SafetensorError, RuntimeError) as error:
        raise CheckpointError(f"the weights at {path} are damaged or not a judge's: {first_line(error)}") from error
    return judge.eval()
