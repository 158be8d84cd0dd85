"""Stage ``evaluate``: asks two transformers for the same pictures and lets the judge compare them.

    python -m sana_training.evaluate --dataset D --work W --models M --before T0 --after T1 --decoder DECODER --output O

writes scores.json, answers.jsonl (one line a picture) and contact sheets under ``O``. Kinds, languages and
prompts are fixed by a seed; both models get the same noise, the first model for the first seed only. The ceiling is the
judge's score on painted scenes, language by language; the distance is the Fréchet distance between the judge's
features of pictures of single things and of painted ones. Pictures of words are left in words.zip for tesseract
(reading.py), and subset.json with its noise for the program itself (sidecar_check.py).
"""

import argparse
import itertools
import json
import math
import random
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from . import splits
from .cache import load_world
from .captions import plain_caption
from .catalogue import LANGUAGES, Concept
from .compose import Painter, as_batch
from .judge import JUDGE_SIZE, Detection, Judge, small
from .layers import compile_blocks
from .questions import Question, is_right
from .reading import save_words, word_questions
from .sampling import Illustrator, SamplingOptions
from .scenes import COLOURS, OPPOSITE, Scene, SceneSampler, SpriteTable, Subject
from .sheets import PROBES, save_sheet
from .sidecar_check import save_subset
from .text_states import TextStates
from .transformer import load_transformer
from .vae import load_autoencoder, replace_decoder
from .waiting import wait_for

_PAIRS = 24
_COUNTED = 24
_COLOURED = 48
_COUNTS = (2, 3, 4, 5, 6)
_GENEVAL_KINDS = ("single", "two", "count", "colour", "relation", "two_coloured")


def questions(
    catalogue: list[Concept], drawable: list[int], coloured: set[tuple[int, str]], limit: int | None = None
) -> list[list[Question]]:
    """One group a language. ``drawable``: catalogue indices with drawings; ``limit``: questions of a kind."""
    groups = []
    scenes = _scenes([index for index in drawable if catalogue[index].countable], catalogue, coloured)
    for language in LANGUAGES:
        kinds = ("single", "count", "two", "several") if language == "emoji" else tuple(scenes)
        group = []
        for kind in kinds:
            for scene in scenes[kind][:limit]:
                if all(subject.concept.speaks(language) for subject in scene.subjects):
                    group.append(
                        Question(kind, language, plain_caption(scene, language), scene, _held(scene, language))
                    )
        groups.append(group)
    return groups


def _scenes(indices: list[int], catalogue: list[Concept], coloured: set[tuple[int, str]]) -> dict[str, list[Scene]]:
    rng = random.Random(2026)

    def subject(index: int, colour: str | None = None, count: int = 1) -> Subject:
        return Subject(catalogue[index], index, colour, count)

    everyday = [index for index in indices if catalogue[index].emoji]
    scenes: dict[str, list[Scene]] = defaultdict(list)
    scenes["single"] = [Scene("single", (subject(index),), ()) for index in rng.sample(indices, len(indices))]
    for _ in range(_PAIRS):
        first, second = rng.sample(everyday, 2)
        # Both orders of the same pair, so that a model with a habit cannot be right by chance.
        for relation in ("left", "above"):
            for pair in ((first, second), (second, first)):
                for name in (relation, OPPOSITE[relation]):
                    scenes["relation"].append(
                        Scene("relation", (subject(pair[0]), subject(pair[1])), (), relation=name)
                    )
    for _ in range(_COUNTED):
        index = rng.choice(everyday)
        scenes["count"] += [Scene("count", (subject(index, count=count),), ()) for count in _COUNTS]
    for _ in range(_COLOURED):
        scenes["two"].append(Scene("two", tuple(subject(index) for index in rng.sample(everyday, 2)), ()))
        scenes["several"].append(Scene("several", tuple(subject(index) for index in rng.sample(everyday, 3)), ()))
    options = sorted(coloured)
    while options and len(scenes["colour"]) < _COLOURED:
        scenes["colour"].append(Scene("colour", (subject(*rng.choice(options)),), ()))
    while len(options) > 1 and len(scenes["two_coloured"]) < _COLOURED:
        first, second = rng.sample(options, 2)
        if first[0] != second[0] and first[1] != second[1]:
            scenes["two_coloured"].append(Scene("two_coloured", (subject(*first), subject(*second)), ()))
    return scenes


def _held(scene: Scene, language: str) -> bool:
    keys = [subject.concept.key for subject in scene.subjects]
    held = any(splits.held_language(key, language) for key in keys)
    held |= any(
        subject.colour and splits.held_colour(subject.concept.key, subject.colour) for subject in scene.subjects
    )
    held |= any(splits.held_count(subject.concept.key, subject.count) for subject in scene.subjects)
    held |= any(splits.held_pair(*pair) for pair in itertools.combinations(keys, 2))
    return held or (bool(scene.relation) and splits.held_relation(keys[0], scene.relation, keys[1]))


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
    shown_words["ceiling"] = _painted(painter, builder, asked_words, side=512)
    save_words(options.output / "words.zip", asked_words, shown_words)
    print(f"{len(asked_words)} words drawn after {time.monotonic() - started:.0f} s", flush=True)
    wait_for(options.when)
    judge = Judge(options.work / "judge.pt", options.device)
    scores = _Scores(options)
    for group, pictures in zip(groups, drawn, strict=True):
        language = group[0].language
        pictures["ceiling"] = _painted(painter, builder, group)
        for name, shown in pictures.items():
            scores.add(_answers(name, 0, group, judge.look(shown)))
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
    asked = _mixture(groups[0], 2 * options.batch)
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
            scores.add(_answers("after", seed, group, judge.look(pictures["after"])))
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


def _mixture(group: list[Question], number: int) -> list[Question]:
    """``number`` questions of every kind alike, as far as there are enough."""
    by_kind: dict[str, list[Question]] = defaultdict(list)
    for question in group:
        by_kind[question.kind].append(question)
    for kind, members in by_kind.items():
        random.Random(kind).shuffle(members)
    rounds = itertools.zip_longest(*by_kind.values())
    return [question for row in rounds for question in row if question is not None][:number]


def frechet_distance(one: torch.Tensor, other: torch.Tensor) -> float:
    """Between normal distributions fitted to two sets of features ``[n, d]`` (float64)."""
    difference = one.mean(0) - other.mean(0)
    first, second = torch.cov(one.T), torch.cov(other.T)
    values, vectors = torch.linalg.eigh(first)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    crossed = torch.linalg.eigvalsh(root @ second @ root).clamp_min(0).sqrt().sum()
    return float(difference.square().sum() + first.trace() + second.trace() - 2 * crossed)


class _Scores:
    """What is known so far, written whenever something is added."""

    def __init__(self, options: EvaluationOptions) -> None:
        self._folder = options.output
        self._answers: list[dict] = []
        self._notes: dict[str, dict] = {
            "settings": {"guidance": options.guidance, "steps": options.steps, "seeds": 1, "batch": options.batch}
        }

    def add(self, answers: list[dict]) -> None:
        self._answers += answers
        self._write()

    def note(self, name: str, values: dict) -> None:
        self._notes.setdefault(name, {}).update(values)
        self._write()

    def _write(self) -> None:
        scores = {**self._notes, "geneval": geneval(self._answers), "scores": summary(self._answers)}
        (self._folder / "scores.json").write_text(json.dumps(scores, indent=1) + "\n")
        lines = [json.dumps(answer, ensure_ascii=False) for answer in self._answers]
        (self._folder / "answers.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


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


def drawable_things(catalogue: list[Concept], table: SpriteTable) -> tuple[list[int], set[tuple[int, str]]]:
    """The things that can be asked for, and the (thing, colour) that there are drawings of."""
    drawable = [
        index for index, concept in enumerate(catalogue) if concept.countable and table.drawings(concept, None, None)
    ]
    coloured = {
        (index, colour) for index in drawable for colour in COLOURS if table.drawings(catalogue[index], None, colour)
    }
    return drawable, coloured


def _painted(painter: Painter, builder: SceneSampler, group: list[Question], side: int = JUDGE_SIZE) -> torch.Tensor:
    rng = random.Random(0)
    batch = as_batch([builder.build(rng, question.scene) for question in group])
    return torch.cat(
        [painter.paint(batch.part(start, start + 64), side, side).cpu() for start in range(0, len(batch), 64)]
    )


def _answers(model: str, seed: int, group: list[Question], seen: list[list[Detection]]) -> list[dict]:
    return [
        {
            "model": model,
            "seed": seed,
            "kind": question.kind,
            "detail": question.scene.relation or (question.scene.subjects[0].count if question.kind == "count" else ""),
            "language": question.language,
            "prompt": question.prompt,
            "held": question.held,
            "right": is_right(question.scene, found),
            "technical": not question.scene.subjects[0].concept.emoji,
        }
        for question, found in zip(group, seen, strict=True)
    ]


def summary(answers: list[dict]) -> dict[str, dict[str, dict[str, float | int]]]:
    """model -> "kind language [detail]" -> share of right answers, seen and held-out ones apart."""
    collected: dict[str, dict[str, list[dict]]] = defaultdict(lambda: defaultdict(list))
    for answer in answers:
        name = f"{answer['kind']} {answer['language']}"
        collected[answer["model"]][name].append(answer)
        if answer["detail"] != "":
            collected[answer["model"]][f"{name} {answer['detail']}"].append(answer)
    return {model: {name: _shares(group) for name, group in groups.items()} for model, groups in collected.items()}


def geneval(answers: list[dict]) -> dict[str, dict[str, float]]:
    """model -> language -> the mean over GenEval's six kinds, for the languages that all six are asked in."""
    collected: dict[tuple[str, str], dict[str, list[dict]]] = defaultdict(lambda: defaultdict(list))
    for answer in answers:
        if answer["kind"] in _GENEVAL_KINDS:
            collected[answer["model"], answer["language"]][answer["kind"]].append(answer)
    means: dict[str, dict[str, float]] = defaultdict(dict)
    for (model, language), kinds in collected.items():
        if len(kinds) == len(_GENEVAL_KINDS):
            means[model][language] = round(sum(map(_share, kinds.values())) / len(kinds), 4)
    return dict(means)


def _shares(group: list[dict]) -> dict[str, float | int]:
    shares: dict[str, float | int] = {"prompts": len(group), "right": _share(group)}
    for name, held in (("seen", False), ("held", True)):
        part = [answer for answer in group if answer["held"] is held]
        if part:
            shares |= {f"{name}_prompts": len(part), f"{name}_right": _share(part)}
    return shares


def _share(group: list[dict]) -> float:
    return round(sum(answer["right"] for answer in group) / len(group), 4)


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
