"""The diffusers side of a comparison: loads one thing, then runs it once for every line on stdin.

    python diffusers_peer.py denoise|compiled-denoise|decode|prompt|picture CHECKPOINT PROMPT
    python diffusers_peer.py first-picture CHECKPOINT PROMPT
    python diffusers_peer.py generate CHECKPOINT PROMPT SIZE STEPS

Everything in float32 and, apart from compiled-denoise (torch.compile), eager, as ``from_pretrained`` gives it, on as many threads as PyTorch takes by itself.
The last two make one picture and end, with the seconds of each phase as their last line.
"""

import inspect
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

STARTED = time.perf_counter()

import diffusers  # noqa: E402 - imports are part of the time that a first picture takes
import torch  # noqa: E402
import transformers  # noqa: E402
from diffusers import AutoencoderDC, SanaPipeline, SanaTransformer2DModel  # noqa: E402

LATENT_SIDE = 16
TEXT_TOKENS = 300

Job = Callable[[], object]


def load_denoiser(folder: Path, *, compiled: bool) -> Job:
    """Batch of two, as in classifier-free guidance with an empty negative prompt."""
    model = SanaTransformer2DModel.from_pretrained(folder / "transformer", dtype=torch.float32)
    if compiled:
        model = torch.compile(model)
    latents = torch.randn(2, model.config.in_channels, LATENT_SIDE, LATENT_SIDE)
    states = torch.randn(2, TEXT_TOKENS, model.config.caption_channels)
    mask = torch.ones(2, TEXT_TOKENS)
    mask[0, 1:] = 0
    return lambda: model(latents, encoder_hidden_states=states, encoder_attention_mask=mask,
                         timestep=torch.tensor([682.0, 682.0]), return_dict=False)


def load_decoder(folder: Path) -> Job:
    model = AutoencoderDC.from_pretrained(folder / "vae", dtype=torch.float32)
    latents = torch.randn(1, model.config.latent_channels, LATENT_SIDE, LATENT_SIDE)
    return lambda: model.decode(latents, return_dict=False)


def load_prompt_encoder(folder: Path, prompt: str) -> Job:
    """The prompt with the instruction before it, and an empty negative prompt."""
    pipeline = SanaPipeline.from_pretrained(folder, transformer=None, vae=None, dtype=torch.float32)
    instruction = complex_human_instruction()
    return lambda: pipeline.encode_prompt(prompt, True, "", complex_human_instruction=instruction)


def load_picture(folder: Path, prompt: str) -> Job:
    """20 steps with guidance at 512 × 512; the bundled checkpoint reads 32 tokens and no instruction."""
    pipeline = load_pipeline(folder)
    return lambda: pipeline(prompt, width=512, height=512, num_inference_steps=20, guidance_scale=4.5,
                            max_sequence_length=32, complex_human_instruction=None, use_resolution_binning=False,
                            generator=torch.Generator().manual_seed(1))


def generate(folder: Path, prompt: str, size: int, steps: int) -> dict[str, float]:
    """One picture by an official checkpoint's defaults, its phases timed one by one."""
    seconds: dict[str, float] = {}
    last = STARTED

    def mark(phase: str) -> None:
        nonlocal last
        now = time.perf_counter()
        seconds[phase] = now - last
        last = now

    pipeline = load_pipeline(folder)
    mark("load")
    embeds, mask, negative_embeds, negative_mask = pipeline.encode_prompt(
        prompt, True, "", complex_human_instruction=complex_human_instruction())
    mark("prompt")
    latents = pipeline(
        prompt=None, negative_prompt=None, prompt_embeds=embeds, prompt_attention_mask=mask,
        negative_prompt_embeds=negative_embeds, negative_prompt_attention_mask=negative_mask, width=size, height=size,
        num_inference_steps=steps, guidance_scale=4.5, use_resolution_binning=False, output_type="latent",
        generator=torch.Generator().manual_seed(1)).images
    mark("steps")
    image = pipeline.vae.decode(latents / pipeline.vae.config.scaling_factor, return_dict=False)[0]
    pipeline.image_processor.postprocess(image, output_type="pil")
    mark("decode")
    return seconds


def load_pipeline(folder: Path) -> SanaPipeline:
    pipeline = SanaPipeline.from_pretrained(folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def complex_human_instruction() -> list[str]:
    """The text that the pipeline itself puts before a prompt by default."""
    return inspect.signature(SanaPipeline.__call__).parameters["complex_human_instruction"].default


def load(task: str, folder: Path, prompt: str) -> Job:
    if task in ("denoise", "compiled-denoise"):
        return load_denoiser(folder, compiled=task == "compiled-denoise")
    if task == "decode":
        return load_decoder(folder)
    if task == "prompt":
        return load_prompt_encoder(folder, prompt)
    if task == "picture":
        return load_picture(folder, prompt)
    raise SystemExit(f"unknown task {task}")


def main() -> None:
    task, folder, prompt = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    torch.set_grad_enabled(False)
    # Their progress bars would fill the terminal of the comparison.
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    if task == "generate":
        seconds = generate(folder, prompt, int(sys.argv[4]), int(sys.argv[5]))
        print(json.dumps({"timings": seconds}), flush=True)
        return
    if task == "first-picture":
        load_picture(folder, prompt)()
        print(json.dumps({"timings": {}}), flush=True)
        return
    job = load(task, folder, prompt)
    print("{}", flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        job()
        print(json.dumps({"seconds": time.perf_counter() - started}), flush=True)


if __name__ == "__main__":
    main()
