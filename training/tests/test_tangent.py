"""Values and tangents of the Sprint transformer against the reference and, in float64, two other derivatives."""

import copy

import pytest
import torch
import toy_world

from sana_training import trigflow
from sana_training.layers import use_fast_layers
from sana_training.student import Student, make_student
from sana_training.tangent import forward_with_tangent

# float64 sums in another order.
_EXACT = 1e-11


def _student(dtype=torch.float64):
    transformer, _ = make_student(toy_world.toy_transformer(), "shift")
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        # Nothing may hide behind a matrix of zeros.
        weight = transformer.time_embed.guidance_embedder.linear_2.weight
        weight.copy_(0.05 * torch.randn(weight.shape, generator=generator))
    mean, deviation = torch.randn(640, generator=generator), torch.rand(640, generator=generator) + 0.5
    return Student(transformer, mean, deviation).to(dtype)


def _inputs(dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    sample, direction = torch.randn(2, 2, 32, 6, 10, generator=generator, dtype=torch.float64).to(dtype)
    mask = torch.ones(2, 8, dtype=dtype)
    mask[:, 5:] = 0
    states = torch.randn(2, 8, 640, generator=generator, dtype=torch.float64).to(dtype)
    return sample, direction, states, mask, torch.tensor([0.4, 1.3], dtype=dtype), torch.tensor([4.5, 2.0], dtype=dtype)


def _relative(one, other):
    return float((one - other).norm() / other.norm())


def _velocity(student, sample, states, mask, angle, guidance):
    zero = torch.zeros_like(sample)
    return student.with_tangent(sample, zero, states, mask, angle, guidance)[0]


def test_values_are_those_of_diffusers():
    student = _student(torch.float32)
    sample, direction, states, mask, angle, guidance = _inputs(torch.float32)
    value, _ = student.with_tangent(sample, direction, states, mask, angle, guidance)
    # Sums in another order: a few hundred float32 roundings.
    assert _relative(value, student(sample, states, mask, angle, guidance)) < 1e-5


def test_tangents_are_those_of_forward_mode_differentiation():
    student = _student()
    sample, direction, states, mask, angle, guidance = _inputs()
    pace = torch.cos(angle) * torch.sin(angle)
    expected = torch.func.jvp(
        lambda s, a: _velocity(student, s, states, mask, a, guidance),
        (sample, angle),
        (pace.view(-1, 1, 1, 1) * direction, pace),
    )
    found = student.with_tangent(sample, direction, states, mask, angle, guidance)
    assert _relative(found[0], expected[0]) < _EXACT
    assert _relative(found[1], expected[1]) < _EXACT


def test_tangents_are_those_of_finite_differences():
    student = _student()
    sample, direction, states, mask, angle, guidance = _inputs()
    step = 1e-5
    pace = torch.cos(angle) * torch.sin(angle)
    ends = [
        _velocity(
            student,
            sample + sign * step * pace.view(-1, 1, 1, 1) * direction,
            states,
            mask,
            angle + sign * step * pace,
            guidance,
        )
        for sign in (1, -1)
    ]
    found = student.with_tangent(sample, direction, states, mask, angle, guidance)[1]
    # The central difference is off by step**2 times the third derivative, and by 1e-16 / step.
    assert _relative(found, (ends[0] - ends[1]) / (2 * step)) < 1e-7


@pytest.mark.parametrize("moving", ["sample", "time"])
def test_each_input_alone_moves_the_output(moving):
    student = _student()
    sample, direction, states, mask, _, _ = _inputs()
    time, guidance = torch.tensor([0.3, 0.8], dtype=torch.float64), torch.tensor([0.45, 0.2], dtype=torch.float64)
    change = direction if moving == "sample" else torch.zeros_like(direction)
    pace = torch.ones_like(time) if moving == "time" else torch.zeros_like(time)

    def run(s, t):
        zero = (torch.zeros_like(s), torch.zeros_like(t))
        return forward_with_tangent(student.transformer, (s, zero[0]), (t, zero[1]), guidance, states, mask)[0]

    expected = torch.func.jvp(run, (sample, time), (change, pace))[1]
    found = forward_with_tangent(student.transformer, (sample, change), (time, pace), guidance, states, mask)[1]
    assert expected.norm() > 1e-3
    assert _relative(found, expected) < _EXACT


def test_gradients_are_those_of_the_ordinary_forward_pass():
    student = _student(torch.float32)
    other = copy.deepcopy(student)
    sample, direction, states, mask, angle, guidance = _inputs(torch.float32)
    student(sample, states, mask, angle, guidance).square().mean().backward()
    value, tangent = other.with_tangent(sample, direction, states, mask, angle, guidance)
    assert not tangent.requires_grad
    value.square().mean().backward()
    for one, two in zip(other.parameters(), student.parameters(), strict=True):
        if two.grad is not None and two.grad.norm() > 1e-6:
            # Gradients cancel more than values do.
            assert _relative(one.grad, two.grad) < 1e-3


def test_blocks_are_captured_whole_by_the_compiler():
    student = _student(torch.float32)
    eager = copy.deepcopy(student)
    inputs = _inputs(torch.float32)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    for block in student.transformer.transformer_blocks:
        # The backend does nothing, so this is about capturing: a break or a function transform would raise.
        block.compile(backend="aot_eager", fullgraph=True, dynamic=False)
    found, expected = student.with_tangent(*inputs), eager.with_tangent(*inputs)
    assert _relative(found[0], expected[0]) < 1e-5
    assert _relative(found[1], expected[1]) < 1e-4
    # Compiled once for all blocks.
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
    found[0].sum().backward()
    assert all(block.attn1.to_q.weight.grad is not None for block in student.transformer.transformer_blocks)


def test_teacher_and_student_agree_where_only_the_coordinates_differ():
    teacher = use_fast_layers(toy_world.toy_transformer()).double()
    sample, _, states, mask, angle, _ = _inputs()
    shown, time = trigflow.flow_sample(sample, angle), trigflow.flow_time(angle)

    def flow(s):
        return teacher(
            s, encoder_hidden_states=states, encoder_attention_mask=mask, timestep=time * 1000, return_dict=False
        )[0]

    velocity = trigflow.trig_velocity(sample, flow(shown), angle)
    assert _relative(trigflow.flow_velocity(sample, velocity, angle), flow(shown)) < _EXACT
    # Both say where the path ends.
    by_flow = shown - time.view(-1, 1, 1, 1) * flow(shown)
    assert _relative(trigflow.clean_sample(sample, velocity, angle), by_flow) < _EXACT
