"""Small valid files of every kind that the codec reads: what mutations start from."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pillow_heif
import tifffile
from PIL import Image, ImageCms

SIZE = 20, 28  # (h, w)
H, W = SIZE

pillow_heif.register_heif_opener()


def colours() -> Image.Image:
    """Return an RGB picture with gradients and noise."""
    y, x = np.mgrid[:H, :W]
    noise = np.random.default_rng(0).integers(0, 40, (H, W, 3))
    pixels = np.stack([8 * x, 10 * y, 4 * (x + y)], 2) % 216 + noise
    return Image.fromarray(pixels.astype(np.uint8))


def deep() -> Any:
    """Return the picture with 16 bits a channel, uint16 (H, W, 3)."""
    return np.asarray(colours()).astype(np.uint16) * 257


def transparent(mode: str) -> Image.Image:
    """Return the picture with alpha that goes from 0 to 255, in the mode LA or RGBA."""
    image = colours().convert(mode[:-1])
    image.putalpha(Image.fromarray(np.tile(np.linspace(0, 255, W, dtype=np.uint8), (H, 1))))
    return image


def profile(size: int = 0) -> bytes:
    """Return sRGB as an ICC profile, with zeros behind it up to that many bytes."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return data if len(data) >= size else size.to_bytes(4, "big") + data[4:] + bytes(size - len(data))


def exif(orientation: int = 6) -> Image.Exif:
    """Return EXIF with tags of several types and both further IFDs."""
    found = Image.Exif()
    found[0x0112], found[0x010F], found[0x0132] = orientation, "Pinhole", "2026:01:02 03:04:05"
    found.get_ifd(0x8769).update({0x829A: (1, 250), 0x9000: b"0232", 0x9286: b"ASCII\0\0\0hello"})
    found.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 15.5)})
    return found


def saved(image: Image.Image, image_format: str, **options: Any) -> bytes:
    """Return a picture as a file, by Pillow."""
    target = io.BytesIO()
    image.save(target, image_format, **options)
    return target.getvalue()


def tiff(pixels: Any, **options: Any) -> bytes:
    """Return pixels as a TIFF file, by tifffile."""
    target = io.BytesIO()
    tifffile.imwrite(target, pixels, **options)
    return target.getvalue()


def frames(image_format: str, **options: Any) -> bytes:
    """Return an animation, or several pages."""
    first = colours()
    others = [first.transpose(Image.Transpose.FLIP_LEFT_RIGHT), first.transpose(Image.Transpose.ROTATE_180)]
    return saved(first, image_format, save_all=True, append_images=others, **options)


def deep_png(**options: Any) -> bytes:
    """Return a PNG of 16 bits a channel."""
    import imagecodecs

    return bytes(imagecodecs.png_encode(deep(), **options))


def heic(image: Image.Image, **options: Any) -> bytes:
    """Return a picture as HEIC."""
    return saved(image, "HEIF", quality=60, **options)


def seeds() -> dict[str, bytes]:
    """Return the files by their names; what stands before the first space of a name is the kind."""
    rgb = colours()
    gray = rgb.convert("L")
    palette = rgb.quantize(16)
    makers: dict[str, Callable[[], bytes]] = {
        "PNG colour, EXIF, profile": lambda: saved(rgb, "PNG", exif=exif(), icc_profile=profile()),
        "PNG gray": lambda: saved(gray, "PNG"),
        "PNG alpha": lambda: saved(transparent("RGBA"), "PNG"),
        "PNG gray, alpha": lambda: saved(transparent("LA"), "PNG"),
        "PNG palette": lambda: saved(palette, "PNG"),
        "PNG palette, transparent": lambda: saved(palette, "PNG", transparency=bytes(range(0, 160, 10))),
        "PNG two levels": lambda: saved(gray.convert("1"), "PNG"),
        "PNG 16 bits": deep_png,
        "PNG 16 bits, gray": lambda: saved(Image.fromarray(deep()[..., 0]), "PNG"),
        "PNG animation": lambda: frames("PNG"),
        "JPEG colour, EXIF, profile": lambda: saved(rgb, "JPEG", exif=exif(), icc_profile=profile()),
        "JPEG gray": lambda: saved(gray, "JPEG"),
        "JPEG CMYK": lambda: saved(rgb.convert("CMYK"), "JPEG", icc_profile=profile()),
        "JPEG progressive": lambda: saved(rgb, "JPEG", progressive=True),
        "JPEG MPO": lambda: frames("MPO"),
        "WebP lossy, EXIF, profile": lambda: saved(rgb, "WEBP", exif=exif().tobytes(), icc_profile=profile()),
        "WebP lossless, alpha": lambda: saved(transparent("RGBA"), "WEBP", lossless=True),
        "WebP lossy, alpha": lambda: saved(transparent("RGBA"), "WEBP"),
        "WebP animation": lambda: frames("WEBP"),
        "TIFF plain, EXIF": lambda: saved(rgb, "TIFF", exif=exif(), icc_profile=profile()),
        **{
            f"TIFF {name}": lambda name=name: saved(rgb, "TIFF", compression=name)  # type: ignore[misc]
            for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd", "lzma")
        },
        "TIFF fax": lambda: saved(gray.convert("1"), "TIFF", compression="group4"),
        "TIFF CMYK": lambda: saved(rgb.convert("CMYK"), "TIFF"),
        "TIFF LAB": lambda: saved(rgb.convert("LAB"), "TIFF"),
        "TIFF I;16": lambda: saved(Image.fromarray(deep()[..., 0]), "TIFF"),
        "TIFF I;16B": lambda: tiff(deep()[..., 0], byteorder=">"),
        "TIFF float": lambda: saved(Image.fromarray(np.asarray(gray, np.float32)), "TIFF"),
        "TIFF 16 bits": lambda: tiff(deep(), photometric="rgb"),
        "TIFF 16 bits, deflate, alpha": lambda: tiff(
            np.dstack([deep(), deep()[..., 0]]),
            photometric="rgb",
            extrasamples=["assocalpha"],
            compression="zlib",
            predictor=True,
        ),
        "TIFF 16 bits, tiles, big": lambda: tiff(deep(), photometric="rgb", tile=(16, 16), bigtiff=True),
        "TIFF 16 bits, planes, LZW": lambda: tiff(
            np.moveaxis(deep(), 2, 0), photometric="rgb", planarconfig="separate", compression="lzw"
        ),
        "TIFF pages": lambda: frames("TIFF"),
        "BMP colour": lambda: saved(rgb, "BMP"),
        "BMP palette": lambda: saved(palette, "BMP"),
        "GIF still": lambda: saved(palette, "GIF"),
        "GIF animation": lambda: frames("GIF"),
        "HEIC colour, EXIF, profile": lambda: heic(rgb, exif=exif().tobytes(), icc_profile=profile()),
        "HEIC alpha": lambda: heic(transparent("RGBA")),
        "AVIF colour": lambda: saved(rgb, "AVIF", exif=exif().tobytes()),
        "AVIF alpha": lambda: saved(transparent("RGBA"), "AVIF"),
        "JPEG2000 lossless": lambda: saved(rgb, "JPEG2000"),
        "JPEG2000 alpha": lambda: saved(transparent("RGBA"), "JPEG2000"),
        "PPM colour": lambda: saved(rgb, "PPM"),
        "PPM 16 bits": lambda: saved(Image.fromarray(deep()[..., 0]), "PPM"),
        "PPM float": lambda: b"Pf\n28 20\n-1.0\n" + np.asarray(gray, "<f4").tobytes(),
    }
    return {name: make() for name, make in makers.items()}
