"""What a Triton serves, as the configurations of its models describe it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.errors import ServerError

MODEL_PREFIX = "din_"
TILES_SUFFIX = "-tiles"  # of the further model of a task whose tiles share the attention of their photo


@dataclass(frozen=True)
class ServedTask:
    """One task as its Triton model describes it.

    Attributes:
        name: of the task, or ``<task>-<preset>`` where it is a further network for it; the model is ``din_<name>``.
        task: what it does, the name of the task's fastest network.
        order: its place among the tasks.
        label: what a visitor reads.
        family, variant: what it has in common with other tasks, and what tells it from them.
        degradation: name of what it takes back, in ``imaging.degradations``.
        metric: what PSNR and SSIM are measured on: ``y`` or ``rgb``.
        scale: output size over input size.
        size_multiple: tiles start at multiples of it.
        preset: of the network.
        precision: that it runs in: ``fp32``, ``bf16`` or ``fp16``.
        device: ``CPU`` or ``GPU``.
        instances: of the model.
        mult_adds_per_pixel: what an LQ pixel costs.
        psnr, baseline_psnr: dB on ``evaluated_on``, restored and untouched; empty where unknown.
        tile, overlap: side of a tile and context on its inner sides, LQ pixels.
        attention_rounds: how often the tiles of a photo are asked for its attention before they are restored with it;
            0 where each takes its own.
        attention_width: K, the values of that attention; 0 where each takes its own.
        whole_pixels: a photo of at most so many pixels goes in one piece.
        max_pixels: largest H * W of one tensor.
    """

    name: str
    task: str
    order: int
    label: str
    family: str
    variant: str
    degradation: str
    metric: str
    scale: int
    size_multiple: int
    preset: str
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

    @property
    def model(self) -> str:
        """The Triton model of the ten-line client: a picture in, a picture out."""
        return MODEL_PREFIX + self.name

    @property
    def tiles_model(self) -> str:
        """The Triton model that restores tiles, and photos in one piece: where tiles share nothing, the same one."""
        return self.model + TILES_SUFFIX if self.attention_width else self.model


def read_task(config: Any) -> ServedTask:
    """A task from its model's configuration, most of it from the ``parameters``.

    Raises:
        ServerError: the model does not carry what every exported model carries.
    """
    try:
        model = str(config.name)
        text = {key: value.string_value for key, value in config.parameters.items()}
        (group,) = config.instance_group
        return ServedTask(
            name=model.removeprefix(MODEL_PREFIX),
            task=text["task"],
            order=int(text["order"]),
            label=text["label"],
            family=text["family"],
            variant=text["variant"],
            degradation=text["degradation"],
            metric=text["metric"],
            scale=int(text["scale"]),
            size_multiple=int(text["size_multiple"]),
            preset=text["preset"],
            precision=text["precision"],
            device=type(group).Kind.Name(group.kind).removeprefix("KIND_"),
            instances=int(group.count),
            mult_adds_per_pixel=int(text["mult_adds_per_pixel"]),
            psnr=text["psnr"],
            baseline_psnr=text["baseline_psnr"],
            evaluated_on=text["evaluated_on"],
            tile=int(text["tile"]),
            overlap=int(text["overlap"]),
            attention_rounds=int(text["attention_rounds"]),
            attention_width=int(text["attention_width"]),
            whole_pixels=int(text["whole_pixels"]),
            max_pixels=int(text["max_pixels"]),
        )
    except (KeyError, ValueError) as error:
        raise ServerError(
            f"The model {config.name} is not one of din_model.export: {error} is missing or wrong."
        ) from error


def task_of(model: str) -> str:
    """The task that a model belongs to, by name."""
    return model.removeprefix(MODEL_PREFIX).removesuffix(TILES_SUFFIX)
