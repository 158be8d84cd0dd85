"""Stage ``text_encoder``: Gemma 3 270M, cut to its first 13 layers, with a pruned vocabulary, in int4 blocks.

    python -m sana_training.text_encoder --gguf G --tokenizer T --dataset D --output models

writes ``OUTPUT/text_encoder`` and ``OUTPUT/tokenizer``. The final norm's weight is zero (transformers multiplies by
1 + weight), so that the model returns the plainly normalised state after layer 13, which is what the transformer was
trained on.
"""

import argparse
import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import Gemma3TextConfig, Gemma3TextModel

from . import storage
from .prompts import PROMPT_TOKENS, calibration_prompts, encode_prompts
from .rounding import round_to_blocks
from .vocabulary import SPECIAL_TOKENS, PrunedVocabulary, prune

LAYERS = 13
GGUF_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"

EMBEDDING = "embed_tokens.weight"

# The terms ask that modified files say so themselves.
GEMMA_NOTICE = (
    "Modified from Gemma 3 270M: layers 0-12, pruned vocabulary, int4. "
    "Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms"
)

_GGUF_NAMES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "attn_norm": "input_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_attention_norm": "post_attention_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}

# What describes the model; transformers would also write the generic settings of any model.
_CONFIG_KEYS = (
    "architectures",
    "model_type",
    "transformers_version",
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "hidden_activation",
    "max_position_embeddings",
    "rms_norm_eps",
    "query_pre_attn_scalar",
    "sliding_window",
    "layer_types",
    "rope_parameters",
    "attention_bias",
    "attention_dropout",
    "attn_logit_softcapping",
    "final_logit_softcapping",
    "use_bidirectional_attention",
    "use_cache",
    "pad_token_id",
    "bos_token_id",
    "eos_token_id",
)

# A norm follows these, so the size of a token's output does not matter, only its direction: every token counts alike.
_NORMED_OUTPUTS = ("self_attn.o_proj", "mlp.down_proj")


def build(gguf_path: Path, tokenizer_path: Path, dataset: Path, output: Path) -> None:
    """Writes the quantised text encoder and its tokenizer under ``output``."""
    full_json = json.loads(tokenizer_path.read_text(encoding="utf-8"))
    vocabulary = prune(full_json, dataset)
    tokenizer = Tokenizer.from_str(json.dumps(vocabulary.tokenizer))
    state = cut_state(gguf_path, vocabulary.rows)
    model = build_model(state)
    stored = quantise(model, tokenizer, calibration_prompts(dataset))
    _write_encoder(output / "text_encoder", model.config, stored)
    write_tokenizer(output / "tokenizer", vocabulary)


def cut_state(path: Path, rows: list[int] | None) -> dict[str, torch.Tensor]:
    """The first 13 layers in float32, named as in ``Gemma3TextModel``, with the given embedding rows (None: all)."""
    if hashlib.sha256(path.read_bytes()).hexdigest() != GGUF_SHA256:
        raise SystemExit(f"{path}: not the expected Gemma 3 270M Q4_K_M file (SHA-256 {GGUF_SHA256})")
    # Only this stage reads GGUF; a machine that merely loads the finished encoder need not have the package.
    import gguf

    state = {"norm.weight": torch.zeros(640)}
    for tensor in gguf.GGUFReader(path).tensors:
        if tensor.name == "output_norm.weight":
            continue
        if tensor.name == "token_embd.weight":
            data = tensor.data if rows is None else tensor.data[rows]
            state[EMBEDDING] = torch.tensor(gguf.quants.dequantize(data, tensor.tensor_type))
            continue
        _, layer, name, _ = tensor.name.split(".")
        if int(layer) < LAYERS:
            weight = torch.tensor(gguf.quants.dequantize(tensor.data, tensor.tensor_type))
            # GGUF stores norms as 1 + weight.
            state[f"layers.{layer}.{_GGUF_NAMES[name]}.weight"] = weight - 1 if "norm" in name else weight
    return state


def build_model(state: dict[str, torch.Tensor]) -> Gemma3TextModel:
    """The cut model in float32, ready to encode."""
    config = Gemma3TextConfig(
        vocab_size=state[EMBEDDING].shape[0],
        hidden_size=640,
        intermediate_size=2048,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        num_key_value_heads=1,
        head_dim=256,
        query_pre_attn_scalar=256,
        sliding_window=512,
        max_position_embeddings=32768,
        rms_norm_eps=1e-6,
        use_cache=False,
    )
    config.architectures = ["Gemma3TextModel"]
    with torch.device("meta"):
        model = Gemma3TextModel(config)
    model.to_empty(device="cpu")
    _restore_buffers(model, config)
    model.load_state_dict(state, strict=True)
    return model.float().eval()


def quantise(model: Gemma3TextModel, tokenizer: Tokenizer, prompts: list[str]) -> dict[str, torch.Tensor]:
    """The stored tensors: matrices and embedding as int4 blocks, norms as float32. Leaves ``model`` unchanged."""
    grams = input_moments(model, tokenizer, prompts)
    stored: dict[str, torch.Tensor] = {}
    for name, weight in model.state_dict().items():
        module = name.removesuffix(".weight")
        if module in grams:
            stored |= storage.named(name, round_to_blocks(weight, grams[module]))
        elif name == EMBEDDING:
            stored |= storage.named(name, storage.quantize_blocks(weight))
        else:
            stored[name] = weight.clone()
    return stored


def input_moments(model: Gemma3TextModel, tokenizer: Tokenizer, prompts: list[str]) -> dict[str, torch.Tensor]:
    """For every linear layer, the second moments of its inputs over the tokens of ``prompts``."""
    grams: dict[str, torch.Tensor] = {}
    hooks = []
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            grams[name] = torch.zeros(module.in_features, module.in_features)
            hooks.append(module.register_forward_hook(_accumulate(grams, name)))
    for ids, _ in encode_prompts(tokenizer, prompts):
        with torch.no_grad():
            model(input_ids=ids)
    for hook in hooks:
        hook.remove()
    return grams


def load_widened_text_encoder(models_dir: Path | str) -> tuple[Gemma3TextModel, Tokenizer]:
    """The shipped encoder in float32, with exactly the values that the program computes with, and its tokenizer.

    ``model(input_ids).last_hidden_state`` of ``<bos>`` + at most 31 tokens is what the transformer is conditioned on.
    """
    folder = Path(models_dir)
    stored = load_file(folder / "text_encoder" / "model.safetensors")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer" / "tokenizer.json"))
    return build_model(storage.widen(stored)), tokenizer


def write_tokenizer(folder: Path, vocabulary: PrunedVocabulary) -> None:
    """tokenizer.json and the two small files that transformers reads beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    compact = json.dumps(vocabulary.tokenizer, ensure_ascii=False, separators=(",", ":"))
    (folder / "tokenizer.json").write_text(compact, encoding="utf-8")
    pad, eos, bos, unk, mask = SPECIAL_TOKENS
    special = {"bos_token": bos, "eos_token": eos, "pad_token": pad, "unk_token": unk, "mask_token": mask}
    write_json(folder / "special_tokens_map.json", special)
    settings = {
        "add_bos_token": True,
        "add_eos_token": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": PROMPT_TOKENS,
        "padding_side": "right",
        "tokenizer_class": "GemmaTokenizer",
    }
    write_json(folder / "tokenizer_config.json", {**special, **settings})


def write_json(path: Path, value: object) -> None:
    """Indented UTF-8 JSON with a final newline."""
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_encoder(folder: Path, config: Gemma3TextConfig, stored: dict[str, torch.Tensor]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    storage.save(stored, folder / "model.safetensors", notice=GEMMA_NOTICE)
    written = config.to_dict()
    settings = {key: written[key] for key in _CONFIG_KEYS}
    settings["sana_quantization"] = {"int4-blocks": storage.DESCRIPTIONS["int4-blocks"]}
    write_json(folder / "config.json", settings)


def _restore_buffers(model: Gemma3TextModel, config: Gemma3TextConfig) -> None:
    """Buffers are not in the state dictionary; ``to_empty`` left them without values."""
    fresh = type(model.rotary_emb)(config)
    for name, buffer in fresh.named_buffers():
        setattr(model.rotary_emb, name, buffer)
    model.embed_tokens.embed_scale = torch.tensor(math.sqrt(config.hidden_size))


def _accumulate(grams: dict[str, torch.Tensor], name: str) -> Callable[..., None]:
    def hook(_module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        tokens = inputs[0].flatten(0, -2)
        if name.endswith(_NORMED_OUTPUTS):
            tokens = tokens / output.flatten(0, -2).square().mean(-1, keepdim=True).sqrt().clamp_min(1e-6)
        grams[name] += tokens.T @ tokens

    return hook


def main() -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gguf", type=Path, required=True, help="assembled gemma-3-270m-q4_k_m.gguf")
    parser.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.json of Gemma 3")
    parser.add_argument("--dataset", type=Path, required=True, help="folder with concepts.json.xz and objects.tsv")
    parser.add_argument("--output", type=Path, required=True, help="checkpoint folder to write into")
    arguments = parser.parse_args()
    build(arguments.gguf, arguments.tokenizer, arguments.dataset, arguments.output)


if __name__ == "__main__":
    main()
