"""Stage ``evaluate``: asks two transformers for the same pictures and lets the judge compare them.

    python -m sana_training.evaluate --dataset D --work W --models M --before T0 --after T1 --decoder DECODER --output O

writes scores.json, answers.jsonl (one line a prompt) and contact sheets under ``O``. Kinds, languages and
prompts are fixed by a seed; both models get the same noise. The ceiling is the judge's score on painted scenes; the
distance is the Fréchet distance between the judge's features of pictures of single things and of painted ones.
"""

import argparse
import itertools
import json
import math
import random
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import torch

from . import splits
from .cache import load_world
from .captions import plain_caption
from .catalogue import LANGUAGES, Concept
from .compose import Painter, as_batch
from .judge import JUDGE_SIZE, Detection, Judge, number_of_classes, small
from .layers import compile_blocks
from .sampling import Illustrator, SamplingOptions
from .scenes import COLOURS, OPPOSITE, Scene, SceneSampler, SpriteTable, Subject
from .sheets import PROBES, save_sheet
from .text_states import TextStates
from .transformer import load_transformer
from .vae import load_autoencoder, replace_decoder
from .waiting import wait_for

_PAIRS = 24
_COUNTED = 24
_COLOURED = 48
_COUNTS = (2, 3, 4, 5, 6)


@dataclass(frozen=True)
class Question:
    """One prompt with the scene that it asks for."""

    kind: str
    language: str
    prompt: str
    scene: Scene
    # Whether the combination (or the name in this language) was kept out of training.
    held: bool


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


def is_right(scene: Scene, seen: list[Detection]) -> bool:
    """Whether the detections answer the scene."""
    if scene.kind == "single":
        return seen[0].label == scene.subjects[0].index
    if scene.kind == "count":
        subject = scene.subjects[0]
        return len(seen) == subject.count and all(found.label == subject.index for found in seen)
    matches = [next((found for found in seen if _fits(subject, found)), None) for subject in scene.subjects]
    if any(match is None for match in matches):
        return False
    if not scene.relation:
        return True
    return _stands(scene.relation, *matches)


def _fits(subject: Subject, found: Detection) -> bool:
    return found.label == subject.index and subject.colour in (None, found.colour)


def _stands(relation: str, first: Detection, second: Detection) -> bool:
    right, down = first.x - second.x, first.y - second.y
    if relation in ("left", "right"):
        return abs(right) > abs(down) and (right < 0) == (relation == "left")
    return abs(down) > abs(right) and (down < 0) == (relation == "above")


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
    batch: int
    limit: int | None
    device: str
    when: Path | None = None


def evaluate(options: EvaluationOptions) -> None:
    """Draws everything with both models, then scores language by language; what is known is written at once."""
    options.output.mkdir(parents=True, exist_ok=True)
    world = load_world(options.dataset, options.work)
    models = _illustrators(options)
    sampling = SamplingOptions(options.guidance, options.steps, batch=options.batch)
    groups = questions(world.catalogue, *drawn_things(world.catalogue, world.table), options.limit)
    started = time.monotonic()
    _save_sheets(options, models)
    drawn = [
        {name: model.draw([question.prompt for question in group], sampling, small) for name, model in models.items()}
        for group in groups
    ]
    print(f"{sum(map(len, groups))} prompts drawn twice in {time.monotonic() - started:.0f} s", flush=True)
    wait_for(options.when)
    judge = Judge(options.work, number_of_classes(world.catalogue), options.device)
    painter = Painter(options.work / "sprites.npy", world.table.recolourings, options.device)
    builder = SceneSampler(world.catalogue, world.table, respect_holdouts=False)
    scores = Scores(
        options.output, {"guidance": options.guidance, "steps": options.steps, "seeds": 1, "batch": options.batch}
    )
    for group, pictures in zip(groups, drawn, strict=True):
        language = group[0].language
        pictures["ceiling"] = painted(painter, builder, group)
        for name, shown in pictures.items():
            scores.add(answers_of(name, group, judge.look(shown)))
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


def mixture(group: list[Question], number: int) -> list[Question]:
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


class Scores:
    """What is known so far, written whenever something is added."""

    def __init__(self, folder: Path, settings: dict) -> None:
        self._folder = folder
        self.answers: list[dict] = []
        self._notes: dict[str, dict] = {"settings": settings}

    def add(self, answers: list[dict]) -> None:
        """Adds what ``answers_of`` returned."""
        self.answers += answers
        self._write()

    def note(self, name: str, values: dict) -> None:
        """Adds other figures under a heading of their own."""
        self._notes.setdefault(name, {}).update(values)
        self._write()

    def _write(self) -> None:
        scores = {**self._notes, "scores": summary(self.answers)}
        (self._folder / "scores.json").write_text(json.dumps(scores, indent=1) + "\n")
        lines = [json.dumps(answer, ensure_ascii=False) for answer in self.answers]
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


def drawn_things(catalogue: list[Concept], table: SpriteTable) -> tuple[list[int], set[tuple[int, str]]]:
    """Indices of what can be asked for, and those of them, with the colours, that can be asked for in a colour."""
    drawable = [
        index for index, concept in enumerate(catalogue) if concept.countable and table.drawings(concept, None, None)
    ]
    coloured = {
        (index, colour) for index in drawable for colour in COLOURS if table.drawings(catalogue[index], None, colour)
    }
    return drawable, coloured


def painted(painter: Painter, builder: SceneSampler, group: list[Question]) -> torch.Tensor:
    """The scenes that are asked for as the training data would show them, ``[n, 3, 256, 256]`` in [-1, 1]."""
    rng = random.Random(0)
    batch = as_batch([builder.build(rng, question.scene) for question in group])
    return torch.cat(
        [
            painter.paint(batch.part(start, start + 64), JUDGE_SIZE, JUDGE_SIZE).cpu()
            for start in range(0, len(batch), 64)
        ]
    )


def answers_of(model: str, group: list[Question], seen: list[list[Detection]]) -> list[dict]:
    """One line for each question, as in answers.jsonl."""
    return [
        {
            "model": model,
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
    parser.add_argument("--seconds", type=float, default=math.inf, help="compare no further samplers after this time")
    parser.add_argument("--guidance", type=float, default=4.5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--limit", type=int, help="prompts of a group, for a quick look")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    evaluate(EvaluationOptions(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
