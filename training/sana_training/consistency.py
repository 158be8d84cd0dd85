"""Continuous-time consistency distillation (sCM) on samples of unit variance.

After Lu and Song, "Simplifying, Stabilizing and Scaling Continuous-Time Consistency Models" (2024), as SANA-Sprint uses
it: the student's answer must not change along the teacher's path. Its derivative along the path, times ``cos t``, is
the direction in which its velocity is pulled; the part that holds the student's own derivative is warmed up from zero;
the direction is normalised in each sample; noise levels are balanced by a learned log-variance.
"""

import math

import torch
from torch import nn

# Added to the norm that a direction is divided by: sCM's 0.1 in units where samples have a variance of a quarter.
_NORM_OFFSET = 0.2


class LogVariance(nn.Module):
    """How far off the student's velocity is expected to be at an angle, as the logarithm of a variance."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(9, 1)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, angle: torch.Tensor) -> torch.Tensor:
        """``[n]`` for ``angle`` ``[n]``; a short Fourier series in the logarithm of the angle's tangent."""
        # Six covers the noise levels that are trained on.
        place = torch.tan(angle).clamp(1e-6, 1e6).log()[:, None] / 6
        harmonics = torch.arange(1, 5, device=angle.device) * (math.pi / 2)
        return self.linear(torch.cat([place, torch.cos(place * harmonics), torch.sin(place * harmonics)], 1))[:, 0]


def tangent_direction(
    velocity: torch.Tensor, change: torch.Tensor | None, target: torch.Tensor, sample: torch.Tensor, angle: torch.Tensor
) -> torch.Tensor:
    """``cos t`` times the derivative of the student's answer along the teacher's path, as far as ``change`` is given.

    ``velocity`` is the student's, ``target`` the teacher's, ``change`` is ``cos t sin t`` times the derivative of the
    former along the latter, all ``[n, ...]``. Without ``change`` only the part that compares both velocities is there.
    """
    t = angle.view(-1, *[1] * (sample.ndim - 1))
    cos, sin = torch.cos(t), torch.sin(t)
    compared = -cos.square() * (velocity - target)
    return compared if change is None else compared - (cos * sin * sample + change)


def consistency_loss(
    velocity: torch.Tensor,
    change: torch.Tensor | None,
    target: torch.Tensor,
    sample: torch.Tensor,
    angle: torch.Tensor,
    warmth: float,
    log_variance: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss, and the norms ``[n]`` of the directions before they are normalised (not finite: left out of the loss).

    ``warmth`` in [0, 1] is the weight of the part with the student's own derivative; ``change`` may be None where it
    is zero. ``log_variance`` ``[n]``.
    """
    now = velocity.detach()
    direction = tangent_direction(now, None, target, sample, angle)
    if change is not None:
        whole = tangent_direction(now, change, target, sample, angle)
        direction = direction + warmth * (whole - direction)
    norm = direction.flatten(1).norm(dim=1)
    finite = torch.isfinite(norm)
    shape = [-1, *[1] * (sample.ndim - 1)]
    pull = torch.where(finite.view(shape), direction / (norm.view(shape) + _NORM_OFFSET), 0.0)
    error = (velocity - now - pull).square().flatten(1).sum(1)
    weight = torch.exp(-log_variance) / torch.tan(angle)
    losses = weight * error + log_variance
    return torch.where(finite, losses, 0.0).mean(), norm
