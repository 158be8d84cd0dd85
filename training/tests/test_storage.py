"""The storage forms: what is written can be read, and the rounding is as good as its code size allows."""

from pathlib import Path

import torch
from safetensors.torch import load_file

from sana_training import storage


def _matrix(rows: int = 24, columns: int = 96) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(1))


def _relative_error(weight: torch.Tensor, parts: dict[str, torch.Tensor]) -> float:
    wide = storage.widen(storage.named("w", parts))["w"]
    return float((wide - weight).norm() / weight.norm())


def test_rows_keep_the_shape_of_a_convolution():
    weight = torch.randn(6, 5, 3, 3, generator=torch.Generator().manual_seed(2)) * torch.logspace(-6, 2, 6).view(
        -1, 1, 1, 1
    )
    parts = storage.quantize_rows(weight)
    assert parts[""].dtype == torch.int8
    assert parts[""].shape == weight.shape
    assert parts[storage.SCALE_SUFFIX].shape == (6,)
    wide = storage.widen(storage.named("w", parts))["w"]
    # Half a step of the coarsest scale, 1/254 of a row's range, and a little for the clipped largest value.
    for row, wide_row in zip(weight, wide, strict=True):
        assert float((wide_row - row).norm() / row.norm()) < 0.01


def test_blocks_round_trip_through_packing():
    codes = torch.randint(-8, 8, (3, 64), generator=torch.Generator().manual_seed(3)).float()
    scales = torch.tensor([[0.5, -0.25], [1.0, 2.0], [0.125, 0.0]])
    parts = storage.pack_blocks(codes, scales)
    assert parts[""].dtype == torch.uint8
    assert parts[""].shape == (3, 32)
    # Element 0 lies in the low nibble of byte 0, element 1 in the high one.
    assert int(parts[""][0, 0]) == int(codes[0, 0] + 8) + 16 * int(codes[0, 1] + 8)
    wide = storage.widen(storage.named("w", parts))["w"]
    assert torch.equal(wide, (codes.view(3, 2, 32) * scales[..., None]).flatten(1))


def test_block_scales_beat_the_plain_range():
    weight = _matrix()
    blocks = weight.view(24, 3, 32)
    plain = blocks.abs().amax(-1, keepdim=True) / 7
    plain_error = float(((blocks / plain).round() * plain - blocks).norm() / blocks.norm())
    # The plain range costs about 0.092 on normal weights; the search about 0.080.
    assert _relative_error(weight, storage.quantize_blocks(weight)) < 0.92 * plain_error


def test_zero_weights_stay_zero():
    weight = torch.zeros(2, 64)
    for parts in (storage.quantize_blocks(weight), storage.quantize_rows(weight)):
        assert torch.equal(storage.widen(storage.named("w", parts))["w"], weight)


def test_scales_are_what_the_codes_were_chosen_for():
    """float16 scales are rounded before the codes are chosen, so no second rounding error is added."""
    weight = _matrix() * 1e-3
    parts = storage.quantize_blocks(weight)
    scale = parts[storage.SCALE_SUFFIX].float()
    codes = storage.block_codes(weight.view(24, 3, 32), scale[..., None])
    assert torch.equal(storage.pack_blocks(codes.flatten(1), scale)[""], parts[""])


def test_floats_pass_through_and_scales_disappear(tmp_path: Path):
    stored = {
        "norm.weight": torch.tensor([1.5, -2.0], dtype=torch.float16),
        "table.scale": torch.tensor([3.0]),
        **storage.named("w", storage.quantize_rows(torch.eye(4))),
    }
    storage.save(stored, tmp_path / "model.safetensors", notice="changed")
    wide = storage.widen(load_file(tmp_path / "model.safetensors"))
    # A name that merely ends like a scale has no tensor of that name beside it, and is kept.
    assert sorted(wide) == ["norm.weight", "table.scale", "w"]
    assert torch.equal(wide["norm.weight"], torch.tensor([1.5, -2.0]))
    # 127 steps of 1/127 in float32 may miss 1 by one rounding.
    assert torch.allclose(wide["w"], torch.eye(4), atol=1e-6)
