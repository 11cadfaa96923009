"""A network that trains in seconds."""

from din_model.config import DINConfig

TINY = DINConfig(channels=8, growth=4, branches=2, wrdbs=2, rdbs=1, convs=3, tail="single", scale=2)
