"""Scores captions against pictures, and lets the better ones of a scene be read more often, as Sana does.

A small contrastive model is trained on what the transformer is trained on: text states on one side, latents on the
other. The score of a caption is the cosine between both; among the wordings of one language a wording is read with a
probability proportional to score ** (1 / TEMPERATURE). How often each language is read is decided elsewhere: a score
must not choose between languages, or the one that is understood best would crowd out the others.
"""

import time

import torch
import torch.nn.functional as F
from torch import nn

from .text_states import STATE_WIDTH

# The temperature of Sana's selection.
TEMPERATURE = 0.1
_WIDTH = 256
_BATCH = 1024
_RATE = 1e-3
_LEAST_SCORE = 1e-3


class CaptionScorer(nn.Module):
    """Text states and latents to unit vectors of the same space."""

    def __init__(self, mean: torch.Tensor, deviation: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.words = nn.Sequential(nn.Linear(STATE_WIDTH, 2 * _WIDTH), nn.SiLU(), nn.Linear(2 * _WIDTH, _WIDTH))
        self.text_head = nn.Linear(_WIDTH, _WIDTH)
        self.cells = nn.Sequential(
            nn.Conv2d(32, _WIDTH, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(_WIDTH, _WIDTH, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(_WIDTH, 2 * _WIDTH, 3, stride=2, padding=1),
            nn.SiLU(),
        )
        self.picture_head = nn.Linear(2 * _WIDTH, _WIDTH)
        self.log_scale = nn.Parameter(torch.tensor(3.0))

    def text(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """``[n, t, 640]`` and ``[n, t]`` to ``[n, 256]``."""
        standard = (states.float() - self.mean) / self.deviation
        # <bos> is the same in every caption.
        known = mask[:, 1:, None].float()
        pooled = (self.words(standard[:, 1:]) * known).sum(1) / known.sum(1).clamp_min(1)
        return F.normalize(self.text_head(F.silu(pooled)), dim=1)

    def picture(self, latents: torch.Tensor) -> torch.Tensor:
        """``[n, 32, h, w]`` to ``[n, 256]``."""
        return F.normalize(self.picture_head(self.cells(latents.float()).mean((2, 3))), dim=1)


def train_scorer(
    scorer: CaptionScorer,
    latents: torch.Tensor,
    states: torch.Tensor,
    masks: torch.Tensor,
    steps: int,
    batch: int = _BATCH,
) -> None:
    """Teaches which wording belongs to which of ``batch`` pictures, and which picture to which wording."""
    began = time.monotonic()
    device = latents.device
    optimiser = torch.optim.AdamW(scorer.parameters(), lr=0.0, weight_decay=0.01, fused=latents.is_cuda)
    batch = min(batch, len(latents))
    target = torch.arange(batch, device=device)
    loss = torch.zeros((), device=device)
    for step in range(steps):
        # Without repetition: the same picture twice would be a wrong answer that is right.
        rows = torch.randperm(len(latents), device=device)[:batch]
        wording = torch.randint(states.shape[1], (batch,), device=device)
        for settings in optimiser.param_groups:
            settings["lr"] = _RATE * min(1.0, (step + 1) / 50) * max(0.02, 1 - step / steps)
        with torch.autocast(device.type, torch.bfloat16, enabled=latents.is_cuda):
            one, other = scorer.text(states[rows, wording], masks[rows, wording]), scorer.picture(latents[rows])
        likeness = scorer.log_scale.exp().clamp_max(100) * one.float() @ other.float().T
        loss = (F.cross_entropy(likeness, target) + F.cross_entropy(likeness.T, target)) / 2
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    print(f"scorer: {steps} steps, loss {loss.item():.3f}, {time.monotonic() - began:.0f} s", flush=True)


@torch.no_grad()
def scores(
    scorer: CaptionScorer, latents: torch.Tensor, states: torch.Tensor, masks: torch.Tensor, batch: int = 4096
) -> torch.Tensor:
    """Cosines ``[n, k]`` of the ``k`` wordings of every picture."""
    parts = []
    for start in range(0, len(latents), batch):
        part = slice(start, start + batch)
        picture = scorer.picture(latents[part])
        words = [scorer.text(states[part, wording], masks[part, wording]) for wording in range(states.shape[1])]
        parts.append((torch.stack(words, 1) * picture[:, None]).sum(-1))
    return torch.cat(parts)


def reading_weights(languages: tuple[str, ...], shares: dict[str, float], found: torch.Tensor) -> torch.Tensor:
    """Probabilities ``[n, k]``: of each wording's language its share, divided among its wordings by ``found`` scores.

    ``languages`` names the language of each wording; a language without a share is not read at all.
    """
    power = found.double().clamp_min(_LEAST_SCORE) ** (1 / TEMPERATURE)
    weights = torch.zeros_like(power)
    for language, share in shares.items():
        columns = [place for place, name in enumerate(languages) if name == language]
        own = power[:, columns]
        weights[:, columns] = share * own / own.sum(1, keepdim=True)
    return (weights / weights.sum(1, keepdim=True)).float()
