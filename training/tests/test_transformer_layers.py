"""The exchanged layers, the rewritten text projection, the optimiser and the sampler compute what they stand for."""

import copy

import pytest
import torch
import toy_world
from diffusers import DPMSolverMultistepScheduler

from sana_training.layers import use_fast_layers
from sana_training.muon import Muon, orthogonalised
from sana_training.sampling import flow_sigmas
from sana_training.standardised_text import StandardisedText

# Sums in another order: a few hundred float32 roundings.
_ROUNDING = 1e-5


def _inputs():
    generator = torch.Generator().manual_seed(1)
    mask = torch.ones(2, 8)
    mask[:, 5:] = 0
    return (
        torch.randn(2, 32, 6, 10, generator=generator),
        torch.randn(2, 8, 640, generator=generator),
        mask,
        torch.tensor([300.0, 900.0]),
    )


def _run(model, inputs):
    noisy, states, mask, timestep = inputs
    return model(
        noisy, encoder_hidden_states=states, encoder_attention_mask=mask, timestep=timestep, return_dict=False
    )[0]


def _relative(one, other):
    return float((one - other).norm() / other.norm())


def test_fast_layers_equal_the_reference_in_value_and_gradient():
    reference = toy_world.toy_transformer()
    fast = use_fast_layers(copy.deepcopy(reference))
    outputs = [_run(model, _inputs()) for model in (reference, fast)]
    assert _relative(outputs[1], outputs[0]) < _ROUNDING
    for output in outputs:
        output.square().mean().backward()
    for one, other in zip(fast.parameters(), reference.parameters(), strict=True):
        if other.grad is not None and other.grad.norm() > 1e-6:
            # Gradients cancel more than values do.
            assert _relative(one.grad, other.grad) < 100 * _ROUNDING


def test_standardised_text_changes_nothing_and_folds_back():
    reference = toy_world.toy_transformer()
    expected = _run(reference, _inputs())
    mean, deviation = torch.randn(640), torch.rand(640) + 0.5
    wrapped = StandardisedText(copy.deepcopy(reference), mean, deviation)
    assert _relative(wrapped(*_inputs()), expected) < _ROUNDING
    reference.load_state_dict(wrapped.folded())
    assert _relative(_run(reference, _inputs()), expected) < _ROUNDING


@pytest.mark.parametrize("shape", [(2, 12, 30), (2, 30, 12)])
def test_orthogonalised_matrices_have_singular_values_near_one(shape):
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalised(matrices))
    # The quintic of five steps ends between 0.7 and 1.2, and bfloat16 adds a little.
    assert values.min() > 0.5
    assert values.max() < 1.4


def test_a_step_lowers_the_loss_and_a_saved_state_continues():
    model = toy_world.toy_transformer()
    optimiser = Muon(list(model.named_parameters()))
    losses = []
    for _ in range(12):
        loss = (_run(model, _inputs()) - 1).square().mean()
        loss.backward()
        optimiser.step(2e-3)
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    other = copy.deepcopy(model)
    resumed = Muon(list(other.named_parameters()))
    resumed.load(copy.deepcopy(optimiser.state()))
    for current, stepping in ((model, optimiser), (other, resumed)):
        _run(current, _inputs()).square().mean().backward()
        stepping.step(1e-3)
    assert all(torch.equal(one, two) for one, two in zip(model.parameters(), other.parameters(), strict=True))


def test_noise_levels_are_those_of_the_scheduler():
    scheduler = DPMSolverMultistepScheduler(
        use_flow_sigmas=True, flow_shift=3.0, prediction_type="flow_prediction", final_sigmas_type="zero"
    )
    scheduler.set_timesteps(20)
    assert torch.allclose(torch.tensor(flow_sigmas(20)), scheduler.sigmas.double().float(), atol=1e-6)
