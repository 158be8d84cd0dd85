"""Transformers as a run reads and writes them: a folder with int8 rows, float16 for the rest, and config.json."""

import json
import os
from pathlib import Path

import torch
from diffusers import SanaTransformer2DModel
from safetensors.torch import load_file, save_file

from . import storage
from .layers import use_fast_layers

WEIGHTS_NAME = "diffusion_pytorch_model.int8.safetensors"


def load_transformer(folder: Path, device: str, depthwise: str) -> tuple[SanaTransformer2DModel, set[str]]:
    """A transformer in float32 from a folder of int8 rows, and the names of its integer tensors."""
    stored = load_file(folder / WEIGHTS_NAME)
    config = json.loads((folder / "config.json").read_text())
    model = SanaTransformer2DModel(
        **{key: value for key, value in config.items() if not key.startswith(("_", "sana_"))}
    )
    model.load_state_dict(storage.widen(stored), strict=True)
    integers = {name for name, tensor in stored.items() if tensor.dtype == torch.int8}
    return use_fast_layers(model, depthwise).to(device), integers


def save_transformer(folder: Path, state: dict[str, torch.Tensor], integers: set[str], config: dict) -> None:
    """Writes int8 rows for the tensors in ``integers`` and float16 for the rest."""
    folder.mkdir(parents=True, exist_ok=True)
    stored: dict[str, torch.Tensor] = {}
    for name, weight in state.items():
        stored |= storage.named(name, storage.quantize_rows(weight)) if name in integers else {name: weight.half()}
    partial = folder / "partial.safetensors"
    save_file({name: value.cpu().contiguous() for name, value in stored.items()}, partial, metadata={"format": "pt"})
    os.replace(partial, folder / WEIGHTS_NAME)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
