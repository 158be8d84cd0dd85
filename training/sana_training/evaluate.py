"""Stage ``evaluate``: asks two transformers for the same pictures and lets the judge compare them.

    python -m sana_training.evaluate --dataset D --work W --models M --before T0 --after T1 --decoder DECODER --output O

writes scores.json, answers.jsonl (one line a picture) and contact sheets under ``O``. Kinds, languages and
prompts are fixed by a seed; both models get the same noise, the first model for the first seed only. The ceiling is the
judge's score on painted scenes, language by language; the distance is the Fréchet distance between the judge's
features of pictures of single things and of painted ones. Pictures of words are left in words.zip for tesseract
(reading.py), and subset.json with its noise for the program itself (sidecar_check.py).
"""

import argparse
import math
import random
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from .answers import Scores, answers_of
from .cache import load_world
from .compose import Painter, as_batch
from .judge import JUDGE_SIZE, Judge, small
from .layers import compile_blocks
from .questions import Question, drawable_things, is_right, mixture, questions
from .reading import save_words, word_questions
from .sampling import Illustrator, SamplingOptions
from .scenes import SceneSampler
from .sheets import PROBES, save_sheet
from .sidecar_check import save_subset
from .text_states import TextStates
from .transformer_files import load_transformer
from .vae import load_autoencoder, replace_decoder
from .waiting import wait_for


@dataclass(frozen=True)
class EvaluationOptions:
    """Where things are."""

    dataset: Path
    work: Path
    models: Path
    before: Path
    after: Path
    decoder: Path | None
    output: Path
    seconds: float
    guidance: float
    steps: int
    seeds: int
    batch: int
    limit: int | None
    device: str
    when: Path | None = None


def evaluate(options: EvaluationOptions) -> None:
    """Draws everything with both models, then scores round by round; what is known is written at once."""
    options.output.mkdir(parents=True, exist_ok=True)
    world = load_world(options.dataset, options.work)
    models = _illustrators(options)
    sampling = SamplingOptions(options.guidance, options.steps, batch=options.batch)
    groups = questions(world.catalogue, *drawable_things(world.catalogue, world.table), options.limit)
    started = time.monotonic()
    _save_sheets(options, models)
    save_subset(options.output, [question for group in groups for question in group], sampling)
    drawn = _draw_groups(models, groups, sampling)
    print(f"{sum(map(len, groups))} prompts drawn twice in {time.monotonic() - started:.0f} s", flush=True)
    builder = SceneSampler(world.catalogue, world.table, respect_holdouts=False)
    painter = Painter(options.work / "sprites.npy", world.table.recolourings, options.device)
    asked_words = word_questions(world.catalogue, world.table, options.limit)
    shown_words = {"after": models["after"].draw([question.prompt for question in asked_words], sampling)}
    shown_words["ceiling"] = painted(painter, builder, asked_words, side=512)
    save_words(options.output / "words.zip", asked_words, shown_words)
    print(f"{len(asked_words)} words drawn after {time.monotonic() - started:.0f} s", flush=True)
    wait_for(options.when)
    judge = Judge(options.work / "judge.pt", options.device)
    settings = {"guidance": options.guidance, "steps": options.steps, "seeds": 1, "batch": options.batch}
    scores = Scores(options.output, settings)
    for group, pictures in zip(groups, drawn, strict=True):
        language = group[0].language
        pictures["ceiling"] = painted(painter, builder, group)
        for name, shown in pictures.items():
            scores.add(answers_of(name, 0, group, judge.look(shown)))
        alone = [index for index, question in enumerate(group) if question.kind == "single"]
        features = {name: judge.describe(shown[alone]) for name, shown in pictures.items()}
        distances = {name: frechet_distance(features[name], features["ceiling"]) for name in models}
        scores.note("distance", {f"{name} {language}": round(value, 4) for name, value in distances.items()})
        for name in models:
            save_sheet(
                options.output / f"objects-{language}-{name}.jpg",
                pictures[name][alone],
                [group[index].scene.subjects[0].concept.english for index in alone],
            )
        print(f"{language} scored after {time.monotonic() - started:.0f} s", flush=True)
    asked = mixture(groups[0], 2 * options.batch)
    for way in _ways(options):
        if time.monotonic() - started > options.seconds:
            return
        scores.note("sampling", _score_sampling(models["after"], judge, asked, way))
    print(f"samplers after {time.monotonic() - started:.0f} s", flush=True)
    for seed in range(1, options.seeds):
        if time.monotonic() - started > options.seconds:
            return
        again = _draw_groups({"after": models["after"]}, groups, replace(sampling, seed=seed))
        for group, pictures in zip(groups, again, strict=True):
            scores.add(answers_of("after", seed, group, judge.look(pictures["after"])))
        scores.note("settings", {"seeds": seed + 1})
        print(f"seed {seed} scored after {time.monotonic() - started:.0f} s", flush=True)


def _draw_groups(
    models: dict[str, Illustrator], groups: list[list[Question]], sampling: SamplingOptions
) -> list[dict[str, torch.Tensor]]:
    """For every group the pictures of every model, as small as the judge wants them."""
    return [
        {name: model.draw([question.prompt for question in group], sampling, small) for name, model in models.items()}
        for group in groups
    ]


# Steps and order of the solvers that are compared, then guidance with the default steps.
_SOLVERS = ((8, 2), (14, 2), (18, 2), (20, 2), (20, 1), (28, 1), (50, 1))
_GUIDANCE = (3.0, 6.0)


def _ways(options: EvaluationOptions) -> list[SamplingOptions]:
    ways = [(steps, order, options.guidance) for steps, order in _SOLVERS]
    ways += [(options.steps, 2, guidance) for guidance in _GUIDANCE]
    return [SamplingOptions(guidance, steps, batch=options.batch, order=order) for steps, order, guidance in ways]


def _score_sampling(
    model: Illustrator, judge: Judge, group: list[Question], sampling: SamplingOptions
) -> dict[str, float]:
    """Share of right answers to the same questions, with the same noise, for one way of sampling."""
    seen = judge.look(model.draw([question.prompt for question in group], sampling, small))
    right = [is_right(question.scene, found) for question, found in zip(group, seen, strict=True)]
    solver = "Flow-DPM-Solver" if sampling.order == 2 else "Euler"
    return {f"{solver} {sampling.steps}, guidance {sampling.guidance}": round(sum(right) / len(right), 4)}


def frechet_distance(one: torch.Tensor, other: torch.Tensor) -> float:
    """Between normal distributions fitted to two sets of features ``[n, d]`` (float64)."""
    difference = one.mean(0) - other.mean(0)
    first, second = torch.cov(one.T), torch.cov(other.T)
    values, vectors = torch.linalg.eigh(first)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    crossed = torch.linalg.eigvalsh(root @ second @ root).clamp_min(0).sqrt().sum()
    return float(difference.square().sum() + first.trace() + second.trace() - 2 * crossed)


def _illustrators(options: EvaluationOptions) -> dict[str, Illustrator]:
    text = TextStates(options.models, options.device)
    decoders = {name: load_autoencoder(options.models / "vae") for name in ("before", "after")}
    if options.decoder is not None:
        replace_decoder(decoders["after"], options.decoder)
    models = {}
    for name, folder in (("before", options.before), ("after", options.after)):
        transformer, _ = load_transformer(folder, options.device, "triton" if options.device == "cuda" else "shift")
        if options.device == "cuda":
            compile_blocks(transformer)
        vae = decoders[name].to(options.device).to(memory_format=torch.channels_last)
        models[name] = Illustrator(transformer, text, vae, options.device)
    return models


def _save_sheets(options: EvaluationOptions, models: dict[str, Illustrator]) -> None:
    for name, model in models.items():
        for title, probes in PROBES.items():
            prompts = [prompt for prompt, _ in probes][: options.limit]
            height, width = (12, 21) if title == "wide" else (16, 16)
            # One batch size for everything: each new shape would be compiled anew.
            sheet = SamplingOptions(options.guidance, options.steps, height, width, batch=options.batch)
            save_sheet(
                options.output / f"{title}-{name}.jpg", model.draw(prompts, sheet), [label for _, label in probes]
            )


def painted(painter: Painter, builder: SceneSampler, group: list[Question], side: int = JUDGE_SIZE) -> torch.Tensor:
    """The scenes that are asked for as the training data would show them, ``[n, 3, side, side]`` in [-1, 1]."""
    rng = random.Random(0)
    batch = as_batch([builder.build(rng, question.scene) for question in group])
    return torch.cat(
        [painter.paint(batch.part(start, start + 64), side, side).cpu() for start in range(0, len(batch), 64)]
    )


def main() -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("dataset", "work", "models", "before", "after", "output"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--decoder", type=Path, help="decoder of the second model; the first has that of --models")
    parser.add_argument("--when", type=Path, help="draw, then wait for this file (the judge) before scoring")
    parser.add_argument("--seconds", type=float, default=math.inf, help="no further samplers and seeds after this time")
    parser.add_argument("--guidance", type=float, default=4.5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=4, help="of the second model, as far as the time allows")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--limit", type=int, help="prompts of a group, for a quick look")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    evaluate(EvaluationOptions(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
