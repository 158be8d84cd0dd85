"""The adversarial part: its heads learn, the student's loss reaches the student alone, a saved state continues."""

import copy

import torch
import toy_world

from sana_training.adversary import Adversary
from sana_training.layers import use_fast_layers


def _adversary():
    torch.manual_seed(0)
    return Adversary(use_fast_layers(toy_world.toy_transformer()).requires_grad_(False), "cpu")


def _conditions():
    mask = torch.ones(8, 6, dtype=torch.bool)
    return torch.randn(8, 6, 640, generator=torch.Generator().manual_seed(1)).bfloat16(), mask


def test_heads_learn_to_tell_and_then_the_student_is_pulled_to_the_data():
    adversary = _adversary()
    states, mask = _conditions()
    torch.manual_seed(2)
    heads, pulls = [], []
    for _ in range(25):
        made = (0.2 * torch.randn(8, 32, 8, 8) - 0.5).requires_grad_()
        real = 0.2 * torch.randn(8, 32, 8, 8) + 0.5
        student_loss, heads_loss = adversary.losses(made, real, states, mask)
        student_loss.backward()
        heads.append(float(heads_loss))
        # How much the student's loss falls when its pictures are moved towards the data.
        pulls.append(-float(made.grad.sum()))
    # Undecided heads have a hinge loss of one.
    assert sum(heads[:3]) / 3 > 0.8
    assert sum(heads[-5:]) / 5 < 0.5
    assert sum(pulls[-5:]) > 0


def test_a_saved_state_continues():
    one, other = _adversary(), _adversary()
    states, mask = _conditions()
    made, real = torch.randn(2, 8, 32, 8, 8)
    one.losses(made, real, states, mask)
    other.load(copy.deepcopy(one.state()))
    results = []
    for adversary in (one, other):
        torch.manual_seed(5)
        results.append(adversary.losses(made, real, states, mask))
    assert torch.equal(torch.stack(results[0]), torch.stack(results[1]))
