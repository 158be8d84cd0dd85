"""Pictures from prompts: Flow-DPM-Solver++ of order two, or Euler, with classifier-free guidance."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from diffusers import AutoencoderDC, SanaTransformer2DModel

from .cache import tokenise
from .flow_matching import FLOW_SHIFT, TIMESTEPS
from .text_states import TextStates, only_first


@dataclass(frozen=True)
class SamplingOptions:
    """What the pipeline is asked for."""

    guidance: float = 4.5
    steps: int = 20
    latent_height: int = 16
    latent_width: int = 16
    seed: int = 0
    batch: int = 128
    # Order of the solver: 2 is Flow-DPM-Solver++, 1 is Euler (of which the former is the same at order one).
    order: int = 2
    # Noise levels of a few-step model's steps, as angles; without them those of SanaSprintPipeline.
    angles: tuple[float, ...] = ()


class Illustrator:
    """A transformer with its text encoder and decoder."""

    def __init__(self, transformer: SanaTransformer2DModel, text: TextStates, vae: AutoencoderDC, device: str) -> None:
        self._transformer = transformer.eval()
        self._text = text
        self._vae = vae.eval()
        self._device = device
        self._unconditional = text.unconditional()

    @torch.no_grad()
    def draw(
        self,
        prompts: list[str],
        options: SamplingOptions,
        finish: Callable[[torch.Tensor], torch.Tensor] = lambda pictures: pictures,
    ) -> torch.Tensor:
        """float32 ``[n, 3, h, w]`` in [-1, 1] on the CPU, one picture a prompt; every prompt has its own noise.

        ``finish`` is applied to the pictures on the device.
        """
        tokens = torch.from_numpy(tokenise(self._text.tokenizer, [prompt.lower().strip() for prompt in prompts]))
        states = self._text.encode(tokens)
        masks = (tokens > 0).to(self._device)
        noise = initial_noise(len(prompts), options)
        pictures = []
        for start in range(0, len(prompts), options.batch):
            part = slice(start, start + options.batch)
            latents = self._denoise(
                _filled(noise[part].to(self._device), options),
                _filled(states[part], options),
                _filled(masks[part], options),
                options,
            )
            pictures.append(self._decode(latents[: len(noise[part])], finish))
        return torch.cat(pictures)

    def _denoise(
        self, latents: torch.Tensor, states: torch.Tensor, masks: torch.Tensor, options: SamplingOptions
    ) -> torch.Tensor:
        return denoise(self._transformer, latents, states, masks, self._unconditional, options)

    def _decode(
        self, latents: torch.Tensor, finish: Callable[[torch.Tensor], torch.Tensor], batch: int = 32
    ) -> torch.Tensor:
        pictures = []
        for part in latents.split(batch):
            with torch.autocast(self._device, torch.bfloat16, enabled=self._device == "cuda"):
                decoded = self._vae.decode(part / self._vae.config.scaling_factor, return_dict=False)[0]
            pictures.append(finish(decoded.float().clamp(-1, 1)).cpu())
        return torch.cat(pictures)


def initial_noise(number: int, options: SamplingOptions) -> torch.Tensor:
    """float32 ``[number, 32, h, w]`` on the CPU, where the same seed gives the same noise on every machine."""
    shape = (number, 32, options.latent_height, options.latent_width)
    return torch.randn(shape, generator=torch.Generator().manual_seed(options.seed))


@torch.no_grad()
def denoise(
    transformer: SanaTransformer2DModel,
    latents: torch.Tensor,
    states: torch.Tensor,
    masks: torch.Tensor,
    unconditional: torch.Tensor,
    options: SamplingOptions,
) -> torch.Tensor:
    """Clean latents from noise ``[n, 32, h, w]``; ``unconditional`` is the empty prompt's state ``[1, t, 640]``."""
    number, device = len(latents), latents.device
    both_states = torch.cat([unconditional.expand(number, -1, -1), states]).float()
    both_masks = torch.cat([only_first(masks), masks]).float()
    sigmas = flow_sigmas(options.steps)
    previous = None
    for step in range(options.steps):
        sigma, following = sigmas[step], sigmas[step + 1]
        timestep = torch.full((2 * number,), float(int(sigma * TIMESTEPS)), device=device)
        with torch.autocast(device.type, torch.bfloat16, enabled=latents.is_cuda):
            both = transformer(
                torch.cat([latents, latents]),
                encoder_hidden_states=both_states,
                encoder_attention_mask=both_masks,
                timestep=timestep,
                return_dict=False,
            )[0]
        plain, conditional = both.float().chunk(2)
        clean = latents - sigma * (plain + options.guidance * (conditional - plain))
        ratio = following / sigma
        moved = ratio * latents + (1 - ratio) * clean
        if options.order == 2 and previous is not None and step < options.steps - 1:
            span = _half_log_snr(following) - _half_log_snr(sigma)
            before = (_half_log_snr(sigma) - _half_log_snr(sigmas[step - 1])) / span
            moved = moved + 0.5 * (1 - ratio) * (clean - previous) / before
        latents, previous = moved, clean
    return latents


def flow_sigmas(steps: int) -> list[float]:
    """Noise levels of DPMSolverMultistepScheduler with flow sigmas, the final zero included."""
    base = 1 - torch.linspace(1, 1 / TIMESTEPS, steps + 1, dtype=torch.float64)
    shifted = (FLOW_SHIFT * base / (1 + (FLOW_SHIFT - 1) * base)).flip(0)
    return [*shifted[:-1].tolist(), 0.0]


def _half_log_snr(sigma: float) -> float:
    return math.log((1 - sigma) / sigma)


def _filled(rows: torch.Tensor, options: SamplingOptions) -> torch.Tensor:
    """Repeats the last row up to a full batch: one shape means one compilation."""
    missing = options.batch - len(rows)
    return torch.cat([rows, rows[-1:].expand(missing, *rows.shape[1:])]) if missing else rows
