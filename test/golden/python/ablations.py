"""Does every term matter? Each row switches one term off, or makes one plausible mistake, and measures the change.

A golden can only catch what moves it. "Terms" must move the result of every checkpoint that has them by at least 100
times the tolerance of the tests; "fine points" (an epsilon, erf instead of tanh in GELU, rounding instead of
truncating) that of at least one checkpoint by the tolerance.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import torch
from autoencoder_changes import autoencoder_changes, autoencoder_fine_points
from changes import Change, attributes, parameter_changes
from checkpoints import LATENT_CHANNELS
from pipeline_changes import pipeline_changes, pipeline_fine_points
from reference import Generation, decode, encode, encode_prompt, generate, open_image, relative_l2
from text_encoder_changes import text_encoder_changes, text_encoder_fine_points
from transformer_changes import transformer_changes, transformer_fine_points

EMBEDDING_TOLERANCE, LATENTS_TOLERANCE = 2e-5, 1e-4
TERM_FACTOR, FINE_POINT_FACTOR = 100, 1

EMBEDDINGS, FINAL_LATENTS, ENCODED, DECODED = "embeddings", "final latents", "encoded latents", "decoded image"

PROMPT = "a red fox jumping over a frozen lake at dawn, oil painting"


@dataclass(frozen=True)
class Probe:
    """One result of one checkpoint, with the tolerance that the tests apply to it."""

    name: str
    tolerance: float
    run: Callable[[], torch.Tensor]


def _probes(pipeline, instruction: list[str], images: Path) -> dict[str, Probe]:
    call, noise = _call(pipeline)
    latents = torch.randn(1, LATENT_CHANNELS, 4, 6, generator=torch.Generator("cpu").manual_seed(76))
    return {
        EMBEDDINGS: Probe(EMBEDDINGS, EMBEDDING_TOLERANCE,
                          lambda: _valid(*encode_prompt(pipeline, PROMPT, instruction, 300))),
        FINAL_LATENTS: Probe(FINAL_LATENTS, LATENTS_TOLERANCE,
                             lambda: _final_latents(pipeline, call, instruction, noise)),
        ENCODED: Probe(ENCODED, LATENTS_TOLERANCE, lambda: encode(pipeline, open_image(images / "picture.png"))),
        DECODED: Probe(DECODED, LATENTS_TOLERANCE, lambda: decode(pipeline, latents, False)),
    }


def _call(pipeline) -> tuple[Generation, dict[str, torch.Tensor]]:
    generator = torch.Generator("cpu").manual_seed(77)
    noise = {name: torch.randn(1, LATENT_CHANNELS, 4, 6, generator=generator) for name in ("latents", "step_noise")}
    return Generation(PROMPT, 2 if pipeline.transformer.config.guidance_embeds else 20, 192, 128), noise


def _valid(embeds: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return embeds[:, : int(mask.sum())]


def _final_latents(pipeline, call: Generation, instruction: list[str], noise: dict) -> torch.Tensor:
    with mock.patch.object(pipeline.vae, "decode", lambda z, **_: (torch.zeros(1, 3, call.height, call.width),)):
        return generate(pipeline, call, instruction, noise, Path())[0]


def _other_calls(pipeline, instruction: list[str]) -> Iterator[tuple[str, str, float]]:
    """Changes to the parameters of a call rather than to the code: (result, change, factor)."""
    call, noise = _call(pipeline)
    expected = _final_latents(pipeline, call, instruction, noise)
    others = [("guidance_scale = 1", replace(call, guidance_scale=1.0), noise),
              ("no human instruction", replace(call, human_instruction=False), noise)]
    if pipeline.transformer.config.guidance_embeds:
        others.append(("no step noise", call, {**noise, "step_noise": torch.zeros_like(noise["step_noise"])}))
    else:
        others.append(("a negative prompt", replace(call, negative_prompt="blurry, low quality"), noise))
    for label, other, inputs in others:
        actual = _final_latents(pipeline, other, instruction, inputs)
        yield FINAL_LATENTS, label, relative_l2(actual, expected) / LATENTS_TOLERANCE

    latents = torch.randn(1, LATENT_CHANNELS, 18, 20, generator=torch.Generator("cpu").manual_seed(78))
    tiled = decode(pipeline, latents, True)
    yield DECODED, "no tiling", relative_l2(decode(pipeline, latents, False), tiled) / LATENTS_TOLERANCE
    with attributes([(pipeline.vae, name, lambda a, b, extent: b) for name in ("blend_v", "blend_h")]):
        yield DECODED, "no blending", relative_l2(decode(pipeline, latents, True), tiled) / LATENTS_TOLERANCE


def ablation_tables(pipelines: dict, instruction: list[str], images: Path) -> tuple[str, str, list[str]]:
    """Markdown tables of the changes to single parameters and of all others, and the changes that move too little."""
    factors: dict[tuple[str, str], dict[str, float]] = {}
    parameter_lines, failures = [], []
    for checkpoint, pipeline in pipelines.items():
        probes = _probes(pipeline, instruction, images)
        expected = {name: probe.run() for name, probe in probes.items()}

        def factor(result: str, change: Change) -> float:
            with change:
                return relative_l2(probes[result].run(), expected[result]) / probes[result].tolerance

        def keep(result: str, label: str, value: float, fine_point: bool = False) -> None:
            factors.setdefault((result, f"*{label}*" if fine_point else label), {})[checkpoint] = value
            if not fine_point and not value >= TERM_FACTOR:
                failures.append(f"{checkpoint}: {result}: {label}: {value:.1f} x tolerance")

        for result, model, changes, fine_points in (
                (EMBEDDINGS, pipeline.text_encoder, text_encoder_changes, text_encoder_fine_points),
                (FINAL_LATENTS, pipeline.transformer, transformer_changes, transformer_fine_points),
                (ENCODED, pipeline.vae.encoder, autoencoder_changes, autoencoder_fine_points),
                (DECODED, pipeline.vae.decoder, autoencoder_changes, autoencoder_fine_points)):
            single = {label: factor(result, change) for label, change
                      in parameter_changes(model, one_plus_norms=result == EMBEDDINGS)}
            if result == FINAL_LATENTS and pipeline.transformer.config.qk_norm is None:
                # The same number added to all logits of a query leaves its softmax as it is.
                single.pop("transformer_blocks.N.attn2.to_k.bias = 0")
            weakest = min(single, key=single.get)
            parameter_lines.append(
                f"| {checkpoint} | {result} | {len(single)} | {single[weakest]:,.0f} | `{weakest}` |\n")
            failures += [f"{checkpoint}: {label}: {value:.1f} x tolerance" for label, value in single.items()
                         if not value >= TERM_FACTOR]
            for label, change in changes(model):
                keep(result, label, factor(result, change))
            for label, change in fine_points(model):
                keep(result, label, factor(result, change), fine_point=True)
        for label, change in pipeline_changes(pipeline):
            keep(FINAL_LATENTS, label, factor(FINAL_LATENTS, change))
        for label, change in pipeline_fine_points(pipeline):
            keep(FINAL_LATENTS, label, factor(FINAL_LATENTS, change), fine_point=True)
        for result, label, value in _other_calls(pipeline, instruction):
            keep(result, label, value)

    failures += [f"every checkpoint: {result}: {label}: at most {max(row.values()):.1f} x tolerance"
                 for (result, label), row in factors.items() if not max(row.values()) >= FINE_POINT_FACTOR]
    names = list(pipelines)
    table = f"| result | change | {' | '.join(names)} |\n|---|---|{'---|' * len(names)}\n"
    for result in (EMBEDDINGS, FINAL_LATENTS, ENCODED, DECODED):
        for (of, label), row in factors.items():
            if of == result:
                cells = [f"{row[name]:,.0f}" if name in row else "" for name in names]
                table += f"| {result} | {label} | {' | '.join(cells)} |\n"
    header = "| checkpoint | result | switched off | least | which |\n|---|---|---|---|---|\n"
    return header + "".join(parameter_lines), table, failures
