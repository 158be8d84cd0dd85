"""TrigFlow and flow matching as two coordinates of the same path, and multistep consistency sampling.

All samples here have unit variance: SCMScheduler's own are these times its ``sigma_data``.

Flow matching goes from a picture ``x`` to noise ``e`` on ``(1 - s) x + s e`` and predicts ``e - x``. TrigFlow (Lu and
Song, "Simplifying, Stabilizing and Scaling Continuous-Time Consistency Models", 2024) goes there on
``cos t x + sin t e`` and predicts its derivative ``cos t e - sin t x``. With ``s = sin t / (cos t + sin t)`` the one
path is the other divided by ``cos t + sin t``, so a flow model is a TrigFlow model as it is, without retraining (Chen
et al., "SANA-Sprint", 2025). The closed forms below equal those of diffusers' SanaSprintPipeline.
"""

import math

import torch

# What SanaSprintPipeline begins with and, in two steps, goes on from; the former is a hair above a right angle.
LAST_ANGLE = 1.57080
INTERMEDIATE_ANGLE = 1.3


def flow_time(angle: torch.Tensor) -> torch.Tensor:
    """The flow time ``s`` in [0, 1] of an angle ``t`` in [0, pi / 2]; the Sprint transformers are given this number."""
    return torch.sin(angle) / (torch.cos(angle) + torch.sin(angle))


def angle_of(time: torch.Tensor) -> torch.Tensor:
    """The inverse of ``flow_time``."""
    return torch.atan2(time, 1 - time)


def noised(clean: torch.Tensor, noise: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    """The TrigFlow sample; ``angle`` ``[n]`` belongs to the rows of the others."""
    return _cos(angle, clean) * clean + _sin(angle, clean) * noise


def flow_sample(sample: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    """What a flow model is shown for a TrigFlow sample."""
    return sample / (_cos(angle, sample) + _sin(angle, sample))


def trig_velocity(sample: torch.Tensor, flow_velocity: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    """The derivative of the TrigFlow sample by its angle, from what a flow model predicts for ``flow_sample``."""
    cos, sin = _cos(angle, sample), _sin(angle, sample)
    return ((cos - sin) * sample + flow_velocity) / (cos + sin)


def flow_velocity(sample: torch.Tensor, velocity: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    """The inverse of ``trig_velocity``."""
    cos, sin = _cos(angle, sample), _sin(angle, sample)
    return (cos + sin) * velocity - (cos - sin) * sample


def clean_sample(sample: torch.Tensor, velocity: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    """What a consistency model answers: the picture at the end of the path."""
    return _cos(angle, sample) * sample - _sin(angle, sample) * velocity


def consistency_angles(steps: int) -> list[float]:
    """Angles of SCMScheduler as SanaSprintPipeline asks for them, the final zero included."""
    if steps == 2:
        return [LAST_ANGLE, INTERMEDIATE_ANGLE, 0.0]
    return [LAST_ANGLE * (1 - step / steps) for step in range(steps)] + [0.0]


def _cos(angle: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return torch.cos(angle).view(-1, *[1] * (like.ndim - 1))


def _sin(angle: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return torch.sin(angle).view(-1, *[1] * (like.ndim - 1))


def log_normal_angles(number: int, mean: float, deviation: float, device: torch.device | str) -> torch.Tensor:
    """Angles whose tangent, times the ``sigma_data`` of 0.5, is log-normal: how sCM chooses noise levels."""
    tangent = torch.exp(mean + deviation * torch.randn(number, device=device)) / 0.5
    # Further out float32 no longer tells the angle from a right one.
    return torch.atan(tangent.clamp(max=math.tan(1.5707)))
