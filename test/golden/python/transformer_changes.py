"""Terms and fine points of SanaTransformer2DModel."""

from collections.abc import Iterator
from unittest import mock

import torch
from changes import Change, attributes, glumbconv_changes, wrapped
from diffusers.models import attention_processor, embeddings
from diffusers.models.transformers import sana_transformer


def _sinusoid(**changes) -> Change:
    return wrapped(embeddings, "get_timestep_embedding",
                    lambda original: lambda *args, **kwargs: original(*args, **{**kwargs, **changes}))


def _final_norm_of_silu(original):
    def forward(self, hidden_states, temb, scale_shift_table):
        return original(self, hidden_states, torch.nn.functional.silu(temb), scale_shift_table)
    return forward


def _normed_cross_attention(original):
    def call(self, attn, hidden_states, *args, **kwargs):
        return original(self, attn, torch.nn.functional.layer_norm(hidden_states, hidden_states.shape[-1:]), *args,
                        **kwargs)
    return call


def _no_mask(original):
    def forward(self, *args, encoder_attention_mask=None, **kwargs):
        return original(self, *args, **kwargs)
    return forward


def _exchanged_axes(original):
    def table(embed_dim, *args, **kwargs):
        first, second = original(embed_dim, *args, **kwargs).chunk(2, dim=-1)
        return torch.cat((second, first), dim=-1)
    return table


def transformer_changes(model) -> Iterator[tuple[str, Change]]:
    config = model.config
    yield from glumbconv_changes()
    yield "no text mask", wrapped(sana_transformer.SanaTransformer2DModel, "forward", _no_mask)
    yield "norm before cross-attention", wrapped(sana_transformer.SanaAttnProcessor2_0, "__call__",
                                                  _normed_cross_attention)
    yield "no relu in linear attention", mock.patch.object(
        attention_processor, "F", _without_relu(attention_processor.F))
    yield "final modulation from SiLU(temb)", wrapped(sana_transformer.SanaModulatedNorm, "forward",
                                                       _final_norm_of_silu)
    yield "sinusoid as sin, cos", _sinusoid(flip_sin_to_cos=False)
    yield "cross-attention scaled by 1 / sqrt(width)", mock.patch.object(
        sana_transformer, "F", _scaled_attention(sana_transformer.F, (config.num_cross_attention_heads) ** -0.5))
    if config.interpolation_scale is not None:
        embed = model.patch_embed
        yield "no position embedding", attributes([(embed, "pos_embed", None)])
        yield "interpolation scale twice as large", attributes(
            [(embed, "interpolation_scale", 2 * embed.interpolation_scale)])
        yield "base grid twice as large", attributes([(embed, "base_size", 2 * embed.base_size)])
        yield "x and y of the position embedding exchanged", wrapped(embeddings, "get_2d_sincos_pos_embed",
                                                                      _exchanged_axes)
    if config.qk_norm is not None:
        norms = [norm for block in model.transformer_blocks for attention in (block.attn1, block.attn2)
                 for norm in (attention.norm_q, attention.norm_k)]
        yield "no qk-norm", attributes([(norm, "forward", lambda x: x) for norm in norms])
    if config.patch_size > 1:
        yield "channels before pixels in unpatchify", wrapped(
            model.proj_out, "forward", lambda original: lambda x: original(x).unflatten(
                -1, (-1, config.patch_size**2)).transpose(-1, -2).flatten(-2))


class _Functional:
    """torch.nn.functional with some functions replaced."""

    def __init__(self, original, **functions):
        self.__dict__.update(functions, original=original)

    def __getattr__(self, name):
        return getattr(self.original, name)


def _without_relu(functional):
    return _Functional(functional, relu=lambda x: x)


def _scaled_attention(functional, factor: float):
    return _Functional(functional, scaled_dot_product_attention=lambda q, *args, **kwargs:
                       functional.scaled_dot_product_attention(q * factor, *args, **kwargs))


def transformer_fine_points(model) -> Iterator[tuple[str, Change]]:
    yield "caption_norm epsilon / 10", attributes([(model.caption_norm, "eps", 1e-6)])
    yield "caption projection with erf GELU", attributes([(model.caption_projection, "act_1", torch.nn.GELU())])
    yield "sinusoid divided by half - 1", _sinusoid(downscale_freq_shift=1)
    if model.config.qk_norm is not None:
        yield "qk-norm epsilon / 10", attributes(
            [(norm, "eps", 1e-6) for block in model.transformer_blocks for attention in (block.attn1, block.attn2)
             for norm in (attention.norm_q, attention.norm_k)])
    if model.config.norm_eps != 1e-6:
        norms = [norm for block in model.transformer_blocks for norm in (block.norm1, block.norm2)]
        yield "norm_eps of the configuration ignored", attributes([(norm, "eps", 1e-6) for norm in norms])
        yield "norm_eps used for the final norm too", attributes([(model.norm_out.norm, "eps", model.config.norm_eps)])
