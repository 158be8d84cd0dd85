"""Terms and fine points of the Gemma text encoders."""

from collections.abc import Iterator

import torch
from changes import Change, attributes, edited
from transformers.models.gemma2 import modeling_gemma2
from transformers.models.gemma3 import modeling_gemma3


def text_encoder_changes(model) -> Iterator[tuple[str, Change]]:
    code = modeling_gemma2 if type(model).__name__ == "Gemma2Model" else modeling_gemma3
    config, attentions = model.config, [layer.self_attn for layer in model.layers]
    yield "no sliding window", attributes([(code, "create_sliding_window_causal_mask", code.create_causal_mask)])
    yield "sliding window one wider", attributes([(config, "sliding_window", config.sliding_window + 1)])
    yield "all layers sliding", attributes([(config, "layer_types", ["sliding_attention"] * config.num_hidden_layers)])
    yield ("1 / sqrt(head_dim) instead of query_pre_attn_scalar",
           attributes([(attention, "scaling", config.head_dim**-0.5) for attention in attentions]))
    yield "no rotary embedding", attributes([(code, "apply_rotary_pos_emb", lambda q, k, cos, sin: (q, k))])
    yield "rotary pairs interleaved", attributes([(code, "rotate_half", lambda x: torch.stack(
        (-x[..., 1::2], x[..., ::2]), -1).flatten(-2))])
    yield "no embedding scale", attributes([(model.embed_tokens, "embed_scale", torch.tensor(1.0))])
    yield "weight instead of 1 + weight in norms", edited(
        [p for name, p in model.named_parameters() if "norm" in name], lambda weight: weight - 1)
    yield "no final norm", attributes([(model.norm, "forward", lambda x: x)])
    if code is modeling_gemma2:
        yield "no softcap", attributes([(attention, "attn_logit_softcapping", None) for attention in attentions])
        yield "key/value heads tiled instead of repeated", attributes(
            [(code, "repeat_kv", lambda x, times: x.repeat(1, times, 1, 1))])
    else:
        full, sliding = model.rotary_emb.full_attention_inv_freq, model.rotary_emb.sliding_attention_inv_freq
        yield "rope bases exchanged", attributes([(model.rotary_emb, "full_attention_inv_freq", sliding),
                                                   (model.rotary_emb, "sliding_attention_inv_freq", full)])
        yield "no q_norm and k_norm", attributes([(norm, "forward", lambda x: x) for attention in attentions
                                                   for norm in (attention.q_norm, attention.k_norm)])


def text_encoder_fine_points(model) -> Iterator[tuple[str, Change]]:
    norms = [module for module in model.modules() if type(module).__name__.endswith("RMSNorm")]
    yield "GELU with erf", attributes([(layer.mlp, "act_fn", torch.nn.GELU()) for layer in model.layers])
    yield "norm epsilon / 10", attributes([(norm, "eps", norm.eps / 10) for norm in norms])
    yield "embedding scale rounded to bf16", attributes(
        [(model.embed_tokens, "embed_scale", model.embed_tokens.embed_scale.bfloat16().float())])
