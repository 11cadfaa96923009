"""Start a training from the weights of another network: of another task, or of a narrower preset."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from din_model.checkpoint import WEIGHTS, load_weights
from din_model.config import DINConfig
from din_model.network import DIN


def find_start(network: str, runs: Path) -> Path:
    """Return the weights file of another network to start from: of its run, or else the shipped one."""
    path = runs / network / "best.safetensors"
    return path if path.is_file() else WEIGHTS / f"{network}.safetensors"


def warm_start(model: DIN, path: Path) -> None:
    """Initialise with every tensor of other weights whose name and shape fit, after widening.

    A wider network of the same task computes the same function at first: what its additional channels hold is added to
    nothing until training changes that.

    Raises:
        CheckpointError: there are no such weights, or they are damaged.
    """
    given = load_weights(path).model
    own = model.state_dict()
    for name, tensor in given.state_dict().items():
        if name in own:
            own[name] = fit(tensor, own[name], given.config, model.config)
    model.load_state_dict(own)


def fit(given: Tensor, own: Tensor, narrow: DINConfig, wide: DINConfig) -> Tensor:
    """Return a tensor of another network in the shape of one's own, or one's own where it does not fit.

    Args:
        given: weight (O, I, kh, kw) or bias (O,) of the other network.
        own: of this network, as initialised.
        narrow: the other network's configuration.
        wide: this network's configuration.
    """
    if given.shape == own.shape:
        return given
    found = [channel_places(*sizes, narrow, wide) for sizes in zip(given.shape, own.shape, strict=True)]
    places = [place for place in found if place is not None]
    if len(places) < len(found):
        return own
    fitted = own.clone()
    fitted[places[0]] = 0  # the old outputs do not see the new channels
    fitted[torch.meshgrid(*places, indexing="ij")] = given
    return fitted


def channel_places(given: int, own: int, narrow: DINConfig, wide: DINConfig) -> Tensor | None:
    """Return the indices at which the entries of a narrower dimension stand in a wider one; None if they do not fit.

    A dimension is the same in both, or a concatenation of states of C channels each, or a bottleneck of C / reduction.

    Args:
        given, own: sizes of the dimension in the narrower and in the wider network.
        narrow, wide: their configurations.
    """
    bottlenecks = (narrow.channels // narrow.reduction, wide.channels // wide.reduction)
    if given == own or ((given, own) == bottlenecks and given < own):
        return torch.arange(given)
    states = given // narrow.channels
    if wide.channels > narrow.channels and (given, own) == (states * narrow.channels, states * wide.channels):
        return (torch.arange(states)[:, None] * wide.channels + torch.arange(narrow.channels)).flatten()
    return None
