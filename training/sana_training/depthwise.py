"""Depthwise 3x3 convolution of channels-last pictures, forward and backward, in Triton.

``y[b, h, w, c] = bias[c] + sum over i, j of x[b, h + i - 1, w + j - 1, c] * kernel[c, i, j]`` with zeros outside.
The first round was trained with it. ``python -m sana_training.depthwise`` prints its errors against float64.
"""

import torch
import torch.nn.functional as F
import triton
import triton.language as tl

_CHANNELS = 64
_ROWS_PER_PROGRAM = 64


@triton.jit
def _convolve(
    x,
    kernel,
    bias,
    y,
    height,
    width,
    channels,
    flipped: tl.constexpr,
    has_bias: tl.constexpr,
    columns: tl.constexpr,
    block: tl.constexpr,
):
    # One program: one row of one picture, all its columns, a block of channels.
    row = tl.program_id(0)
    channel = tl.program_id(1) * block + tl.arange(0, block)
    column = tl.arange(0, columns)
    line = row % height
    inside = channel < channels
    total = tl.zeros([columns, block], dtype=tl.float32)
    for i in tl.static_range(3):
        for j in tl.static_range(3):
            tap = (8 - (i * 3 + j)) if flipped else (i * 3 + j)
            from_line = line + i - 1
            from_column = column + j - 1
            valid = (from_line >= 0) & (from_line < height) & (from_column >= 0) & (from_column < width)
            place = ((row + i - 1).to(tl.int64) * width + from_column)[:, None] * channels + channel[None, :]
            values = tl.load(x + place, mask=valid[:, None] & inside[None, :], other=0.0).to(tl.float32)
            weight = tl.load(kernel + channel * 9 + tap, mask=inside, other=0.0).to(tl.float32)
            total += values * weight[None, :]
    if has_bias:
        total += tl.load(bias + channel, mask=inside, other=0.0).to(tl.float32)[None, :]
    place = (row.to(tl.int64) * width + column)[:, None] * channels + channel[None, :]
    tl.store(y + place, total.to(y.dtype.element_ty), mask=(column < width)[:, None] & inside[None, :])


@triton.jit
def _weight_gradient(
    x, gradient, partial, rows, height, width, channels, columns: tl.constexpr, block: tl.constexpr, chunk: tl.constexpr
):
    # One program: a chunk of rows, a block of channels; writes nine sums for the kernel and one for the bias.
    first = tl.program_id(0) * chunk
    channel = tl.program_id(1) * block + tl.arange(0, block)
    column = tl.arange(0, columns)
    inside = channel < channels
    for i in tl.static_range(3):
        left = tl.zeros([columns, block], dtype=tl.float32)
        middle = tl.zeros([columns, block], dtype=tl.float32)
        right = tl.zeros([columns, block], dtype=tl.float32)
        plain = tl.zeros([columns, block], dtype=tl.float32)
        for offset in range(chunk):
            row = first + offset
            line = row % height + i - 1
            known = (row < rows) & (column < width)
            place = (row.to(tl.int64) * width + column)[:, None] * channels + channel[None, :]
            back = tl.load(gradient + place, mask=known[:, None] & inside[None, :], other=0.0).to(tl.float32)
            reached = known & (line >= 0) & (line < height)
            source = ((row + i - 1).to(tl.int64) * width + column)[:, None] * channels + channel[None, :]
            mask = inside[None, :]
            middle += back * tl.load(x + source, mask=reached[:, None] & mask, other=0.0).to(tl.float32)
            left += back * tl.load(x + source - channels, mask=(reached & (column > 0))[:, None] & mask, other=0.0).to(
                tl.float32
            )
            right += back * tl.load(
                x + source + channels, mask=(reached & (column < width - 1))[:, None] & mask, other=0.0
            ).to(tl.float32)
            if i == 1:
                plain += back
        out = partial + (tl.program_id(0) * 10).to(tl.int64) * channels + channel
        tl.store(out + (i * 3) * channels, tl.sum(left, 0), mask=inside)
        tl.store(out + (i * 3 + 1) * channels, tl.sum(middle, 0), mask=inside)
        tl.store(out + (i * 3 + 2) * channels, tl.sum(right, 0), mask=inside)
        if i == 1:
            tl.store(out + 9 * channels, tl.sum(plain, 0), mask=inside)


@torch.library.custom_op("sana_training::depthwise", mutates_args=())
def depthwise(x: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """``x`` ``[b, h, w, c]``, ``kernel`` ``[c, 1, 3, 3]``, ``bias`` ``[c]``."""
    return _run(x.contiguous(), kernel.contiguous(), bias, flipped=False)


@depthwise.register_fake
def _(x: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    return torch.empty(x.shape, dtype=x.dtype, device=x.device)


@torch.library.custom_op("sana_training::depthwise_backward", mutates_args=())
def depthwise_backward(
    x: torch.Tensor, kernel: torch.Tensor, gradient: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Gradients for the picture, the kernel and the bias."""
    x, gradient, kernel = x.contiguous(), gradient.contiguous(), kernel.contiguous()
    batch, height, width, channels = x.shape
    rows = batch * height
    programs = triton.cdiv(rows, _ROWS_PER_PROGRAM)
    partial = torch.empty(programs, 10, channels, dtype=torch.float32, device=x.device)
    grid = (programs, triton.cdiv(channels, _CHANNELS))
    columns = max(16, triton.next_power_of_2(width))
    _weight_gradient[grid](x, gradient, partial, rows, height, width, channels, columns, _CHANNELS, _ROWS_PER_PROGRAM)
    # Two sums and two fresh tensors: what an operator returns must not share memory.
    kernel_gradient = partial[:, :9].sum(0).T.contiguous().view(kernel.shape)
    return (
        _run(gradient, kernel, None, flipped=True),
        kernel_gradient.to(kernel.dtype),
        partial[:, 9].sum(0).to(kernel.dtype),
    )


@depthwise_backward.register_fake
def _(x: torch.Tensor, kernel: torch.Tensor, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    bias = torch.empty(kernel.shape[:1], dtype=kernel.dtype, device=x.device)
    return (
        torch.empty(x.shape, dtype=x.dtype, device=x.device),
        torch.empty(kernel.shape, dtype=kernel.dtype, device=x.device),
        bias,
    )


def _run(x: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor | None, flipped: bool) -> torch.Tensor:
    batch, height, width, channels = x.shape
    y = torch.empty_like(x)
    grid = (batch * height, triton.cdiv(channels, _CHANNELS))
    columns = max(16, triton.next_power_of_2(width))
    _convolve[grid](
        x,
        kernel,
        x if bias is None else bias,
        y,
        height,
        width,
        channels,
        flipped,
        bias is not None,
        columns,
        _CHANNELS,
    )
    return y


def _remember(ctx, inputs, output) -> None:
    ctx.save_for_backward(inputs[0], inputs[1])


def _differentiate(ctx, gradient):
    x, kernel = ctx.saved_tensors
    return depthwise_backward(x, kernel, gradient.to(x.dtype))


depthwise.register_autograd(_differentiate, setup_context=_remember)


def _relative_errors(batch: int, height: int, width: int, channels: int, dtype: torch.dtype) -> list[float]:
    """Errors of the output and of the gradients for picture, kernel and bias, relative to float64."""
    shapes = ((batch, height, width, channels), (channels, 1, 3, 3), (channels,))
    exact = [torch.randn(shape, dtype=torch.float64, device="cuda").requires_grad_() for shape in shapes]
    expected = F.conv2d(exact[0].permute(0, 3, 1, 2), exact[1], exact[2], padding=1, groups=channels).permute(
        0, 2, 3, 1
    )
    gradient = torch.randn_like(expected)
    expected.backward(gradient)
    inputs = [
        exact[0].detach().to(dtype).requires_grad_(),
        *(value.detach().float().requires_grad_() for value in exact[1:]),
    ]
    output = depthwise(*inputs)
    output.backward(gradient.to(dtype))
    pairs = [(output, expected), *((one.grad, other.grad) for one, other in zip(inputs, exact, strict=True))]
    return [((one - other).norm() / other.norm()).item() for one, other in pairs]


def main() -> None:
    """Checks the kernels on the accelerator."""
    for shape in ((4, 16, 16, 2560), (3, 12, 20, 192), (3, 20, 12, 128)):
        for dtype in (torch.float32, torch.bfloat16):
            print(shape, dtype, " ".join(f"{error:.1e}" for error in _relative_errors(*shape, dtype)))


if __name__ == "__main__":
    main()
