"""From HQ to LQ: one file a kind of degradation, plain NumPy, randomness as an argument."""

from din_model.degradations.downscale import BD, BI, DN
from din_model.degradations.haze import HAZE_INDOOR, HAZE_OUTDOOR
from din_model.degradations.kind import Degradation
from din_model.degradations.motion_blur import MOTION_BLUR
from din_model.degradations.rain import RAIN_HEAVY, RAIN_LIGHT, RAIN_MIXED

__all__ = [
    "BD",
    "BI",
    "DN",
    "HAZE_INDOOR",
    "HAZE_OUTDOOR",
    "MOTION_BLUR",
    "RAIN_HEAVY",
    "RAIN_LIGHT",
    "RAIN_MIXED",
    "Degradation",
]
