"""One run on several accelerators: a process each, started by torchrun, with their gradients averaged."""

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this is."""

    index: int
    number: int

    @property
    def first(self) -> bool:
        """Whether this is the process that keeps the clock and writes files."""
        return self.index == 0

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Gives every process the mean of all gradients, in one message."""
        if self.number == 1:
            return
        gradients = [parameter.grad for parameter in parameters]
        joined = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(joined)
        parts = joined.div_(self.number).split([gradient.numel() for gradient in gradients])
        torch._foreach_copy_(gradients, [part.view_as(one) for part, one in zip(parts, gradients, strict=True)])

    def agreed(self, value: float, device: str) -> float:
        """The first process's value."""
        if self.number == 1:
            return value
        shared = torch.tensor(value, dtype=torch.float64, device=device)
        dist.broadcast(shared, 0)
        return shared.item()


ALONE = Ranks(0, 1)


def join_ranks(device: str) -> Ranks:
    """Reads what torchrun has put into the environment; without it there is one process, and nothing to join."""
    number = int(os.environ.get("WORLD_SIZE", "1"))
    if number == 1:
        return ALONE
    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if device == "cuda" else "gloo")
    return Ranks(dist.get_rank(), number)


def leave_ranks() -> None:
    """Ends what ``join_ranks`` began."""
    if dist.is_initialized():
        dist.destroy_process_group()
