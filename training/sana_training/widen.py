"""Writes an ordinary diffusers folder from the bundled checkpoint, which ``SanaPipeline.from_pretrained`` loads.

    python -m sana_training.widen --models models --output WIDE --dtype float32

Every stored value is multiplied out in float32; with ``--dtype float16`` the products are then rounded once.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file

from . import storage
from .text_encoder import write_json

_COMPONENTS = {
    "text_encoder": "model.safetensors",
    "transformer": "diffusion_pytorch_model.safetensors",
    "vae": "diffusion_pytorch_model.safetensors",
}


def widen_checkpoint(models: Path, output: Path, dtype: torch.dtype) -> None:
    """``output`` must not exist or be empty, so that no file of an earlier run is mixed in."""
    if output.exists() and any(output.iterdir()):
        raise SystemExit(f"{output}: is not empty")
    output.mkdir(parents=True, exist_ok=True)
    shutil.copy(models / "model_index.json", output)
    for folder in ("scheduler", "tokenizer"):
        shutil.copytree(models / folder, output / folder)
    for folder, weights in _COMPONENTS.items():
        (output / folder).mkdir()
        wide = {name: tensor.to(dtype) for name, tensor in storage.widen(load_file(models / folder / weights)).items()}
        storage.save(wide, output / folder / weights)
        settings = json.loads((models / folder / "config.json").read_text(encoding="utf-8"))
        settings.pop("sana_quantization", None)
        if "dtype" in settings:
            settings["dtype"] = str(dtype).removeprefix("torch.")
        write_json(output / folder / "config.json", settings)


def main() -> None:
    """Command line of the tool."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, required=True, help="the bundled checkpoint")
    parser.add_argument("--output", type=Path, required=True, help="a new folder")
    parser.add_argument("--dtype", choices=("float32", "float16"), default="float32")
    arguments = parser.parse_args()
    widen_checkpoint(arguments.models, arguments.output, getattr(torch, arguments.dtype))


if __name__ == "__main__":
    main()
