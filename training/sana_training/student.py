"""The Sprint transformer: the teacher's weights, with a dense time embedding and an embedded guidance scale.

SANA-Sprint feeds its transformers the flow time itself, where Sana's get a thousand times that, because the derivative
by the time is part of the loss, and adds RMS norms to queries and keys; it fine-tunes the teacher for some thousand
steps to make both changes. The teacher here has the norms already, and its time embedding, which is a curve in one
variable, is fitted: ``refit_time`` solves for the weights that give the same embedding at a thousand times slower
arguments. These weights are then left as they are: their features are ten times as large as those of a trained
embedding, so a usual learning rate would tear the curve apart, and whatever reads it learns. The teacher itself stays as
it is, because nothing asks for its derivative.

The guidance scale has an embedding of its own, added to that of the time, whose last matrix begins as zeros, as in the
official models.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import SanaTransformer2DModel
from torch import nn

from .flow_matching import TIMESTEPS
from .layers import use_fast_layers
from .standardised_text import StandardisedText
from .tangent import Pair, forward_with_tangent, sinusoid, use_tangent_blocks
from .transformer_files import load_transformer
from .trigflow import flow_sample, flow_time, trig_velocity

# The largest guidance scale that a student is trained for.
GUIDANCE_LIMIT = 7.0

# Column of the sinusoid with the highest frequency's sine, which rises over the whole range of a time or a guidance.
_RISING = 128
# Steepness of the shallowest and the steepest ramp over the whole range.
_TIME_RAMPS = (2.0, 16.0)
_GUIDANCE_RAMPS = (0.25, 2.0)
# The fit expects features to be rounded to bfloat16, so that half precision does not undo it. That also smooths what
# wiggles from one of the teacher's timesteps to the next.
_ROUNDING = 2.0**-8


class Student(StandardisedText):
    """A Sprint transformer in the coordinates of TrigFlow, on samples of unit variance."""

    def forward(
        self,
        sample: torch.Tensor,
        states: torch.Tensor,
        mask: torch.Tensor,
        angle: torch.Tensor,
        guidance: torch.Tensor,
    ) -> torch.Tensor:
        """TrigFlow velocity ``[n, 32, h, w]`` at ``angle`` ``[n]`` with guidance scale ``guidance`` ``[n]``."""
        output = self.transformer(
            flow_sample(sample, angle),
            encoder_hidden_states=self._standard(states),
            encoder_attention_mask=mask,
            timestep=flow_time(angle),
            guidance=self._embeddable(guidance),
            return_dict=False,
        )[0]
        return trig_velocity(sample, output.to(sample.dtype), angle)

    def with_tangent(
        self,
        sample: torch.Tensor,
        direction: torch.Tensor,
        states: torch.Tensor,
        mask: torch.Tensor,
        angle: torch.Tensor,
        guidance: torch.Tensor,
    ) -> Pair:
        """The velocity, and ``cos t sin t`` times its derivative by the angle while the sample moves by ``direction``.

        The factor keeps the derivative bounded where its own terms are not (sCM's rearrangement of the JVP).
        """
        t = angle.view(-1, 1, 1, 1)
        cos, sin = torch.cos(t), torch.sin(t)
        total, difference, pace = cos + sin, cos - sin, cos * sin
        moving = pace * (direction / total - sample * difference / total.square())
        output, output_moving = forward_with_tangent(
            self.transformer,
            (sample / total, moving),
            (flow_time(angle), (pace / total.square()).flatten()),
            self._embeddable(guidance),
            self._standard(states),
            mask,
        )
        velocity = (difference * sample + output.to(sample.dtype)) / total
        change = pace * difference * direction - pace * total * sample + output_moving.to(sample.dtype)
        return velocity, (change / total - pace * difference / total * velocity).detach()

    def _standard(self, states: torch.Tensor) -> torch.Tensor:
        return (states.to(self.mean.dtype) - self.mean) / self.deviation

    def _embeddable(self, guidance: torch.Tensor) -> torch.Tensor:
        return guidance * self.transformer.config.guidance_embeds_scale


def make_student(teacher: SanaTransformer2DModel, depthwise: str) -> tuple[SanaTransformer2DModel, float]:
    """A transformer with the teacher's weights that takes flow times in [0, 1] and a guidance scale.

    Also returns the error of its time embedding relative to the teacher's, in root mean square.
    """
    settings = {key: value for key, value in teacher.config.items() if not key.startswith("_")}
    student = SanaTransformer2DModel(**settings | {"guidance_embeds": True})
    own = teacher.state_dict()
    shared = {name.replace("time_embed.emb.", "time_embed."): value.cpu() for name, value in own.items()}
    missing, unexpected = student.load_state_dict(shared, strict=False)
    if unexpected or any(not name.startswith("time_embed.guidance_embedder.") for name in missing):
        raise SystemExit(f"the teacher is no Sana transformer: {[*unexpected, *missing][:3]}")
    error = refit_time(student.time_embed.timestep_embedder)
    guide = student.time_embed.guidance_embedder
    _rising_features(guide, GUIDANCE_LIMIT * student.config.guidance_embeds_scale, _GUIDANCE_RAMPS)
    with torch.no_grad():
        guide.linear_2.weight.zero_()
        guide.linear_2.bias.zero_()
    return prepared(student, depthwise), error


@torch.no_grad()
def go_on_from(made: nn.Module, start: Path, start_teacher: Path, depthwise: str) -> None:
    """Adds to ``made`` what distillation had taught the student in ``start``, which began as ``start_teacher``."""
    learned = load_transformer(start, "cpu", depthwise)[0].state_dict()
    began = make_student(load_transformer(start_teacher, "cpu", depthwise)[0], depthwise)[0].state_dict()
    for name, value in made.state_dict().items():
        value += (learned[name] - began[name]).to(value.device)


def prepared(student: SanaTransformer2DModel, depthwise: str) -> SanaTransformer2DModel:
    """Exchanges the layers and blocks that training needs, in place."""
    return use_tangent_blocks(use_fast_layers(student, depthwise))


@torch.no_grad()
def refit_time(embedder: nn.Module) -> float:
    """Makes ``embedder(s)`` what ``embedder(1000 s)`` was, as closely as ridge regression can; returns the error.

    The first matrix becomes shifted ramps of the time, the second the least-squares answer. A timestep stands for all
    noise levels up to the next one (they are rounded down in training), hence the half.
    """
    steps = torch.arange(TIMESTEPS, dtype=torch.float64)
    wide = {name: value.double() for name, value in embedder.state_dict().items()}
    hidden = F.silu(F.linear(sinusoid(steps), wide["linear_1.weight"], wide["linear_1.bias"]))
    target = F.linear(hidden, wide["linear_2.weight"], wide["linear_2.bias"])
    _rising_features(embedder, 1.0, _TIME_RAMPS)
    slow = sinusoid((steps + 0.5) / TIMESTEPS)
    features = F.silu(F.linear(slow, embedder.linear_1.weight.double(), embedder.linear_1.bias.double()))
    features = torch.cat([features, torch.ones(TIMESTEPS, 1, dtype=torch.float64)], 1)
    gram = features.T @ features
    ridge = _ROUNDING**2 * torch.diag(gram.diagonal())
    solution = torch.linalg.solve(gram + ridge, features.T @ target)
    embedder.linear_2.weight.copy_(solution[:-1].T)
    embedder.linear_2.bias.copy_(solution[-1])
    embedder.requires_grad_(False)
    return float((features @ solution - target).norm() / target.norm())


@torch.no_grad()
def _rising_features(embedder: nn.Module, limit: float, ramps: tuple[float, float]) -> None:
    """Makes the first layer's outputs ramps that begin all over [0, limit], of every steepness, in both directions."""
    weight, bias = embedder.linear_1.weight, embedder.linear_1.bias
    number = len(weight)
    index = torch.arange(number, dtype=torch.float64)
    begin = torch.sin(limit * (index + 0.5) / number)
    # Neighbours get different steepnesses; the golden ratio spreads them evenly.
    spread = (index * 0.6180339887498949) % 1
    slope = ramps[0] * (ramps[1] / ramps[0]) ** spread / limit
    slope[1::2] *= -1
    weight.zero_()
    weight[:, _RISING] = slope.to(weight)
    bias.copy_(-slope * begin)
