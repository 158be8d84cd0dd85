"""The tiny checkpoints: one folder in the official diffusers layout for every variant of Sana.

Each is built from the real classes, filled by weights.py and written by save_pretrained. Where hosted checkpoints
differ from what today's libraries write (older spelling of a config, missing keys, where the variant's name goes, a
stray file), the folder is edited afterwards to look like the hosted one; the reference then reads the edited folder,
so every golden is what the real libraries make of exactly these files.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from diffusers import (
    AutoencoderDC,
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    SanaPipeline,
    SanaSprintPipeline,
    SanaTransformer2DModel,
    SCMScheduler,
)
from safetensors.torch import load_file, save_file
from transformers import Gemma2Config, Gemma2Model, Gemma3TextConfig, Gemma3TextModel, GemmaTokenizer
from weights import TEXT_ENCODER, TRANSFORMER, TRANSFORMER_QK_NORM, VAE, calibrate_decoder, randomise

HIDDEN = 40  # width of the text encoders
LATENT_CHANNELS = 8

# What the hosted Sana checkpoints say, apart from the shift.
DPM_SOLVER = {"algorithm_type": "dpmsolver++", "solver_order": 2, "prediction_type": "flow_prediction",
              "use_flow_sigmas": True, "final_sigmas_type": "zero"}


@dataclass(frozen=True)
class Checkpoint:
    """A recipe. `variant` and `shards` are passed to save_pretrained; `edit` changes the folder afterwards."""

    name: str
    seed: int
    tokenizer: str
    text_encoder: Callable[[int], torch.nn.Module]
    transformer: dict
    vae: dict
    scheduler: object
    transformer_dtype: torch.dtype = torch.float32
    text_encoder_dtype: torch.dtype = torch.float32
    vae_dtype: torch.dtype = torch.float32
    variant: str | None = None
    shards: str = "10GB"
    edit: Callable[[Path], None] = field(default=lambda folder: None)

    @property
    def sprint(self) -> bool:
        return isinstance(self.scheduler, SCMScheduler)


def gemma2(vocabulary: int) -> Gemma2Model:
    """Four layers, sliding and full in turn; a window and a softcap small enough to bite."""
    return Gemma2Model(Gemma2Config(
        vocab_size=vocabulary, hidden_size=HIDDEN, intermediate_size=56, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, head_dim=16, query_pre_attn_scalar=24, attn_logit_softcapping=3.0,
        final_logit_softcapping=2.0, sliding_window=8, rms_norm_eps=1e-6, max_position_embeddings=1024,
        rope_parameters={"rope_type": "default", "rope_theta": 500.0}))


def gemma3(vocabulary: int) -> Gemma3TextModel:
    """Four layers of which the third is full, each kind with its own rope base."""
    return Gemma3TextModel(Gemma3TextConfig(
        vocab_size=vocabulary, hidden_size=HIDDEN, intermediate_size=56, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=1, head_dim=16, query_pre_attn_scalar=8, sliding_window=8, rms_norm_eps=1e-5,
        max_position_embeddings=1024,
        layer_types=["sliding_attention", "sliding_attention", "full_attention", "sliding_attention"],
        rope_parameters={"full_attention": {"rope_type": "default", "rope_theta": 20000.0},
                         "sliding_attention": {"rope_type": "default", "rope_theta": 300.0}}))


def transformer(**changes) -> dict:
    """Three blocks of width 48.

    The heads are not narrower than 16: a query whose features are all negative gets no attention at all, and linear
    attention jumps where the first of them turns positive. With 8 features that is common enough for the rounding of
    float32 to decide it now and then; with 32, as in the official models, it never happens.
    """
    return {"in_channels": LATENT_CHANNELS, "out_channels": LATENT_CHANNELS, "num_layers": 3, "num_attention_heads": 3,
            "attention_head_dim": 16, "num_cross_attention_heads": 2, "cross_attention_head_dim": 12,
            "cross_attention_dim": 48, "caption_channels": HIDDEN, "mlp_ratio": 1.75, "sample_size": 32, **changes}


RES, VIT = "ResBlock", "EfficientViTBlock"

# The official autoencoder with fewer channels and layers.
OFFICIAL_VAE = {
    "latent_channels": LATENT_CHANNELS, "attention_head_dim": 8,
    "encoder_block_types": [RES] * 3 + [VIT] * 3, "decoder_block_types": [RES] * 3 + [VIT] * 3,
    "encoder_block_out_channels": [4, 4, 8, 16, 16, 16], "decoder_block_out_channels": [4, 4, 8, 16, 16, 16],
    "encoder_layers_per_block": [1, 1, 1, 1, 2, 1], "decoder_layers_per_block": [1, 1, 2, 1, 1, 1],
    "encoder_qkv_multiscales": [[], [], [], [5], [5], [5]], "decoder_qkv_multiscales": [[], [], [], [5], [5], [5]],
    "upsample_block_type": "interpolate", "downsample_block_type": "Conv", "decoder_norm_types": "rms_norm",
    "decoder_act_fns": "silu", "scaling_factor": 0.41407}

# The class's own defaults for resampling, with attention where the official one has none, and unequal halves.
PIXEL_SHUFFLE_VAE = {
    **OFFICIAL_VAE, "encoder_block_out_channels": [4, 8, 8, 16, 16, 16],
    "decoder_block_out_channels": [8, 8, 8, 8, 16, 16], "encoder_layers_per_block": [1, 1, 2, 1, 1, 1],
    "decoder_layers_per_block": [1, 1, 1, 1, 2, 1], "encoder_qkv_multiscales": [[], [], [], [], [5], [3, 5]],
    "decoder_qkv_multiscales": [[], [], [], [5], [], [5]], "upsample_block_type": "pixel_shuffle",
    "downsample_block_type": "pixel_unshuffle", "decoder_norm_types": ["rms_norm"] * 6,
    "decoder_act_fns": ["silu"] * 6, "encoder_out_shortcut": True, "decoder_in_shortcut": False,
    "scaling_factor": 0.6}


def _edit_json(file: Path, change: Callable[[dict], None]) -> None:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content, indent=2) + "\n")


def _remove_keys(*keys: str) -> Callable[[dict], None]:
    def change(content: dict) -> None:
        for key in keys:
            content.pop(key)
    return change


def _old_gemma2_config(content: dict) -> None:
    """Transformers 4 wrote rope_theta and torch_dtype, and neither layer_types nor rope_parameters."""
    content["rope_theta"] = content.pop("rope_parameters")["rope_theta"]
    content["torch_dtype"] = content.pop("dtype")
    content["hidden_act"] = content["hidden_activation"]
    content.pop("layer_types")


def _old_gemma3_config(content: dict) -> None:
    """The first Gemma 3 configs: two rope keys and a pattern instead of a list of layer types."""
    rope = content.pop("rope_parameters")
    content["rope_theta"] = rope["full_attention"]["rope_theta"]
    content["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
    content["torch_dtype"] = content.pop("dtype")
    content.pop("layer_types")
    content.pop("_sliding_window_pattern", None)
    content["sliding_window_pattern"] = 3


def _edit_sana_1_0(folder: Path) -> None:
    _edit_json(folder / "model_index.json",
               lambda index: index.update(tokenizer=["transformers", "GemmaTokenizerFast"]))
    _edit_json(folder / "text_encoder/config.json", _old_gemma2_config)
    _edit_json(folder / "transformer/config.json",
               _remove_keys("guidance_embeds", "guidance_embeds_scale", "qk_norm", "timestep_scale"))
    _edit_json(folder / "vae/config.json",
               _remove_keys("encoder_out_shortcut", "decoder_in_shortcut", "decoder_conv_act_fn"))


def _edit_sana_4k(folder: Path) -> None:
    # A stray unsharded file beside the shards, of no use to anyone: the index wins.
    save_file({"patch_embed.proj.bias": torch.full((48,), 1000.0)},
              folder / "transformer/diffusion_pytorch_model.safetensors", metadata={"format": "pt"})
    # Encoders that were cut out of a causal model may keep its prefix.
    index = json.loads((folder / "text_encoder/model.safetensors.index.json").read_text())
    for shard in sorted(set(index["weight_map"].values())):
        tensors = load_file(folder / "text_encoder" / shard)
        save_file({f"model.{name}": tensor for name, tensor in tensors.items()}, folder / "text_encoder" / shard,
                  metadata={"format": "pt"})
    index["weight_map"] = {f"model.{name}": shard for name, shard in index["weight_map"].items()}
    (folder / "text_encoder/model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def _edit_corners(folder: Path) -> None:
    _edit_json(folder / "text_encoder/config.json", _old_gemma3_config)


CHECKPOINTS = [
    Checkpoint(
        "sana-1.0", 1, "gemma2", gemma2, transformer(sample_size=16), OFFICIAL_VAE,
        DPMSolverMultistepScheduler(**DPM_SOLVER, flow_shift=3.0), edit=_edit_sana_1_0),
    Checkpoint(
        "sana-2k", 2, "gemma2", gemma2, transformer(sample_size=64, interpolation_scale=1.0), OFFICIAL_VAE,
        DPMSolverMultistepScheduler(**DPM_SOLVER, flow_shift=3.0), transformer_dtype=torch.bfloat16,
        text_encoder_dtype=torch.bfloat16, variant="bf16", shards="60KB"),
    Checkpoint(
        "sana-4k", 3, "gemma2", gemma2, transformer(sample_size=128, interpolation_scale=2.0), OFFICIAL_VAE,
        DPMSolverMultistepScheduler(**DPM_SOLVER, flow_shift=6.0), transformer_dtype=torch.bfloat16,
        text_encoder_dtype=torch.bfloat16, vae_dtype=torch.bfloat16, shards="50KB", edit=_edit_sana_4k),
    Checkpoint(
        "sana-1.5", 4, "gemma3", gemma3, transformer(qk_norm="rms_norm_across_heads", cross_attention_head_dim=16),
        OFFICIAL_VAE, FlowMatchEulerDiscreteScheduler(shift=4.0), transformer_dtype=torch.bfloat16,
        text_encoder_dtype=torch.bfloat16, vae_dtype=torch.bfloat16),
    Checkpoint(
        "sprint", 5, "gemma2", gemma2,
        transformer(qk_norm="rms_norm_across_heads", guidance_embeds=True, guidance_embeds_scale=0.1,
                    cross_attention_head_dim=16),
        OFFICIAL_VAE, SCMScheduler(), transformer_dtype=torch.bfloat16, text_encoder_dtype=torch.bfloat16,
        vae_dtype=torch.bfloat16),
    Checkpoint(
        "corners", 6, "gemma3", gemma3,
        transformer(num_layers=2, out_channels=2 * LATENT_CHANNELS, patch_size=2, interpolation_scale=1.5,
                    attention_bias=True, norm_elementwise_affine=True, norm_eps=0.05, mlp_ratio=1.6,
                    timestep_scale=0.5),
        PIXEL_SHUFFLE_VAE, DPMSolverMultistepScheduler(**DPM_SOLVER, flow_shift=2.0),
        transformer_dtype=torch.float16, text_encoder_dtype=torch.float16, vae_dtype=torch.float16, variant="fp16",
        edit=_edit_corners),
]


def build(recipe: Checkpoint, tokenizers: dict[str, dict], folder: Path) -> None:
    """Writes the complete checkpoint to `folder`, replacing what was there."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "tokenizer").mkdir(parents=True)
    cut = tokenizers[recipe.tokenizer]
    (folder / "tokenizer/tokenizer.json").write_text(json.dumps(cut, ensure_ascii=False, separators=(",", ":")))
    (folder / "tokenizer/tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "GemmaTokenizer", "add_bos_token": True, "add_eos_token": False, "bos_token": "<bos>",
         "eos_token": "<eos>", "pad_token": "<pad>", "unk_token": "<unk>", "padding_side": "left"}, indent=2) + "\n")
    tokenizer_files = {file.name: file.read_bytes() for file in (folder / "tokenizer").iterdir()}

    rules = TRANSFORMER_QK_NORM if recipe.transformer.get("qk_norm") else TRANSFORMER
    vae = calibrate_decoder(randomise(AutoencoderDC(**recipe.vae), VAE, 10 * recipe.seed + 2))
    components = {
        "tokenizer": GemmaTokenizer.from_pretrained(str(folder / "tokenizer")),
        "text_encoder": randomise(recipe.text_encoder(len(cut["model"]["vocab"])), TEXT_ENCODER, 10 * recipe.seed,
                                  recipe.text_encoder_dtype),
        "transformer": randomise(SanaTransformer2DModel(**recipe.transformer), rules, 10 * recipe.seed + 1,
                                 recipe.transformer_dtype),
        "vae": vae.to(recipe.vae_dtype),
        "scheduler": recipe.scheduler,
    }
    pipeline = (SanaSprintPipeline if recipe.sprint else SanaPipeline)(**components)
    pipeline.save_pretrained(folder, variant=recipe.variant, max_shard_size=recipe.shards)
    if recipe.name != "sana-1.0":
        # The first checkpoint keeps the file as the library writes it again, the others the original spelling.
        shutil.rmtree(folder / "tokenizer")
        (folder / "tokenizer").mkdir()
        for name, content in tokenizer_files.items():
            (folder / "tokenizer" / name).write_bytes(content)
    recipe.edit(folder)
