"""What makes the start of the page quick."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., object])

WORDS = 70_000  # more than half a MiB: what CPython takes then is 1 MiB, and the rest is for what is called


def in_one_piece(function: Function) -> Function:
    """Have the stack frames of all that a function calls lie in one piece of memory.

    CPython takes 16 KiB for its frames, more at their end, and gives these back at every return from them: a loop there
    goes to the system at each of its calls. Importing Gradio for the page did so 200,000 times, which took five of
    twelve seconds. A frame that is as large as this one gets a piece with room for the rest.

    Args:
        function: one of Python; it is changed.

    Returns:
        The function.
    """
    code = cast(FunctionType, function)
    code.__code__ = code.__code__.replace(co_stacksize=WORDS)
    return function


@contextlib.contextmanager
def without_collection() -> Iterator[None]:
    """Look for no garbage within the context, nor later in what it has made.

    For what imports and builds much that stays: Python looks through all of it time and again meanwhile. For the page
    that is more than a second.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
