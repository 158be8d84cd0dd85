"""How well a decoder gives pictures back: PSNR and the error of the edges, on pictures that it was not trained on."""

import json
from pathlib import Path

import torch
from diffusers import AutoencoderDC

from . import splits
from .compose import Painter, SceneBatch
from .decoder_halves import DecoderHalves
from .scenes import MAX_ITEMS
from .vae import PIXELS_PER_LATENT

_SCENES = 256
_BATCH = 16
# A scene of so many things is a crowd: all of them are small.
_CROWD = 4
# Where a held-out drawing is put: alone, as large as a scene of one thing has it, and as small as one of six has it.
_DRAWING_SIZES = (0.75, 0.28)


def edge_error(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean absolute error of the differences between neighbouring pixels, in both directions."""
    difference = output - target
    down = (difference[..., 1:, :] - difference[..., :-1, :]).abs().mean()
    across = (difference[..., 1:] - difference[..., :-1]).abs().mean()
    return down + across


def held_drawings(work: Path, recolourings: list[tuple[int, int]]) -> torch.Tensor:
    """For every drawing, the recoloured ones included: is it kept out of the decoder's training?"""
    rendered = [splits.held_drawing(*row) for row in json.loads((work / "sprites.json").read_text())]
    return torch.tensor(rendered + [rendered[base] for base, _ in recolourings])


class DecoderMeasure:
    """Pictures and their latents: validation scenes, the crowded ones among them, and held-out drawings."""

    def __init__(self, work: Path, vae: AutoencoderDC, painter: Painter, held: torch.Tensor, device: str) -> None:
        self._painter = painter
        self._device = device
        validation = torch.load(work / "cache-validation.pt", weights_only=True)
        scaling = vae.config.scaling_factor
        scenes = SceneBatch(**validation["scenes"])
        crowded = ((scenes.sprite >= 0).sum(1) >= _CROWD).nonzero()[:_SCENES, 0]
        self._sets = {
            "scenes": (scenes.part(0, _SCENES), validation["latents"][:_SCENES].float() / scaling),
            "crowded": (scenes.picked(crowded), validation["latents"][crowded].float() / scaling),
        }
        self._side = validation["latents"].shape[2] * PIXELS_PER_LATENT
        if held.any():
            drawings = _alone(held.nonzero()[:_SCENES, 0])
            self._sets["drawings"] = (drawings, self._encoded(vae, drawings))

    @torch.no_grad()
    def errors(self, halves: DecoderHalves) -> dict[str, dict[str, float]]:
        """For each set: mean and worst PSNR in decibels, the edge error, and how many pictures there are."""
        return {name: self._set_errors(halves, *pictures) for name, pictures in self._sets.items() if len(pictures[0])}

    def _set_errors(self, halves: DecoderHalves, scenes: SceneBatch, latents: torch.Tensor) -> dict[str, float]:
        noises, edges = [], []
        for start in range(0, len(latents), _BATCH):
            target = self._painted(scenes.part(start, start + _BATCH))
            part = latents[start : start + _BATCH].to(self._device).contiguous(memory_format=torch.channels_last)
            with torch.autocast(self._device, torch.bfloat16, enabled=self._device == "cuda"):
                output = halves.upper(halves.lower(part)).float().clamp(-1, 1)
            # Pixels run from -1 to 1: the largest difference is 2.
            noises.append(10 * torch.log10(4 / (output - target).square().mean((1, 2, 3)).clamp_min(1e-10)))
            edges += [edge_error(one, other) for one, other in zip(output, target, strict=True)]
        decibels = torch.cat(noises)
        return {
            "psnr": decibels.mean().item(),
            "psnr_worst": decibels.min().item(),
            "edge_error": torch.stack(edges).mean().item(),
            "pictures": len(decibels),
        }

    def _painted(self, scenes: SceneBatch) -> torch.Tensor:
        return self._painter.paint(scenes, self._side, self._side)

    @torch.no_grad()
    def _encoded(self, vae: AutoencoderDC, scenes: SceneBatch) -> torch.Tensor:
        encoder = vae.encoder.to(self._device)
        parts = []
        for start in range(0, len(scenes), _BATCH):
            with torch.autocast(self._device, torch.bfloat16, enabled=self._device == "cuda"):
                parts.append(encoder(self._painted(scenes.part(start, start + _BATCH))).float().cpu())
        return torch.cat(parts)


def _alone(drawings: torch.Tensor) -> SceneBatch:
    """Every drawing alone on white paper, in turn large and small."""
    number = len(drawings)
    sprite = torch.full((number, MAX_ITEMS), -1, dtype=torch.int32)
    sprite[:, 0] = drawings
    place = torch.zeros(number, MAX_ITEMS, 3)
    place[:, 0, :2] = 0.5
    place[:, 0, 2] = torch.tensor(_DRAWING_SIZES)[torch.arange(number) % len(_DRAWING_SIZES)]
    plain = torch.zeros(number, dtype=torch.uint8)
    return SceneBatch(sprite, place, plain, plain, plain, torch.zeros(number, 4))
