"""What the storage of the bundled checkpoint costs its pictures.

    python -m sana_training.loss_report --models models --checkpoint C --gguf G --tokenizer T --sheet media/x.jpg

The reference is everything in float32: the autoencoder as it was trained (CHECKPOINT/vae), the encoder's 13 layers as
they are in the GGUF with the full vocabulary, and the transformer's int8 rows, all that exists of it. Each row of the
table changes one thing. Printed, over 20 fixed prompts with one seed each: the relative L2 of the final latents,
and the PSNR of the pictures (values from 0 to 1) against the reference's. The sheet shows the shipped checkpoint's.
"""

import argparse
import json
from pathlib import Path

import torch
from diffusers import AutoencoderDC, DPMSolverMultistepScheduler, SanaPipeline, SanaTransformer2DModel
from PIL import Image
from safetensors.torch import load_file
from tokenizers import Tokenizer

from . import storage
from .export import WEIGHTS
from .prompts import PROMPT_TOKENS
from .text_encoder import build_model, cut_state
from .text_report import encode

PROMPTS = (
    "a red fox",
    "a glossy 3d icon of a rocket",
    "a penguin on a pink background",
    "three cats, cartoon illustration",
    "a flat vector illustration of a castle",
    "a blue car",
    "a black line icon of a guitar",
    "an octopus on a teal background",
    "two balloons, 3d render",
    "a dog and a car, 3d illustration",
    "a cloud above a tree, flat style",
    "a soft shaded cartoon of an owl",
    "a mushroom on a green polka dot background",
    "a birthday cake",
    "a light bulb, monochrome glyph",
    "a sunflower on a blue gradient background",
    "一只狐狸",
    "三只猫，卡通风格",
    "🐢",
    "🟥🚗",
)
STEPS = 20
_BATCH = 4
_THUMBNAIL = 192


class Denoiser:
    """The transformer and scheduler of the checkpoint; text states in, final latents out."""

    def __init__(self, models: Path) -> None:
        self.defaults = json.loads((models / "generation_defaults.json").read_text(encoding="utf-8"))
        config = json.loads((models / "transformer" / "config.json").read_text(encoding="utf-8"))
        config.pop("sana_quantization", None)
        transformer = SanaTransformer2DModel.from_config(config)
        transformer.load_state_dict(storage.widen(load_file(models / "transformer" / WEIGHTS)))
        self.pipeline = SanaPipeline(
            tokenizer=None,
            text_encoder=None,
            vae=None,
            transformer=transformer.eval(),
            scheduler=DPMSolverMultistepScheduler.from_pretrained(models / "scheduler"),
        )
        self.pipeline.set_progress_bar_config(disable=True)

    def run(self, states: list[torch.Tensor], unconditional: torch.Tensor) -> torch.Tensor:
        """Final latents ``[prompts, C, h, w]``; prompt number i starts from seed i."""
        parts = []
        for start in range(0, len(states), _BATCH):
            embeds, mask = _padded(states[start : start + _BATCH])
            negative, negative_mask = _padded([unconditional] * len(embeds))
            size = self.defaults["height"] // 32, self.defaults["width"] // 32
            noise = [
                torch.randn(1, self.pipeline.transformer.config.in_channels, *size, generator=_generator(start + index))
                for index in range(len(embeds))
            ]
            result = self.pipeline(
                prompt_embeds=embeds,
                prompt_attention_mask=mask,
                negative_prompt=None,
                negative_prompt_embeds=negative,
                negative_prompt_attention_mask=negative_mask,
                latents=torch.cat(noise),
                num_inference_steps=STEPS,
                guidance_scale=self.defaults["guidanceScale"],
                height=self.defaults["height"],
                width=self.defaults["width"],
                use_resolution_binning=False,
                output_type="latent",
            )
            parts.append(result.images)
        return torch.cat(parts)


def relative_l2(latents: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """One value for each prompt."""
    return (latents - reference).flatten(1).norm(dim=1) / reference.flatten(1).norm(dim=1)


def psnr(pictures: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """One value in dB for each prompt, of pictures in 0 … 1."""
    return -10 * (pictures - reference).square().flatten(1).mean(1).log10()


def decode(vae: AutoencoderDC, latents: torch.Tensor) -> torch.Tensor:
    """Pictures ``[n, 3, H, W]`` in 0 … 1."""
    with torch.no_grad():
        images = [vae.decode(one[None] / vae.config.scaling_factor).sample for one in latents]
    return (torch.cat(images) / 2 + 0.5).clamp(0, 1)


def write_sheet(pictures: torch.Tensor, path: Path, columns: int = 5) -> None:
    """One JPEG of all pictures, in the order of PROMPTS."""
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * _THUMBNAIL, rows * _THUMBNAIL), "white")
    for index, picture in enumerate(pictures):
        pixels = (picture.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
        thumbnail = Image.fromarray(pixels).resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.LANCZOS)
        sheet.paste(thumbnail, (index % columns * _THUMBNAIL, index // columns * _THUMBNAIL))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, quality=88)


def _padded(states: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    embeds = torch.zeros(len(states), PROMPT_TOKENS, states[0].shape[-1])
    mask = torch.zeros(len(states), PROMPT_TOKENS, dtype=torch.long)
    for index, state in enumerate(states):
        embeds[index, : len(state)] = state
        mask[index, : len(state)] = 1
    return embeds, mask


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _row(title: str, latents: torch.Tensor | None, pictures: torch.Tensor) -> str:
    error = torch.zeros(1) if latents is None else latents
    middle = f"{error.mean():.3f} | {error.median():.3f} | {error.max():.3f}"
    return f"| {title} | {middle} | {pictures.mean():.1f} | {pictures.median():.1f} | {pictures.min():.1f} |"


def main() -> None:
    """Command line of the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, required=True, help="the bundled checkpoint")
    parser.add_argument("--checkpoint", type=Path, required=True, help="what it was exported from")
    parser.add_argument("--gguf", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.json of Gemma 3")
    parser.add_argument("--sheet", type=Path, required=True, help="JPEG to write")
    arguments = parser.parse_args()

    full = Tokenizer.from_file(str(arguments.tokenizer))
    pruned = Tokenizer.from_file(str(arguments.models / "tokenizer" / "tokenizer.json"))
    prompts = [*PROMPTS, ""]
    for prompt in prompts:
        if full.encode(prompt).tokens != pruned.encode(prompt).tokens:
            raise SystemExit(
                f"{prompt}: split differently by the pruned vocabulary; the rows below could not be compared"
            )
    vocabulary = full.get_vocab()
    rows = [vocabulary[pruned.id_to_token(index)] for index in range(pruned.get_vocab_size())]
    original = cut_state(arguments.gguf, rows)
    shipped = storage.widen(load_file(arguments.models / "text_encoder" / "model.safetensors"))
    encoders = {
        "encoder layers and embedding int4": shipped,
        "encoder layers int4": {**shipped, "embed_tokens.weight": original["embed_tokens.weight"]},
        "encoder embedding int4": {**original, "embed_tokens.weight": shipped["embed_tokens.weight"]},
    }

    vae = AutoencoderDC.from_pretrained(arguments.checkpoint / "vae").float().eval()
    stored_vae = AutoencoderDC.from_config(vae.config).eval()
    stored_vae.load_state_dict(storage.widen(load_file(arguments.models / "vae" / WEIGHTS)))
    denoiser = Denoiser(arguments.models)

    print("| against float32 | latents: mean | median | worst | PSNR dB: mean | median | worst |")
    print("|---|---|---|---|---|---|---|")
    *states, unconditional = encode(build_model(original), pruned, prompts)
    reference = denoiser.run(states, unconditional)
    pictures = decode(vae, reference)
    print(_row("autoencoder int8", None, psnr(decode(stored_vae, reference), pictures)), flush=True)
    for title, state in encoders.items():
        *states, unconditional = encode(build_model(state), pruned, prompts)
        latents = denoiser.run(states, unconditional)
        error = relative_l2(latents, reference)
        print(_row(title, error, psnr(decode(vae, latents), pictures)), flush=True)
        if state is shipped:
            final = decode(stored_vae, latents)
            print(_row("all together, as shipped", error, psnr(final, pictures)), flush=True)
            write_sheet(final, arguments.sheet)


if __name__ == "__main__":
    main()
