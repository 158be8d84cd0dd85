"""Paints batches of scenes on the accelerator."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from .colour import COLOUR_RGB, recolour
from .scenes import BACKGROUNDS, COLOURS, EFFECTS, MAX_ITEMS, Scene
from .sprites import SPRITE_SIZE

_RECOLOUR_BATCH = 128
# Patterns are this much nearer to white than the colour they are named after: (first, second) colour.
_TINTS = {"plain": (0.0, 0.0), "gradient": (0.75, 0.05), "stripes": (0.8, 0.5), "dots": (0.8, 0.35)}
# Hills: ground near and far, sky above and below.
_HILLS = {
    "meadow": ((110, 190, 80), (60, 140, 60), (150, 210, 250), (225, 243, 255)),
    "beach": ((240, 215, 150), (225, 190, 120), (110, 195, 245), (210, 240, 255)),
    "snow": ((240, 246, 252), (215, 230, 245), (165, 190, 220), (225, 235, 245)),
}
_GRID = ((252, 253, 255), (180, 205, 235))
_BLUEPRINT = ((38, 92, 160), (60, 115, 185))
_NIGHT = ((18, 22, 60), (60, 50, 110), (255, 250, 220))
_SKY = ((90, 170, 240), (200, 230, 255), (255, 255, 255))


@dataclass
class SceneBatch:
    """Scenes as numbers: ``[n, MAX_ITEMS]`` for what concerns items (sprite -1: none), ``[n]`` for the rest."""

    sprite: torch.Tensor
    place: torch.Tensor
    effect: torch.Tensor
    background: torch.Tensor
    colour: torch.Tensor
    phase: torch.Tensor

    def __len__(self) -> int:
        return len(self.sprite)

    def part(self, start: int, end: int) -> "SceneBatch":
        """The scenes from ``start`` up to ``end``."""
        return SceneBatch(**{name: value[start:end] for name, value in self.__dict__.items()})

    def picked(self, rows: torch.Tensor) -> "SceneBatch":
        """The scenes of these rows."""
        return SceneBatch(**{name: value[rows] for name, value in self.__dict__.items()})

    def to(self, device: str) -> "SceneBatch":
        """The same scenes on another device."""
        return SceneBatch(**{name: value.to(device) for name, value in self.__dict__.items()})


def as_batch(scenes: list[Scene]) -> SceneBatch:
    """Packs scenes into arrays."""
    number = len(scenes)
    sprite = np.full((number, MAX_ITEMS), -1, np.int32)
    place = np.zeros((number, MAX_ITEMS, 3), np.float32)
    for row, scene in enumerate(scenes):
        for column, item in enumerate(scene.items):
            sprite[row, column] = item.sprite
            place[row, column] = (item.x, item.y, item.size)
    effects = [EFFECTS.index(scene.style) if scene.style in EFFECTS else 0 for scene in scenes]
    return SceneBatch(
        torch.from_numpy(sprite),
        torch.from_numpy(place),
        torch.tensor(effects, dtype=torch.uint8),
        torch.tensor([BACKGROUNDS.index(scene.background) for scene in scenes], dtype=torch.uint8),
        torch.tensor([COLOURS.index(scene.background_colour or "white") for scene in scenes], dtype=torch.uint8),
        torch.tensor([scene.phase for scene in scenes], dtype=torch.float32).view(number, 4),
    )


def joined(batches: list[SceneBatch]) -> SceneBatch:
    """One batch after the other."""
    return SceneBatch(
        **{name: torch.cat([getattr(batch, name) for batch in batches]) for name in SceneBatch.__dataclass_fields__}
    )


class Painter:
    """Holds all drawings on the device, the recoloured ones included."""

    def __init__(self, sprites: Path, recolourings: list[tuple[int, int]], device: str) -> None:
        rendered = torch.from_numpy(np.load(sprites))
        self._device = device
        self._bank = torch.empty(
            len(rendered) + len(recolourings), 4, SPRITE_SIZE, SPRITE_SIZE, dtype=torch.uint8, device=device
        )
        self._bank[: len(rendered)] = rendered.to(device)
        plan = torch.tensor(recolourings, device=device).view(-1, 2)
        for start in range(0, len(plan), _RECOLOUR_BATCH):
            base, colour = plan[start : start + _RECOLOUR_BATCH].unbind(1)
            first = len(rendered) + start
            self._bank[first : first + len(base)] = recolour(self._bank[base], colour)

    def paint(self, scenes: SceneBatch, height: int, width: int) -> torch.Tensor:
        """float32 pictures ``[n, 3, height, width]`` in [-1, 1], channels last."""
        scenes = scenes.to(self._device)
        pictures = _backgrounds(scenes, height, width)
        for slot in range(MAX_ITEMS):
            shown = (scenes.sprite[:, slot] >= 0).nonzero()[:, 0]
            if len(shown) == 0:
                break
            sprites = self._bank[scenes.sprite[shown, slot].long()].float() / 255
            sprites = _with_effects(sprites, scenes.effect[shown], scenes.phase[shown])
            placed = _placed(sprites, scenes.place[shown, slot], height, width)
            pictures[shown] = pictures[shown] * (1 - placed[:, 3:]) + placed[:, :3]
        return (pictures * 2 - 1).contiguous(memory_format=torch.channels_last)


def _placed(sprites: torch.Tensor, place: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Each sprite at its place in an otherwise transparent picture."""
    short = min(height, width)
    out = sprites.new_zeros(len(sprites), 4, height, width)
    pixels = place[:, 2] * short
    # Sampling from a picture of about the final size keeps edges from breaking up.
    level = (SPRITE_SIZE / pixels).log2().clamp(0, 2).floor().long()
    for step in range(3):
        chosen = (level == step).nonzero()[:, 0]
        if len(chosen) == 0:
            continue
        x, y, size = place[chosen].unbind(1)
        scale_x, scale_y = width / (size * short), height / (size * short)
        zero = torch.zeros_like(x)
        rows = (
            torch.stack([scale_x, zero, -(2 * x - 1) * scale_x], 1),
            torch.stack([zero, scale_y, -(2 * y - 1) * scale_y], 1),
        )
        grid = F.affine_grid(torch.stack(rows, 1), [len(chosen), 4, height, width], align_corners=False)
        source = F.avg_pool2d(sprites[chosen], 2**step) if step else sprites[chosen]
        out[chosen] = F.grid_sample(source, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return out


def _with_effects(sprites: torch.Tensor, effect: torch.Tensor, phase: torch.Tensor) -> torch.Tensor:
    functions = {
        "pixel": _pixelated,
        "sticker": _sticker,
        "silhouette": _silhouette,
        "blueprint": _white_lines,
        "sketch": _sketched,
    }
    for name, function in functions.items():
        chosen = (effect == EFFECTS.index(name)).nonzero()[:, 0]
        if len(chosen):
            sprites[chosen] = function(sprites[chosen])
    return sprites


def _pixelated(sprites: torch.Tensor, cells: int = 32, levels: int = 8) -> torch.Tensor:
    small = F.avg_pool2d(sprites, SPRITE_SIZE // cells)
    alpha = (small[:, 3:] > 0.45).float()
    rgb = (small[:, :3] / small[:, 3:].clamp_min(1 / 255)).clamp(0, 1)
    rgb = (rgb * (levels - 1)).round() / (levels - 1)
    return F.interpolate(torch.cat([rgb * alpha, alpha], 1), size=SPRITE_SIZE, mode="nearest")


def _sticker(sprites: torch.Tensor, border: int = 12) -> torch.Tensor:
    inner = SPRITE_SIZE - 2 * border
    small = F.pad(
        F.interpolate(sprites, size=inner, mode="bilinear", antialias=True, align_corners=False), [border] * 4
    )
    spread = F.max_pool2d(small[:, 3:], 2 * border - 5, 1, border - 3)
    spread = F.avg_pool2d(spread, 5, 1, 2)
    # A gray rim keeps the white border visible on white paper.
    rim = F.avg_pool2d(F.max_pool2d(spread, 5, 1, 2), 5, 1, 2)
    paper = 0.70 * (rim - spread).clamp_min(0) + spread
    over = 1 - small[:, 3:]
    return torch.cat([small[:, :3] + paper * over, small[:, 3:] + rim * over], 1).clamp(0, 1)


def _silhouette(sprites: torch.Tensor) -> torch.Tensor:
    return torch.cat([_rgb((28, 30, 38), sprites) * sprites[:, 3:], sprites[:, 3:]], 1)


def _white_lines(sprites: torch.Tensor) -> torch.Tensor:
    return torch.cat([_rgb((235, 244, 255), sprites) * sprites[:, 3:], sprites[:, 3:]], 1)


def _sketched(sprites: torch.Tensor) -> torch.Tensor:
    alpha = sprites[:, 3:]
    on_white = sprites[:, :3] + 1 - alpha
    gray = (on_white * on_white.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    blurred = gray
    for _ in range(2):
        blurred = F.avg_pool2d(F.pad(blurred, [5] * 4, mode="replicate"), 11, 1)
    # Dividing by its own blur leaves the lines of a drawing; the outline is drawn from the alpha channel.
    lines = 1 - (1 - (gray / blurred.clamp_min(0.05)).clamp(0, 1)) * 1.8
    outline = F.max_pool2d(alpha, 5, 1, 2) + F.max_pool2d(-alpha, 5, 1, 2)
    shade = (lines - 0.75 * outline - 0.12 * (1 - gray)).clamp(0.12, 1)
    shade = (shade + 0.02 * torch.randn_like(shade)).clamp(0, 1)
    return torch.cat([shade.expand(-1, 3, -1, -1) * alpha, alpha], 1)


def _backgrounds(scenes: SceneBatch, height: int, width: int) -> torch.Tensor:
    """float32 ``[n, 3, height, width]`` in [0, 1]."""
    device = scenes.phase.device
    short = min(height, width)
    # y runs over [0, 1]; x and u, v are in units of the short side, so that patterns are not stretched.
    v = (torch.arange(height, device=device) + 0.5)[:, None] / short
    u = (torch.arange(width, device=device) + 0.5)[None, :] / short
    y = (v * short / height).expand(height, width)
    out = torch.ones(len(scenes), 3, height, width, device=device)
    for code in scenes.background.unique().tolist():
        name = BACKGROUNDS[code]
        chosen = (scenes.background == code).nonzero()[:, 0]
        phase = scenes.phase[chosen, :, None, None]
        if name in _TINTS:
            mask = _pattern(name, u, v, y, phase)
            first, second = (_tinted(scenes.colour[chosen], tint) for tint in _TINTS[name])
            out[chosen] = first * (1 - mask) + second * mask
        elif name in _HILLS:
            out[chosen] = _hills(name, u, y, phase)
        elif name == "night":
            out[chosen] = _night(u, v, y, phase)
        elif name == "sky":
            out[chosen] = _clouds(u, v, y, phase)
        elif name in ("grid", "blueprint"):
            paper, line = (_rgb(colour, out) for colour in (_GRID if name == "grid" else _BLUEPRINT))
            mask = (((u * 12) % 1 < 0.05) | ((v * 12) % 1 < 0.05)).float()
            out[chosen] = (paper * (1 - mask) + line * mask).expand(len(chosen), -1, -1, -1)
    return out


def _pattern(name: str, u: torch.Tensor, v: torch.Tensor, y: torch.Tensor, phase: torch.Tensor) -> torch.Tensor:
    """``[n, 1, h, w]``: 0 for the first colour, 1 for the second."""
    if name == "gradient":
        diagonal = (u / u.max() + v / v.max()) / 2
        return torch.where(phase[:, :1] < 0.5, y, diagonal)
    if name == "stripes":
        mask = ((u + v) * 7) % 1 < 0.5
    elif name == "dots":
        mask = (((u * 8) % 1 - 0.5) ** 2 + ((v * 8) % 1 - 0.5) ** 2) < 0.06
    else:
        mask = torch.zeros_like(y, dtype=torch.bool)
    return mask.float().expand(len(phase), 1, *y.shape)


def _hills(name: str, u: torch.Tensor, y: torch.Tensor, phase: torch.Tensor) -> torch.Tensor:
    near, far, above, below = (_rgb(colour, phase) for colour in _HILLS[name])
    horizon = 0.68 + 0.05 * torch.sin(u * 6 + phase[:, :1] * 6)
    ground = near * (1.3 - y * 0.5) + far * (y * 0.5 - 0.3)
    sky = above * (1 - y) + below * y
    return torch.where(y > horizon, ground.clamp(0, 1), sky)


def _night(u: torch.Tensor, v: torch.Tensor, y: torch.Tensor, phase: torch.Tensor, stars: int = 40) -> torch.Tensor:
    top, bottom, light = (_rgb(colour, phase) for colour in _NIGHT)
    sky = top * (1 - y) + bottom * y
    glow = torch.zeros(len(phase), 1, *y.shape, device=y.device)
    for star in range(stars):
        # An irrational step spreads the stars evenly, wherever the first one lies.
        x_star = (phase[:, :1] + star * 0.754877) % 1 * u.max()
        y_star = (phase[:, 1:2] + star * 0.569840) % 1 * v.max()
        radius = 0.003 + 0.004 * ((phase[:, 2:3] + star * 0.618034) % 1)
        glow = torch.maximum(glow, (1.5 - ((u - x_star) ** 2 + (v - y_star) ** 2).sqrt() / radius).clamp(0, 1))
    return sky * (1 - glow) + light * glow


def _clouds(u: torch.Tensor, v: torch.Tensor, y: torch.Tensor, phase: torch.Tensor, clouds: int = 4) -> torch.Tensor:
    top, bottom, white = (_rgb(colour, phase) for colour in _SKY)
    sky = top * (1 - y) + bottom * y
    cover = torch.zeros(len(phase), 1, *y.shape, device=y.device)
    for cloud in range(clouds):
        x_cloud = (phase[:, :1] + cloud * 0.754877) % 1 * u.max()
        y_cloud = (phase[:, 1:2] + cloud * 0.569840) % 1 * v.max() * 0.8
        for puff in range(4):
            radius = 0.06 + 0.05 * ((phase[:, 2:3] + (cloud * 4 + puff) * 0.618034) % 1)
            distance = ((u - x_cloud - (puff - 1.5) * 0.06) ** 2 + ((v - y_cloud) / 0.6) ** 2).sqrt()
            cover = torch.maximum(cover, ((radius - distance) * 150).clamp(0, 1))
    return sky * (1 - cover) + white * cover


def _tinted(colours: torch.Tensor, tint: float) -> torch.Tensor:
    palette = torch.tensor(
        [
            COLOUR_RGB[name] if name not in ("white", "black") else {"white": (255,) * 3, "black": (30, 30, 34)}[name]
            for name in COLOURS
        ]
    )
    chosen = palette.to(colours.device)[colours.long()].float() / 255
    return (chosen * (1 - tint) + tint)[:, :, None, None]


def _rgb(colour: tuple[int, int, int], like: torch.Tensor) -> torch.Tensor:
    return torch.tensor(colour, dtype=torch.float32, device=like.device).view(1, 3, 1, 1) / 255
