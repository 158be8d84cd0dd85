"""Rounding in the metric of the inputs."""

import torch

from sana_training import storage
from sana_training.rounding import round_to_blocks


def _output_error(weight: torch.Tensor, parts: dict[str, torch.Tensor], inputs: torch.Tensor) -> float:
    wide = storage.widen(storage.named("w", parts))["w"]
    return float((inputs @ (wide - weight).T).norm() / (inputs @ weight.T).norm())


def test_outputs_change_less_than_with_each_block_alone():
    generator = torch.Generator().manual_seed(4)
    weight = torch.randn(48, 128, generator=generator)
    # Inputs that live near a subspace, as those of a network do.
    inputs = torch.randn(512, 24, generator=generator) @ torch.randn(24, 128, generator=generator)
    inputs += 0.1 * torch.randn(512, 128, generator=generator)
    carried = _output_error(weight, round_to_blocks(weight, inputs.T @ inputs), inputs)
    alone = _output_error(weight, storage.quantize_blocks(weight), inputs)
    # 24 directions in 128 columns leave room to make up for errors: about a third here, so half needs no luck.
    assert carried < alone / 2


def test_isotropic_inputs_change_nothing():
    """Without correlation there is nothing to make up for, so both ways must agree."""
    weight = torch.randn(16, 64, generator=torch.Generator().manual_seed(5))
    carried = storage.widen(storage.named("w", round_to_blocks(weight, torch.eye(64))))["w"]
    alone = storage.widen(storage.named("w", storage.quantize_blocks(weight)))["w"]
    # Only ties of the scale search may fall differently, in float64 here and float32 there.
    assert float((carried - alone).norm() / alone.norm()) < 1e-3
