"""Input pictures: coarse blocks with fine noise on top, in every kind of 8-bit PNG that must be accepted."""

from pathlib import Path

import numpy as np
from PIL import Image


def _blocks(random: np.random.Generator, width: int, height: int, side: int, noise: int) -> np.ndarray:
    coarse = random.integers(0, 256, (height // side, width // side, 3))
    picture = coarse.repeat(side, 0).repeat(side, 1)
    return (picture + random.integers(-noise, noise + 1, picture.shape)).clip(0, 255).astype(np.uint8)


def write_pictures(folder: Path) -> None:
    random = np.random.default_rng(0)
    picture = Image.fromarray(_blocks(random, 160, 96, 8, 20))
    alpha = Image.fromarray(random.integers(0, 256, (96, 160), dtype=np.uint8))
    with_alpha = picture.copy()
    with_alpha.putalpha(alpha)
    grey_alpha = picture.convert("L")
    grey_alpha.putalpha(alpha)
    pictures = {
        "picture.png": picture,
        "picture-alpha.png": with_alpha.crop((0, 0, 64, 96)),
        "picture-palette.png": picture.crop((0, 0, 96, 64)).quantize(200),
        "picture-grey.png": picture.convert("L").crop((0, 0, 64, 96)),
        "picture-grey-alpha.png": grey_alpha.crop((0, 0, 64, 32)),
        "picture-large-side.png": Image.fromarray(_blocks(random, 256, 192, 16, 0)),
        "pixel-block.png": Image.fromarray(_blocks(random, 32, 32, 1, 0)),
        "large.png": Image.fromarray(_blocks(random, 640, 576, 8, 0)),
    }
    for name, image in pictures.items():
        image.save(folder / name, optimize=True)
