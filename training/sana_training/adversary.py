"""Latent adversarial diffusion distillation: small heads on the frozen teacher's features tell student from data.

After Sauer et al., "Fast High-Resolution Image Synthesis with Latent Adversarial Diffusion Distillation" (2024), as
SANA-Sprint uses it: both kinds of latents are noised, the teacher reads them with their text, heads after some of its
blocks judge every token, hinge loss. The heads are a 1x1, a residual 3x3 and a 1x1 convolution with spectral norm and
group norm. Features of the student's pictures are computed once and serve both sides of the game.
"""

import torch
import torch.nn.functional as F
from diffusers import SanaTransformer2DModel
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from .flow_matching import TIMESTEPS
from .trigflow import flow_sample, flow_time, log_normal_angles, noised

# Of twelve blocks: about where SANA-Sprint has its heads (after the third, ninth, fifteenth and last of twenty).
_DEPTHS = (0.15, 0.45, 0.75, 1.0)
_ANGLE_MEAN, _ANGLE_DEVIATION = -0.6, 1.0
_RATE = 1e-3
_GROUPS = 8


class Head(nn.Module):
    """``[n, width, h, w]`` to logits ``[n, 1, h, w]``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = max(_GROUPS, width // 4)
        self.first = nn.Sequential(
            spectral_norm(nn.Conv2d(width, inner, 1)), nn.GroupNorm(_GROUPS, inner), nn.LeakyReLU(0.2)
        )
        self.second = nn.Sequential(
            spectral_norm(nn.Conv2d(inner, inner, 3, padding=1)), nn.GroupNorm(_GROUPS, inner), nn.LeakyReLU(0.2)
        )
        self.last = spectral_norm(nn.Conv2d(inner, 1, 1))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """The logits described at the class."""
        inner = self.first(features)
        return self.last(inner + self.second(inner))


class Adversary:
    """The heads, their optimiser and both losses."""

    def __init__(self, teacher: SanaTransformer2DModel, device: str) -> None:
        self._teacher = teacher
        number = len(teacher.transformer_blocks)
        self._after = sorted({max(0, round(depth * number) - 1) for depth in _DEPTHS})
        width = teacher.config.num_attention_heads * teacher.config.attention_head_dim
        self._heads = nn.ModuleList(Head(width) for _ in self._after).to(device)
        self._optimiser = torch.optim.AdamW(self._heads.parameters(), lr=_RATE, betas=(0.0, 0.99), weight_decay=0.0)

    def losses(
        self, made: torch.Tensor, real: torch.Tensor, states: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The student's loss, and the heads' loss, already applied to them.

        ``made`` are the student's clean latents, through which the first loss has gradients, ``real`` others.
        """
        angle = log_normal_angles(len(made), _ANGLE_MEAN, _ANGLE_DEVIATION, made.device)
        features = self._features(noised(made, torch.randn_like(made), angle), angle, states, mask)
        with torch.no_grad():
            truth = self._features(noised(real, torch.randn_like(real), angle), angle, states, mask)
        # The heads move first: what the student's gradients go through must not change any more. Both kinds pass them
        # together, because every pass in training mode moves the estimates of spectral norm.
        self._heads.requires_grad_(True).train()
        both = [torch.cat([part.detach(), other]) for part, other in zip(features, truth, strict=True)]
        fake, true = self._logits(both).chunk(2)
        heads_loss = 0.5 * (F.relu(1 + fake).mean() + F.relu(1 - true).mean())
        heads_loss.backward()
        nn.utils.clip_grad_norm_(self._heads.parameters(), 1.0)
        self._optimiser.step()
        self._optimiser.zero_grad()
        self._heads.requires_grad_(False).eval()
        return -self._logits(features).mean(), heads_loss.detach()

    def _logits(self, features: list[torch.Tensor]) -> torch.Tensor:
        judged = [head(part.float()) for head, part in zip(self._heads, features, strict=True)]
        return torch.cat([logits.flatten(1) for logits in judged], 1)

    def _features(
        self, sample: torch.Tensor, angle: torch.Tensor, states: torch.Tensor, mask: torch.Tensor
    ) -> list[torch.Tensor]:
        """What the teacher's chosen blocks make of a TrigFlow sample, ``[n, width, h, w]`` each."""
        teacher = self._teacher
        height, width = sample.shape[2:]
        with torch.autocast(sample.device.type, torch.bfloat16, enabled=sample.is_cuda):
            tokens = teacher.patch_embed(flow_sample(sample, angle))
            timestep = (flow_time(angle) * TIMESTEPS).floor()
            modulation, _ = teacher.time_embed(timestep, batch_size=len(sample), hidden_dtype=tokens.dtype)
            caption = teacher.caption_norm(teacher.caption_projection(states.float()))
            bias = ((1 - mask.float()) * -10_000.0)[:, None]
            found = []
            for index, block in enumerate(teacher.transformer_blocks):
                tokens = block(tokens, None, caption, bias, modulation, height, width)
                if index in self._after:
                    found.append(tokens.transpose(1, 2).unflatten(2, (height, width)))
        return found

    def state(self) -> dict:
        """What a resumed run needs."""
        return {"heads": self._heads.state_dict(), "optimiser": self._optimiser.state_dict()}

    def load(self, state: dict) -> None:
        """Continues from a saved state."""
        self._heads.load_state_dict(state["heads"])
        self._optimiser.load_state_dict(state["optimiser"])
