"""Distillation that is real but for its size: a flow model of points in the plane, trained and distilled."""

import copy
import itertools

import pytest
import torch
from torch import nn

from sana_training.consistency import LogVariance, consistency_loss
from sana_training.sampling import flow_sigmas
from sana_training.trigflow import (
    clean_sample,
    consistency_angles,
    flow_sample,
    flow_time,
    log_normal_angles,
    noised,
    trig_velocity,
)

_SAMPLES = 1500


class _Flow(nn.Module):
    """Flow velocity of points ``[n, 2]`` at times ``[n]``."""

    def __init__(self):
        super().__init__()
        inner = [layer for _ in range(2) for layer in (nn.Linear(96, 96), nn.SiLU())]
        self.layers = nn.Sequential(nn.Linear(8, 96), nn.SiLU(), *inner, nn.Linear(96, 2))

    def forward(self, points, time):
        t = time[:, None]
        return self.layers(torch.cat([points, t, t**2, *(f(k * t) for k in (3, 6) for f in (torch.cos, torch.sin))], 1))


def _data(number):
    """Eight spots on a circle, of about unit variance."""
    corner = torch.randint(8, (number,)) * (torch.pi / 4)
    return 1.4 * torch.stack([corner.cos(), corner.sin()], 1) + 0.06 * torch.randn(number, 2)


def _train_teacher():
    model = _Flow()
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3)
    steps = 1500
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * (1 - step / steps)
        clean, noise = _data(256), torch.randn(256, 2)
        time = torch.sigmoid(torch.randn(256) * 1.2)
        level = time[:, None]
        loss = (model((1 - level) * clean + level * noise, time) - (noise - clean)).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model


def _trig(model, sample, angle):
    return trig_velocity(sample, model(flow_sample(sample, angle), flow_time(angle)), angle)


def _distil(teacher):
    student, log_variance = copy.deepcopy(teacher), LogVariance()
    averaged = copy.deepcopy(teacher)
    optimiser = torch.optim.Adam([*student.parameters(), *log_variance.parameters()], lr=1e-3, betas=(0.9, 0.99))
    steps = 2000
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = 1e-3 * min(1, 2 * (1 - step / steps))
        angle = log_normal_angles(256, 0.2, 1.6, "cpu")
        sample = noised(_data(256), torch.randn(256, 2), angle)
        with torch.no_grad():
            target = _trig(teacher, sample, angle)
            pace = torch.cos(angle) * torch.sin(angle)
            directions = (pace[:, None] * target, pace)
            change = torch.func.jvp(lambda s, t: _trig(student, s, t), (sample, angle), directions)[1]
        velocity = _trig(student, sample, angle)
        warmth = min(1.0, step / (0.25 * steps))
        loss, _ = consistency_loss(velocity, change, target, sample, angle, warmth, log_variance(angle))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            for mean, value in zip(averaged.parameters(), student.parameters(), strict=True):
                mean.lerp_(value, 0.01)
    return averaged


@torch.no_grad()
def _euler(teacher, noise, steps):
    sample, sigmas = noise, flow_sigmas(steps)
    for sigma, following in itertools.pairwise(sigmas):
        sample = sample + (following - sigma) * teacher(sample, torch.full((len(sample),), sigma))
    return sample


@torch.no_grad()
def _consistency(student, noise, steps):
    angles = consistency_angles(steps)
    sample = noise
    for angle, following in itertools.pairwise(angles):
        at = torch.full((len(noise),), angle)
        clean = clean_sample(sample, _trig(student, sample, at), at)
        sample = noised(clean, torch.randn_like(clean), torch.full((len(noise),), following))
    return clean


def _energy_distance(one, other):
    """Between two samples of the same size; zero for equal distributions."""
    apart = torch.cdist(one, other).mean()
    return float(2 * apart - torch.cdist(one, one).mean() - torch.cdist(other, other).mean())


@pytest.fixture(autouse=True)
def _one_thread():
    """Layers of this size are slower on several."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_two_steps_of_the_student_are_twenty_of_the_teacher():
    torch.manual_seed(0)
    teacher = _train_teacher()
    student = _distil(teacher)
    noise = torch.randn(_SAMPLES, 2)
    many, few = _euler(teacher, noise, 20), _euler(teacher, noise, 2)
    # The teacher has learned something: its many steps are much nearer to the data than its two.
    data = _data(_SAMPLES)
    assert _energy_distance(many, data) < 0.1 * _energy_distance(few, data)
    distances = {
        "student 1": _energy_distance(_consistency(student, noise, 1), many),
        "student 2": _energy_distance(_consistency(student, noise, 2), many),
        "teacher 2": _energy_distance(few, many),
        "undistilled 2": _energy_distance(_consistency(teacher, noise, 2), many),
    }
    print({name: round(distance, 4) for name, distance in distances.items()})
    assert distances["student 2"] < 0.1 * distances["teacher 2"]
    assert distances["student 2"] < 0.1 * distances["undistilled 2"]
    # A consistency model answers the same noise with the teacher's own point.
    same = (_consistency(student, noise, 1) - many).norm(dim=1)
    assert float(same.mean()) < 0.5 * float((few - many).norm(dim=1).mean())
