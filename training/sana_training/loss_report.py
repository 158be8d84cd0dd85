"""What the storage of the bundled checkpoint costs its pictures, drawn by the program itself.

    python -m sana_training.loss_report --models models --checkpoint C --gguf G --tokenizer T --sana dist/sana.cjs

The reference has everything in float32: the autoencoder as it was trained (CHECKPOINT/vae), the encoder's 13 layers as
they are in the GGUF, and the transformer's int8 rows, all that exists of it. Each row of the table changes one thing;
all compute in float32 but the last, which multiplies 8-bit integers as the program does by itself.
Printed, over 20 fixed prompts with one seed each and 8 steps: the relative L2 of the final latents and the PSNR of the 8-bit
pictures against the reference's. `node` must be on the path.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.numpy import load_file as load_arrays
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from . import storage
from .judge import small
from .sheets import save_sheet
from .text_encoder import EMBEDDING, cut_state

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
STEPS = 8


class Artist:
    """The command line of the program."""

    def __init__(self, sana: Path) -> None:
        self.sana = sana

    def draw(self, model: Path, output: Path, precision: str = "fp32") -> None:
        """Pictures `N.png` and final latents `N.safetensors` of all prompts; prompt number N starts from seed N."""
        output.mkdir()
        for seed, prompt in enumerate(PROMPTS):
            files = ["--output", output / f"{seed}.png", "--save-latents", output / f"{seed}.safetensors"]
            options = ["--seed", seed, "--steps", STEPS, "--model", model, "--precision", precision]
            self._run("generate", f"--prompt={prompt}", *options, *files)

    def decode(self, model: Path, latents: Path, output: Path) -> None:
        """Pictures of latents that were drawn before."""
        output.mkdir()
        for seed in range(len(PROMPTS)):
            files = ["--latents", latents / f"{seed}.safetensors", "--output", output / f"{seed}.png"]
            self._run("decode", "--model", model, *files)

    def _run(self, *arguments: object) -> None:
        command = ["node", self.sana, *arguments]
        subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)


def variant(folder: Path, models: Path, *, vae: Path, encoder: dict | None) -> Path:
    """A checkpoint that is MODELS but for another autoencoder folder and other (plain float) encoder weights."""
    folder.mkdir()
    for entry in models.iterdir():
        if entry.name not in ("vae", "text_encoder"):
            (folder / entry.name).symlink_to(entry.resolve())
    (folder / "vae").symlink_to(vae.resolve())
    if encoder is None:
        (folder / "text_encoder").symlink_to((models / "text_encoder").resolve())
    else:
        (folder / "text_encoder").mkdir()
        (folder / "text_encoder" / "config.json").symlink_to((models / "text_encoder" / "config.json").resolve())
        save_file(
            {name: value.contiguous() for name, value in encoder.items()}, folder / "text_encoder" / "model.safetensors"
        )
    return folder


def relative_l2(found: Path, reference: Path) -> list[float]:
    """One value for each prompt."""
    distances = []
    for seed in range(len(PROMPTS)):
        a, b = (load_arrays(folder / f"{seed}.safetensors")["latents"] for folder in (found, reference))
        distances.append(float(np.linalg.norm(a - b) / np.linalg.norm(b)))
    return distances


def psnr(found: Path, reference: Path) -> list[float]:
    """One value in dB for each prompt."""
    values = []
    for seed in range(len(PROMPTS)):
        a, b = (np.asarray(Image.open(folder / f"{seed}.png"), dtype=np.float64) for folder in (found, reference))
        # Equal pictures would be infinitely good; 100 dB is far beyond 8 bits.
        values.append(min(100.0, float(10 * np.log10(255**2 / max(np.square(a - b).mean(), 1e-9)))))
    return values


def save_comparison(path: Path, reference: Path, shipped: Path) -> None:
    """Each prompt's picture in float32, and beside it the one that the program makes by itself."""
    pictures = [Image.open(folder / f"{seed}.png") for seed in range(len(PROMPTS)) for folder in (reference, shipped)]
    values = torch.stack([torch.from_numpy(np.array(picture.convert("RGB"))) for picture in pictures])
    labels = [f"{side}: {prompt}" for prompt in PROMPTS for side in ("float32", "shipped")]
    save_sheet(path, small(values.permute(0, 3, 1, 2).float() / 127.5 - 1), labels)


def _row(title: str, distances: list[float], decibels: list[float]) -> str:
    latents = f"{np.mean(distances):.3f} | {np.median(distances):.3f} | {max(distances):.3f}"
    return f"| {title} | {latents} | {np.mean(decibels):.1f} | {np.median(decibels):.1f} | {min(decibels):.1f} |"


def main() -> None:
    """Command line of the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, required=True, help="the bundled checkpoint")
    parser.add_argument("--checkpoint", type=Path, required=True, help="what it was exported from")
    parser.add_argument("--gguf", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.json of Gemma 3")
    parser.add_argument("--sana", type=Path, required=True, help="the built program, dist/sana.cjs")
    parser.add_argument("--sheet", type=Path, help="picture to write: float32 and as shipped, side by side")
    arguments = parser.parse_args()

    vocabulary = Tokenizer.from_file(str(arguments.tokenizer)).get_vocab()
    pruned = Tokenizer.from_file(str(arguments.models / "tokenizer" / "tokenizer.json"))
    rows = [vocabulary[pruned.id_to_token(index)] for index in range(pruned.get_vocab_size())]
    original = {name: value.float() for name, value in cut_state(arguments.gguf, rows).items()}
    shipped = storage.widen(load_file(arguments.models / "text_encoder" / "model.safetensors"))
    artist = Artist(arguments.sana)

    print("| against float32 | latents: mean | median | worst | PSNR dB: mean | median | worst |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        float_vae = arguments.checkpoint / "vae"
        artist.draw(variant(folder / "float", arguments.models, vae=float_vae, encoder=original), folder / "reference")
        reference = folder / "reference"
        artist.decode(arguments.models, reference, folder / "vae")
        print(_row("autoencoder int8", [0.0], psnr(folder / "vae", reference)), flush=True)
        encoders = {
            "encoder layers int4": {**shipped, EMBEDDING: original[EMBEDDING]},
            "encoder embedding int4": {**original, EMBEDDING: shipped[EMBEDDING]},
            "encoder layers and embedding int4": None,
        }
        for title, encoder in encoders.items():
            drawn = folder / title.replace(" ", "-")
            artist.draw(
                variant(folder / f"{drawn.name}-model", arguments.models, vae=float_vae, encoder=encoder), drawn
            )
            distances = relative_l2(drawn, reference)
            print(_row(title, distances, psnr(drawn, reference)), flush=True)
        artist.decode(arguments.models, drawn, folder / "all")
        print(_row("all of it", distances, psnr(folder / "all", reference)), flush=True)
        artist.draw(arguments.models, folder / "integers", "auto")
        distances = relative_l2(folder / "integers", reference)
        print(_row("all of it, in 8-bit integers", distances, psnr(folder / "integers", reference)), flush=True)
        if arguments.sheet is not None:
            save_comparison(arguments.sheet, reference, folder / "integers")


if __name__ == "__main__":
    main()
