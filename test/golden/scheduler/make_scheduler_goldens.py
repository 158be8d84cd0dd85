"""Schedules and final latents by the reference's schedulers, for test/unit/scheduler/.

    python test/golden/scheduler/make_scheduler_goldens.py        (from the repository root)

torch 2.13.0, diffusers 0.42.1. Every case runs a scheduler on pseudo-random latents and velocities that the test makes
again by itself (see `Numbers`); arrays are stored as base64 of little-endian float32.
"""

import base64
import json
from pathlib import Path

import numpy as np
import torch
from diffusers import DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler, SCMScheduler
from diffusers.schedulers import scheduling_scm

HERE = Path(__file__).parent
LENGTH = 48  # latents per case

# Angles of a checkpoint's own, without the 0 at the end.
ANGLES = ((1.5,), (1.5708, 0.9), (1.5708, 1.3, 0.8), (1.5708, 1.3, 1.1, 0.6))
STEPS = (1, 2, 3, 5, 8, 14, 20, 28, 50, 1000)
SHIFTS = (1.0, 3.0, 6.0, 2.37)


class Numbers:
    """Multiples of 2^-22 in [-2, 2), exact in float32, from a linear congruential generator."""

    def __init__(self) -> None:
        self.state = 1

    def draw(self) -> torch.Tensor:
        values = []
        for _ in range(LENGTH):
            self.state = (1664525 * self.state + 1013904223) % 2**32
            values.append((self.state >> 8) / 2**22 - 2)
        return torch.tensor(values, dtype=torch.float32)


def encoded(array) -> str:
    return base64.b64encode(np.asarray(array, dtype="<f4").tobytes()).decode()


def run_flow(scheduler, steps: int, start: int) -> torch.Tensor:
    scheduler.set_timesteps(steps)
    # Without it the first index is looked up by value, which for many steps is not the first.
    scheduler.set_begin_index(start)
    numbers = Numbers()
    latents = numbers.draw()
    for timestep in scheduler.timesteps[start:]:
        latents = scheduler.step(numbers.draw(), timestep, latents, return_dict=False)[0]
    return latents


def flow_case(scheduler, key: dict, steps: int, start: int = 0) -> dict:
    latents = run_flow(scheduler, steps, start)
    return {**key, "steps": steps, "start": start, "sigmas": encoded(scheduler.sigmas),
            "timesteps": encoded(scheduler.timesteps), "latents": encoded(latents)}


def dpm_solver(**config) -> DPMSolverMultistepScheduler:
    return DPMSolverMultistepScheduler(algorithm_type="dpmsolver++", prediction_type="flow_prediction",
                                       use_flow_sigmas=True, final_sigmas_type="zero", **config)


def dpm_cases() -> list[dict]:
    cases = []
    for shift in SHIFTS:
        for steps in STEPS:
            if steps == 1000 and shift != 3.0:
                continue
            key = {"shift": shift, "order": 2, "trainTimesteps": 1000}
            cases.append(flow_case(dpm_solver(flow_shift=shift), key, steps))
    for steps in (1, 2, 5, 20):
        cases.append(flow_case(dpm_solver(flow_shift=3.0, solver_order=1),
                               {"shift": 3.0, "order": 1, "trainTimesteps": 1000}, steps))
        cases.append(flow_case(dpm_solver(flow_shift=3.0, num_train_timesteps=500),
                               {"shift": 3.0, "order": 2, "trainTimesteps": 500}, steps))
        # Settings that must not matter: the test does not know about them.
        for setting in ({"lower_order_final": False}, {"euler_at_final": True}):
            cases.append(flow_case(dpm_solver(flow_shift=3.0, **setting),
                                   {"shift": 3.0, "order": 2, "trainTimesteps": 1000}, steps))
    for start in (1, 8, 19):
        cases.append(flow_case(dpm_solver(flow_shift=3.0), {"shift": 3.0, "order": 2, "trainTimesteps": 1000}, 20, start))
    return cases


def euler_cases() -> list[dict]:
    cases = []
    for shift in (*SHIFTS, 7.0):
        for steps in STEPS:
            if steps == 1000 and shift != 3.0:
                continue
            cases.append(flow_case(FlowMatchEulerDiscreteScheduler(shift=shift), {"shift": shift, "trainTimesteps": 1000}, steps))
    cases.append(flow_case(FlowMatchEulerDiscreteScheduler(shift=3.0, num_train_timesteps=500),
                           {"shift": 3.0, "trainTimesteps": 500}, 20))
    cases.append(flow_case(FlowMatchEulerDiscreteScheduler(shift=3.0), {"shift": 3.0, "trainTimesteps": 1000}, 20, 8))
    return cases


def scm_cases() -> list[dict]:
    cases = []
    for sigma_data in (0.5, 0.8):
        for steps in (1, 2, 3, 4, 8, 20, 1000):
            if steps == 1000 and sigma_data != 0.5:
                continue
            scheduler = SCMScheduler(sigma_data=sigma_data)
            scheduler.set_timesteps(steps, intermediate_timesteps=1.3 if steps == 2 else None)
            cases.append({"steps": steps, "sigmaData": sigma_data, **run_scm(scheduler)})
    for angles in ANGLES:
        scheduler = SCMScheduler(sigma_data=0.5)
        scheduler.set_timesteps(len(angles), timesteps=[*angles, 0.0], max_timesteps=None, intermediate_timesteps=None)
        cases.append({"steps": len(angles), "sigmaData": 0.5, "angles": angles, **run_scm(scheduler)})
    return cases


def run_scm(scheduler: SCMScheduler) -> dict[str, str]:
    scheduler.set_begin_index(0)
    numbers = Numbers()
    latents = numbers.draw()
    denoised = latents
    for timestep in scheduler.timesteps[:-1]:
        velocity, noise = numbers.draw(), numbers.draw()
        scheduling_scm.randn_tensor = lambda *args, noise=noise, **kwargs: noise
        latents, denoised = scheduler.step(velocity, timestep, latents, return_dict=False)
    return {"timesteps": encoded(scheduler.timesteps), "latents": encoded(latents), "denoised": encoded(denoised)}


def main() -> None:
    for name, cases in {"flow-dpm-solver": dpm_cases(), "flow-match-euler": euler_cases(), "scm": scm_cases()}.items():
        (HERE / f"{name}.json").write_text(json.dumps(cases, indent=0, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
