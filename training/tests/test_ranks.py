"""Two processes with half of a batch each make the step that one makes with all of it."""

import subprocess
import sys

# Each process has rows of its own; what it must end with is computed from all of them.
_SCRIPT = """
import torch
from sana_training.muon import Muon
from sana_training.ranks import join_ranks, leave_ranks

def model():
    torch.manual_seed(3)
    layers = torch.nn.ModuleDict({"transformer_blocks": torch.nn.Linear(64, 64), "out": torch.nn.Linear(64, 4)})
    return layers

def step(layers, rows, ranks=None):
    optimiser = Muon(list(layers.named_parameters()))
    layers["out"](layers["transformer_blocks"](rows).relu()).square().mean().backward()
    if ranks is not None:
        ranks.average_gradients(layers.parameters())
    optimiser.step(0.01)

ranks = join_ranks("cpu")
rows = torch.randn(8, 64, generator=torch.Generator().manual_seed(1))
apart, together = model(), model()
step(apart, rows[ranks.index * 4 : ranks.index * 4 + 4], ranks)
step(together, rows)
for one, other in zip(apart.parameters(), together.parameters(), strict=True):
    # The mean of two means differs from the mean of all by rounding, which Muon's bfloat16 enlarges.
    torch.testing.assert_close(one, other, atol=2e-4, rtol=0)
alone = model()
step(alone, rows[:4])
assert not torch.allclose(alone["out"].weight, apart["out"].weight, atol=2e-4, rtol=0)
assert ranks.agreed(5.0 + ranks.index, "cpu") == 5.0
assert (ranks.number, ranks.first) == (2, ranks.index == 0)
leave_ranks()
"""


def test_two_processes_make_the_step_of_one(tmp_path):
    script = tmp_path / "step.py"
    script.write_text(_SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
