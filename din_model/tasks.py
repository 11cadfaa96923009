"""TASKS: the one list of what DIN restores. Training, evaluation, export, serving and pictures follow from it."""

from __future__ import annotations

from dataclasses import dataclass, field

from imaging.degradations.downscale import BD, BI, DN
from imaging.degradations.haze import HAZE_INDOOR, HAZE_OUTDOOR
from imaging.degradations.kind import Degradation
from imaging.degradations.motion_blur import MOTION_BLUR
from imaging.degradations.rain import RAIN_HEAVY, RAIN_LIGHT, RAIN_MIXED
from imaging.metrics import Metric


@dataclass(frozen=True)
class Pictures:
    """The pictures of a task on the page and in the docs (``tools/pictures.py``).

    Attributes:
        photos: names of photos of ``tools/photos`` or scikit-image; degraded, they are the page's examples of the task.
        square: top, left and side, in pixels, of the part of the first photo that the docs show.
        card: top, left and width, in pixels, of the part of the first photo that the page shows of the whole family;
            None for all but one task of a family.
        depth: of the first and of the last row, 0 to 1, where a degradation depends on depth; None draws a scene.
        seed: of the examples' degradation; None takes the task's place in the list.
    """

    photos: tuple[str, ...] = ("astronaut", "coffee")
    square: tuple[int, int, int] = (20, 120, 240)
    card: tuple[int, int, int] | None = None
    depth: tuple[float, float] | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Family:
    """Tasks that differ in their variant alone.

    Attributes:
        name: identifier.
        label: for display, in English.
    """

    name: str
    label: str


ENLARGE = Family("enlarge", "Enlarge")
DEBLUR = Family("deblur", "Sharpen shaken photos")
DERAIN = Family("derain", "Remove rain")
DEHAZE = Family("dehaze", "Remove haze")


@dataclass(frozen=True)
class Task:
    """One thing that DIN restores, as it is trained and exported; ``app.tasks.Task`` is what a server offers of it.

    The texts for display are in English. The files in ``app/i18n/locales`` translate them, by the keys ``task.<name>``,
    ``variant.<name>``, ``description.<name>`` and ``family.<name>``; a text without a translation is shown in English.

    Attributes:
        name: identifier; the Triton model is ``din_<name>``.
        label: for display.
        family: the tasks that it belongs to.
        variant: distinguishes the task within its family, for display.
        description: the photos that it is for, in one plain sentence, for display.
        degradation: makes LQ from HQ.
        scale: output size over input size.
        stride: 4 where the network works at a quarter of the resolution (section 3.5), else 1.
        metric: planes that PSNR and SSIM are measured on: ``y`` (luma, rounded) or ``rgb``.
        descriptor_rounds: how often the tiles of a photo are averaged for the channel descriptors of the whole photo
            (Eq. 8), before they are restored with them. 0: each tile is restored with its own, where restoring is
            local; how much haze, rain or noise there is can only be told from the photo. Each round brings tiles closer
            to the photo in one piece.
        bf16: whether bfloat16 keeps the PSNR to 0.01 dB. Removing haze changes pixels so much that the
            rounding of the weights alone changes it by up to 0.15 dB.
        pictures: what is shown of it.
    """

    name: str
    label: str
    family: Family
    variant: str
    description: str
    degradation: Degradation
    scale: int = 1
    stride: int = 1
    metric: Metric = "y"
    descriptor_rounds: int = 0
    bf16: bool = True
    pictures: Pictures = field(default_factory=Pictures)


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task(
            "sr_x2",
            "Enlarge 2×",
            ENLARGE,
            "2×",
            "Twice as wide and high: for photos that are nearly large enough.",
            BI,
            scale=2,
            pictures=Pictures(("coffee", "astronaut"), square=(60, 200, 160)),
        ),
        Task(
            "sr_x3",
            "Enlarge 3×",
            ENLARGE,
            "3×",
            "Three times as wide and high: for small photos without flaws.",
            BI,
            scale=3,
            pictures=Pictures(("coffee", "astronaut"), square=(60, 200, 160)),
        ),
        Task(
            "sr_x4",
            "Enlarge 4×",
            ENLARGE,
            "4×",
            "Four times as wide and high: for small photos, as from the web or an old phone.",
            BI,
            scale=4,
            pictures=Pictures(("astronaut", "chelsea", "coffee", "rocket"), square=(40, 150, 160), card=(75, 165, 120)),
        ),
        Task(
            "sr_x8",
            "Enlarge 8×",
            ENLARGE,
            "8×",
            "Eight times as wide and high: for tiny pictures; the finest details stay soft.",
            BI,
            scale=8,
            pictures=Pictures(("astronaut", "chelsea")),
        ),
        Task(
            "sr_x3_bd",
            "Enlarge 3× and sharpen",
            ENLARGE,
            "3× and sharpen",
            "For small photos that also look soft, as if slightly out of focus.",
            BD,
            scale=3,
            descriptor_rounds=1,
            pictures=Pictures(square=(40, 150, 160)),
        ),
        Task(
            "sr_x3_dn",
            "Enlarge 3× and remove grain",
            ENLARGE,
            "3× and remove grain",
            "For small photos with grain, such as those taken in poor light.",
            DN,
            scale=3,
            descriptor_rounds=2,
        ),
        Task(
            "deblur",
            "Sharpen shaken photos",
            DEBLUR,
            "Shaken camera or moving subject",
            "For photos smeared by an unsteady hand or by something that moved.",
            MOTION_BLUR,
            stride=4,
            metric="rgb",
            descriptor_rounds=2,
            pictures=Pictures(("coffee", "astronaut"), square=(40, 150, 300), card=(10, 90, 430), seed=1),
        ),
        Task(
            "derain_mixed",
            "Remove rain, light or heavy",
            DERAIN,
            "Not sure",
            "For rain of any strength: the first one to try if you are not sure.",
            RAIN_MIXED,
            descriptor_rounds=2,
            pictures=Pictures(("temple", "rocket"), square=(60, 70, 300)),
        ),
        Task(
            "derain_light",
            "Remove light rain",
            DERAIN,
            "Light rain",
            "For thin, faint streaks of rain.",
            RAIN_LIGHT,
            descriptor_rounds=1,
            pictures=Pictures(("temple", "rocket"), square=(60, 70, 300)),
        ),
        Task(
            "derain_heavy",
            "Remove heavy rain",
            DERAIN,
            "Heavy rain",
            "For dense streaks and the gray veil of a downpour.",
            RAIN_HEAVY,
            descriptor_rounds=2,
            pictures=Pictures(("temple", "rocket"), card=(20, 85, 300), seed=1),
        ),
        Task(
            "dehaze_outdoor",
            "Remove haze outdoors",
            DEHAZE,
            "Outdoors",
            "For views that fade into mist, haze or smog.",
            HAZE_OUTDOOR,
            stride=4,
            metric="rgb",
            descriptor_rounds=2,
            bf16=False,
            # Open land under a plain sky: far at the top, near at the bottom.
            pictures=Pictures(("temple", "rocket"), square=(0, 40, 420), depth=(0.6, 0.2), seed=0),
        ),
        Task(
            "dehaze_indoor",
            "Remove haze indoors",
            DEHAZE,
            "Indoors",
            "For rooms that look pale, as if seen through smoke or steam.",
            HAZE_INDOOR,
            stride=4,
            metric="rgb",
            descriptor_rounds=2,
            bf16=False,
            pictures=Pictures(("coffee", "astronaut"), square=(0, 100, 400), card=(40, 100, 400)),
        ),
    )
}


def find_task(name: str) -> Task:
    """Return the task of that name.

    Raises:
        ValueError: there is none; the message lists those there are.
    """
    if name not in TASKS:
        raise ValueError(f"unknown task {name!r}; the tasks are {', '.join(TASKS)}")
    return TASKS[name]
