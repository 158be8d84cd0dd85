"""Muon for the matrices of the blocks, AdamW for everything else."""

import torch
from torch import nn

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


def orthogonalised(matrices: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Nearly orthogonal factors of ``[n, rows, columns]`` by Newton-Schulz iteration in bfloat16."""
    first, third, fifth = _NEWTON_SCHULZ
    current = matrices.bfloat16()
    tall = current.shape[1] > current.shape[2]
    current = current.transpose(1, 2) if tall else current
    current = current / (current.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = current @ current.transpose(1, 2)
        current = first * current + (third * gram + fifth * gram @ gram) @ current
    return (current.transpose(1, 2) if tall else current).float()


class Muon:
    """Both optimisers behind one step. Matrices of equal shape are orthogonalised together.

    ``blocks`` is what the names of the blocks' parameters contain; a convolution is a matrix with a row an output.
    """

    def __init__(
        self, named: list[tuple[str, nn.Parameter]], weight_decay: float = 0.01, blocks: str = "transformer_blocks"
    ) -> None:
        matrices = [parameter for name, parameter in named if blocks in name and _is_matrix(name, parameter)]
        chosen = {id(parameter) for parameter in matrices}
        rest = [parameter for _, parameter in named if id(parameter) not in chosen]
        self._all = matrices + rest
        self._adam = torch.optim.AdamW(
            rest, lr=0.0, betas=(0.9, 0.98), weight_decay=weight_decay, fused=rest[0].is_cuda
        )
        self._weight_decay = weight_decay
        groups: dict[tuple[int, ...], list[nn.Parameter]] = {}
        for parameter in matrices:
            groups.setdefault(tuple(parameter.shape), []).append(parameter)
        self._groups = list(groups.values())
        self._momenta = [
            torch.stack([torch.zeros_like(parameter).flatten(1) for parameter in group]) for group in self._groups
        ]

    @torch.no_grad()
    def step(self, learning_rate: float) -> torch.Tensor:
        """Applies and clears the gradients; returns their norm before clipping."""
        norm = nn.utils.clip_grad_norm_(self._all, 1.0)
        for settings in self._adam.param_groups:
            settings["lr"] = learning_rate
        self._adam.step()
        for group, momentum in zip(self._groups, self._momenta, strict=True):
            gradient = torch.stack([parameter.grad.flatten(1) for parameter in group])
            momentum.lerp_(gradient, 0.05)
            update = orthogonalised(gradient.lerp(momentum, 0.95))
            # Gives the update the root mean square of a typical Adam step, so that both share a learning rate.
            update *= 0.2 * max(update.shape[1:]) ** 0.5
            torch._foreach_mul_(group, 1 - learning_rate * self._weight_decay * 5)
            torch._foreach_add_(
                group,
                [part.view_as(parameter) for part, parameter in zip(update, group, strict=True)],
                alpha=-learning_rate,
            )
        for parameter in self._all:
            parameter.grad = None
        return norm

    def state(self) -> dict:
        """What a resumed run needs."""
        return {"adam": self._adam.state_dict(), "momenta": self._momenta}

    def load(self, state: dict) -> None:
        """Continues from a saved state."""
        self._adam.load_state_dict(state["adam"])
        for momentum, saved in zip(self._momenta, state["momenta"], strict=True):
            momentum.copy_(saved)


def _is_matrix(name: str, parameter: nn.Parameter) -> bool:
    # Depthwise kernels have nine weights a row: nothing to orthogonalise.
    return parameter.ndim in (2, 4) and parameter[0].numel() >= 64 and "scale_shift" not in name
