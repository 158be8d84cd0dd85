"""Recolours drawings: moves their main hue to a named colour and keeps shading, outlines and other hues (OKLCH)."""

import math

import torch

from .scenes import COLOURS

COLOUR_RGB = {
    "red": (226, 40, 48),
    "orange": (245, 140, 30),
    "yellow": (250, 206, 50),
    "green": (60, 165, 70),
    "blue": (45, 115, 220),
    "purple": (130, 70, 185),
    "pink": (245, 130, 175),
    "brown": (125, 80, 50),
    "black": (45, 45, 50),
    "white": (242, 242, 240),
    "gray": (140, 145, 150),
    "teal": (20, 160, 160),
}
_BRIGHT = ("orange", "yellow", "pink")
_HUE_BINS = 24
_LMS = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
_LAB = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)


def recolour(sprites: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
    """Premultiplied uint8 ``[n, 4, s, s]`` and indices of COLOURS ``[n]`` to recoloured premultiplied uint8."""
    picture = sprites.float() / 255
    alpha = picture[:, 3]
    rgb = (picture[:, :3] / alpha[:, None].clamp_min(1 / 255)).clamp(0, 1)
    lightness, chroma, hue = _to_lch(rgb)
    peak = _main_hue(alpha, chroma, hue)
    offset = _wrap(hue - peak)
    # Hues within 30 degrees of the peak move in full, beyond 50 not at all; nearly gray pixels stay.
    near, far = math.cos(math.radians(30)), math.cos(math.radians(50))
    share = ((offset.cos() - far) / (near - far)).clamp(0, 1) * ((chroma - 0.02) / 0.03).clamp(0, 1)
    total = (alpha * share).sum((1, 2), keepdim=True).clamp_min(1e-6)
    mean_lightness = (alpha * share * lightness).sum((1, 2), keepdim=True) / total
    mean_chroma = (alpha * share * chroma).sum((1, 2), keepdim=True) / total
    palette = torch.tensor([COLOUR_RGB[name] for name in COLOURS], device=sprites.device).float() / 255
    target = [part.reshape(-1)[colours][:, None, None] for part in _to_lch(palette.T[None, :, :, None])]
    new_lightness = _shaded(colours, target[0], lightness - mean_lightness)
    new_chroma = target[1] * (chroma / mean_chroma.clamp_min(1e-3)).clamp(0.35, 1.4)
    moved = _to_rgb(new_lightness.clamp(0.03, 0.985), new_chroma, target[2] + offset * 0.35)
    mixed = rgb * (1 - share[:, None]) + moved * share[:, None]
    return torch.cat([mixed * alpha[:, None], alpha[:, None]], 1).mul(255).round().clamp(0, 255).byte()


def _shaded(colours: torch.Tensor, target: torch.Tensor, difference: torch.Tensor) -> torch.Tensor:
    def among(*names: str) -> torch.Tensor:
        return sum(colours == COLOURS.index(name) for name in names)[:, None, None] > 0

    shaded = target + difference * torch.where(among("black"), 0.55, 0.8)
    # Dark parts of bright colours would read as brown or olive, and white has no room upwards.
    shaded = torch.where(among(*_BRIGHT), target + difference * torch.where(difference < 0, 0.5, 0.8), shaded)
    return torch.where(among("white"), target + difference * torch.where(difference < 0, 0.6, 0.2), shaded)


def _main_hue(alpha: torch.Tensor, chroma: torch.Tensor, hue: torch.Tensor) -> torch.Tensor:
    weight = alpha * (chroma > 0.05) * (chroma / 0.10).clamp_max(1)
    width = 360 / _HUE_BINS
    bins = ((torch.rad2deg(hue) % 360) / width).long() % _HUE_BINS
    histogram = torch.zeros(len(alpha), _HUE_BINS, device=alpha.device).scatter_add_(
        1, bins.flatten(1), weight.flatten(1)
    )
    smooth = histogram + 0.7 * (histogram.roll(1, 1) + histogram.roll(-1, 1))
    return torch.deg2rad(smooth.argmax(1) * width + width / 2)[:, None, None]


def _to_lch(rgb: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055).clamp_min(1e-8) ** 2.4)
    cone = _mixed(_LMS, linear, rgb.device).clamp_min(0) ** (1 / 3)
    lab = _mixed(_LAB, cone, rgb.device)
    return lab[:, 0], torch.hypot(lab[:, 1], lab[:, 2]), torch.atan2(lab[:, 2], lab[:, 1])


def _to_rgb(lightness: torch.Tensor, chroma: torch.Tensor, hue: torch.Tensor) -> torch.Tensor:
    lab = torch.stack([lightness, chroma * hue.cos(), chroma * hue.sin()], 1)
    device = lightness.device
    linear = _mixed(_LMS, _mixed(_LAB, lab, device, inverse=True) ** 3, device, inverse=True).clamp(0, 1)
    return torch.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear.clamp_min(1e-8) ** (1 / 2.4) - 0.055)


def _mixed(matrix: tuple, channels: torch.Tensor, device: torch.device, inverse: bool = False) -> torch.Tensor:
    values = torch.tensor(matrix, dtype=torch.float64)
    values = torch.linalg.inv(values) if inverse else values
    return torch.einsum("ij,bjhw->bihw", values.float().to(device), channels)


def _wrap(angle: torch.Tensor) -> torch.Tensor:
    return torch.atan2(angle.sin(), angle.cos())
