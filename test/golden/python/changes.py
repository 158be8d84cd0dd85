"""Ways to change a network for a moment, and the changes that several networks share."""

import contextlib
import re
from collections.abc import Callable, Iterator
from unittest import mock

import torch
from diffusers.models.transformers import sana_transformer

Change = contextlib.AbstractContextManager


@contextlib.contextmanager
def edited(parameters: list[torch.nn.Parameter], edit: Callable[[torch.Tensor], torch.Tensor]) -> Iterator[None]:
    before = [parameter.data for parameter in parameters]
    for parameter in parameters:
        parameter.data = edit(parameter.data.clone())
    try:
        yield
    finally:
        for parameter, data in zip(parameters, before):
            parameter.data = data


def _row_off(row: int) -> Callable[[torch.Tensor], torch.Tensor]:
    def edit(table: torch.Tensor) -> torch.Tensor:
        table[row] = 0
        return table
    return edit


def _centre_only(kernel: torch.Tensor) -> torch.Tensor:
    side = kernel.shape[-1]
    centre = torch.zeros_like(kernel)
    centre[..., side // 2, side // 2] = kernel[..., side // 2, side // 2]
    return centre


def parameter_changes(model: torch.nn.Module, one_plus_norms: bool = False) -> Iterator[tuple[str, Change]]:
    """Every parameter switched off, the same one in all blocks together: biases, norms' weights, tables by row."""
    groups: dict[str, list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        groups.setdefault(re.sub(r"\.\d+(?=\.)", ".N", name), []).append(parameter)
    for name, parameters in groups.items():
        if name.endswith("scale_shift_table"):
            for row in range(parameters[0].shape[0]):
                yield f"{name} row {row} = 0", edited(parameters, _row_off(row))
        elif "norm" in name and name.endswith("weight"):
            yield f"{name} = neutral", edited(parameters, torch.zeros_like if one_plus_norms else torch.ones_like)
        else:
            yield f"{name} = 0", edited(parameters, torch.zeros_like)
            if name.endswith("conv_depth.weight"):
                yield f"{name}: centre tap only", edited(parameters, _centre_only)


@contextlib.contextmanager
def attributes(changes: list[tuple[object, str, object]]) -> Iterator[None]:
    """Sets attributes, among them buffers and submodules' methods, and puts everything back as it was."""
    own = [name in vars(owner) or name in getattr(owner, "_buffers", ()) or name in getattr(owner, "_modules", ())
           for owner, name, _ in changes]
    before = [getattr(owner, name) if is_own else None for (owner, name, _), is_own in zip(changes, own)]
    for owner, name, value in changes:
        setattr(owner, name, value)
    try:
        yield
    finally:
        for (owner, name, _), is_own, value in zip(changes, own, before):
            if is_own:
                setattr(owner, name, value)
            else:
                delattr(owner, name)


def wrapped(owner, name: str, change: Callable) -> Change:
    """Patches owner.name with change(original)."""
    return mock.patch.object(owner, name, change(getattr(owner, name)))


def _ff(value_first: bool = True, first_silu: bool = True, gate_silu: bool = True):
    """GLUMBConv.forward with one of its parts changed; the norm and the residual are the autoencoder's."""
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        silu = torch.nn.functional.silu
        y = self.conv_inverted(x)
        y = self.conv_depth(silu(y) if first_silu else y)
        value, gate = y.chunk(2, dim=1) if value_first else reversed(y.chunk(2, dim=1))
        y = self.conv_point(value * (silu(gate) if gate_silu else gate))
        if self.norm is not None:
            y = self.norm(y.movedim(1, -1)).movedim(-1, 1)
        return y + x if self.residual_connection else y
    return mock.patch.object(sana_transformer.GLUMBConv, "forward", forward)


def glumbconv_changes() -> Iterator[tuple[str, Change]]:
    yield "gate and value exchanged in GLUMBConv", _ff(value_first=False)
    yield "no SiLU before the depthwise convolution", _ff(first_silu=False)
    yield "no SiLU on the gate", _ff(gate_silu=False)
