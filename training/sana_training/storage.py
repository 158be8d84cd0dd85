"""The integer storage of the bundled checkpoint, and its widening to ordinary floats.

Two forms, both told apart by the dtype of the tensor itself:

* ``int8-rows``: NAME is int8 in the layer's own shape, NAME.scale is float32 ``[rows]``; ``w = q * scale[row]``.
  A row is everything under one index of the first axis: one output channel of a matrix or a convolution.
* ``int4-blocks``: NAME is uint8 ``[rows, columns / 2]``, element ``2 j`` of a row in the low nibble of byte ``j``,
  NAME.scale is float16 ``[rows, columns / 32]``; ``w = (q - 8) * scale[row, column // 32]``. A scale may be negative,
  which lets the code -8 serve whichever sign has the larger magnitude in its block.

A tensor of a float dtype is itself. This is the layout that ONNX Runtime's MatMulNBits reads without a change of order.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file

BLOCK = 32
SCALE_SUFFIX = ".scale"

DESCRIPTIONS = {
    "int8-rows": {
        "dtype": "I8",
        "scale_dtype": "F32",
        "scale_axis": 0,
        "weight": "q * scale[row]",
    },
    "int4-blocks": {
        "dtype": "U8",
        "scale_dtype": "F16",
        "block_size": BLOCK,
        "zero_point": 8,
        "first_element": "low nibble",
        "weight": "(q - 8) * scale[row, column // 32]",
    },
}

# Fractions of the full range that are tried as a scale: clipping the one largest weight often costs less than the
# coarser grid that it would force on all others.
_ROW_FRACTIONS = torch.linspace(0.70, 1.0, 31)
_BLOCK_FRACTIONS = torch.linspace(0.70, 1.10, 21)


def quantize_rows(weight: torch.Tensor) -> dict[str, torch.Tensor]:
    """int8 codes of the shape of ``weight`` and float32 scales ``[rows]`` with the least squared error per row."""
    rows = weight.detach().float().flatten(1)
    full = rows.abs().amax(1).clamp_min(1e-12) / 127
    best_error = torch.full_like(full, torch.inf)
    best_scale = full.clone()
    for fraction in _ROW_FRACTIONS:
        scale = full * fraction
        codes = (rows / scale[:, None]).round().clamp(-127, 127)
        error = (codes * scale[:, None] - rows).square().sum(1)
        better = error < best_error
        best_error = torch.where(better, error, best_error)
        best_scale = torch.where(better, scale, best_scale)
    codes = (rows / best_scale[:, None]).round().clamp(-127, 127).to(torch.int8)
    return {"": codes.view(weight.shape), SCALE_SUFFIX: best_scale}


def search_block_scales(blocks: torch.Tensor, importance: torch.Tensor | None = None) -> torch.Tensor:
    """Scales ``[..., 1]``, already rounded to float16, for ``blocks`` ``[..., 32]``.

    Tries both signs of a ladder of scales, then refines the winner to the least-squares scale of its codes.
    ``importance`` (broadcast over the blocks) weighs the squared error of each column.
    """
    weights = torch.ones_like(blocks[..., :1]) if importance is None else importance
    largest = blocks.gather(-1, blocks.abs().argmax(-1, keepdim=True))
    # The largest element goes to code -8, or just inside +7 with the other sign of the scale.
    full = torch.where(largest == 0, torch.full_like(largest, 1e-6), largest)
    best_scale = _half(full / -8)
    best_error = _block_error(blocks, best_scale, weights)
    for range_end in (-8.0, 7.5):
        for fraction in _BLOCK_FRACTIONS:
            scale = _half(full / range_end * fraction)
            best_scale, best_error = _keep_better(blocks, weights, scale, best_scale, best_error)
    codes = block_codes(blocks, best_scale)
    overlap = (weights * codes * blocks).sum(-1, keepdim=True)
    energy = (weights * codes * codes).sum(-1, keepdim=True).clamp_min(1e-12)
    best_scale, _ = _keep_better(blocks, weights, _half(overlap / energy), best_scale, best_error)
    return best_scale


def quantize_blocks(weight: torch.Tensor, chunk_rows: int = 4096) -> dict[str, torch.Tensor]:
    """int4 codes and float16 scales of a matrix ``[rows, columns]`` whose columns are a multiple of 32."""
    codes, scales = [], []
    for rows in weight.detach().float().split(chunk_rows):
        blocks = rows.unflatten(1, (-1, BLOCK))
        scale = search_block_scales(blocks)
        codes.append(block_codes(blocks, scale).flatten(1))
        scales.append(scale.squeeze(-1))
    return pack_blocks(torch.cat(codes), torch.cat(scales))


def pack_blocks(codes: torch.Tensor, scales: torch.Tensor) -> dict[str, torch.Tensor]:
    """Signed codes ``[rows, columns]`` in -8 … 7 and scales ``[rows, columns / 32]`` as they lie on disk."""
    nibbles = (codes + 8).to(torch.uint8)
    return {"": nibbles[:, 0::2] | (nibbles[:, 1::2] << 4), SCALE_SUFFIX: scales.to(torch.float16)}


def block_codes(blocks: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """The nearest signed codes, as floats, for scales that broadcast over ``blocks``."""
    # A scale that underflows to zero belongs to a block of zeros.
    return (blocks / torch.where(scale == 0, torch.ones_like(scale), scale)).round().clamp(-8, 7)


def widen(stored: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The ordinary float32 tensors, without the scales."""
    scales = {name for name in stored if name.endswith(SCALE_SUFFIX) and name.removesuffix(SCALE_SUFFIX) in stored}
    return {name: _widen_one(name, tensor, stored) for name, tensor in stored.items() if name not in scales}


def save(stored: Mapping[str, torch.Tensor], path: Path, notice: str | None = None) -> None:
    """Writes one safetensors file, readable by everyone; ``notice`` goes into its header."""
    save_file(dict(stored), path, metadata={"format": "pt", **({"notice": notice} if notice else {})})
    path.chmod(0o644)


def named(name: str, parts: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Prefixes the parts of one stored tensor with its name."""
    return {name + suffix: tensor.contiguous() for suffix, tensor in parts.items()}


def _widen_one(name: str, tensor: torch.Tensor, stored: Mapping[str, torch.Tensor]) -> torch.Tensor:
    if tensor.dtype == torch.int8:
        scale = stored[name + SCALE_SUFFIX].float()
        return tensor.float() * scale.view(-1, *[1] * (tensor.ndim - 1))
    if tensor.dtype == torch.uint8:
        scale = stored[name + SCALE_SUFFIX].float()
        codes = torch.stack([tensor & 15, tensor >> 4], -1).flatten(1).float() - 8
        return (codes.unflatten(1, (-1, BLOCK)) * scale[..., None]).flatten(1)
    return tensor.float()


def _half(scale: torch.Tensor) -> torch.Tensor:
    return scale.to(torch.float16).float()


def _block_error(blocks: torch.Tensor, scale: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    return (weights * (block_codes(blocks, scale) * scale - blocks).square()).sum(-1, keepdim=True)


def _keep_better(
    blocks: torch.Tensor,
    weights: torch.Tensor,
    scale: torch.Tensor,
    best_scale: torch.Tensor,
    best_error: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    error = _block_error(blocks, scale, weights)
    better = error < best_error
    return torch.where(better, scale, best_scale), torch.where(better, error, best_error)
