"""Pictures in one to four steps: multistep consistency sampling as SanaSprintPipeline and SCMScheduler do it."""

import itertools

import torch
from diffusers import AutoencoderDC, SanaTransformer2DModel

from .sampling import Illustrator, SamplingOptions
from .student import Student
from .text_states import STATE_WIDTH, TextStates
from .trigflow import clean_sample, consistency_angles, noised


class SprintIllustrator(Illustrator):
    """A Sprint transformer with its text encoder and decoder; one pass a step, the guidance scale is an input."""

    def __init__(self, transformer: SanaTransformer2DModel, text: TextStates, vae: AutoencoderDC, device: str) -> None:
        super().__init__(transformer, text, vae, device)
        self._student = plain_student(transformer)

    def _denoise(
        self, latents: torch.Tensor, states: torch.Tensor, masks: torch.Tensor, options: SamplingOptions
    ) -> torch.Tensor:
        # Not the noise that the first step begins with.
        generator = torch.Generator().manual_seed(options.seed + 1_000_003)
        return consistency_denoise(self._student, latents, states, masks, options, generator)


def plain_student(transformer: SanaTransformer2DModel) -> Student:
    """A Sprint transformer whose text projection is as it was exported."""
    device = transformer.device
    return Student(transformer, torch.zeros(STATE_WIDTH, device=device), torch.ones(STATE_WIDTH, device=device))


@torch.no_grad()
def consistency_denoise(
    student: Student,
    noise: torch.Tensor,
    states: torch.Tensor,
    masks: torch.Tensor,
    options: SamplingOptions,
    generator: torch.Generator,
) -> torch.Tensor:
    """Clean latents from noise ``[n, 32, h, w]``: answer, put new noise on the answer, and so on."""
    number, device = len(noise), noise.device
    guidance = torch.full((number,), options.guidance, device=device)
    angles = [*options.angles, 0.0] if options.angles else consistency_angles(options.steps)
    sample = clean = noise
    for angle, following in itertools.pairwise(angles):
        with torch.autocast(device.type, torch.bfloat16, enabled=noise.is_cuda):
            at = torch.full((number,), angle, device=device)
            velocity = student(sample, states.float(), masks.float(), at, guidance)
        clean = clean_sample(sample, velocity, at)
        # As the scheduler, which draws after the last step too.
        fresh = torch.randn(noise.shape, generator=generator).to(device)
        sample = noised(clean, fresh, torch.full((number,), following, device=device))
    return clean
