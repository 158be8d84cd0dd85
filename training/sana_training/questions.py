"""What the evaluation asks for, and which answers are right."""

import itertools
import random
from collections import defaultdict
from dataclasses import dataclass

from . import splits
from .captions import plain_caption
from .catalogue import LANGUAGES, Concept
from .judge import Detection
from .scenes import COLOURS, OPPOSITE, Scene, SpriteTable, Subject

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
    # Whether the combination was kept out of training.
    held: bool
    # Whether a thing's name in this language was.
    unnamed: bool = False


def drawable_things(catalogue: list[Concept], table: SpriteTable) -> tuple[list[int], set[tuple[int, str]]]:
    """Indices of the things that can be asked for, and the (thing, colour) that there are drawings of."""
    drawable = [
        index for index, concept in enumerate(catalogue) if concept.countable and table.drawings(concept, None, None)
    ]
    coloured = {
        (index, colour) for index in drawable for colour in COLOURS if table.drawings(catalogue[index], None, colour)
    }
    return drawable, coloured


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
                        Question(
                            kind,
                            language,
                            plain_caption(scene, language),
                            scene,
                            _held(scene),
                            _unnamed(scene, language),
                        )
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


def _unnamed(scene: Scene, language: str) -> bool:
    return any(splits.held_language(subject.concept.key, language) for subject in scene.subjects)


def _held(scene: Scene) -> bool:
    keys = [subject.concept.key for subject in scene.subjects]
    held = any(subject.colour and splits.held_colour(subject.concept.key, subject.colour) for subject in scene.subjects)
    held |= any(splits.held_count(subject.concept.key, subject.count) for subject in scene.subjects)
    held |= any(splits.held_pair(*pair) for pair in itertools.combinations(keys, 2))
    return held or (bool(scene.relation) and splits.held_relation(keys[0], scene.relation, keys[1]))


def mixture(group: list[Question], number: int) -> list[Question]:
    """``number`` questions of every kind alike, as far as there are enough."""
    by_kind: dict[str, list[Question]] = defaultdict(list)
    for question in group:
        by_kind[question.kind].append(question)
    for kind, members in by_kind.items():
        random.Random(kind).shuffle(members)
    rounds = itertools.zip_longest(*by_kind.values())
    return [question for row in rounds for question in row if question is not None][:number]


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
