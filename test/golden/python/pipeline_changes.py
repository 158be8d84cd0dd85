"""Terms and fine points of the schedulers and pipelines."""

import contextlib
from collections.abc import Callable, Iterator
from unittest import mock

import reference
import torch
from changes import Change, wrapped
from diffusers import DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler, SCMScheduler
from reference import flow_scheduler


def _scheduler(make: Callable) -> Change:
    return mock.patch.object(
        reference, "flow_scheduler", lambda configured, name: make(flow_scheduler(configured, name)))


def _from(scheduler, **changes):
    return type(scheduler).from_config(scheduler.config, **changes)


def _rounded_timesteps(original):
    def set_timesteps(self, *args, **kwargs):
        original(self, *args, **kwargs)
        self.timesteps = (self.sigmas[:-1] * 1000).round().long()
    return set_timesteps


def _shifted_once(original):
    def set_timesteps(self, steps, **kwargs):
        original(self, steps, **kwargs)
        sigmas = torch.linspace(1, 1 / 1000, steps)
        sigmas = self.config.shift * sigmas / (1 + (self.config.shift - 1) * sigmas)
        self.timesteps, self.sigmas = sigmas * 1000, torch.cat((sigmas, torch.zeros(1)))
    return set_timesteps


def pipeline_changes(pipeline) -> Iterator[tuple[str, Change]]:
    scheduler = pipeline.scheduler
    if isinstance(scheduler, DPMSolverMultistepScheduler):
        yield "flow_shift = 1", _scheduler(lambda s: _from(s, flow_shift=1.0))
        yield "first order only", _scheduler(lambda s: _from(s, solver_order=1))
    if isinstance(scheduler, FlowMatchEulerDiscreteScheduler):
        yield "shift = 1", _scheduler(lambda s: _from(s, shift=1.0))
        yield "low end of the schedule shifted once", wrapped(FlowMatchEulerDiscreteScheduler, "set_timesteps",
                                                               _shifted_once)
    if isinstance(scheduler, SCMScheduler):
        # sigma_data itself is not here: it multiplies the noise, divides the result, and cancels.
        yield "no intermediate timestep", wrapped(
            SCMScheduler, "set_timesteps", lambda original: lambda *args, **kwargs: original(
                *args, **{**kwargs, "intermediate_timesteps": None}))
        yield "timesteps 0 to 1000", wrapped(
            pipeline.transformer, "forward", lambda original: lambda *args, timestep, **kwargs: original(
                *args, timestep=timestep * 1000, **kwargs))
    if pipeline.transformer.config.guidance_embeds:
        yield "guidance_embeds_scale = 1", _configured(pipeline.transformer, guidance_embeds_scale=1.0)
    if pipeline.transformer.config.timestep_scale != 1:
        yield "timestep_scale = 1", _configured(pipeline.transformer, timestep_scale=1.0)


def pipeline_fine_points(pipeline) -> Iterator[tuple[str, Change]]:
    if isinstance(pipeline.scheduler, DPMSolverMultistepScheduler):
        yield "timesteps rounded instead of truncated", wrapped(DPMSolverMultistepScheduler, "set_timesteps",
                                                                _rounded_timesteps)
    if isinstance(pipeline.scheduler, FlowMatchEulerDiscreteScheduler):
        yield "timesteps truncated", wrapped(
            pipeline.transformer, "forward", lambda original: lambda *args, timestep, **kwargs: original(
                *args, timestep=timestep.floor(), **kwargs))


@contextlib.contextmanager
def _configured(model, **changes) -> Iterator[None]:
    before = dict(model._internal_dict)
    model.register_to_config(**changes)
    try:
        yield
    finally:
        model.register_to_config(**{key: before[key] for key in changes})
