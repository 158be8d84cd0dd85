"""What the reference implementation makes of a checkpoint folder: everything in float32, on the CPU.

The pipelines are the real ones. Only three things are put in their way: noise that a test supplies instead of a
generator, a late start for image-to-image, and the weights' float32 rounding for the conditioning check.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from diffusers import (
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    SanaPipeline,
    SanaSprintImg2ImgPipeline,
    SanaSprintPipeline,
)
from diffusers.pipelines.sana import pipeline_sana, pipeline_sana_sprint_img2img
from diffusers.schedulers import scheduling_scm
from PIL import Image

FLOW_DPM_SOLVER, FLOW_MATCH_EULER = "flow-dpm-solver", "flow-match-euler"


def load(folder: Path, sprint: bool, variant: str | None) -> SanaPipeline | SanaSprintPipeline:
    pipeline = (SanaSprintPipeline if sprint else SanaPipeline).from_pretrained(
        folder, variant=variant, dtype=torch.float32, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    for model in (pipeline.text_encoder, pipeline.transformer, pipeline.vae):
        assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    return pipeline


@dataclass(frozen=True)
class Generation:
    """The parameters of one `generate` call, in the words of the pipeline."""

    prompt: str
    steps: int
    width: int | None = None
    height: int | None = None
    negative_prompt: str = ""
    guidance_scale: float = 4.5
    scheduler: str | None = None
    seed: int | None = None
    binning: bool = False
    human_instruction: bool = True
    image: str | None = None
    strength: float = 0.6
    tiling: bool = False


@torch.no_grad()
def encode_prompt(
    pipeline, prompt: str, instruction: list[str] | None, length: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """`prompt_embeds` [1, length, hidden] and the mask [1, length], as the pipeline hands them to the transformer."""
    guidance = {} if isinstance(pipeline, SanaSprintPipeline) else {"do_classifier_free_guidance": False}
    return pipeline.encode_prompt(
        prompt, max_sequence_length=length, complex_human_instruction=instruction, **guidance)[:2]


def bin_size(pipeline, call: Generation) -> tuple[int, int]:
    """(height, width) at which the picture is generated."""
    if not call.binning:
        return call.height, call.width
    table = {16: pipeline_sana.ASPECT_RATIO_512_BIN, 32: pipeline_sana.ASPECT_RATIO_1024_BIN}
    ratios = table[pipeline.transformer.config.sample_size]
    return pipeline.image_processor.classify_height_width_bin(call.height, call.width, ratios=ratios)


@torch.no_grad()
def generate(pipeline, call: Generation, instruction: list[str], inputs: dict[str, torch.Tensor],
             images: Path) -> tuple[torch.Tensor, np.ndarray]:
    """Final latents (output_type="latent") and the 8-bit picture [height, width, 3] (output_type="pil").

    `inputs` may hold "latents", unit normal noise, and "step_noise", the noise that SCM adds after each step.
    """
    sprint = isinstance(pipeline, SanaSprintPipeline)
    run = _sprint if sprint else _flow
    pipeline.vae.use_tiling = call.tiling
    shared = {"prompt": call.prompt, "num_inference_steps": call.steps, "guidance_scale": call.guidance_scale,
              "height": call.height, "width": call.width, "use_resolution_binning": call.binning,
              "complex_human_instruction": instruction if call.human_instruction else None}
    latents = run(pipeline, call, shared, inputs, images, "latent")
    picture = np.asarray(run(pipeline, call, shared, inputs, images, "pil")[0])
    pipeline.vae.use_tiling = False
    return latents, picture


def _generator(call: Generation) -> torch.Generator | None:
    return None if call.seed is None else torch.Generator("cpu").manual_seed(call.seed)


def _flow(pipeline: SanaPipeline, call: Generation, shared: dict, inputs: dict, images: Path, output_type: str):
    scheduler = flow_scheduler(pipeline.scheduler, call.scheduler)
    latents, start = inputs.get("latents"), 0
    if call.image is not None:
        # The start of image-to-image for flow models: (1 - sigma) z + sigma noise at step trunc(N - min(N s, N)).
        start = int(call.steps - min(call.steps * call.strength, call.steps))
        height, width = bin_size(pipeline, call)
        picture = pipeline.image_processor.preprocess(open_image(images / call.image), height=height, width=width)
        clean = pipeline.vae.encode(picture).latent * pipeline.vae.config.scaling_factor
        noise = torch.randn(clean.shape, generator=_generator(call)) if latents is None else latents
        scheduler.set_timesteps(call.steps)
        sigma = scheduler.sigmas[start]
        latents = (1 - sigma) * clean + sigma * noise

    def late_timesteps(scheduler, steps, device, timesteps, sigmas):
        timesteps, steps = retrieve_timesteps(scheduler, steps, device, timesteps, sigmas)
        scheduler.set_begin_index(start)
        return timesteps[start:], steps - start

    retrieve_timesteps = pipeline_sana.retrieve_timesteps
    with (mock.patch.object(pipeline, "scheduler", scheduler),
          mock.patch.object(pipeline_sana, "retrieve_timesteps", late_timesteps)):
        return pipeline(**shared, negative_prompt=call.negative_prompt, latents=latents, generator=_generator(call),
                        output_type=output_type).images


def flow_scheduler(configured, name: str | None):
    """The checkpoint's own scheduler, or the other class with the shift of the checkpoint's."""
    shift = configured.config.get("flow_shift", configured.config.get("shift"))
    if name == FLOW_MATCH_EULER:
        return FlowMatchEulerDiscreteScheduler(shift=shift)
    if name == FLOW_DPM_SOLVER:
        return DPMSolverMultistepScheduler(algorithm_type="dpmsolver++", solver_order=2, use_flow_sigmas=True,
                                           prediction_type="flow_prediction", flow_shift=shift)
    return type(configured).from_config(configured.config)


def _sprint(pipeline: SanaSprintPipeline, call: Generation, shared: dict, inputs: dict, images: Path, output_type: str):
    shared = {**shared, "generator": _generator(call), "output_type": output_type,
              "intermediate_timesteps": 1.3 if call.steps == 2 else None}
    with contextlib.ExitStack() as stack:
        if "latents" in inputs:
            # One noise tensor a step; after the last step sin 0 multiplies it, so that any will do.
            noises = iter([*inputs.get("step_noise", []), *[torch.zeros_like(inputs["latents"][0])] * call.steps])
            stack.enter_context(mock.patch.object(scheduling_scm, "randn_tensor", lambda *_, **__: next(noises)[None]))
            stack.enter_context(mock.patch.object(pipeline_sana_sprint_img2img, "randn_tensor",
                                                  lambda *_, **__: inputs["latents"]))
        if call.image is None:
            return pipeline(**shared, latents=inputs.get("latents")).images
        from_image = SanaSprintImg2ImgPipeline(**pipeline.components)
        from_image.set_progress_bar_config(disable=True)
        return from_image(**shared, image=open_image(images / call.image), strength=call.strength).images


def open_image(file: Path) -> Image.Image:
    return Image.open(file).convert("RGB")


@torch.no_grad()
def decode(pipeline, latents: torch.Tensor, tiling: bool) -> torch.Tensor:
    """Image [1, 3, height, width] before it is clamped to -1 .. 1."""
    pipeline.vae.use_tiling = tiling
    image = pipeline.vae.decode(latents / pipeline.vae.config.scaling_factor).sample
    pipeline.vae.use_tiling = False
    return image


@torch.no_grad()
def encode(pipeline, image: Image.Image) -> torch.Tensor:
    """Latents [1, C, height / 32, width / 32] on the scale of the transformer."""
    return pipeline.vae.encode(pipeline.image_processor.preprocess(image)).latent * pipeline.vae.config.scaling_factor


@contextlib.contextmanager
def perturbed(pipeline, relative: float, seed: int) -> Iterator[None]:
    """Every weight moved by about `relative` of itself: how far would another order of rounding lead?"""
    generator = torch.Generator("cpu").manual_seed(seed)
    models = (pipeline.text_encoder, pipeline.transformer, pipeline.vae)
    parameters = [parameter for model in models for parameter in model.parameters()]
    before = [parameter.data.clone() for parameter in parameters]
    for parameter in parameters:
        parameter.data *= 1 + relative * torch.randn(parameter.shape, generator=generator)
    try:
        yield
    finally:
        for parameter, data in zip(parameters, before):
            parameter.data = data


def relative_l2(actual: torch.Tensor, expected: torch.Tensor) -> float:
    return float((actual.double() - expected.double()).norm() / expected.double().norm())
