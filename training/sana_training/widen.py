"""Writes an ordinary diffusers folder from the bundled checkpoint, which ``SanaPipeline.from_pretrained`` loads.

    python -m sana_training.widen --models models --output WIDE --dtype float32
    python -m sana_training.widen --models models/sprint --output WIDE_SPRINT

Every stored value is multiplied out in float32; with ``--dtype float16`` the products are then rounded once. What a
distilled checkpoint shares with the one in the folder above is written too, so that the result stands alone.
"""

import argparse
import json
import os
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file

from . import storage
from .export import SHARED_KEY
from .text_encoder import write_json

_COPIED = ("scheduler", "tokenizer")
_COMPONENTS = {
    "text_encoder": "model.safetensors",
    "transformer": "diffusion_pytorch_model.safetensors",
    "vae": "diffusion_pytorch_model.safetensors",
}


def widen_checkpoint(models: Path, output: Path, dtype: torch.dtype) -> None:
    """``output`` must not exist or be empty, so that no file of an earlier run is mixed in."""
    if output.exists() and any(output.iterdir()):
        raise SystemExit(f"{output}: is not empty")
    models = Path(os.path.abspath(models))
    output.mkdir(parents=True, exist_ok=True)
    index = json.loads((models / "model_index.json").read_text(encoding="utf-8"))
    shared = index.pop(SHARED_KEY, [])
    sources = {name: (models.parent if name in shared else models) / name for name in (*_COPIED, *_COMPONENTS)}
    for folder in _COPIED:
        shutil.copytree(sources[folder], output / folder)
    for folder, weights in _COMPONENTS.items():
        (output / folder).mkdir()
        stored = load_file(sources[folder] / weights)
        wide = {name: tensor.to(dtype) for name, tensor in storage.widen(stored).items()}
        storage.save(wide, output / folder / weights)
        settings = json.loads((sources[folder] / "config.json").read_text(encoding="utf-8"))
        settings.pop("sana_quantization", None)
        if "dtype" in settings:
            settings["dtype"] = str(dtype).removeprefix("torch.")
        write_json(output / folder / "config.json", settings)
    write_json(output / "model_index.json", index)


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
