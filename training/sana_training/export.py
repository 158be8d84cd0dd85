"""Stage ``export``: puts a trained transformer and autoencoder beside the text encoder, in the official layout.

    python -m sana_training.export --checkpoint C --output models

CHECKPOINT has ``transformer/`` (int8 rows), ``vae/`` (float16) and ``scheduler/``. The transformer's codes and scales
are copied as they are; the autoencoder's matrices and convolutions become int8 rows; everything else stays as given.

    python -m sana_training.export --transformer W/transformer --decoder W/decoder.safetensors --output models

puts the results of a further round, both or either, into an exported checkpoint; the encoder's codes stay as they are.

    python -m sana_training.export --sprint W/student --output models/sprint

writes a distilled transformer in the layout of the official Sprint checkpoints, without what it has in common with the
checkpoint in the folder above: model_index.json names that under SHARED_KEY. Stage ``widen`` makes the whole of it.
"""

import argparse
import json
import os
from pathlib import Path

import torch
from safetensors.torch import load_file

from . import storage
from .cache import SHAPES
from .flow_matching import TIMESTEPS
from .prompts import PROMPT_TOKENS
from .sprint import GUIDANCE
from .text_encoder import write_json
from .transformer_files import WEIGHTS_NAME as INT8_WEIGHTS
from .vae import PIXELS_PER_LATENT

WEIGHTS = "diffusion_pytorch_model.safetensors"
# Key of model_index.json that lists the components which lie in the folder above.
SHARED_KEY = "_sana_shared_components"
# Noise levels of a distilled transformer's steps, as angles: the best of those that ``evaluate_sprint`` compares.
ANGLES = {"2": [1.5708, 1.4], "3": [1.5708, 1.4, 1.1], "4": [1.5708, 1.4, 1.2, 0.8]}

# The first and last convolutions of either half touch pixels or latents directly and are small: they stay in float16.
_KEPT_FLOAT = ("encoder.conv_in.weight", "encoder.conv_out.weight", "decoder.conv_in.weight", "decoder.conv_out.weight")


def export(checkpoint: Path, output: Path) -> None:
    """Writes the two JSON files of the pipeline, ``transformer/``, ``vae/`` and ``scheduler/`` under ``output``."""
    transformer = load_file(checkpoint / "transformer" / INT8_WEIGHTS)
    vae = load_file(checkpoint / "vae" / WEIGHTS)
    _write_component(checkpoint / "transformer", output / "transformer", transformer)
    _write_component(checkpoint / "vae", output / "vae", quantise_vae(vae))
    scheduler = output / "scheduler"
    scheduler.mkdir(parents=True, exist_ok=True)
    (scheduler / "scheduler_config.json").write_bytes((checkpoint / "scheduler" / "scheduler_config.json").read_bytes())
    write_json(output / "model_index.json", _model_index())
    sample_size = json.loads((checkpoint / "transformer" / "config.json").read_text())["sample_size"]
    write_json(output / "generation_defaults.json", _generation_defaults(sample_size * 32))


def renew_transformer(transformer: Path, output: Path) -> None:
    """Replaces the transformer of the checkpoint in ``output``."""
    _write_component(transformer, output / "transformer", load_file(transformer / INT8_WEIGHTS))


def renew_decoder(decoder: Path, output: Path) -> None:
    """Replaces the decoder of the checkpoint in ``output``."""
    stored = load_file(output / "vae" / WEIGHTS)
    encoder = {name: weight for name, weight in stored.items() if name.startswith("encoder.")}
    new = quantise_vae({f"decoder.{name}": weight for name, weight in load_file(decoder).items()})
    if encoder.keys() | new.keys() != stored.keys():
        raise SystemExit(f"{decoder}: is not a decoder for {output / 'vae'}")
    storage.save(encoder | new, output / "vae" / WEIGHTS)


def export_sprint(transformer: Path, output: Path) -> None:
    """Writes a checkpoint of SanaSprintPipeline into ``output``, whose parent must hold the teacher's."""
    output = Path(os.path.abspath(output))
    above = output.parent / "model_index.json"
    if not above.exists():
        raise SystemExit(f"{above}: does not exist; the shared components must lie in the folder above")
    shared = ["text_encoder", "tokenizer", "vae"]
    index = {
        **json.loads(above.read_text(encoding="utf-8")),
        "_class_name": "SanaSprintPipeline",
        "scheduler": ["diffusers", "SCMScheduler"],
        SHARED_KEY: shared,
    }
    _write_component(transformer, output / "transformer", load_file(transformer / INT8_WEIGHTS))
    (output / "scheduler").mkdir(exist_ok=True)
    write_json(
        output / "scheduler" / "scheduler_config.json",
        {
            "_class_name": "SCMScheduler",
            "_diffusers_version": index["_diffusers_version"],
            "num_train_timesteps": TIMESTEPS,
            "prediction_type": "trigflow",
            "sigma_data": 0.5,
        },
    )
    defaults = json.loads((output.parent / "generation_defaults.json").read_text(encoding="utf-8"))
    own = {"name": f"{defaults['name']}-sprint", "numInferenceSteps": 2, "guidanceScale": GUIDANCE, "timesteps": ANGLES}
    write_json(output / "generation_defaults.json", defaults | own)
    # Last, so that a folder that was half written is no checkpoint.
    write_json(output / "model_index.json", index)


def quantise_vae(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """int8 rows for what mixes channels; norms, biases, depthwise and first and last convolutions unchanged."""
    stored: dict[str, torch.Tensor] = {}
    for name, weight in weights.items():
        depthwise = weight.ndim == 4 and weight.shape[1] == 1
        if weight.ndim < 2 or depthwise or name in _KEPT_FLOAT:
            stored[name] = weight
        else:
            stored |= storage.named(name, storage.quantize_rows(weight))
    return stored


def _write_component(source: Path, target: Path, stored: dict[str, torch.Tensor]) -> None:
    target.mkdir(parents=True, exist_ok=True)
    storage.save(stored, target / WEIGHTS)
    settings = json.loads((source / "config.json").read_text(encoding="utf-8"))
    settings["sana_quantization"] = {"int8-rows": storage.DESCRIPTIONS["int8-rows"]}
    write_json(target / "config.json", settings)


def _model_index() -> dict[str, object]:
    return {
        "_class_name": "SanaPipeline",
        "_diffusers_version": "0.42.1",
        "scheduler": ["diffusers", "DPMSolverMultistepScheduler"],
        "text_encoder": ["transformers", "Gemma3TextModel"],
        "tokenizer": ["transformers", "GemmaTokenizerFast"],
        "transformer": ["diffusers", "SanaTransformer2DModel"],
        "vae": ["diffusers", "AutoencoderDC"],
    }


def _generation_defaults(side: int) -> dict[str, object]:
    return {
        "name": "sana-illustrations-1",
        "width": side,
        "height": side,
        "numInferenceSteps": 20,
        "guidanceScale": 4.5,
        "complexHumanInstruction": False,
        "maxSequenceLength": PROMPT_TOKENS,
        "spelledWords": True,
        "resolutionBinning": False,
        "cpuPrecision": "int8",
        "sizes": [[width * PIXELS_PER_LATENT, height * PIXELS_PER_LATENT] for height, width in SHAPES],
    }


def main() -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--checkpoint", type=Path, help="trained transformer, vae and scheduler")
    source.add_argument("--transformer", type=Path, help="folder of stage transformer")
    source.add_argument("--sprint", type=Path, help="folder of stage sprint")
    parser.add_argument(
        "--decoder", type=Path, help="decoder.safetensors of stage autoencoder; goes with --transformer"
    )
    parser.add_argument("--output", type=Path, required=True, help="checkpoint folder to write into")
    arguments = parser.parse_args()
    whole = arguments.checkpoint or arguments.sprint
    if arguments.decoder and whole:
        parser.error("--decoder goes with --transformer, or stands alone")
    if not (whole or arguments.transformer or arguments.decoder):
        parser.error("nothing to export: give --checkpoint, --transformer, --decoder or --sprint")
    if arguments.checkpoint:
        export(arguments.checkpoint, arguments.output)
    if arguments.sprint:
        export_sprint(arguments.sprint, arguments.output)
    if arguments.transformer:
        renew_transformer(arguments.transformer, arguments.output)
    if arguments.decoder:
        renew_decoder(arguments.decoder, arguments.output)


if __name__ == "__main__":
    main()
