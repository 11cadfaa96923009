"""What Triton's stub process wants of this module before it adds its own classes to it: two names.

The module of Triton's wheel imports NumPy, which takes 11 MB in each of two dozen models' processes, used or not. Our
models exchange tensors by DLPack, and none is of strings, which is what the two functions are for.
"""

from typing import Any, NoReturn


def serialize_byte_tensor(tensor: Any) -> NoReturn:
    raise TypeError("tensors of strings are not served")


def deserialize_bytes_tensor(data: bytes) -> NoReturn:
    raise TypeError("tensors of strings are not served")
