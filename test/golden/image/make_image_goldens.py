"""Makes goldens.json: what Pillow, PyTorch and diffusers do to small pictures.

Run: python test/golden/image/make_image_goldens.py   (Pillow 13.0.0, torch 2.13.0, diffusers 0.42.1)
"""

import base64
import io
import json
import math
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers.image_processor import PixArtImageProcessor, VaeImageProcessor
from PIL import Image

warnings.simplefilter("ignore")  # Pillow advises against dropping transparency, which is what is wanted here
rng = np.random.default_rng(20)


def base64_of(data) -> str:
    if isinstance(data, torch.Tensor):
        data = data.contiguous().numpy()
    return base64.b64encode(data.tobytes() if isinstance(data, np.ndarray) else data).decode("ascii")


# --- PNG files of every colour type, depth and interlacing, with all five row filters ---

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pack_row(samples: np.ndarray, depth: int) -> np.ndarray:
    if depth == 16:
        return np.frombuffer(samples.astype(">u2").tobytes(), np.uint8)
    if depth == 8:
        return samples.astype(np.uint8)
    bits = ((samples[:, None] >> np.arange(depth - 1, -1, -1)) & 1).astype(np.uint8)
    return np.packbits(bits.reshape(-1))


def filter_row(kind: int, row: np.ndarray, above: np.ndarray, step: int) -> bytes:
    out = bytearray([kind])
    for i, value in enumerate(row.tolist()):
        a = int(row[i - step]) if i >= step else 0
        b = int(above[i])
        c = int(above[i - step]) if i >= step else 0
        paeth = min((a, b, c), key=lambda x: abs(a + b - c - x))
        out.append((value - [0, a, b, (a + b) // 2, paeth][kind]) & 255)
    return bytes(out)


def encode(samples: np.ndarray, color: int, depth: int, interlaced: bool, extra: list[bytes]) -> bytes:
    """`samples` [height, width, channels]."""
    height, width, channels = samples.shape
    step = max(depth * channels // 8, 1)
    rows = b""
    for x, y, dx, dy in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        part = samples[y::dy, x::dx]
        if part.shape[1] == 0:
            continue
        above = None
        for number, line in enumerate(part):
            row = pack_row(line.reshape(-1), depth)
            rows += filter_row(number % 5, row, np.zeros_like(row) if above is None else above, step)
            above = row
    compressed = zlib.compress(rows, 9)
    half = len(compressed) // 2  # two IDAT chunks: decoders must join them
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, int(interlaced))
    parts = [chunk(b"IHDR", header), *extra, chunk(b"IDAT", compressed[:half]), chunk(b"IDAT", compressed[half:])]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


def png_cases() -> list[dict]:
    cases = []
    for color, depths in {0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16]}.items():
        for depth in depths:
            for interlaced in (False, True):
                # 11×7 leaves odd bits at row ends; 3×2 leaves some interlacing passes empty.
                for width, height in [(11, 7)] + ([(3, 2)] if interlaced else []):
                    samples = rng.integers(0, 2**depth, (height, width, CHANNELS[color]))
                    extra = []
                    if color == 3:
                        extra = [chunk(b"PLTE", rng.integers(0, 256, 3 * 2**depth, dtype=np.uint8).tobytes())]
                        extra += [chunk(b"tRNS", bytes([0, 128]))]
                    if color == 0 and depth == 8:
                        extra = [chunk(b"tRNS", struct.pack(">H", 7))]
                    png = encode(samples, color, depth, interlaced, extra)
                    if color == 0 and depth == 16:
                        # Pillow clips 16-bit grey when converting it; the high byte is what it keeps of 16-bit colour.
                        rgb = np.repeat(samples >> 8, 3, axis=2).astype(np.uint8)
                    else:
                        rgb = np.array(Image.open(io.BytesIO(png)).convert("RGB"))
                    name = f"colour type {color}, {depth} bits, {width}x{height}" + (", interlaced" if interlaced else "")
                    cases.append(dict(name=name, width=width, height=height, png=base64_of(png), rgb=base64_of(rgb)))
    return cases


# --- Pillow's Lanczos ---


def lanczos_cases() -> list[dict]:
    cases = []
    # Up, down, mixed, one side unchanged, a single pixel, strong reduction of a picture of extremes (overshoot), and both
    # sides of the limit at which Pillow begins with the rows.
    sizes = [((9, 7), (32, 32)), ((40, 30), (13, 9)), ((10, 40), (32, 11)), ((12, 20), (12, 9)), ((1, 1), (3, 2))]
    sizes += [((50, 3), (4, 5)), ((20, 30), (16, 22)), ((20, 30), (16, 21))]
    for (width, height), (to_width, to_height) in sizes:
        rgb = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        if width == 50:
            rgb = (rgb > 127).astype(np.uint8) * 255
        out = np.array(Image.fromarray(rgb).resize((to_width, to_height), Image.LANCZOS))
        cases.append(dict(width=width, height=height, rgb=base64_of(rgb), toWidth=to_width, toHeight=to_height, expected=base64_of(out)))
    return cases


# --- resize and crop to the asked size ---


def formula_picture(height: int, width: int) -> torch.Tensor:
    """A picture [1, 1, height, width] in about [−1, 1] that the tests form with the same arithmetic."""
    index = np.arange(height * width, dtype=np.float64)
    return torch.from_numpy((((index * 7919) % 2003) / 1001.5 - 1).astype(np.float32).reshape(1, 1, height, width))


def crop_cases() -> list[dict]:
    cases = []
    # The last: a long side, where float32 positions differ from exact ones by 1e-4 of a pixel.
    for height, width, to_height, to_width in [(8, 8, 13, 11), (12, 9, 5, 7), (7, 9, 9, 7), (8, 8, 16, 16), (4, 1408, 3, 1300)]:
        out = PixArtImageProcessor.resize_and_crop_tensor(formula_picture(height, width), to_width, to_height)
        assert out.shape[2:] == (to_height, to_width)
        cases.append(dict(height=height, width=width, toHeight=to_height, toWidth=to_width, expected=base64_of(out)))
    cases.append(truncated_case())
    return cases


def truncated_case() -> dict:
    """A size for which the reference, truncating, comes out too short; expected is what the asked size should have given."""
    for height in range(5, 60):
        for to_height in range(5, 60):
            short = int(height * (to_height / height))
            if short < to_height:
                ratio = to_height / height
                width = height + 3
                resized = (to_height, int(width * ratio))
                out = F.interpolate(formula_picture(height, width), size=resized, mode="bilinear", align_corners=False)
                to_width = min(to_height, resized[1])
                start = (resized[1] - to_width) // 2
                reference = PixArtImageProcessor.resize_and_crop_tensor(formula_picture(height, width), to_width, to_height)
                assert reference.shape[2] < to_height
                out = out[:, :, :, start : start + to_width]
                return dict(height=height, width=width, toHeight=to_height, toWidth=to_width, expected=base64_of(out))
    raise AssertionError("no such size")


# --- 8-bit pixels from and to floats ---


def pixel_goldens() -> dict:
    processor = VaeImageProcessor(vae_scale_factor=1)
    levels = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    floats = processor.preprocess(Image.fromarray(levels))[0, 0]
    # Every rounding boundary, the float32 numbers beside it, what is clamped, and noise.
    middles = np.array([(k + 0.5) / 255 * 2 - 1 for k in range(255)], dtype=np.float32)
    values = np.concatenate(
        [middles, np.nextafter(middles, np.float32(2)), np.nextafter(middles, np.float32(-2)),
         np.array([-1, 1, -1.5, 1.5, 0, -0.0, 1e30, -1e30, math.inf, -math.inf], np.float32),
         rng.normal(0, 0.7, 249).astype(np.float32)]
    )  # fmt: skip
    tensor = torch.from_numpy(values.reshape(1, 1, -1, 1)).repeat(1, 3, 1, 1)
    image = np.array(processor.postprocess(tensor, output_type="pil")[0])[:, 0, 0]
    return dict(floatsOfLevels=base64_of(floats), floats=base64_of(values), levels=base64_of(image))


goldens = dict(png=png_cases(), lanczos=lanczos_cases(), resizeAndCrop=crop_cases(), pixels=pixel_goldens())
path = Path(__file__).with_name("goldens.json")
path.write_text(json.dumps(goldens, indent=1) + "\n")
print(f"{path}: {path.stat().st_size} bytes")
