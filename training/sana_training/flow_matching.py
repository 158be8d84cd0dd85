"""The loss of flow matching: the velocity from a picture to noise, at noise levels that are shifted as in sampling."""

import torch
from torch import nn

FLOW_SHIFT = 3.0
TIMESTEPS = 1000


def flow_loss(
    model: nn.Module,
    latents: torch.Tensor,
    states: torch.Tensor,
    mask: torch.Tensor,
    sigma: torch.Tensor,
    noise: torch.Tensor | None = None,
) -> torch.Tensor:
    """Mean squared error of the velocity ``noise - latents`` at noise level ``sigma`` ``[n]``."""
    noise = torch.randn_like(latents) if noise is None else noise
    level = sigma[:, None, None, None]
    noisy = (1 - level) * latents + level * noise
    timestep = (sigma * TIMESTEPS).floor()
    with torch.autocast(latents.device.type, torch.bfloat16, enabled=latents.is_cuda):
        velocity = model(noisy, states, mask.float(), timestep)
    return (velocity.float() - (noise - latents)).square().mean()


@torch.no_grad()
def validation_loss(
    model: nn.Module, validation: tuple[torch.Tensor, torch.Tensor, torch.Tensor], batch: int = 256
) -> float:
    """The same loss on held-out scenes, always with the same noise and noise levels."""
    latents, states, masks = validation
    generator = torch.Generator(latents.device).manual_seed(0)
    losses = []
    batch = min(batch, len(latents))
    for start in range(0, len(latents) - batch + 1, batch):
        part = slice(start, start + batch)
        noise = torch.randn(latents[part].shape, generator=generator, device=latents.device)
        index = torch.sigmoid(torch.randn(batch, generator=generator, device=latents.device))
        losses.append(flow_loss(model, latents[part].float(), states[part], masks[part], shifted(index), noise))
    return torch.stack(losses).mean().item()


def shifted(index: torch.Tensor) -> torch.Tensor:
    """The noise level for a place in [0, 1], shifted towards noise as the sampler shifts its steps."""
    return FLOW_SHIFT * index / (1 + (FLOW_SHIFT - 1) * index)
