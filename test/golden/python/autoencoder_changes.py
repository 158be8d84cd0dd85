"""Terms and fine points of AutoencoderDC, for one of its halves at a time."""

import contextlib
from collections.abc import Iterator

import torch
from changes import Change, attributes, edited, glumbconv_changes, wrapped
from diffusers.models import attention_processor
from diffusers.models.autoencoders import autoencoder_dc
from diffusers.models.normalization import RMSNorm


def _no_shortcuts(model: torch.nn.Module, kind: type) -> Change:
    return attributes([(module, "shortcut", False) for module in model.modules() if isinstance(module, kind)])


def _named_like_their_content(original):
    """The misreading of to_q, to_k, to_v as all heads' queries, keys and values."""
    def call(self, attn, hidden_states):
        heads, dim = attn.to_q.out_features // attn.attention_head_dim, attn.attention_head_dim
        stacked = torch.cat([attn.to_q.weight, attn.to_k.weight, attn.to_v.weight])
        regrouped = stacked.view(3, heads, dim, -1).transpose(0, 1).reshape(3, heads * dim, -1)
        changes = zip((attn.to_q, attn.to_k, attn.to_v), regrouped)
        with contextlib.ExitStack() as stack:
            for layer, weight in changes:
                stack.enter_context(edited([layer.weight], lambda _, weight=weight: weight))
            return original(self, attn, hidden_states)
    return call


def autoencoder_changes(half: torch.nn.Module) -> Iterator[tuple[str, Change]]:
    """For the encoder or the decoder."""
    yield from glumbconv_changes()
    if hasattr(half, "out_shortcut"):
        yield "no shortcut around the downsampling", _no_shortcuts(half, autoencoder_dc.DCDownBlock2d)
        yield "out_shortcut inverted", attributes([(half, "out_shortcut", not half.out_shortcut)])
    else:
        yield "no shortcut around the upsampling", _no_shortcuts(half, autoencoder_dc.DCUpBlock2d)
        yield "in_shortcut inverted", attributes([(half, "in_shortcut", not half.in_shortcut),
                                                   (half, "in_shortcut_repeats", half.conv_in.out_channels
                                                    // half.conv_in.in_channels)])
        yield "no activation before the last convolution", attributes(
            [(half.conv_act, "forward", lambda x: x)])
    heads = max((attn.to_q.out_features // attn.attention_head_dim for attn in half.modules()
                 if isinstance(attn, attention_processor.SanaMultiscaleLinearAttention)), default=1)
    if heads > 1:
        yield "to_q, to_k, to_v read as what their names say", wrapped(
            attention_processor.SanaMultiscaleAttnProcessor2_0, "__call__", _named_like_their_content)
    yield "no relu in linear attention", attributes(
        [(attn, "nonlinearity", torch.nn.Identity()) for attn in half.modules()
         if isinstance(attn, attention_processor.SanaMultiscaleLinearAttention)])


def autoencoder_fine_points(half: torch.nn.Module) -> Iterator[tuple[str, Change]]:
    yield "norm epsilon / 10", attributes(
        [(norm, "eps", 1e-6) for norm in half.modules() if isinstance(norm, RMSNorm)])
