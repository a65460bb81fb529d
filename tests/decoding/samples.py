"""Image files of every format that Pillow writes, in every mode, and others that it reads."""

import io
import struct
import warnings
import zlib

import numpy as np
from PIL import Image

from keras_multigrid.decoding import FORMATS

HEIGHT, WIDTH = 16, 24
MORE_MODES = ("I;16", "I;16B", "LA", "PA", "La", "RGBa", "RGBX")  # which Pillow does not list
ANIMATED = {"save_all": True, "duration": 100}


def smooth_image(seed=0):
    """Returns an RGBA image that JPEG keeps nearly as it is."""
    coarse = np.random.default_rng(seed).integers(0, 256, (3, 4, 4), dtype=np.uint8)
    image = Image.fromarray(coarse, "RGBA").resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    image.putalpha(image.getchannel("A").point(lambda alpha: 0 if alpha < 99 else alpha))
    return image


def in_mode(mode):
    """Returns the image in a mode, or None if Pillow cannot make it."""
    image = smooth_image()
    deep = np.random.default_rng(1).integers(0, 2**16, (HEIGHT, WIDTH)).astype("uint16")
    if mode in ("I;16", "I", "F"):
        return Image.fromarray(deep.astype({"I;16": "uint16", "I": "int32", "F": "float32"}[mode]))
    for start in (image, image.convert("RGB"), image.convert("LA"), image.convert("P")):
        try:
            return start.convert(mode)
        except ValueError:
            continue
    return Image.fromarray(deep) if mode.startswith("I") else None


def saved(image, file_format, **options):
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def _written_by_pillow():
    """Yields names and files: in all modes those that are to be read, the others in one."""
    Image.init()
    for file_format in Image.SAVE:
        for mode in ("RGB", "L", "1", *Image.MODES, *MORE_MODES):
            try:
                data = saved(in_mode(mode), file_format)
            except Exception:  # the format has no such mode
                continue
            yield f"{file_format} {mode}", data
            if not _is_known(data):
                break


def _is_known(data):
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.format in (*FORMATS, "MPO")
    except Exception:
        return False


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_header(width, height, depth=8, colours=2):
    header = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)


def deep_png(colours, channels):
    """Returns a PNG of 16 bits per value, which Pillow writes in grey alone."""
    rows = [b"\0" + np.random.default_rng(k).bytes(2 * channels * WIDTH) for k in range(HEIGHT)]
    pixels = chunk(b"IDAT", zlib.compress(b"".join(rows)))
    return png_header(WIDTH, HEIGHT, 16, colours) + pixels + chunk(b"IEND", b"")


def bmp(depth, pixels, masks=(), height=HEIGHT, compression=0):
    """Returns a BMP without a palette."""
    masks = b"".join(struct.pack("<I", mask) for mask in masks)
    offset = 54 + len(masks)
    sizes = struct.pack("<IHHI", offset + len(pixels), 0, 0, offset)
    info = struct.pack(
        "<IiiHHIIiiII", 40, WIDTH, height, 1, depth, compression, len(pixels), 0, 0, 0, 0
    )
    return b"BM" + sizes + info + masks + pixels


def without_adobe(jpeg):
    start = jpeg.index(b"\xff\xee")
    return jpeg[:start] + jpeg[start + 2 + int.from_bytes(jpeg[start + 2 : start + 4], "big") :]


def _others():
    image, other = smooth_image(), smooth_image(1)
    opaque, others = image.convert("RGB"), [other.convert("RGB")]
    palette = opaque.quantize(16)
    noise = np.random.default_rng(2).bytes(4 * HEIGHT * WIDTH)
    for file_format in ("GIF", "WEBP", "PNG"):
        yield (
            f"animated {file_format}",
            saved(image, file_format, append_images=[other], **ANIMATED),
        )
        yield (
            f"animated opaque {file_format}",
            saved(opaque, file_format, append_images=others, **ANIMATED),
        )
    for file_format in ("GIF", "PNG"):
        yield (
            f"{file_format} with a transparent colour",
            saved(palette, file_format, transparency=palette.getpixel((0, 0))),
        )
    yield "PNG with a transparent palette", saved(palette, "PNG", transparency=bytes(range(16)))
    yield "PNG of 4 bits", saved(palette, "PNG", bits=4)
    yield "GIF, interlaced", saved(palette, "GIF", interlace=True)
    for name, colours, channels in (("grey", 0, 1), ("RGB", 2, 3), ("grey, alpha", 4, 2)):
        yield f"PNG of 16 bits, {name}", deep_png(colours, channels)
    yield "PNG of 16 bits, RGB, alpha", deep_png(6, 4)
    yield "BMP of 16 bits", bmp(16, noise[: 2 * HEIGHT * WIDTH])
    yield (
        "BMP of 16 bits, 5-6-5",
        bmp(16, noise[: 2 * HEIGHT * WIDTH], (0xF800, 0x7E0, 0x1F), compression=3),
    )
    yield "BMP of 32 bits", bmp(32, noise)
    yield "BMP, upside down", bmp(24, noise[: 3 * HEIGHT * WIDTH], height=-HEIGHT)
    yield "WEBP, lossless", saved(image, "WEBP", lossless=True)
    for subsampling in range(3):
        yield f"JPEG, chroma {subsampling}", saved(opaque, "JPEG", subsampling=subsampling)
    yield "JPEG, progressive", saved(opaque, "JPEG", progressive=True)
    yield "JPEG in RGB", saved(opaque, "JPEG", keep_rgb=True)
    yield "JPEG in CMYK without Adobe's marker", without_adobe(saved(in_mode("CMYK"), "JPEG"))
    yield "JPEG with more behind", saved(opaque, "JPEG") + b"more"
    yield "JPEG, two in one file", saved(opaque, "MPO", append_images=others, **ANIMATED)


def by_pillow(data, channels):
    """Returns the array that is expected: Pillow's own, or of 16 bits the high byte."""
    image = Image.open(io.BytesIO(data))
    if image.mode.startswith("I;16"):
        grey = np.asarray(image).astype(int) // 256
        return np.repeat(grey[..., None], channels, axis=-1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of transparent palettes
        array = np.asarray(image.convert("L" if channels == 1 else "RGB")).astype(int)
    return array.reshape(HEIGHT, WIDTH, channels)


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Pillow, on old modes
    FILES = dict(_written_by_pillow()) | dict(_others())
KNOWN = {name: data for name, data in FILES.items() if _is_known(data)}
UNKNOWN = {name: data for name, data in FILES.items() if name not in KNOWN}


def too_large(file_format, side):
    """Returns a small file whose header tells of this side, in both directions."""
    if file_format == "PNG":
        return png_header(side, side) + chunk(b"IDAT", zlib.compress(b"\0" * 99))
    options = ANIMATED | {"append_images": [smooth_image(1)]} if file_format == "WEBP" else {}
    image = smooth_image().convert("RGB")
    file = bytearray(saved(image, file_format, **options))
    if file_format == "JPEG":
        start = file.index(b"\xff\xc0") + 5
        file[start : start + 4] = struct.pack(">HH", side, side)
    elif file_format == "GIF":
        file[6:10] = struct.pack("<HH", side, side)
    elif file_format == "BMP":
        file[18:26] = struct.pack("<ii", side, side)
    else:  # the canvas of a WebP animation has at most 2^14 pixels a side
        file[24:30] = 2 * struct.pack("<I", min(side, 2**14) - 1)[:3]
    return bytes(file)


def of_png(array):
    """Returns the PNG of an RGB or grey array, which all read alike."""
    return saved(Image.fromarray(array.astype("uint8")), "PNG")
