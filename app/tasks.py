"""The tasks that a Triton serves and the networks that do them, read from the configurations of its models."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from app.errors import ServerError, UnknownQualityError, UnknownTaskError
from app.i18n import say

MODEL_PREFIX = "din_"
TILES_SUFFIX = "-tiles"  # of the further model of a network whose tiles share channel descriptors
# The names that 0.4 had for qualities; they are understood until 0.6.
FORMER_QUALITIES = {"din": "fast", "din+": "best"}


class Quality(StrEnum):
    """How a task is done: quality against time."""

    FAST = "fast"  # the task's fastest network
    FINER = "finer"  # its slowest network; the same as FAST where there is only one
    BEST = "best"  # the slowest network as self-ensemble (DIN+, section 5.3 of the paper): eight passes

    @property
    def self_ensemble(self) -> bool:
        """Whether eight flips and rotations are averaged."""
        return self is Quality.BEST


@dataclass(frozen=True)
class Network:
    """One network as its Triton model describes it.

    Attributes:
        name: ``<task>``, or ``<task>-<preset>`` for all but the task's fastest network.
        preset: its configuration, for example ``din_64``.
        scale: output size over input size.
        size_multiple: tiles start at multiples of it, LQ pixels.
        precision: ``fp32``, ``bf16`` or ``fp16``.
        device: ``CPU`` or ``GPU``.
        instances: of the model.
        mult_adds_per_pixel: of an LQ pixel.
        psnr, baseline_psnr: dB on ``evaluated_on``, restored and untouched; empty where unknown.
        evaluated_on: name of the test set.
        parameters: number of weights; 0 where unknown.
        trained_on, training: what the weights learned from, and how; English sentences, empty where unknown.
        data_licence, licence: of what they learned from, and of the weights themselves; the same.
        tile, overlap: side of a tile and context on its inner sides, LQ pixels.
        attention_rounds: how often the channel descriptors of a photo's tiles are averaged before the tiles are
            restored with them; 0 where each tile has its own.
        attention_width: K, the number of channel descriptors; 0 where each tile has its own.
        whole_pixels: a photo of at most so many LQ pixels is restored in one piece.
        max_pixels: largest H * W of one tensor.
    """

    name: str
    preset: str
    scale: int
    size_multiple: int
    precision: str
    device: str
    instances: int
    mult_adds_per_pixel: int
    psnr: str
    baseline_psnr: str
    evaluated_on: str
    tile: int
    overlap: int
    attention_rounds: int
    attention_width: int
    whole_pixels: int
    max_pixels: int
    parameters: int = 0
    trained_on: str = ""
    training: str = ""
    data_licence: str = ""
    licence: str = ""

    @property
    def model(self) -> str:
        """The Triton model for whole pictures: one input, one output."""
        return MODEL_PREFIX + self.name

    @property
    def tiles_model(self) -> str:
        """The Triton model for tiles and photos in one piece: where tiles share nothing, the same one."""
        return self.model + TILES_SUFFIX if self.attention_width else self.model


# PSNR in dB and SSIM, by method and test set.
Rows = Mapping[str, Mapping[str, tuple[float, float]]]


@dataclass(frozen=True)
class Task:
    """One thing that photos are restored for.

    Attributes:
        name: for example ``sr_x4``.
        order: its place among the tasks.
        label: its English name, for where there is no translation.
        family, variant: what it has in common with other tasks, and what tells it from them.
        degradation: what it takes back; a key of ``imaging.degradations.DEGRADATIONS``.
        metric: what PSNR and SSIM are measured on: ``y`` or ``rgb``.
        scale: output size over input size.
        networks: from fast to slow, at least one.
        paper, measured: the paper's results and ours on the same test sets.
    """

    name: str
    order: int
    label: str
    family: str
    variant: str
    degradation: str
    metric: str
    scale: int
    networks: tuple[Network, ...]
    paper: Rows = field(default_factory=dict)
    measured: Rows = field(default_factory=dict)

    def network(self, quality: Quality = Quality.FAST) -> Network:
        """The network that runs for a quality."""
        return self.networks[0 if quality is Quality.FAST else -1]

    @property
    def qualities(self) -> tuple[Quality, ...]:
        """The qualities that differ."""
        return tuple(q for q in Quality if q is not Quality.FINER or len(self.networks) > 1)


Tasks = Mapping[str, Task]


def read_tasks(configs: Iterable[Any]) -> dict[str, Task]:
    """The tasks of a server by name, in their order, from the configurations of its loaded models.

    Raises:
        ServerError: a model does not carry what every exported model carries.
    """
    by_name = {str(config.name): config for config in configs}
    tasks: dict[str, Task] = {}
    networks: dict[str, list[Network]] = {}
    for name, config in by_name.items():
        if name.endswith(TILES_SUFFIX):
            continue
        try:
            network, task = read_network(config), read_task(config)
        except (KeyError, ValueError) as error:
            raise ServerError(f"The model {name} is not one of `din export`: {error} is missing or wrong.") from error
        if network.tiles_model in by_name:
            networks.setdefault(task.name, []).append(network)
            if network.name == task.name:  # without its fastest network a task is not served: nobody waits unasked
                tasks[task.name] = task
    return {
        task.name: replace(task, networks=tuple(sorted(networks[task.name], key=lambda n: n.mult_adds_per_pixel)))
        for task in sorted(tasks.values(), key=lambda task: task.order)
    }


def parameters_of(config: Any) -> dict[str, str]:
    """The parameters of a model by name."""
    return {key: value.string_value for key, value in config.parameters.items()}


def read_network(config: Any) -> Network:
    """A network from its model's configuration.

    Raises:
        KeyError, ValueError: a parameter is missing or wrong.
    """
    (group,), parameters = config.instance_group, parameters_of(config)
    return Network(
        name=str(config.name).removeprefix(MODEL_PREFIX),
        preset=parameters["preset"],
        scale=int(parameters["scale"]),
        size_multiple=int(parameters["size_multiple"]),
        precision=parameters["precision"],
        device=type(group).Kind.Name(group.kind).removeprefix("KIND_"),
        instances=int(group.count),
        mult_adds_per_pixel=int(parameters["mult_adds_per_pixel"]),
        psnr=parameters["psnr"],
        baseline_psnr=parameters["baseline_psnr"],
        evaluated_on=parameters["evaluated_on"],
        tile=int(parameters["tile"]),
        overlap=int(parameters["overlap"]),
        attention_rounds=int(parameters["attention_rounds"]),
        attention_width=int(parameters["attention_width"]),
        whole_pixels=int(parameters["whole_pixels"]),
        max_pixels=int(parameters["max_pixels"]),
        parameters=int(parameters.get("parameters") or 0),
        trained_on=parameters.get("trained_on", ""),
        training=parameters.get("training", ""),
        data_licence=parameters.get("data_licence", ""),
        licence=parameters.get("licence", ""),
    )


def read_task(config: Any) -> Task:
    """A task, still without networks, from the configuration of one of its models.

    Raises:
        KeyError, ValueError: a parameter is missing or wrong.
    """
    parameters = parameters_of(config)
    results = json.loads(parameters.get("results") or "{}")
    return Task(
        name=parameters["task"],
        order=int(parameters["order"]),
        label=parameters["label"],
        family=parameters["family"],
        variant=parameters["variant"],
        degradation=parameters["degradation"],
        metric=parameters["metric"],
        scale=int(parameters["scale"]),
        networks=(),
        paper=results.get("paper", {}),
        measured=results.get("measured", {}),
    )


def file_suffix(task: str, quality: Quality) -> str:
    """The end of a restored file's name: restorations of one photo differ in it."""
    return task if quality is Quality.FAST else f"{task}_{quality}"


def network_of(model: str) -> str:
    """The name of the network that a Triton model belongs to."""
    return model.removeprefix(MODEL_PREFIX).removesuffix(TILES_SUFFIX)


def find_task(tasks: Tasks, name: str) -> Task:
    """The task of that name.

    Raises:
        UnknownTaskError: there is none; the message lists those there are.
    """
    if name not in tasks:
        raise UnknownTaskError(say("error.unknown_task", name=name, offered=", ".join(tasks)))
    return tasks[name]


def current_names(task: str, quality: str) -> tuple[str, Quality, str]:
    """The task and quality that a program or a command line names, also by the names that they had in 0.4.

    Args:
        task: name of a task, or formerly of a network, ``<task>-<preset>``.
        quality: a :class:`Quality`, or formerly ``din`` or ``din+``.

    Returns:
        Name of the task, quality, and a notice where a former name was used, else an empty string.

    Raises:
        UnknownQualityError: there is no such quality; the message lists those there are.
    """
    name, _, preset = task.partition("-")
    level = FORMER_QUALITIES.get(quality, quality)
    if level not in list(Quality):
        raise UnknownQualityError(f"There is no quality {quality!r}; there are {', '.join(Quality)}.")
    if preset and level == Quality.FAST:
        level = Quality.FINER
    former = (name, level) != (task, quality)
    notice = f"0.6 will not know these names any more: say task {name} and quality {level}." if former else ""
    return name, Quality(level), notice
