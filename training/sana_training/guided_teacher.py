"""What a student is distilled from: the teacher's two passes under guidance, along its path and to the path's end."""

from dataclasses import dataclass

import torch
from diffusers import SanaTransformer2DModel

from .flow_matching import TIMESTEPS
from .sampling import SamplingOptions, denoise
from .student import Student
from .text_states import only_first
from .trigflow import LAST_ANGLE, clean_sample, flow_sample, flow_time, trig_velocity


@dataclass(frozen=True)
class Batch:
    """Clean latents ``[n, 32, h, w]`` of unit variance with text states, mask and guidance scale ``[n]``."""

    latents: torch.Tensor
    states: torch.Tensor
    mask: torch.Tensor
    guidance: torch.Tensor

    def part(self, number: int) -> "Batch":
        """The first rows."""
        return Batch(self.latents[:number], self.states[:number], self.mask[:number], self.guidance[:number])


class GuidedTeacher:
    """The velocity that the teacher's two passes give at a guidance scale, in the coordinates of TrigFlow."""

    def __init__(self, transformer: SanaTransformer2DModel, unconditional: torch.Tensor) -> None:
        self.transformer = transformer.requires_grad_(False).eval()
        self.unconditional = unconditional

    @torch.no_grad()
    def velocity(self, sample: torch.Tensor, angle: torch.Tensor, batch: Batch) -> torch.Tensor:
        """``[n, 32, h, w]`` at ``angle`` ``[n]``; timesteps are rounded down as when the teacher was trained."""
        shown = flow_sample(sample, angle)
        timestep = (flow_time(angle) * TIMESTEPS).floor()
        states = torch.cat([self.unconditional.expand(len(sample), -1, -1), batch.states]).float()
        mask = torch.cat([only_first(batch.mask), batch.mask]).float()
        with autocast(sample.device.type):
            both = self.transformer(
                torch.cat([shown, shown]),
                encoder_hidden_states=states,
                encoder_attention_mask=mask,
                timestep=torch.cat([timestep, timestep]),
                return_dict=False,
            )[0]
        plain, conditional = both.float().chunk(2)
        guided = plain + batch.guidance.view(-1, 1, 1, 1) * (conditional - plain)
        return trig_velocity(sample, guided, angle)


class TeacherAnswers:
    """Noise, and what the teacher makes of it in many steps. A consistency model answers that in a single one."""

    def __init__(self, teacher: GuidedTeacher, prompts: Batch, options: SamplingOptions) -> None:
        """``prompts``: held-out ones, of whose latents only the shape matters."""
        self._prompts = prompts
        generator = torch.Generator(prompts.latents.device).manual_seed(0)
        self._noise = torch.randn(prompts.latents.shape, generator=generator, device=prompts.latents.device)
        rows = (part.split(options.batch) for part in (self._noise, prompts.states, prompts.mask))
        self._answers = torch.cat(
            [denoise(teacher.transformer, *part, teacher.unconditional, options) for part in zip(*rows, strict=True)]
        )

    @torch.no_grad()
    def distance(self, student: Student) -> float:
        """Squared distance of the student's one-step answers to the teacher's, relative to the latter's square."""
        prompts = self._prompts
        angle = torch.full((len(self._noise),), LAST_ANGLE, device=self._noise.device)
        with autocast(self._noise.device.type):
            velocity = student(self._noise, prompts.states, prompts.mask.float(), angle, prompts.guidance)
        wrong = clean_sample(self._noise, velocity, angle) - self._answers
        return (wrong.square().mean() / self._answers.square().mean()).item()


def autocast(device: str) -> torch.autocast:
    """bfloat16 on an accelerator."""
    return torch.autocast(device, torch.bfloat16, enabled=device == "cuda")
