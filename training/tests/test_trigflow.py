"""Coordinates, angles and multistep sampling against diffusers."""

import pytest
import torch
import toy_world
from diffusers import AutoencoderDC, SanaSprintPipeline, SCMScheduler

from sana_training import trigflow
from sana_training.sampling import SamplingOptions
from sana_training.sprint_sampling import consistency_denoise, plain_student
from sana_training.student import make_student


def _numbers(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_flow_model_is_a_trigflow_model_as_it_is():
    clean, noise = _numbers(0, 5, 4, 3, 3), _numbers(1, 5, 4, 3, 3)
    angle = torch.tensor([0.0, 0.2, 0.8, 1.3, 1.57], dtype=torch.float64)
    sample = trigflow.noised(clean, noise, angle)
    time = trigflow.flow_time(angle)
    level = time.view(-1, 1, 1, 1)
    assert torch.allclose(trigflow.angle_of(time), angle, atol=1e-15)
    # The sample that the flow model knows, and its exact velocity in either coordinates.
    assert torch.allclose(trigflow.flow_sample(sample, angle), (1 - level) * clean + level * noise, atol=1e-14)
    t = angle.view(-1, 1, 1, 1)
    velocity = trigflow.trig_velocity(sample, noise - clean, angle)
    assert torch.allclose(velocity, torch.cos(t) * noise - torch.sin(t) * clean, atol=1e-14)
    assert torch.allclose(trigflow.flow_velocity(sample, velocity, angle), noise - clean, atol=1e-14)
    assert torch.allclose(trigflow.clean_sample(sample, velocity, angle), clean, atol=1e-14)


def test_any_output_is_converted_as_the_pipeline_converts_it():
    sample, output = _numbers(2, 4, 4, 3, 3), _numbers(3, 4, 4, 3, 3)
    angle = torch.tensor([0.1, 0.8, 1.3, trigflow.LAST_ANGLE], dtype=torch.float64)
    s = trigflow.flow_time(angle).view(-1, 1, 1, 1)
    norm = torch.sqrt(s**2 + (1 - s) ** 2)
    shown = sample * norm
    expected = ((1 - 2 * s) * shown + (1 - 2 * s + 2 * s**2) * output) / norm
    assert torch.allclose(trigflow.flow_sample(sample, angle), shown, atol=1e-14)
    assert torch.allclose(trigflow.trig_velocity(sample, output, angle), expected, atol=1e-14)


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_angles_are_those_of_the_scheduler(steps):
    scheduler = SCMScheduler()
    intermediate = trigflow.INTERMEDIATE_ANGLE if steps == 2 else None
    scheduler.set_timesteps(steps, max_timesteps=trigflow.LAST_ANGLE, intermediate_timesteps=intermediate)
    # The scheduler keeps float32.
    assert torch.allclose(torch.tensor(trigflow.consistency_angles(steps)), scheduler.timesteps, atol=2e-7)


def test_angles_are_drawn_as_in_the_paper():
    torch.manual_seed(0)
    angle = trigflow.log_normal_angles(20_000, 0.2, 1.6, "cpu")
    logarithm = (0.5 * torch.tan(angle)).log()
    # Four standard errors; the clamp touches a few in a hundred thousand.
    assert abs(float(logarithm.mean()) - 0.2) < 4 * 1.6 / 20_000**0.5
    assert abs(float(logarithm.std()) - 1.6) < 4 * 1.6 / 40_000**0.5
    assert (torch.tan(angle) > 0).all()


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_sampling_is_that_of_the_pipeline(steps, tmp_path):
    transformer, _ = make_student(toy_world.toy_transformer(), "shift")
    toy_world.write_vae(tmp_path / "vae")
    pipeline = SanaSprintPipeline(
        tokenizer=None,
        text_encoder=None,
        vae=AutoencoderDC.from_pretrained(tmp_path / "vae"),
        transformer=transformer,
        scheduler=SCMScheduler(),
    )
    noise, states = _numbers(4, 2, 32, 4, 4).float(), _numbers(5, 2, 8, 640).float()
    masks = torch.ones(2, 8)
    masks[1, 3:] = 0
    expected = pipeline(
        prompt_embeds=states,
        prompt_attention_mask=masks,
        latents=noise,
        num_inference_steps=steps,
        intermediate_timesteps=trigflow.INTERMEDIATE_ANGLE if steps == 2 else None,
        guidance_scale=3.0,
        height=128,
        width=128,
        use_resolution_binning=False,
        generator=torch.Generator().manual_seed(7),
        output_type="latent",
    ).images
    options = SamplingOptions(3.0, steps)
    found = consistency_denoise(
        plain_student(transformer), noise, states, masks, options, torch.Generator().manual_seed(7)
    )
    # float32 in another order, through a few steps.
    assert float((found - expected).norm() / expected.norm()) < 2e-5
