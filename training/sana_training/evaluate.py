"""Stage ``evaluate``: asks two transformers for the same pictures and lets the judge compare them.

    python -m sana_training.evaluate --dataset D --work W --models M --vae V --before T0 --after T1 --output O

writes scores.json, answers.jsonl (one line a prompt) and contact sheets under ``O``. Kinds, languages and
prompts are fixed by a seed; both models get the same noise. The ceiling is the judge's score on painted scenes.
"""

import argparse
import json
import math
import random
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderDC

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
    """Groups of one kind and one language, the most telling first. ``drawable``: catalogue indices with drawings."""
    groups = []
    scenes = _scenes([index for index in drawable if catalogue[index].countable], catalogue, coloured)
    order = [("single", language) for language in LANGUAGES]
    order += [
        (kind, language)
        for language in ("en", "zh", "de")
        for kind in ("relation", "count", "two", "colour", "two_coloured")
    ]
    order += [("count", "emoji"), ("two", "emoji")]
    for kind, language in order:
        group = []
        for scene in scenes[kind][:limit]:
            if all(subject.concept.speaks(language) for subject in scene.subjects):
                group.append(Question(kind, language, plain_caption(scene, language), scene, _held(scene, language)))
        groups.append(group)
    return groups


def _scenes(indices: list[int], catalogue: list[Concept], coloured: set[tuple[int, str]]) -> dict[str, list[Scene]]:
    rng = random.Random(2026)

    def subject(index: int, colour: str | None = None, count: int = 1) -> Subject:
        return Subject(catalogue[index], index, colour, count)

    everyday = [index for index in indices if catalogue[index].emoji]
    scenes: dict[str, list[Scene]] = defaultdict(list)
    scenes["single"] = [Scene("single", (subject(index),), ()) for index in indices]
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
    held |= len(keys) == 2 and splits.held_pair(*keys)
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
    vae: Path
    before: Path
    after: Path
    output: Path
    seconds: float
    guidance: float
    steps: int
    batch: int
    limit: int | None
    device: str


def evaluate(options: EvaluationOptions) -> None:
    """Scores group by group, the two models in turn, so that what is done when time is over can be compared."""
    started = time.monotonic()
    options.output.mkdir(parents=True, exist_ok=True)
    world = load_world(options.dataset, options.work)
    judge = Judge(options.work, number_of_classes(world.catalogue), options.device)
    text = TextStates(options.models, options.device)
    vae = AutoencoderDC.from_pretrained(options.vae).to(options.device)
    models = {
        name: _illustrator(folder, text, vae, options)
        for name, folder in (("before", options.before), ("after", options.after))
    }
    sampling = SamplingOptions(options.guidance, options.steps, batch=options.batch)
    for name, model in models.items():
        for title, probes in PROBES.items():
            prompts = [prompt for prompt, _ in probes][: options.limit]
            height, width = (12, 20) if title == "wide" else (16, 16)
            # One batch size for everything: each new shape would be compiled anew.
            sheet = SamplingOptions(options.guidance, options.steps, height, width, batch=options.batch)
            save_sheet(
                options.output / f"{title}-{name}.jpg", model.draw(prompts, sheet), [label for _, label in probes]
            )
    print(f"sheets after {time.monotonic() - started:.0f} s", flush=True)
    painter = Painter(options.work / "sprites.npy", world.table.recolourings, options.device)
    builder = SceneSampler(world.catalogue, world.table, respect_holdouts=False)
    groups = questions(world.catalogue, *_drawable(world.catalogue, world.table), options.limit)
    answers: list[dict] = []
    for group in groups:
        if time.monotonic() - started > options.seconds:
            break
        pictures = {
            name: model.draw([question.prompt for question in group], sampling) for name, model in models.items()
        }
        for name, drawn in pictures.items():
            answers += _answers(name, group, judge.look(drawn))
        answers += _answers("ceiling", group, judge.look(_painted(painter, builder, group)))
        _write_scores(options, answers)
        print(f"{group[0].kind} {group[0].language} after {time.monotonic() - started:.0f} s", flush=True)
        if group[0].kind == "single":
            shown = range(0, len(group), max(1, len(group) // 96))
            for name, drawn in pictures.items():
                save_sheet(
                    options.output / f"objects-{group[0].language}-{name}.jpg",
                    small(drawn[list(shown)]),
                    [group[index].scene.subjects[0].concept.english for index in shown],
                )


def _illustrator(folder: Path, text: TextStates, vae: AutoencoderDC, options: EvaluationOptions) -> Illustrator:
    transformer, _ = load_transformer(folder, options.device, "shift")
    if options.device == "cuda":
        compile_blocks(transformer)
    return Illustrator(transformer, text, vae, options.device)


def _drawable(catalogue: list[Concept], table: SpriteTable) -> tuple[list[int], set[tuple[int, str]]]:
    drawable = [
        index for index, concept in enumerate(catalogue) if concept.countable and table.drawings(concept, None, None)
    ]
    coloured = {
        (index, colour) for index in drawable for colour in COLOURS if table.drawings(catalogue[index], None, colour)
    }
    return drawable, coloured


def _painted(painter: Painter, builder: SceneSampler, group: list[Question]) -> torch.Tensor:
    rng = random.Random(0)
    batch = as_batch([builder.build(rng, question.scene) for question in group])
    return torch.cat(
        [
            painter.paint(batch.part(start, start + 64), JUDGE_SIZE, JUDGE_SIZE).cpu()
            for start in range(0, len(batch), 64)
        ]
    )


def _answers(model: str, group: list[Question], seen: list[list[Detection]]) -> list[dict]:
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


def _write_scores(options: EvaluationOptions, answers: list[dict]) -> None:
    settings = {"guidance": options.guidance, "steps": options.steps, "seeds": 1}
    (options.output / "scores.json").write_text(
        json.dumps({"settings": settings, "scores": summary(answers)}, indent=1) + "\n"
    )
    lines = [json.dumps(answer, ensure_ascii=False) for answer in answers]
    (options.output / "answers.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("dataset", "work", "models", "vae", "before", "after", "output"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=math.inf, help="start no further group after this time")
    parser.add_argument("--guidance", type=float, default=4.5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--limit", type=int, help="prompts of a group, for a quick look")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    evaluate(EvaluationOptions(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
