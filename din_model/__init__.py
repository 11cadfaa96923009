"""DIN, the deep interleaved network for image restoration, in PyTorch."""

from din_model.config import PRESETS, DINConfig
from din_model.loading import load_model
from din_model.network import DIN
from din_model.tasks import TASKS, Task

__all__ = ["DIN", "PRESETS", "TASKS", "DINConfig", "Task", "load_model"]
