"""From HQ to LQ: one file a kind of degradation, plain NumPy, randomness as an argument. DEGRADATIONS has all."""

from imaging.degradations.downscale import BD, BI, DN
from imaging.degradations.haze import HAZE_INDOOR, HAZE_OUTDOOR
from imaging.degradations.kind import Degradation
from imaging.degradations.motion_blur import MOTION_BLUR
from imaging.degradations.rain import RAIN_HEAVY, RAIN_LIGHT, RAIN_MIXED

DEGRADATIONS: dict[str, Degradation] = {
    kind.name: kind for kind in (BI, BD, DN, MOTION_BLUR, RAIN_LIGHT, RAIN_HEAVY, RAIN_MIXED, HAZE_INDOOR, HAZE_OUTDOOR)
}

__all__ = [
    "BD",
    "BI",
    "DEGRADATIONS",
    "DN",
    "HAZE_INDOOR",
    "HAZE_OUTDOOR",
    "MOTION_BLUR",
    "RAIN_HEAVY",
    "RAIN_LIGHT",
    "RAIN_MIXED",
    "Degradation",
]
