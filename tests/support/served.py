"""The shipped networks, and example tasks that need no server."""

from dataclasses import replace

import numpy as np

from app.codec import Photo
from app.pipeline.restore import Restoration
from app.tasks import Network, Quality, Task
from din_model.export import shipped_models
from din_model.tasks import TASKS

# The networks that are shipped, by the names that they are served under, with task and preset.
SHIPPED = {
    model.removeprefix("din_"): (task, preset) for task in TASKS for model, preset in shipped_models(task).items()
}
NETWORK = Network(
    name="sr_x2",
    preset="din_t",
    scale=2,
    size_multiple=1,
    precision="bf16",
    device="CPU",
    instances=2,
    mult_adds_per_pixel=600_000,
    psnr="",
    baseline_psnr="",
    evaluated_on="",
    tile=32,
    overlap=4,
    descriptor_rounds=0,
    descriptor_width=0,
    whole_pixels=1024,
    max_pixels=4096,
)
TASK = Task(
    name="sr_x2",
    order=0,
    label="Enlarge 2×",
    family="enlarge",
    family_label="Enlarge",
    variant="2×",
    description="Twice as wide and high.",
    degradation="BD",
    metric="y",
    scale=2,
    networks=(NETWORK,),
)
DEHAZE = replace(TASK, name="dehaze", scale=1, networks=(replace(NETWORK, scale=1, descriptor_rounds=2),))


def restored(task: Task, size: tuple[int, int], seconds: float, quality: Quality = Quality.FAST) -> Restoration:
    """A photo of (h, w) that took so long."""
    photo = Photo(np.zeros((*size, 3), np.uint8))
    return Restoration(task, quality, photo, photo, 1, seconds, None)
