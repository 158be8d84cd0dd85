"""The transformer's forward pass together with its directional derivative (a Jacobian-vector product), by hand.

Every layer is written for pairs of a value and its tangent. Gradients flow through the values only, which are those of
the ordinary forward pass, so one pass serves as both the Jacobian-vector product and the forward half of a training
step. It needs no function transform: torch.compile sees ordinary code, and layers with kernels of their own need no
derivative rule but their linearity. The text does not move, so keys and values of the cross-attention have no tangent.

The tangents of text, guidance and weights are zero; those of sample and time are given.
"""

import math

import torch
import torch.nn.functional as F
from diffusers import SanaTransformer2DModel
from diffusers.models.attention_processor import Attention
from diffusers.models.transformers.sana_transformer import GLUMBConv, SanaTransformerBlock
from torch import nn

from .layers import TritonGLUMBConv

_FREQUENCIES = 128
_LONGEST_PERIOD = 10_000.0
# As in the reference's linear attention, and for masked text tokens.
_ATTENTION_EPSILON = 1e-15
_MASKED = -10_000.0

Pair = tuple[torch.Tensor, torch.Tensor]


class TangentBlock(SanaTransformerBlock):
    """A block that carries a tangent along where it is given one; otherwise the ordinary block."""

    def forward(
        self,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        encoder_hidden_states: torch.Tensor | None = None,
        encoder_attention_mask: torch.Tensor | None = None,
        timestep: torch.Tensor | None = None,
        height: int | None = None,
        width: int | None = None,
        tangents: Pair | None = None,
    ) -> torch.Tensor | Pair:
        """``tangents``: those of ``hidden_states`` and of ``timestep``; then a pair is returned."""
        if tangents is None:
            return super().forward(
                hidden_states,
                attention_mask,
                encoder_hidden_states,
                encoder_attention_mask,
                timestep,
                height,
                width,
            )
        moving, modulation_moving = tangents
        table = (self.scale_shift_table[None] + timestep.unflatten(1, (6, -1))).chunk(6, dim=1)
        table_moving = modulation_moving.unflatten(1, (6, -1)).chunk(6, dim=1)
        now = (hidden_states, moving)
        shift, scale, gate, shift_mlp, scale_mlp, gate_mlp = zip(table, table_moving, strict=True)
        normed = _modulated(_layer_norm(now, self.norm1.eps), shift, scale)
        now = _sum(now, _product(gate, _linear_attention(self.attn1, normed)))
        now = _sum(now, _cross_attention(self.attn2, now, encoder_hidden_states, encoder_attention_mask))
        normed = _modulated(_layer_norm(now, self.norm2.eps), shift_mlp, scale_mlp)
        return _sum(now, _product(gate_mlp, _mix_feed_forward(self.ff, normed, height, width)))


def use_tangent_blocks(model: SanaTransformer2DModel) -> SanaTransformer2DModel:
    """Exchanges the blocks in place; the state dictionary keeps its names. Refuses what official Sprints lack."""
    config = model.config
    if config.patch_size != 1 or config.interpolation_scale is not None or config.norm_elementwise_affine:
        raise SystemExit("tangents are known only without patches, position embedding and affine norms")
    for block in model.transformer_blocks:
        block.__class__ = TangentBlock
    return model


def forward_with_tangent(
    model: SanaTransformer2DModel,
    sample: Pair,
    time: Pair,
    guidance: torch.Tensor,
    states: torch.Tensor,
    mask: torch.Tensor,
) -> Pair:
    """Output and its tangent, both ``[n, c, h, w]``, of a transformer with TangentBlocks and embedded guidance.

    ``sample`` ``[n, c, h, w]`` and ``time`` ``[n]`` come with their tangents; ``guidance`` ``[n]`` is multiplied by
    guidance_embeds_scale already; ``states`` ``[n, t, caption_channels]``, ``mask`` ``[n, t]``.
    """
    height, width = sample[0].shape[2:]
    embed = model.patch_embed.proj
    tokens = _linear(tuple(part.flatten(2).transpose(1, 2) for part in sample), embed.weight.flatten(1), embed.bias)
    modulation, embedded = _embedded_time(model.time_embed, time, guidance)
    caption = model.caption_norm(model.caption_projection(states))
    bias = ((1 - mask.to(states.dtype)) * _MASKED)[:, None]
    for block in model.transformer_blocks:
        tokens = block(
            tokens[0], None, caption, bias, modulation[0], height, width, tangents=(tokens[1], modulation[1])
        )
    shift, scale = zip(
        (model.scale_shift_table[None] + embedded[0][:, None]).chunk(2, dim=1),
        embedded[1][:, None].expand(-1, 2, -1).chunk(2, dim=1),
        strict=True,
    )
    normed = _modulated(_layer_norm(tokens, model.norm_out.norm.eps), shift, scale)
    out = _linear(normed, model.proj_out.weight, model.proj_out.bias)
    return tuple(part.transpose(1, 2).unflatten(2, (height, width)) for part in out)


def sinusoid(value: torch.Tensor) -> torch.Tensor:
    """The 256 features ``[cos, sin]`` of ``value`` ``[n]`` that the reference's Timesteps computes."""
    return _sinusoid((value, torch.zeros_like(value)))[0]


def _sinusoid(value: Pair) -> Pair:
    index = torch.arange(_FREQUENCIES, dtype=value[0].dtype, device=value[0].device)
    frequency = torch.exp(-math.log(_LONGEST_PERIOD) * index / _FREQUENCIES)
    argument = value[0][:, None] * frequency
    cos, sin = torch.cos(argument), torch.sin(argument)
    moving = value[1][:, None] * frequency
    return torch.cat([cos, sin], 1), torch.cat([-sin * moving, cos * moving], 1)


def _embedded_time(embed: nn.Module, time: Pair, guidance: torch.Tensor) -> tuple[Pair, Pair]:
    """The six modulations and the embedding that they are made from."""
    hidden = _perceptron(embed.timestep_embedder, _sinusoid(time))
    guide = embed.guidance_embedder
    added = guide.linear_2(F.silu(guide.linear_1(sinusoid(guidance))))
    embedded = (hidden[0] + added, hidden[1])
    return _linear(_silu(embedded), embed.linear.weight, embed.linear.bias), embedded


def _perceptron(layers: nn.Module, value: Pair) -> Pair:
    hidden = _silu(_linear(value, layers.linear_1.weight, layers.linear_1.bias))
    return _linear(hidden, layers.linear_2.weight, layers.linear_2.bias)


def _linear(value: Pair, weight: torch.Tensor, bias: torch.Tensor | None) -> Pair:
    out = F.linear(value[0], weight, bias)
    with torch.no_grad():
        return out, F.linear(value[1], weight)


def _sum(one: Pair, other: Pair) -> Pair:
    return one[0] + other[0], one[1] + other[1]


def _product(one: Pair, other: Pair) -> Pair:
    out = one[0] * other[0]
    with torch.no_grad():
        return out, one[0] * other[1] + one[1] * other[0]


def _silu(value: Pair) -> Pair:
    out = F.silu(value[0])
    with torch.no_grad():
        gate = torch.sigmoid(value[0])
        return out, value[1] * gate * (1 + value[0] * (1 - gate))


def _layer_norm(value: Pair, epsilon: float) -> Pair:
    wide = _wide(value[0])
    out = F.layer_norm(wide, wide.shape[-1:], eps=epsilon)
    with torch.no_grad():
        moving = _wide(value[1])
        scale = (wide.var(-1, keepdim=True, unbiased=False) + epsilon).rsqrt()
        centred = moving - moving.mean(-1, keepdim=True)
        return out, scale * (centred - out * (out * moving).mean(-1, keepdim=True))


def _modulated(value: Pair, shift: Pair, scale: Pair) -> Pair:
    out = value[0] * (1 + scale[0]) + shift[0]
    with torch.no_grad():
        return out, value[1] * (1 + scale[0]) + value[0] * scale[1] + shift[1]


def _rms_norm(norm: nn.Module | None, value: Pair) -> Pair:
    if norm is None:
        return value
    wide = _wide(value[0])
    scale = (wide.square().mean(-1, keepdim=True) + norm.eps).rsqrt()
    normed = wide * scale
    out = (normed * norm.weight).to(value[0].dtype)
    with torch.no_grad():
        moving = _wide(value[1])
        moved = scale * (moving - normed * (normed * moving).mean(-1, keepdim=True))
        return out, (moved * norm.weight).to(value[1].dtype)


def _heads(value: Pair, number: int) -> Pair:
    """``[n, t, width]`` to ``[n, heads, t, head]``."""
    return tuple(part.unflatten(2, (number, -1)).transpose(1, 2) for part in value)


def _linear_attention(attention: Attention, value: Pair) -> Pair:
    query = _rms_norm(attention.norm_q, _linear(value, attention.to_q.weight, attention.to_q.bias))
    key = _rms_norm(attention.norm_k, _linear(value, attention.to_k.weight, attention.to_k.bias))
    q, q_moving = _relu(_heads(query, attention.heads))
    k, k_moving = _relu(_heads(key, attention.heads))
    v, v_moving = _heads(_linear(value, attention.to_v.weight, attention.to_v.bias), attention.heads)
    summed = k.transpose(2, 3) @ v
    total = _wide(k).sum(2, keepdim=True)
    divisor = (_wide(q) * total).sum(-1, keepdim=True) + _ATTENTION_EPSILON
    out = _wide(q @ summed) / divisor
    with torch.no_grad():
        summed_moving = k_moving.transpose(2, 3) @ v + k.transpose(2, 3) @ v_moving
        divisor_moving = _wide(q_moving) * total + _wide(q) * _wide(k_moving).sum(2, keepdim=True)
        top_moving = _wide(q_moving @ summed + q @ summed_moving)
        moving = (top_moving - out * divisor_moving.sum(-1, keepdim=True)) / divisor
    return _projected(attention, (out.to(v.dtype), moving.to(v.dtype)))


def _relu(value: Pair) -> Pair:
    out = F.relu(value[0])
    with torch.no_grad():
        return out, value[1] * (value[0] > 0)


def _cross_attention(attention: Attention, value: Pair, caption: torch.Tensor, bias: torch.Tensor) -> Pair:
    query = _rms_norm(attention.norm_q, _linear(value, attention.to_q.weight, attention.to_q.bias))
    q, q_moving = _heads(query, attention.heads)
    key, content = attention.to_k(caption), attention.to_v(caption)
    key = _rms_norm(attention.norm_k, (key, torch.zeros_like(key)))[0]
    k, v = _heads((key, content), attention.heads)
    scale = k.shape[-1] ** -0.5
    weight = F.softmax(_wide(q @ k.transpose(2, 3)) * scale + bias[:, None], dim=-1)
    out = weight.to(v.dtype) @ v
    with torch.no_grad():
        logit_moving = _wide(q_moving @ k.transpose(2, 3)) * scale
        weight_moving = weight * (logit_moving - (weight * logit_moving).sum(-1, keepdim=True))
        moving = weight_moving.to(v.dtype) @ v
    return _projected(attention, (out, moving))


def _projected(attention: Attention, value: Pair) -> Pair:
    merged = tuple(part.transpose(1, 2).flatten(2) for part in value)
    return _linear(merged, attention.to_out[0].weight, attention.to_out[0].bias)


def _mix_feed_forward(layers: GLUMBConv, value: Pair, height: int, width: int) -> Pair:
    inverted, point = layers.conv_inverted, layers.conv_point
    inner = _silu(_linear(value, inverted.weight[:, :, 0, 0], inverted.bias))
    mixed = _depthwise(layers, tuple(part.unflatten(1, (height, width)) for part in inner))
    content, gate = zip(*(part.flatten(1, 2).chunk(2, dim=-1) for part in mixed), strict=True)
    return _linear(_product(content, _silu(gate)), point.weight[:, :, 0, 0], None)


def _depthwise(layers: GLUMBConv, value: Pair) -> Pair:
    """Channels-last pictures ``[n, h, w, c]``."""
    kernel, bias = layers.conv_depth.weight, layers.conv_depth.bias
    if isinstance(layers, TritonGLUMBConv):
        from .depthwise import depthwise

        out = depthwise(value[0], kernel, bias)
        with torch.no_grad():
            return out, depthwise(value[1].to(out.dtype), kernel, torch.zeros_like(bias))
    out = _shifted_products(value[0], kernel) + bias.to(value[0].dtype)
    with torch.no_grad():
        return out, _shifted_products(value[1], kernel)


def _shifted_products(pictures: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    height, width = pictures.shape[1:3]
    padded = F.pad(pictures, (0, 0, 1, 1, 1, 1))
    weights = kernel[:, 0].to(pictures.dtype)
    return sum(
        padded[:, row : row + height, column : column + width] * weights[:, row, column]
        for row in range(3)
        for column in range(3)
    )


def _wide(value: torch.Tensor) -> torch.Tensor:
    """At least float32; float64, in which tests compute, stays."""
    return value if value.dtype == torch.float64 else value.float()
