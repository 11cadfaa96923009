"""Files made by hand: bombs, absurd sizes, loops, broken metadata, odd kinds of pixels, and what is no photo at all."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

from tools.hostile_files import seeds
from tools.hostile_files.mutations import PNG_SIGNATURE

PICTURE, REFUSAL, EITHER = "picture", "refusal", "either"
MEGA = 1 << 20
ADLER_PRIME = 65_521
HUGE = (0, 1, 65_500, 2**31 - 1, 2**31, 2**32 - 1)


@dataclass(frozen=True)
class Case:
    """A file to decode.

    Attributes:
        kind: the row of the table that it belongs to.
        name: what is wrong with it.
        data: its content.
        expected: whether it has to become a picture, has to be refused, or may be either.
        is_slow: whether it takes seconds, or all the time that it is given.
    """

    kind: str
    name: str
    data: bytes
    expected: str = EITHER
    is_slow: bool = False


def chunk(name: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(w: int, h: int, content: bytes, *chunks: bytes, depth: int = 8, colour: int = 2) -> bytes:
    """Return a PNG with that content of its IDAT."""
    header = struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, 0)
    return PNG_SIGNATURE + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def zeros(size: int) -> bytes:
    """Return that many zeros, compressed by zlib to a thousandth: one block, again and again."""

    def block(count: int, end: int) -> bytes:
        compressor = zlib.compressobj(9, wbits=-15)
        return compressor.compress(bytes(count)) + compressor.flush(end)

    checksum = size % ADLER_PRIME << 16 | 1
    whole = block(MEGA, zlib.Z_FULL_FLUSH) * (size // MEGA)
    return b"\x78\xda" + whole + block(size % MEGA, zlib.Z_FINISH) + struct.pack(">I", checksum)


def tiff(tags: dict[int, tuple[int, int, int]], content: bytes = b"", following: int = 0) -> bytes:
    """Return a little-endian TIFF.

    Args:
        tags: of its page: (type, count, value or offset).
        content: of the file, from offset 8 on, before the table.
        following: the offset of the next page.
    """
    at = 8 + len(content) + len(content) % 2
    table = b"".join(struct.pack("<HHII", tag, *value) for tag, value in sorted(tags.items()))
    head = struct.pack("<2sHI", b"II", 42, at) + content + bytes(len(content) % 2)
    return head + struct.pack("<H", len(tags)) + table + struct.pack("<I", following)


def tiff_page(w: int, h: int, count: int, compression: int = 1, /, **changes: int) -> dict[int, tuple[int, int, int]]:
    """Return the tags of a gray page of 8 bits with one strip at offset 8."""
    values = {
        **{"width": w, "height": h, "bits": 8, "compression": compression, "photometric": 1},
        **{"at": 8, "samples": 1, "rows": h, "count": count, "planar": 1, **changes},
    }
    numbers = {
        **{"width": 256, "height": 257, "bits": 258, "compression": 259, "photometric": 262},
        **{"at": 273, "samples": 277, "rows": 278, "count": 279, "planar": 284, "format": 339},
    }
    shorts = ("bits", "compression", "photometric", "samples", "planar", "format")
    return {numbers[name]: (3 if name in shorts else 4, 1, value) for name, value in values.items()}


def gif(w: int, h: int, *frames: bytes) -> bytes:
    """Return a GIF with a palette of two colours and those frames."""
    return b"GIF89a" + struct.pack("<HHBBB", w, h, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff" + b"".join(frames) + b";"


def gif_frame(w: int = 1, h: int = 1) -> bytes:
    """Return a frame of a GIF that holds one pixel, whatever it promises."""
    return b"," + struct.pack("<HHHHB", 0, 0, w, h, 0) + b"\x02\x02\x44\x01\0"


def patched(data: bytes, mark: bytes, offset: int, *values: int) -> bytes:
    """Return a file with numbers of four bytes, big-endian, at an offset from where a mark is."""
    at = data.index(mark) + offset
    replaced = struct.pack(f">{len(values)}I", *values)
    return data[:at] + replaced + data[at + len(replaced) :]


def jpeg_of_size(data: bytes, w: int, h: int) -> bytes:
    """Return a JPEG that says it has that size."""
    at = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2")) + 5
    return data[:at] + struct.pack(">HH", h, w) + data[at + 4 :]


def many_scans(count: int, side: int) -> bytes:
    """Return a progressive JPEG that goes over all its pixels that many times."""
    flat = Image.new("L", (side, side), 99)
    data = seeds.saved(flat, "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + data[-2:]


def pngs() -> Iterator[Case]:
    """Yield PNGs."""
    kind = "PNG"
    yield Case(kind, "a bomb of 4 GB in one pixel", png(1, 1, zeros(4096 * MEGA)))
    yield Case(kind, "16 megapixels in 16 KB", png(4000, 4000, zeros(4000 * 12001)), PICTURE)
    yield Case(kind, "16 megapixels of 16 bits", png(4000, 4000, zeros(4000 * 24001), depth=16), PICTURE, is_slow=True)
    yield Case(kind, "16 megapixels, interlaced by a lie", png(4000, 4000, zeros(4000 * 12001)[:-9000]), REFUSAL)
    dot = zlib.compress(b"\0abc")
    for name, content in {
        "iCCP": b"x\0\0" + zeros(4096 * MEGA),
        "zTXt": b"x\0\0" + zeros(4096 * MEGA),
        "iTXt": b"x\0\1\0\0\0" + zeros(4096 * MEGA),
    }.items():
        yield Case(kind, f"a bomb of 4 GB in {name}", png(1, 1, dot, chunk(name.encode(), content)))
        deep = png(1, 1, zlib.compress(bytes(7)), chunk(name.encode(), content), depth=16)
        yield Case(kind, f"16 bits, a bomb of 4 GB in {name}", deep)
    texts = [chunk(b"zTXt", b"%d\0\0" % number + zeros(MEGA)) for number in range(200)]
    yield Case(kind, "200 texts of 1 MB", png(1, 1, dot, *texts))
    yield Case(kind, "20000 empty chunks", png(1, 1, dot, *[chunk(b"tEXt", b"a\0b")] * 20_000), PICTURE)
    for size in [(w, h) for w in HUGE for h in (0, 1, 65_500, 2**31)]:
        for depth in (8, 16):
            yield Case(kind, f"{size} pixels of {depth} bits", png(*size, dot, depth=depth))
    for depth, colour in [(3, 2), (16, 3), (1, 2), (255, 255), (8, 3), (16, 6), (2, 0)]:
        yield Case(kind, f"depth {depth}, colour type {colour}", png(1, 1, dot, depth=depth, colour=colour))
    short = png(4, 1, zlib.compress(b"\0\0\1\2\3"), chunk(b"PLTE", b"abc"), depth=8, colour=3)
    yield Case(kind, "a palette that is too short", short)
    yield Case(kind, "a palette of two bytes", png(4, 1, zlib.compress(bytes(5)), chunk(b"PLTE", b"ab"), colour=3))
    unclear = chunk(b"tRNS", bytes(300))
    yield Case(
        kind, "too much transparency", png(4, 1, zlib.compress(bytes(5)), chunk(b"PLTE", b"abc"), unclear, colour=3)
    )
    for frames in (0, 2**31, 2**32 - 1):
        animated = chunk(b"acTL", struct.pack(">II", frames, 0))
        yield Case(kind, f"an animation of {frames} frames", png(1, 1, dot, animated))
    for length in (0, 16, 127, 128, 3_000_000, 20_000_000):
        profile = chunk(b"iCCP", b"x\0\0" + zlib.compress(np.random.default_rng(1).bytes(length)))
        yield Case(kind, f"{length} random bytes as its profile", png(1, 1, dot, profile))
    for length in (70_000, 2_000_000):
        exif = b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHII", 0x010E, 2, length, 26) + bytes(4) + b"a" * length
        yield Case(kind, f"EXIF of {length} bytes", png(1, 1, dot, chunk(b"eXIf", exif)), PICTURE)


def jpegs() -> Iterator[Case]:
    """Yield JPEGs."""
    kind, plain = "JPEG", seeds.saved(seeds.colours(), "JPEG")
    for size in [(0, 0), (0, 9), (9, 0), (1, 65_500), (65_500, 1), (65_535, 65_535), (4800, 4800)]:
        yield Case(kind, f"{size} pixels", jpeg_of_size(plain, *size))
    yield Case(kind, "4000 scans of 23 megapixels", many_scans(4000, 4800), REFUSAL, is_slow=True)
    yield Case(kind, "two scans too many", many_scans(3, 64), PICTURE)
    for length in (0, 1, 2, 65_535):
        yield Case(
            kind, f"a segment of {length} bytes", plain[:2] + b"\xff\xe1" + struct.pack(">H", length) + plain[2:]
        )
    yield Case(kind, "only a start", b"\xff\xd8\xff")
    yield Case(kind, "no end", plain[:-2])
    yield Case(kind, "a megabyte of fill bytes", plain[:2] + b"\xff" * MEGA + plain[2:])
    yield Case(kind, "100000 empty segments", plain[:2] + b"\xff\xfe\0\2" * 100_000 + plain[2:], PICTURE)
    parts = b"".join(
        b"\xff\xe2\xff\xffICC_PROFILE\0" + bytes((number, 255)) + bytes(65_519) for number in range(1, 256)
    )
    yield Case(kind, "a profile of 16 MB", plain[:2] + parts + plain[2:])
    broken = seeds.saved(seeds.colours().convert("CMYK"), "JPEG", icc_profile=b"\0" * 400)
    yield Case(kind, "CMYK with a broken profile", broken, PICTURE)
    for name, data in exifs().items():
        segment = b"\xff\xe1" + struct.pack(">H", len(data) + 8) + b"Exif\0\0" + data
        yield Case("EXIF", f"JPEG, {name}", plain[:2] + segment + plain[2:], PICTURE)
        yield Case("EXIF", f"PNG, {name}", png(1, 1, zlib.compress(b"\0abc"), chunk(b"eXIf", data)), PICTURE)
        yield Case("EXIF", f"WebP, {name}", seeds.saved(seeds.colours(), "WEBP", exif=b"Exif\0\0" + data), PICTURE)
        yield Case("EXIF", f"HEIC, {name}", seeds.heic(seeds.colours(), exif=b"Exif\0\0" + data), PICTURE)


def exifs() -> dict[str, bytes]:
    """Return broken EXIF by what is wrong with it."""

    def table(*tags: tuple[int, int, int, int], more: int = 0, claimed: int | None = None) -> bytes:
        count = len(tags) if claimed is None else claimed
        rows = b"".join(struct.pack("<HHII", *tag) for tag in tags)
        return b"II*\0\x08\0\0\0" + struct.pack("<H", count) + rows + struct.pack("<I", more)

    turns = (0, 9, 255, 65_535)
    return {
        **{f"orientation {turn}": table((0x0112, 3, 1, turn)) for turn in turns},
        "orientation as text": table((0x0112, 2, 4, 0x41414141)),
        "orientation as a fraction by 0": table((0x0112, 5, 1, 8)),
        "orientations without number": table((0x0112, 3, 2**32 - 1, 8)),
        "4 GB of text": table((0x010F, 2, 2**32 - 1, 8)),
        "65535 tags that are missing": table(claimed=65_535),
        "a loop of tables": table((0x010F, 2, 4, 0x41414141), more=8),
        "EXIF that is itself": table((0x8769, 4, 1, 8)),
        "GPS that is itself": table((0x8825, 4, 1, 8)),
        "both in a loop": table((0x8769, 4, 1, 8), (0x8825, 4, 1, 8), (0xA005, 4, 1, 8)),
        "tables behind the end": table((0x8769, 4, 1, 2**31), (0x8825, 4, 1, 2**32 - 1)),
        "EXIF as text": table((0x8769, 2, 4, 0x41414141)),
        "EXIF as fractions": table((0x8769, 5, 1, 8)),
        "tags of unknown types": table(*[(0x9000 + number, 99, 1, 1) for number in range(20)]),
        "a tag as signed and as float": table(
            (0x010F, 9, 1, 2**32 - 1), (0x0110, 11, 1, 0x7FC00000), (0x0131, 12, 9, 8)
        ),
        "camera as numbers": table((0x010F, 3, 2, 0x00010002), (0x0132, 4, 1, 7), (0x013B, 1, 4, 0xFFFFFFFF)),
        "nothing": b"",
        "noise": np.random.default_rng(2).bytes(400),
        "a header alone": b"II*\0",
        "a table behind the end": b"MM\0*\xff\xff\xff\xff",
        "big TIFF": b"II+\0\x08\0\0\0" + b"\xff" * 32,
    }


def tiffs() -> Iterator[Case]:
    """Yield TIFFs."""
    kind = "TIFF"
    for name, compression, content in [
        ("deflate", 8, zeros(4096 * MEGA)),
        ("LZW", 5, bytes(imagecodecs.lzw_encode(bytes(64 * MEGA)))),
        ("ZSTD", 50_000, bytes(imagecodecs.zstd_encode(bytes(128 * MEGA)))),
        ("LZMA", 34_925, bytes(imagecodecs.lzma_encode(bytes(32 * MEGA)))),
        ("PackBits", 32_773, b"\x81\0" * MEGA),
    ]:
        yield Case(kind, f"a bomb by {name}", tiff(tiff_page(16, 16, len(content), compression), content))
        page = tiff_page(16, 16, len(content), compression, bits=16)
        yield Case(kind, f"16 bits, a bomb by {name}", tiff(page, content))
    for w, h in [(w, h) for w in HUGE for h in HUGE]:
        for bits in (8, 16):
            yield Case(kind, f"{w}x{h} pixels of {bits} bits", tiff(tiff_page(w, h, 256, bits=bits), bytes(256)))
    for name, values in {"bits": (0, 1, 3, 12, 32, 64, 65_535), "samples": (0, 2, 5, 255, 65_535)}.items():
        for value in values:
            yield Case(kind, f"{name} {value}", tiff(tiff_page(16, 16, 256, **{name: value}), bytes(256)))
            data = tiff(tiff_page(16, 16, 256, **{"bits": 16, name: value}), bytes(1024))
            yield Case(kind, f"16 bits, {name} {value}", data)
    for side in (16, 4800):
        page = tiff_page(side, side, 512, bits=16, samples=65_533, planar=2)
        yield Case(kind, f"65533 planes of {side}x{side} pixels", tiff(page, bytes(512)), REFUSAL)
    for name, values in {
        "rows": (0, 1, 2**31, 2**32 - 1),
        "count": (0, 1, 2**31, 2**32 - 1),
        "at": (0, 2**31, 2**32 - 1),
        "photometric": (2, 3, 5, 6, 8, 32_803, 65_535),
        "planar": (0, 2, 65_535),
        "compression": (2, 3, 4, 6, 7, 9, 34_712, 34_892, 50_001, 52_546, 65_535),
        "format": (0, 2, 3, 4, 6),
    }.items():
        for value in values:
            for bits in (8, 16):
                page = tiff_page(16, 16, 256, **{"bits": bits, name: value})
                yield Case(kind, f"{name} {value}, {bits} bits", tiff(page, bytes(1024)))
    for side in (16, 2**16, 2**20, 2**31):
        for bits in (8, 16):
            page = tiff_page(16, 16, 1024, 8, bits=bits)
            for tag in (273, 278, 279):
                del page[tag]
            page |= {322: (4, 1, side), 323: (4, 1, side), 324: (4, 1, 8), 325: (4, 1, 1024)}
            yield Case(kind, f"a tile of {side} pixels a side, {bits} bits", tiff(page, zeros(200 * MEGA)[:100_000]))
    for bits in (8, 16):
        page, content = tiff_page(16, 16, 512, bits=bits), bytes(512)
        at = 8 + len(content)
        yield Case(kind, f"a loop of pages, {bits} bits", tiff(page, content, at), PICTURE)
        yield Case(kind, f"a next page behind the end, {bits} bits", tiff(page, content, 2**32 - 1))
        empty = b"".join(struct.pack("<HI", 0, at + 4 + 6 * n) for n in range(500_000))
        one = tiff(page, content)
        many = one[:-4] + struct.pack("<I", len(one)) + empty
        yield Case(kind, f"500000 empty pages, {bits} bits", many)
        whole = tiff(page, content)
        table = whole[at : at + 2 + 12 * len(page)]
        rows = [table + struct.pack("<I", at + (n + 1) * (len(table) + 4)) for n in range(100_000)]
        yield Case(kind, f"100000 pages, {bits} bits", whole[:at] + b"".join(rows))
        claimed = whole[:at] + b"\xff\xff" + whole[at + 2 :]
        yield Case(kind, f"65535 tags, {bits} bits", claimed)
        yield Case(kind, f"a strip list of 4 GB, {bits} bits", tiff(page | {273: (4, 2**32 - 1, 8)}, content))
        yield Case(
            kind, f"EXIF that is its page, {bits} bits", tiff(page | {34_665: (4, 1, at), 330: (4, 1, at)}, content)
        )
        yield Case(kind, f"a profile of 4 GB, {bits} bits", tiff(page | {34_675: (7, 2**32 - 1, 8)}, content))
        yield Case(kind, f"orientation 77, {bits} bits", tiff(page | {274: (3, 1, 77)}, content), PICTURE)
    nothing = np.full((16, 16), np.nan, np.float32)
    yield Case(kind, "floats that are no numbers", seeds.saved(Image.fromarray(nothing), "TIFF"), REFUSAL)
    yield Case(kind, "infinite floats", seeds.saved(Image.fromarray(np.full_like(nothing, np.inf)), "TIFF"), REFUSAL)
    yield Case(kind, "colours in floats", seeds.tiff(np.full((16, 16, 3), np.nan, np.float32), photometric="rgb"))
    yield Case(kind, "16-bit floats", seeds.tiff(np.full((16, 16), np.inf, np.float16)))
    yield Case(kind, "64 bits", seeds.tiff(np.zeros((16, 16), np.uint64)))
    yield Case(kind, "complex numbers", seeds.tiff(np.zeros((16, 16), np.complex64)))
    yield Case(
        kind, "a volume of 16 bits", seeds.tiff(np.zeros((5, 16, 16), np.uint16), volumetric=True, tile=(16, 16, 16))
    )
    yield Case(kind, "no page", b"II*\0\0\0\0\0", REFUSAL)
    yield Case(kind, "23 megapixels of 16 bits, multiplied by alpha", large_multiplied(), PICTURE, is_slow=True)


def large_multiplied() -> bytes:
    """Return the TIFF that takes most memory: 16 bits, with colours that are multiplied by alpha."""
    target = io.BytesIO()
    pixels = np.full((4800, 4800, 4), 9999, np.uint16)
    options = {"photometric": "rgb", "extrasamples": ["assocalpha"], "compression": "zlib"}
    tifffile.imwrite(target, pixels, **options)  # type: ignore[arg-type]
    return target.getvalue()


def others() -> Iterator[Case]:
    """Yield GIF, WebP, HEIC, AVIF, JPEG 2000, BMP and PPM."""
    for w, h in [(0, 0), (1, 65_500), (65_535, 65_535), (4000, 4000)]:
        yield Case("GIF", f"a screen of {w}x{h}", gif(w, h, gif_frame()))
        yield Case("GIF", f"a frame of {w}x{h}", gif(1, 1, gif_frame(w, h)))
    yield Case("GIF", "no frame", gif(5, 5), REFUSAL)
    yield Case("GIF", "5000 frames", gif(5, 5, *[gif_frame()] * 5000), PICTURE)
    yield Case("GIF", "2 million frames", gif(5, 5, *[gif_frame()] * 2_000_000), PICTURE, is_slow=True)
    yield Case("GIF", "2 million comments", gif(5, 5, b"!\xfe\1a\0" * 2_000_000, gif_frame()), is_slow=True)
    yield Case("GIF", "an endless comment", gif(5, 5, b"!\xfe" + b"\xff" * 10 * MEGA), is_slow=True)
    webp, lossless = (seeds.saved(seeds.colours(), "WEBP", lossless=value) for value in (False, True))
    extended = seeds.frames("WEBP")
    place = extended.index(b"VP8X") + 12
    for name, data in {
        "a canvas of 16 million a side": extended[:place] + b"\xff" * 6 + extended[place + 6 :],
        "16383x16383 pixels": webp[:26] + struct.pack("<HH", 16_383, 16_383) + webp[30:],
        "0x0 pixels": webp[:26] + bytes(4) + webp[30:],
        "16384x16384 pixels without loss": lossless[:21] + b"\xff\xff\xff\x0f" + lossless[25:],
        "a RIFF of 4 GB": webp[:4] + b"\xff" * 4 + webp[8:],
        "a chunk of 4 GB": webp[:16] + b"\xff" * 4 + webp[20:],
    }.items():
        yield Case("WebP", name, data)
    blank = Image.new("RGB", (4000, 4000))
    yield Case("WebP", "16 megapixels in some KB", seeds.saved(blank, "WEBP", lossless=True, method=0), PICTURE)
    for kind, data in {"HEIC": seeds.heic(seeds.colours()), "AVIF": seeds.saved(seeds.colours(), "AVIF")}.items():
        for w, h in [(w, h) for w in HUGE for h in (0, 1, 65_500, 2**31)]:
            yield Case(kind, f"{w}x{h} pixels", patched(data, b"ispe", 8, w, h))
        for mark in (b"iinf", b"iloc", b"iprp", b"ipma", b"hdlr", b"mdat", b"meta"):
            for value in (0, 1, 7, 2**31, 2**32 - 1):
                yield Case(kind, f"a box {mark.decode()} of {value} bytes", patched(data, mark, -4, value))
        for mark in (b"iinf", b"ipma", b"iloc"):
            yield Case(kind, f"{mark.decode()} with 4 billion entries", patched(data, mark, 4, 2**32 - 1, 2**32 - 1))
        deep = b"".join(struct.pack(">I4s", 8 * n, b"moov") for n in range(20_000, 0, -1))
        yield Case(kind, "20000 boxes in each other", data[: struct.unpack_from(">I", data)[0]] + deep)
    code = seeds.saved(seeds.colours(), "JPEG2000")
    for w, h in [(0, 0), (1, 65_500), (2**31, 2**31), (2**32 - 1, 1), (4800, 4800)]:
        yield Case("JPEG2000", f"{w}x{h} pixels", patched(patched(code, b"\xffQ", 6, w, h), b"ihdr", 4, h, w))
    yield Case("JPEG2000", "tiles of one pixel", patched(code, b"\xffQ", 22, 1, 1))
    tiny = patched(patched(code, b"\xffQ", 6, 4800, 4800), b"ihdr", 4, 4800, 4800)
    yield Case("JPEG2000", "23 million tiles", patched(tiny, b"\xffQ", 22, 1, 1))
    bmp = seeds.saved(seeds.colours(), "BMP")
    for w, h in [(0, 0), (1, 65_500), (65_500, 65_500), (2**31 - 1, 1), (20, -20), (-20, 20), (4000, 4000)]:
        yield Case("BMP", f"{w}x{h} pixels", bmp[:18] + struct.pack("<ii", w, h) + bmp[26:])
    for bits, how in [(0, 0), (3, 0), (64, 0), (8, 1), (4, 2), (24, 3), (16, 3), (8, 99)]:
        yield Case("BMP", f"{bits} bits, compression {how}", bmp[:28] + struct.pack("<HI", bits, how) + bmp[34:])
    for head in (
        b"P6 99999999 99999999 255\n",
        b"P6 0 0 255\n",
        b"P6 4000 4000 255\n",
        b"P5 9 9 0\n",
        b"P5 9 9 99999\n",
    ):
        yield Case("PPM", head.decode().strip(), head + bytes(300))
    yield Case("PPM", "an endless comment", b"P6 #" + b"x" * 10 * MEGA, is_slow=True)
    yield Case("PPM", "an endless number", b"P6 " + b"9" * 10 * MEGA)
    yield Case("PPM", "16 megapixels of text", b"P1 4000 4000\n" + b"0 " * 16_000_000, PICTURE, is_slow=True)
    yield Case("PPM", "infinite scale", b"Pf\n4 4\ninf\n" + bytes(64))
    yield Case("PPM", "values that are no numbers", b"Pf\n4 4\n1\n" + b"\x7f\xc0\0\0" * 16, PICTURE)


def no_photos() -> Iterator[Case]:
    """Yield what is no photo, and photos under another name."""
    kind = "no photo"
    psd = b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 4, 4, 8, 3) + bytes(12) + bytes(2 + 48)
    for name, data in {
        "nothing": b"",
        "one byte": b"\xff",
        "text": b"hello, this is a letter\n" * 40,
        "HTML": b"<!DOCTYPE html><script>alert(1)</script>",
        "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "SVG of entities": b"<?xml version='1.0'?><!DOCTYPE s [<!ENTITY a 'ha'>]><svg>&a;&a;</svg>",
        "PDF": b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF",
        "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(/etc/passwd) (r) file\n%%EOF",
        "EPS with a preview": b"\xc5\xd0\xd3\xc6" + bytes(40),
        "PSD": psd,
        "a program": b"\x7fELF\x02\x01\x01" + bytes(200),
        "an archive": b"PK\x03\x04" + bytes(100),
        "WMF": b"\xd7\xcd\xc6\x9a" + bytes(60),
        "FLI": struct.pack("<IHHHH", 128, 0xAF11, 5, 9, 9) + bytes(200),
        "a film": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(100),
        "ICO": b"\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0\x68\4\0\0\x16\0\0\0" + bytes(200),
        "zeros": bytes(MEGA),
    }.items():
        yield Case(kind, name, data, REFUSAL)
    for name, data in seeds.seeds().items():
        yield Case("valid", name, data, EITHER if name == "TIFF float" else PICTURE)


def cases() -> Iterator[Case]:
    """Yield all of them."""
    for part in (no_photos, pngs, jpegs, tiffs, others):
        yield from part()
