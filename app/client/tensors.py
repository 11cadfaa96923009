"""The tensors of a request and of its answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tritonclient import grpc as triton
from tritonclient.utils import np_to_triton_dtype

from app.codec import Pixels
from app.errors import MessageSizeError, PhotoError, ServerError
from app.i18n import say
from app.pipeline.server import Core, Descriptors
from app.tasks import Network

NO_CORE: Core = (0, 0, 0, 0)
MESSAGE_MARGIN_BYTES = 4096  # what a message has besides its tensors


def check_pixels(pixels: NDArray[Any]) -> None:
    """Check that an array is a picture; the server checks its number of pixels.

    Raises:
        PhotoError: it is not uint8, or not (H, W, 3).
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise PhotoError(f"Pixels are uint8 of shape (H, W, 3), RGB; these are {pixels.dtype} of {pixels.shape}.")


def check_message(sent_bytes: int, answer_bytes: int, biggest_bytes: int) -> None:
    """Check that a request and its answer are small enough to be sent.

    Raises:
        MessageSizeError: one is too large; the message names the limit.
    """
    biggest = max(sent_bytes, answer_bytes) + MESSAGE_MARGIN_BYTES
    if biggest > biggest_bytes:
        what = "request" if sent_bytes >= answer_bytes else "answer to this request"
        raise MessageSizeError(
            f"The {what} has {biggest:,} bytes, but messages of at most {biggest_bytes:,} bytes are allowed "
            "(biggest_message_bytes): send smaller tiles."
        )


def tile_inputs(
    network: Network, pixels: Pixels, descriptors: Descriptors | None, core: Core
) -> dict[str, NDArray[np.uint8] | NDArray[np.float32] | NDArray[np.int32]]:
    """Return the inputs of a tiles model.

    Args:
        network: whose tiles share channel descriptors; it has K of them.
        pixels: uint8 (H, W, 3) RGB.
        descriptors: float32 (K,), those to apply; None sends NaN, which makes a tile use its own.
        core: (top, bottom, left, right) in ``pixels``, the part whose descriptors are returned.

    Returns:
        The tensors by name, without the batch axis: ``lq`` uint8 (H, W, 3), ``attention`` float32 (K,), ``core``
        int32 (4,).
    """
    own = np.full(network.descriptor_width, np.nan, np.float32)
    return {"lq": pixels, "attention": own if descriptors is None else descriptors, "core": np.array(core, np.int32)}


def size_bytes(inputs: Mapping[str, NDArray[Any]]) -> int:
    """Return the size of the tensors of a request."""
    return sum(value.nbytes for value in inputs.values())


def infer_input(name: str, value: NDArray[Any]) -> Any:
    """Return a Triton input of batch size one."""
    tensor = triton.InferInput(name, [1, *value.shape], np_to_triton_dtype(value.dtype))
    tensor.set_data_from_numpy(np.ascontiguousarray(value)[None])
    return tensor


def read_answer(result: triton.InferResult | None, output: str, answer_bytes: int) -> NDArray[Any]:
    """Return an output of a request of batch size one.

    Args:
        result: the answer to the request.
        output: name of the output.
        answer_bytes: size that it has to have.

    Raises:
        ServerError: the output is missing or of another size, or the requested core lies outside the tile.
    """
    answer = result.as_numpy(output) if result is not None else None
    if answer is None or len(answer) != 1 or answer.nbytes != answer_bytes:
        raise ServerError(say("error.no_picture"))
    if answer.dtype == np.float32 and not np.isfinite(answer).all():
        raise ServerError("The core lies outside its tile: give it in the tile's pixels.", "INVALID_ARGUMENT")
    tensor: NDArray[Any] = answer[0]
    return tensor
