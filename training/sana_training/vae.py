"""Loads the autoencoder, or one half of it, from a folder whose weights may be integers."""

import json
from pathlib import Path

from diffusers import AutoencoderDC
from safetensors.torch import load_file
from torch import nn

from . import storage

WEIGHTS = "diffusion_pytorch_model.safetensors"
# Picture pixels on a side of one latent.
PIXELS_PER_LATENT = 32


def load_autoencoder(folder: Path) -> AutoencoderDC:
    """The whole AutoencoderDC in float32."""
    vae = _empty(folder)
    vae.load_state_dict(storage.widen(load_file(folder / WEIGHTS)), strict=True)
    return vae


def load_encoder(folder: Path) -> tuple[nn.Module, float]:
    """The encoder in float32 and the factor that its latents are multiplied by; a decoder need not be there."""
    vae = _empty(folder)
    weights = storage.widen(load_file(folder / WEIGHTS))
    own = {name.removeprefix("encoder."): weight for name, weight in weights.items() if name.startswith("encoder.")}
    vae.encoder.load_state_dict(own, strict=True)
    return vae.encoder, vae.config.scaling_factor


def replace_decoder(vae: AutoencoderDC, decoder: Path) -> AutoencoderDC:
    """Puts the weights that stage ``autoencoder`` has written in place."""
    vae.decoder.load_state_dict({name: weight.float() for name, weight in load_file(decoder).items()}, strict=True)
    return vae


def _empty(folder: Path) -> AutoencoderDC:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return AutoencoderDC(**{key: value for key, value in config.items() if not key.startswith(("_", "sana_"))})
