"""Makes test/golden/bundled/: what diffusers gives for the bundled checkpoint, widened to float32.

    pip install torch==2.13.0 diffusers==0.42.1 transformers==5.23.0 safetensors tokenizers accelerate
    PYTHONPATH=training python test/golden/make_bundled_golden.py --models models

Settings come from generation_defaults.json, so a later checkpoint needs no change here. diffusers gets the prompts with
their quoted words spelled out, as the checkpoint has them. expected.safetensors holds

    latents                      [1, C, h, w]  unit normal noise that every case starts from
    NAME.input_ids               [tokens]      with <bos>, without padding
    NAME.prompt_embeds           [tokens, D]   the text encoder's states of these tokens
    NAME.latents.STEPS           [1, C, h, w]  final latents, as output_type="latent" returns them
    NAME.image.STEPS             [n]           every 197th value of the decoded image [1, 3, H, W], before clamping
    step_noise                   [3, C, h, w]  what the distilled checkpoint adds after its first, second and third step
    sprint.NAME.latents.STEPS    [1, C, h, w]  final latents of the distilled checkpoint in MODELS/sprint

and cases.json the prompts and settings. Everything is float32 except the ids (int64).
"""

import argparse
import json
import os
import tempfile
from importlib.metadata import version
from pathlib import Path
from unittest import mock

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch  # noqa: E402
from diffusers import SanaPipeline, SanaSprintPipeline  # noqa: E402
from diffusers.schedulers import scheduling_scm  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from sana_training.spelling import spelled  # noqa: E402
from sana_training.widen import widen_checkpoint  # noqa: E402

VERSIONS = {"torch": "2.13.0", "diffusers": "0.42.1", "transformers": "5.23.0"}
PROMPTS = {
    "english": "A red fox to the left of a blue car, 3D render",
    "chinese": "三只猫，卡通风格",
    "emoji": "🟦🚀🌵",
    "mixed": "a red fox 🦊",
    "word": "A blue sign that says “Open”",
}
STEPS = (4, 20)
SPRINT_STEPS = (1, 2, 4)
SEED = 42

# Pictures are too large to keep whole. A prime stride through the flattened tensor meets every row, column and channel.
SAMPLE_STRIDE = 197


def as_read(prompt: str) -> str:
    """What the text encoder of the bundled checkpoint is given."""
    return spelled(prompt.lower().strip())


def prompt_states(pipeline: SanaPipeline, prompt: str, length: int) -> dict[str, torch.Tensor]:
    """Ids and states of the tokens that the attention mask keeps."""
    prompt = as_read(prompt)
    embeds, mask, _, _ = pipeline.encode_prompt(
        prompt, do_classifier_free_guidance=False, max_sequence_length=length, complex_human_instruction=None
    )
    valid = int(mask.sum())
    ids = pipeline.tokenizer(prompt, truncation=True, max_length=length).input_ids
    assert len(ids) == valid
    return {"input_ids": torch.tensor(ids), "prompt_embeds": embeds[0, :valid].clone()}


def final_latents(
    pipeline: SanaPipeline | SanaSprintPipeline,
    prompt: str,
    latents: torch.Tensor,
    steps: int,
    defaults: dict,
    **sprint: float | None,
) -> torch.Tensor:
    """What the pipeline returns for output_type="latent"; ``sprint`` is what only SanaSprintPipeline takes."""
    return pipeline(
        as_read(prompt),
        latents=latents.clone(),
        num_inference_steps=steps,
        guidance_scale=defaults["guidanceScale"],
        width=defaults["width"],
        height=defaults["height"],
        complex_human_instruction=None,
        max_sequence_length=defaults["maxSequenceLength"],
        use_resolution_binning=defaults["resolutionBinning"],
        output_type="latent",
        **sprint,
    ).images


def sprint_latents(
    pipeline: SanaSprintPipeline, prompt: str, latents: torch.Tensor, noises: torch.Tensor, steps: int, defaults: dict
) -> torch.Tensor:
    """As ``final_latents``, of the distilled checkpoint; the scheduler's own noise is replaced by ``noises``."""
    # After the last step sin 0 multiplies it, so that any will do.
    drawn = iter([*noises[: steps - 1, None], *[torch.zeros_like(latents)] * steps])
    angles = defaults["timesteps"].get(str(steps))
    scheduler, usual = pipeline.scheduler, pipeline.scheduler.set_timesteps

    def set_timesteps(number: int, device: torch.device, **told: float | None) -> None:
        # The pipeline's own argument for this is passed on without the number of steps, and refused for that.
        own = {"timesteps": [*angles, 0.0], "max_timesteps": None, "intermediate_timesteps": None} if angles else {}
        usual(number, device=device, **(told | own))

    with (
        mock.patch.object(scheduling_scm, "randn_tensor", lambda *_, **__: next(drawn)),
        mock.patch.object(scheduler, "set_timesteps", set_timesteps),
    ):
        return final_latents(pipeline, prompt, latents, steps, defaults, intermediate_timesteps=None)


def load(pipeline: type, models: Path):
    """The checkpoint in float32, as diffusers loads it."""
    with tempfile.TemporaryDirectory() as folder:
        wide = Path(folder) / "wide"
        widen_checkpoint(models, wide, torch.float32)
        loaded = pipeline.from_pretrained(wide, torch_dtype=torch.float32)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def main() -> None:
    """Command line of the script."""
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, required=True, help="the bundled checkpoint")
    parser.add_argument("--output", type=Path, default=here / "bundled")
    arguments = parser.parse_args()
    for package, wanted in VERSIONS.items():
        if not version(package).startswith(wanted):
            raise SystemExit(f"{package} {version(package)}: this golden is made with {wanted}")

    defaults = json.loads((arguments.models / "generation_defaults.json").read_text(encoding="utf-8"))
    pipeline = load(SanaPipeline, arguments.models)
    factor = pipeline.vae_scale_factor
    shape = (1, pipeline.transformer.config.in_channels, defaults["height"] // factor, defaults["width"] // factor)
    generator = torch.Generator().manual_seed(SEED)
    latents = torch.randn(shape, generator=generator)
    step_noise = torch.randn((max(SPRINT_STEPS) - 1, *shape[1:]), generator=generator)
    expected = {"latents": latents, "step_noise": step_noise}
    for name, prompt in PROMPTS.items():
        states = prompt_states(pipeline, prompt, defaults["maxSequenceLength"])
        expected |= {f"{name}.{key}": value for key, value in states.items()}
        for steps in STEPS:
            final = final_latents(pipeline, prompt, latents, steps, defaults)
            with torch.no_grad():
                image = pipeline.vae.decode(final / pipeline.vae.config.scaling_factor).sample
            expected[f"{name}.latents.{steps}"] = final
            expected[f"{name}.image.{steps}"] = image.flatten()[::SAMPLE_STRIDE].clone()

    sprint = load(SanaSprintPipeline, arguments.models / "sprint")
    sprint_defaults = json.loads((arguments.models / "sprint" / "generation_defaults.json").read_text(encoding="utf-8"))
    for name, prompt in PROMPTS.items():
        for steps in SPRINT_STEPS:
            expected[f"sprint.{name}.latents.{steps}"] = sprint_latents(
                sprint, prompt, latents, step_noise, steps, sprint_defaults
            )

    arguments.output.mkdir(parents=True, exist_ok=True)
    save_file(expected, arguments.output / "expected.safetensors")
    (arguments.output / "expected.safetensors").chmod(0o644)
    cases = {
        "made_with": VERSIONS,
        "seed": SEED,
        "sample_stride": SAMPLE_STRIDE,
        "steps": list(STEPS),
        "sprint_steps": list(SPRINT_STEPS),
        "guidance_scale": defaults["guidanceScale"],
        "prompts": PROMPTS,
    }
    text = json.dumps(cases, indent=2, ensure_ascii=False) + "\n"
    (arguments.output / "cases.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
