"""Replace the module of that name in Triton's wheel: Triton's stub process requires two functions and adds its classes.

The wheel's module imports NumPy, which takes 11 MB in each of two dozen models' processes. The models here exchange
tensors by DLPack, and the two functions serve tensors of strings alone, which no model has.
"""

from typing import Any, NoReturn


def serialize_byte_tensor(tensor: Any) -> NoReturn:
    """Refuse to encode a tensor of strings."""
    raise TypeError("tensors of strings are not served")


def deserialize_bytes_tensor(data: bytes) -> NoReturn:
    """Refuse to decode a tensor of strings."""
    raise TypeError("tensors of strings are not served")
