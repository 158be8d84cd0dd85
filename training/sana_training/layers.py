"""The two costly layers of a Sana block, with tokens kept channels-last.

They hold the weights of the layers that they replace, under the same names, and compute the same function; only the
order of the memory accesses differs.
"""

import torch
import torch.nn.functional as F
from diffusers import SanaTransformer2DModel
from diffusers.models.transformers.sana_transformer import GLUMBConv


def plain_linear_attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, heads: int) -> torch.Tensor:
    """ReLU linear attention of ``[batch, tokens, heads * d]`` as two small products a head and a separate normaliser.

    The reference appends a row of ones to the values to get the normaliser from the same product, which leaves
    matrices of 33 rows that tensor cores handle badly.
    """
    query, key, value = (tensor.unflatten(2, (heads, -1)).transpose(1, 2) for tensor in (query, key, value))
    query, key = F.relu(query), F.relu(key)
    summed = torch.matmul(key.transpose(2, 3), value)
    normaliser = (query.float() * key.float().sum(2, keepdim=True)).sum(-1, keepdim=True)
    mixed = torch.matmul(query, summed).float() / (normaliser + 1e-15)
    return mixed.transpose(1, 2).flatten(2).to(value.dtype)


class TokenLinearAttention:
    """Linear attention by our own kernel; by PyTorch only on the CPU, where Triton has nothing to run on."""

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None):
        """``[batch, tokens, width]`` to the same shape; the signature is the one of a diffusers processor."""
        query, key, value = attn.to_q(hidden_states), attn.to_k(hidden_states), attn.to_v(hidden_states)
        if attn.norm_q is not None:
            query, key = attn.norm_q(query), attn.norm_k(key)
        # The norm answers in float32 under autocast.
        query, key = query.to(value.dtype), key.to(value.dtype)
        if hidden_states.is_cuda:
            # Triton exists only where there is an accelerator, so it is imported where it is used.
            from .linear_attention import linear_attention

            mixed = linear_attention(query, key, value, attn.heads)
        else:
            mixed = plain_linear_attention(query, key, value, attn.heads)
        return attn.to_out[1](attn.to_out[0](mixed.to(hidden_states.dtype)))


class TokenGLUMBConv(GLUMBConv):
    """Mix-FFN with its 1x1 convolutions as matrix products and its depthwise 3x3 as nine shifted products."""

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """``[batch, width, height, width]`` in any memory format."""
        tokens = hidden_states.permute(0, 2, 3, 1)
        height, width = tokens.shape[1:3]
        inner = F.silu(F.linear(tokens, self.conv_inverted.weight[:, :, 0, 0], self.conv_inverted.bias))
        padded = F.pad(inner, (0, 0, 1, 1, 1, 1))
        kernel = self.conv_depth.weight[:, 0].to(inner.dtype)
        mixed = self.conv_depth.bias.to(inner.dtype)
        for row in range(3):
            for column in range(3):
                mixed = mixed + padded[:, row : row + height, column : column + width] * kernel[:, row, column]
        content, gate = mixed.chunk(2, dim=-1)
        return F.linear(content * F.silu(gate), self.conv_point.weight[:, :, 0, 0]).permute(0, 3, 1, 2)


class TritonGLUMBConv(GLUMBConv):
    """Mix-FFN with its 1x1 convolutions as matrix products and a depthwise 3x3 of our own."""

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """``[batch, width, height, width]`` in any memory format."""
        from .depthwise import depthwise

        tokens = hidden_states.permute(0, 2, 3, 1)
        inner = F.silu(F.linear(tokens, self.conv_inverted.weight[:, :, 0, 0], self.conv_inverted.bias))
        content, gate = depthwise(inner, self.conv_depth.weight, self.conv_depth.bias).chunk(2, dim=-1)
        return F.linear(content * F.silu(gate), self.conv_point.weight[:, :, 0, 0]).permute(0, 3, 1, 2)


DEPTHWISE = {"shift": TokenGLUMBConv, "triton": TritonGLUMBConv}


def use_fast_layers(model: SanaTransformer2DModel, depthwise: str = "shift") -> SanaTransformer2DModel:
    """Exchanges the layers in place; the state dictionary keeps its names."""
    for block in model.transformer_blocks:
        block.attn1.processor = TokenLinearAttention()
        # Same parameters and no attributes of its own: only the forward pass changes.
        block.ff.__class__ = DEPTHWISE[depthwise]
    return model


def compile_blocks(model: SanaTransformer2DModel) -> SanaTransformer2DModel:
    """Compiles the repeated block once for all copies: seconds, where the whole model takes minutes."""
    # One entry for each picture shape, with and without gradients.
    torch._dynamo.config.recompile_limit = 64
    for block in model.transformer_blocks:
        block.compile(dynamic=False)
    return model
