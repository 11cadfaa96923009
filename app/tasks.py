"""Tasks, networks and qualities, read from the configurations of a server's models."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from app.errors import ServerError, UnknownQualityError, UnknownTaskError
from app.i18n import say

MODEL_PREFIX = "din_"
TILES_SUFFIX = "-tiles"  # of the second model of a network whose tiles share channel descriptors
# Names of qualities in 0.4; accepted until 0.6.
FORMER_QUALITIES = {"din": "fast", "din+": "best"}


class Quality(StrEnum):
    """Level of quality: which network of a task runs, and whether as a self-ensemble."""

    FAST = "fast"  # the task's fastest network
    FINER = "finer"  # its slowest network; same as FAST where there is only one
    BEST = "best"  # the slowest network as a self-ensemble (DIN+, section 5.3 of the paper)

    @property
    def self_ensemble(self) -> bool:
        """Whether the results of several flips and rotations are averaged."""
        return self is Quality.BEST


@dataclass(frozen=True)
class Network:
    """A network, as described by the configuration of its Triton model.

    Attributes:
        name: ``<task>`` for the task's fastest network, else ``<task>-<preset>``.
        preset: name of the architecture's configuration, for example ``din_64``.
        scale: output size divided by input size.
        size_multiple: tiles start at multiples of this, LQ pixels.
        precision: ``fp32``, ``bf16`` or ``fp16``.
        device: ``CPU`` or ``GPU``.
        instances: number of instances of the model.
        mult_adds_per_pixel: multiply-adds per LQ pixel.
        psnr, baseline_psnr: dB on ``evaluated_on``, of the restored and of the input photos; empty where unknown.
        evaluated_on: name of the test set.
        tile, overlap: side of a tile and context on its inner sides, LQ pixels.
        descriptor_rounds: number of rounds in which the channel descriptors of all tiles are averaged before the tiles
            are restored with them; 0 where each tile uses its own.
        descriptor_width: K, the number of channel descriptors; 0 where each tile uses its own.
        whole_pixels: photos of at most this many LQ pixels are not cut into tiles.
        max_pixels: largest H * W of an input tensor.
        quarter_turns: whether a self-ensemble turns the photo by quarters; rain falls down, and only down.
        version: of the model that restores tiles; empty for the latest.
        parameters: number of weights; 0 where unknown.
        trained_on, training: data and procedure of the training; English sentences, empty where unknown.
        data_licence, licence: licences of the training data and of the weights; empty where unknown.
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
    descriptor_rounds: int
    descriptor_width: int
    whole_pixels: int
    max_pixels: int
    quarter_turns: bool = True
    version: str = ""
    parameters: int = 0
    trained_on: str = ""
    training: str = ""
    data_licence: str = ""
    licence: str = ""

    @property
    def model(self) -> str:
        """Name of the Triton model with one input and one output."""
        return MODEL_PREFIX + self.name

    @property
    def tiles_model(self) -> str:
        """Name of the Triton model that restores tiles; same as :attr:`model` where tiles share no descriptors."""
        return self.model + TILES_SUFFIX if self.descriptor_width else self.model


# (PSNR in dB, SSIM) by method and test set.
Rows = Mapping[str, Mapping[str, tuple[float, float]]]


@dataclass(frozen=True)
class Task:
    """A restoration task, as a server offers it; ``din_model.tasks.Task`` is the one that is trained and exported.

    Attributes:
        name: for example ``sr_x4``.
        order: position among the tasks.
        label: for display, in English.
        family, family_label: of the group of tasks that differ in their variant alone: its name, and for display.
        variant: distinguishes the task within its family, for display.
        description: the photos that it is for, in one sentence, for display; empty where unknown.
        degradation: the degradation that it reverses; a key of ``imaging.degradations.DEGRADATIONS``.
        metric: channels of PSNR and SSIM: ``y`` or ``rgb``.
        scale: output size divided by input size.
        networks: from the fastest to the slowest; at least one.
        paper, measured: results of the paper and of the served weights on the same test sets.
    """

    name: str
    order: int
    label: str
    family: str
    family_label: str
    variant: str
    description: str
    degradation: str
    metric: str
    scale: int
    networks: tuple[Network, ...]
    paper: Rows = field(default_factory=dict)
    measured: Rows = field(default_factory=dict)

    def network(self, quality: Quality = Quality.FAST) -> Network:
        """Return the network for a quality."""
        return self.networks[0 if quality is Quality.FAST else -1]

    @property
    def qualities(self) -> tuple[Quality, ...]:
        """The distinct qualities."""
        return tuple(q for q in Quality if q is not Quality.FINER or len(self.networks) > 1)


Tasks = Mapping[str, Task]
Chain = tuple[Task, ...]  # tasks that are run one after the other, each on the result of the one before
MAX_STEPS = 4  # of a chain
SEPARATOR = ","  # between the names of a chain's tasks


@dataclass(frozen=True)
class TaskRun:
    """A task that was run, and its quality."""

    task: Task
    quality: Quality


def split_chain(names: str) -> tuple[str, ...]:
    """Return the names of a chain's tasks, which are separated by commas; one name is a chain, too.

    Raises:
        UnknownTaskError: they are too many.
    """
    found = tuple(name.strip() for name in names.split(SEPARATOR))
    check_steps(len(found))
    return found


def check_steps(steps: int) -> None:
    """Check the number of a chain's tasks.

    Raises:
        UnknownTaskError: they are too many.
    """
    if steps > MAX_STEPS:
        raise UnknownTaskError(say("error.long_chain", steps=steps, limit=MAX_STEPS), "INVALID_ARGUMENT")


def scales(chain: Chain) -> tuple[int, ...]:
    """Return the scale of each task of a chain."""
    return tuple(task.scale for task in chain)


def chain_name(chain: Chain) -> str:
    """Return the name of a chain: those of its tasks, separated by commas."""
    return SEPARATOR.join(task.name for task in chain)


def read_tasks(configs: Iterable[Any], versions: Mapping[str, str] | None = None) -> dict[str, Task]:
    """Read the tasks from the configurations of a server's loaded models.

    Args:
        configs: of the models.
        versions: the latest that is served of each model, by its name.

    Returns:
        The tasks by name, in order.

    Raises:
        ServerError: a configuration lacks a parameter that ``din export`` writes.
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
            version = (versions or {}).get(network.tiles_model, "")
            networks.setdefault(task.name, []).append(replace(network, version=version))
            if network.name == task.name:  # a task is offered only with its fastest network
                tasks[task.name] = task
    return {
        task.name: replace(task, networks=fastest_first(networks[task.name], task.name))
        for task in sorted(tasks.values(), key=lambda task: task.order)
    }


def fastest_first(networks: Iterable[Network], task: str) -> tuple[Network, ...]:
    """Sort the networks of a task from the fastest to the slowest.

    ``din export`` names the fastest after the task, by measured speed: few wide layers run faster than many narrow ones
    with fewer multiply-adds, which order the others.
    """
    return tuple(sorted(networks, key=lambda network: (network.name != task, network.mult_adds_per_pixel)))


def parameters_of(config: Any) -> dict[str, str]:
    """Return the parameters in a model's configuration, by name."""
    return {key: value.string_value for key, value in config.parameters.items()}


def read_network(config: Any) -> Network:
    """Read a network from the configuration of its model.

    Raises:
        KeyError, ValueError: a parameter is missing or invalid.
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
        # The wire calls the channel descriptors attention.
        descriptor_rounds=int(parameters["attention_rounds"]),
        descriptor_width=int(parameters["attention_width"]),
        whole_pixels=int(parameters["whole_pixels"]),
        max_pixels=int(parameters["max_pixels"]),
        quarter_turns=parameters.get("quarter_turns") != "false",
        parameters=int(parameters.get("parameters") or 0),
        trained_on=parameters.get("trained_on", ""),
        training=parameters.get("training", ""),
        data_licence=parameters.get("data_licence", ""),
        licence=parameters.get("licence", ""),
    )


def read_task(config: Any) -> Task:
    """Read a task, without its networks, from the configuration of one of its models.

    Raises:
        KeyError, ValueError: a parameter is missing or invalid.
    """
    parameters = parameters_of(config)
    results = json.loads(parameters.get("results") or "{}")
    return Task(
        name=parameters["task"],
        order=int(parameters["order"]),
        label=parameters["label"],
        family=parameters["family"],
        family_label=parameters["family_label"],
        variant=parameters["variant"],
        description=parameters.get("description", ""),
        degradation=parameters["degradation"],
        metric=parameters["metric"],
        scale=int(parameters["scale"]),
        networks=(),
        paper=results.get("paper", {}),
        measured=results.get("measured", {}),
    )


def file_suffix(task: str, quality: Quality) -> str:
    """Return the suffix that distinguishes the file names of a photo's restorations.

    Args:
        task: its name, or that of a chain.
        quality: of every task.
    """
    names = task.split(SEPARATOR)
    return "_".join(name if quality is Quality.FAST else f"{name}_{quality}" for name in names)


def network_of(model: str) -> str:
    """Return the name of the network that a Triton model belongs to."""
    return model.removeprefix(MODEL_PREFIX).removesuffix(TILES_SUFFIX)


def find_task(tasks: Tasks, name: str) -> Task:
    """Return the task of that name.

    Raises:
        UnknownTaskError: no such task is served; the message lists those that are.
    """
    if name not in tasks:
        raise UnknownTaskError(say("error.unknown_task", name=name, offered=", ".join(tasks)))
    return tasks[name]


def find_quality(name: str) -> Quality:
    """Return the quality of that name.

    Raises:
        UnknownQualityError: no such quality exists; the message lists the qualities.
    """
    if name not in list(Quality):
        raise UnknownQualityError(f"There is no quality {name!r}; there are {', '.join(Quality)}.")
    return Quality(name)


def current_names(task: str, quality: str) -> tuple[str, Quality, str]:
    """Translate the names of 0.4 to the current ones.

    Args:
        task: name of a task, or of a network as in 0.4, ``<task>-<preset>``; or several, separated by commas.
        quality: a :class:`Quality`, or ``din`` or ``din+`` as in 0.4.

    Returns:
        Name of the task or of the chain, quality, and a deprecation notice if an old name was used, else an empty
        string.

    Raises:
        UnknownQualityError: no such quality exists; the message lists the qualities.
        UnknownTaskError: the chain has too many tasks.
    """
    given = split_chain(task)
    name = SEPARATOR.join(part.partition("-")[0] for part in given)
    level = find_quality(FORMER_QUALITIES.get(quality, quality))
    if "-" in task and level == Quality.FAST:
        level = Quality.FINER
    former = (name, level) != (SEPARATOR.join(given), quality)
    notice = f"Deprecated, removed in 0.6: use task {name} and quality {level}." if former else ""
    return name, level, notice
