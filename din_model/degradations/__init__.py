"""How photos get damaged: one file a kind, plain NumPy, HQ -> LQ with the randomness as an argument."""

from din_model.degradations.downscale import BD, BI, DN
from din_model.degradations.kind import Degradation
from din_model.degradations.rain import RAIN_HEAVY, RAIN_LIGHT, RAIN_MIXED

__all__ = ["BD", "BI", "DN", "RAIN_HEAVY", "RAIN_LIGHT", "RAIN_MIXED", "Degradation"]
