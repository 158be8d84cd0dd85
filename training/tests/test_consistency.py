"""The consistency loss against a distribution whose path and consistency function are known in closed form."""

import torch

from sana_training.consistency import LogVariance, consistency_loss, tangent_direction
from sana_training.trigflow import clean_sample, noised

# Data are normal with this mean and deviation in every number.
_MEAN, _DEVIATION = 0.7, 0.3


def _angles(number):
    return torch.linspace(0.05, 1.55, number, dtype=torch.float64)


def _spread(angle):
    """Deviation of the noised samples."""
    return torch.sqrt((torch.cos(angle) * _DEVIATION) ** 2 + torch.sin(angle) ** 2)


def _path_velocity(sample, angle):
    """Of the path that takes noise to data: the expectation of ``cos t noise - sin t data``."""
    cos, sin, variance = torch.cos(angle), torch.sin(angle), _spread(angle) ** 2
    centred = sample - cos * _MEAN
    clean = _MEAN + cos * _DEVIATION**2 / variance * centred
    noise = sin / variance * centred
    return cos * noise - sin * clean


def _consistent_velocity(sample, angle):
    """Of the consistency model: its answer keeps a sample's place in units of the deviation."""
    cos, sin = torch.cos(angle), torch.sin(angle)
    answer = _MEAN + _DEVIATION * (sample - cos * _MEAN) / _spread(angle)
    return (cos * sample - answer) / sin


def _change(velocity, sample, angle):
    pace = torch.cos(angle) * torch.sin(angle)
    along = _path_velocity(sample, angle)
    return torch.func.jvp(velocity, (sample, angle), (pace * along, pace))[1]


def test_a_consistency_model_is_left_where_it_is():
    torch.manual_seed(0)
    angle = _angles(40)
    sample = noised(_MEAN + _DEVIATION * torch.randn(40).double(), torch.randn(40).double(), angle)
    now, target = _consistent_velocity(sample, angle), _path_velocity(sample, angle)
    change = _change(_consistent_velocity, sample, angle)
    assert tangent_direction(now, change, target, sample, angle).abs().max() < 1e-12
    # And it is not left there for want of a difference to the teacher.
    assert tangent_direction(now, None, target, sample, angle).abs().max() > 0.1


def test_any_other_model_is_pulled_by_how_its_answer_changes_along_the_path():
    torch.manual_seed(1)
    angle = _angles(40)
    sample = torch.randn(40).double()

    def velocity(s, t):
        return torch.sin(2 * s) * t + s

    target = _path_velocity(sample, angle)
    direction = tangent_direction(velocity(sample, angle), _change(velocity, sample, angle), target, sample, angle)
    answer_change = torch.func.jvp(
        lambda s, t: clean_sample(s, velocity(s, t), t), (sample, angle), (target, torch.ones_like(angle))
    )[1]
    assert torch.allclose(direction, torch.cos(angle) * answer_change, atol=1e-12)


def test_the_loss_moves_along_the_normalised_direction_and_leaves_out_what_is_not_finite():
    torch.manual_seed(2)
    sample, target, change = (torch.randn(3, 2, 4, 4) for _ in range(3))
    change[2] = torch.inf
    velocity = torch.randn(3, 2, 4, 4, requires_grad=True)
    angle = torch.tensor([0.3, 1.2, 0.9])
    loss, norms = consistency_loss(velocity, change, target, sample, angle, 1.0, torch.zeros(3))
    loss.backward()
    direction = tangent_direction(velocity.detach(), change, target, sample, angle)[:2]
    length = direction.flatten(1).norm(dim=1)
    assert torch.allclose(norms[:2], length)
    assert not torch.isfinite(norms[2])
    assert (velocity.grad[2] == 0).all()
    expected = -2 / 3 * direction / (length + 0.2).view(-1, 1, 1, 1) / torch.tan(angle[:2]).view(-1, 1, 1, 1)
    assert torch.allclose(velocity.grad[:2], expected, rtol=1e-4, atol=1e-6)


def test_the_warm_up_leads_from_the_teachers_velocity_to_consistency():
    torch.manual_seed(3)
    sample, target, velocity, change = (torch.randn(2, 2, 4, 4) for _ in range(4))
    angle = torch.tensor([0.3, 1.2])
    found = [
        consistency_loss(velocity, change, target, sample, angle, warmth, torch.zeros(2))[1]
        for warmth in (0.0, 0.5, 1.0)
    ]
    ends = [tangent_direction(velocity, part, target, sample, angle).flatten(1) for part in (None, change)]
    assert torch.allclose(found[0], ends[0].norm(dim=1))
    assert torch.allclose(found[1], (ends[0] + ends[1]).norm(dim=1) / 2)
    assert torch.allclose(found[2], ends[1].norm(dim=1))


def test_the_log_variance_balances_noise_levels():
    """Where errors differ a hundredfold between noise levels, their weights come to differ by as much."""
    torch.manual_seed(4)
    model = LogVariance()
    optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(300):
        angle = torch.rand(256) * 1.4 + 0.1
        variance = torch.where(angle < 0.8, 1.0, 100.0)
        found = model(angle)
        loss = (torch.exp(-found) * variance + found).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    ends = model(torch.tensor([0.2, 1.4])).exp()
    # A short series cannot follow the jump itself.
    assert 0.3 < float(ends[0]) < 3
    assert 30 < float(ends[1]) < 300
