"""Change bytes of a valid file: at random places, in length fields, in its middle, at its end."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from random import Random

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
HEADER_BYTES = 256  # most fields are in them

Mutation = Callable[[bytearray, Random], None]


def flip_bits(data: bytearray, random: Random) -> None:
    """Flip up to eight bits."""
    for _ in range(random.randint(1, 8)):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def flip_header_bits(data: bytearray, random: Random) -> None:
    """Flip up to three bits near the start."""
    for _ in range(random.randint(1, 3)):
        data[random.randrange(min(len(data), HEADER_BYTES))] ^= 1 << random.randrange(8)


def swap_bytes(data: bytearray, random: Random) -> None:
    """Exchange bytes."""
    for _ in range(random.randint(1, 4)):
        a, b = random.randrange(len(data)), random.randrange(len(data))
        data[a], data[b] = data[b], data[a]


def set_extreme(data: bytearray, random: Random) -> None:
    """Set a field of one, two or four bytes near the start to an extreme value."""
    order, kind, bits = random.choice("<>"), random.choice("BHI"), 0
    bits = 8 * struct.calcsize(kind)
    at = random.randrange(max(1, min(len(data), HEADER_BYTES) - 4))
    struct.pack_into(order + kind, data, at, random.choice(EXTREMES) & (2**bits - 1))


def set_extremes(data: bytearray, random: Random) -> None:
    """Set several fields of four bytes anywhere to extreme values."""
    for _ in range(random.randint(2, 5)):
        struct.pack_into(random.choice("<>") + "I", data, random.randrange(len(data) - 4), random.choice(EXTREMES))


def overwrite(data: bytearray, random: Random) -> None:
    """Overwrite a stretch with one byte, or with random ones."""
    at, count = random.randrange(len(data)), random.randint(1, 64)
    byte = random.choice([b"\0", b"\xff", None])
    data[at : at + count] = byte * len(data[at : at + count]) if byte else random.randbytes(len(data[at : at + count]))


def cut_out(data: bytearray, random: Random) -> None:
    """Remove a stretch from the middle."""
    at = random.randrange(len(data))
    del data[at : at + random.randint(1, 64)]


def repeat(data: bytearray, random: Random) -> None:
    """Repeat a stretch several times."""
    at = random.randrange(len(data))
    data[at:at] = data[at : at + random.randint(1, 64)] * random.randint(1, 20)


def truncate(data: bytearray, random: Random) -> None:
    """Cut the end off."""
    del data[random.randrange(len(data)) :]


MUTATIONS: tuple[Mutation, ...] = (
    *(flip_bits, flip_header_bits, swap_bytes, set_extreme, set_extremes),
    *(overwrite, cut_out, repeat, truncate, truncate),
)


def mutated(data: bytes, random: Random) -> bytes:
    """Return a file with one mutation; of a PNG in half of the cases with the right checksums after it."""
    changed = bytearray(data)
    random.choice(MUTATIONS)(changed, random)
    is_mended = data.startswith(PNG_SIGNATURE) and random.random() < 0.5
    return with_checksums(bytes(changed)) if is_mended else bytes(changed)


def with_checksums(data: bytes) -> bytes:
    """Return a PNG with the checksum of each chunk set right, as far as its chunks can be followed."""
    result, at = bytearray(data), len(PNG_SIGNATURE)
    while at + 12 <= len(result):
        end = at + 8 + struct.unpack_from(">I", result, at)[0]
        if end + 4 > len(result):
            break
        struct.pack_into(">I", result, end, zlib.crc32(result[at + 4 : end]))
        at = end + 4
    return bytes(result)
