"""ReLU linear attention, forward and backward, in Triton.

For each head, with ``a = relu(query)`` and ``b = relu(key)``, both ``[tokens, d]``::

    out[n] = (a[n] @ S) / (a[n] . s + 1e-15)    S = sum over m of b[m]^T value[m]    s = sum over m of b[m]

One program makes the whole of a head: it reads keys and values once, keeps ``S`` and ``s`` on the chip in float32, then
reads the queries once and writes the quotients. Where there are too few heads to fill the device, the tokens are shared
out among programs, and ``S`` and ``s`` pass through memory. ``python -m sana_training.attention_bench`` times it.
"""

import torch
import triton

from . import linear_attention_kernels as kernels

# Tokens in one step of a program, and the most that one program takes on.
_BLOCK = 64
_TOKENS_PER_PROGRAM = 1024


@torch.library.custom_op("sana_training::linear_attention", mutates_args=())
def attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, heads: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The quotients, shaped as ``query``, and the float32 sums ``[batch * heads, d * (d + 1)]`` for the backward."""
    query, key, value = query.contiguous(), key.contiguous(), value.contiguous()
    batch, tokens, width = query.shape[0], query.shape[1], query.shape[2] // heads
    out, sums = torch.empty_like(query), _empty_sums(query, heads)
    settings = (width, _BLOCK, _precision(query))
    parts = triton.cdiv(tokens, _TOKENS_PER_PROGRAM)
    if parts == 1:
        kernels.forward[(batch * heads,)](query, key, value, out, sums, tokens, heads, *settings)
    else:
        partial = _empty_sums(query, heads, parts)
        grid = (batch * heads, parts)
        kernels.forward_sums[grid](key, value, partial, tokens, heads, _TOKENS_PER_PROGRAM, *settings)
        kernels.forward_quotients[grid](query, out, partial, sums, tokens, heads, _TOKENS_PER_PROGRAM, *settings)
    return out, sums


@attend.register_fake
def _(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, heads: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.empty(query.shape, dtype=query.dtype, device=query.device), _empty_sums(query, heads)


@torch.library.custom_op("sana_training::linear_attention_backward", mutates_args=())
def attend_backward(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, sums: torch.Tensor, gradient: torch.Tensor, heads: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Gradients for query, key and value."""
    query, key, value, gradient = (tensor.contiguous() for tensor in (query, key, value, gradient))
    batch, tokens, width = query.shape[0], query.shape[1], query.shape[2] // heads
    gradients = torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)
    settings = (width, _BLOCK, _precision(query))
    parts = triton.cdiv(tokens, _TOKENS_PER_PROGRAM)
    if parts == 1:
        kernels.backward[(batch * heads,)](query, key, value, gradient, sums, *gradients, tokens, heads, *settings)
    else:
        partial = _empty_sums(query, heads, parts)
        grid = (batch * heads, parts)
        share = (tokens, heads, _TOKENS_PER_PROGRAM)
        kernels.backward_queries[grid](query, gradient, sums, gradients[0], partial, *share, *settings)
        kernels.backward_keys[grid](key, value, partial, *gradients[1:], *share, *settings)
    return gradients


@attend_backward.register_fake
def _(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, sums: torch.Tensor, gradient: torch.Tensor, heads: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return tuple(torch.empty(like.shape, dtype=like.dtype, device=like.device) for like in (query, key, value))


def _empty_sums(like: torch.Tensor, heads: int, parts: int = 1) -> torch.Tensor:
    width = like.shape[2] // heads
    return torch.empty(like.shape[0] * heads * parts, width * (width + 1), dtype=torch.float32, device=like.device)


def _precision(tensor: torch.Tensor) -> str:
    # Halves are exact in TF32, and the sums lose less there than they would in bfloat16.
    return "ieee" if tensor.dtype == torch.float32 else "tf32"


def _remember(ctx, inputs, output) -> None:
    ctx.save_for_backward(*inputs[:3], output[1])
    ctx.heads = inputs[3]
    ctx.mark_non_differentiable(output[1])


def _differentiate(ctx, gradient, _):
    query, key, value, sums = ctx.saved_tensors
    return *attend_backward(query, key, value, sums, gradient.to(query.dtype), ctx.heads), None


attend.register_autograd(_differentiate, setup_context=_remember)


def linear_attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, heads: int) -> torch.Tensor:
    """``[batch, tokens, heads * d]`` each, of one dtype and before the ReLU; ``d`` a power of two of at least 16."""
    return attend(query, key, value, heads)[0]
