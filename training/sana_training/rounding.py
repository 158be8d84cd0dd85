"""Rounds a matrix to int4 blocks so that its *outputs* change little, not only its weights.

Columns are rounded in order, and the error of each column is made up for in the columns that are still to come, in the
metric of the inputs that the layer really sees (the method known as GPTQ, arXiv 2210.17323). The scale of a block is
searched when its first column is reached, with the weights as they then stand.
"""

import torch

from .storage import BLOCK, block_codes, pack_blocks, search_block_scales

# Share of the mean diagonal added to it: directions that the calibration texts never use are not treated as free.
_DAMPING = 0.02


def round_to_blocks(weight: torch.Tensor, gram: torch.Tensor) -> dict[str, torch.Tensor]:
    """int4 codes and scales of ``weight`` ``[rows, columns]``; ``gram`` ``[columns, columns]`` sums x xᵀ of inputs."""
    remaining = weight.detach().double().clone()
    columns = remaining.shape[1]
    gram = gram.double()
    damped = gram + torch.eye(columns, dtype=torch.float64) * gram.diagonal().mean() * _DAMPING
    # Row j of the upper Cholesky factor of the inverse says how the columns after j make up for an error in column j.
    factor = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(damped)), upper=True)
    importance = factor.diagonal().square().reciprocal()
    codes = torch.empty_like(remaining, dtype=torch.float32)
    scales = torch.empty(remaining.shape[0], columns // BLOCK)
    for start in range(0, columns, BLOCK):
        end = start + BLOCK
        block = remaining[:, start:end].clone()
        scale = search_block_scales(block.float(), importance[start:end].float())
        errors = torch.empty_like(block)
        for offset in range(BLOCK):
            column = start + offset
            code = block_codes(block[:, offset : offset + 1].float(), scale)
            codes[:, column] = code[:, 0]
            error = (block[:, offset] - (code * scale)[:, 0].double()) / factor[column, column]
            block[:, offset + 1 :] -= error[:, None] * factor[column, column + 1 : end]
            errors[:, offset] = error
        remaining[:, end:] -= errors @ factor[start:end, end:]
        scales[:, start // BLOCK] = scale[:, 0]
    return pack_blocks(codes, scales)
