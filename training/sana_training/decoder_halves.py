"""A decoder in two halves: the lower sees the whole picture, the upper can work on a window of it.

The three finest levels of the decoder have no attention and take most of its time: what they make of one place depends
on nothing farther away than some thirty pixels. So a window of their output can be trained alone.
"""

import torch
from diffusers.models.autoencoders.autoencoder_dc import Decoder, EfficientViTBlock, ResBlock
from torch import nn

_UPPER_LEVELS = 3
# Pixels on a side of one cell of what the lower half makes.
PIXELS_PER_CELL = 2**_UPPER_LEVELS


class DecoderHalves(nn.Module):
    """Runs the two halves of a decoder, which keeps its weights and their names."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        finest = [block for level in decoder.up_blocks[:_UPPER_LEVELS] for block in level.modules()]
        if any(isinstance(block, EfficientViTBlock) for block in finest):
            raise ValueError(f"the {_UPPER_LEVELS} finest levels of the decoder must be free of attention")
        self.decoder = decoder

    def lower(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents ``[n, 32, h, w]`` to cells ``[n, c, 4 h, 4 w]``."""
        decoder = self.decoder
        repeated = latents.repeat_interleave(decoder.in_shortcut_repeats, dim=1) if decoder.in_shortcut else 0
        return self._levels(decoder.conv_in(latents) + repeated, slice(_UPPER_LEVELS, None))

    def upper(self, cells: torch.Tensor) -> torch.Tensor:
        """Cells ``[n, c, h, w]`` to a picture ``[n, 3, 8 h, 8 w]``."""
        return self.decoder.conv_out(self.finish(self._levels(cells, slice(_UPPER_LEVELS))))

    def finish(self, made: torch.Tensor) -> torch.Tensor:
        """The last norm and activation."""
        return self.decoder.conv_act(self.decoder.norm_out(made.movedim(1, -1)).movedim(-1, 1))

    def _levels(self, made: torch.Tensor, levels: slice) -> torch.Tensor:
        for level in reversed(self.decoder.up_blocks[levels]):
            made = level(made)
        return made


def compile_repeated(halves: DecoderHalves) -> None:
    """Compiles the repeated blocks, each width once for all its copies; lone convolutions stay as they are."""
    # One entry for each width and picture size.
    torch._dynamo.config.recompile_limit = 64
    for block in halves.modules():
        if isinstance(block, (ResBlock, EfficientViTBlock)):
            block.compile(dynamic=False)
    halves.finish = torch.compile(halves.finish, dynamic=False)


def window_corners(centres: torch.Tensor, size: int, height: int, width: int) -> torch.Tensor:
    """Cells ``[n, 2]`` (top, left) of windows of ``size`` cells around ``centres`` ``[n, 2]`` (x, y in [0, 1])."""
    sides = torch.tensor([height, width], device=centres.device)
    middle = centres.flip(1) * sides
    return (middle - size / 2).round().long().clamp_min(0).minimum(sides - size)


def windows(pictures: torch.Tensor, corners: torch.Tensor, size: int) -> torch.Tensor:
    """``[n, c, size, size]`` from ``[n, c, h, w]``, at ``corners`` ``[n, 2]``, channels last."""
    steps = torch.arange(size, device=pictures.device)
    rows, columns = corners[:, :1] + steps, corners[:, 1:] + steps
    places = (rows[:, :, None] * pictures.shape[3] + columns[:, None, :]).flatten(1)
    flat = pictures.permute(0, 2, 3, 1).flatten(1, 2)
    picked = flat.gather(1, places[:, :, None].expand(-1, -1, flat.shape[2]))
    return picked.unflatten(1, (size, size)).permute(0, 3, 1, 2)
