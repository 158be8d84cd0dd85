"""Samples what a picture shows: things, colours, counts, places, style and background."""

import itertools
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from . import layouts, splits
from .catalogue import Concept
from .lettering import BOARD_COLOURS, LETTERING_SET, read_words, word_of

_Choice = TypeVar("_Choice")

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "gray", "teal")
RELATIONS = ("left", "right", "above", "below")
OPPOSITE = {"left": "right", "right": "left", "above": "below", "below": "above"}
KINDS = ("single", "colour", "count", "two", "relation", "two_coloured", "several", "word")
MAX_ITEMS = 6

# Style -> the sets whose drawings show it. None: no style is asked for.
STYLE_SETS: dict[str | None, tuple[str, ...]] = {
    "3d": ("fluent-3d", "fluent-emoji"),
    "flat": ("twemoji", "fluent-emoji-flat", "fxemoji"),
    "cartoon": ("noto", "emojione"),
    "blob": ("noto-v1",),
    "outline": ("streamline-emojis",),
    "lineicon": ("fluent-emoji-high-contrast",),
    "icon": (
        "icon-park",
        "fluent-color",
        "streamline-color",
        "streamline-plump-color",
        "streamline-flex-color",
        "streamline-ultimate-color",
        "streamline-kameleon-color",
        "streamline-sharp-color",
        "streamline-freehand-color",
        "flat-color-icons",
        "marketeq",
        "meteocons",
    ),
    "blueprint": ("fluent-emoji-high-contrast", "icon-park"),
}
# Styles that are computed from any drawing.
EFFECT_STYLES = ("pixel", "sticker", "silhouette", "blueprint", "sketch")
EFFECTS = (None, *EFFECT_STYLES)
_UNSTYLED_SETS = ("fluent-3d", "twemoji", "noto")

BACKGROUNDS = (
    "none",
    "plain",
    "gradient",
    "stripes",
    "dots",
    "grid",
    "meadow",
    "beach",
    "snow",
    "night",
    "sky",
    "blueprint",
)
COLOURED_BACKGROUNDS = ("plain", "gradient", "stripes", "dots")

_KIND_SHARES = {
    "single": 0.20,
    "colour": 0.08,
    "count": 0.16,
    "two": 0.06,
    # Comes in pairs, so that about 13 % of the scenes are relations.
    "relation": 0.07,
    "two_coloured": 0.10,
    "several": 0.12,
    "word": 0.24,
}
_STYLE_SHARES = {
    None: 0.36,
    "3d": 0.15,
    "flat": 0.13,
    "cartoon": 0.12,
    "blob": 0.04,
    "outline": 0.04,
    "lineicon": 0.05,
    "pixel": 0.025,
    "sticker": 0.025,
    "silhouette": 0.02,
    "blueprint": 0.02,
    "sketch": 0.02,
}
_RECOLOURABLE_STYLES = (None, "3d", "flat", "cartoon", "blob", "outline", "sticker", "pixel")
_BACKGROUND_SHARES = {
    "none": 0.33,
    "plain": 0.27,
    "gradient": 0.10,
    "stripes": 0.06,
    "dots": 0.06,
    "grid": 0.03,
    "meadow": 0.04,
    "beach": 0.03,
    "snow": 0.03,
    "night": 0.025,
    "sky": 0.025,
}
_COUNT_SHARES = {2: 0.21, 3: 0.23, 4: 0.19, 5: 0.19, 6: 0.18}
_COLOURED_COUNT_SHARE = 0.25
_TECHNICAL_SHARE = 0.12
_MADE_UP_SHARE = 0.6
# A word alone, or a thing beside it; the word must be short there, because the board is smaller.
_WORD_ALONE_SHARE = 0.8
_LETTERS_BESIDE = 5

_ATTEMPTS = 50


@dataclass(frozen=True)
class Subject:
    """One noun phrase of a caption."""

    concept: Concept
    # Position in the catalogue.
    index: int
    colour: str | None = None
    count: int = 1


@dataclass(frozen=True)
class Item:
    """One drawing in the picture: centre as a share of width and height, size as a share of the short side."""

    sprite: int
    x: float
    y: float
    size: float
    subject: int


@dataclass(frozen=True)
class Scene:
    """Everything that the picture and its captions are made from."""

    kind: str
    subjects: tuple[Subject, ...]
    items: tuple[Item, ...]
    style: str | None = None
    background: str = "none"
    background_colour: str = ""
    relation: str = ""
    # Numbers that the background draws from, in [0, 1).
    phase: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)


class SpriteTable:
    """Which drawings show a concept, by style and colour; recoloured drawings are numbered after the rendered."""

    def __init__(self, rendered: Sequence[Sequence[str]], recolourable: dict[str, dict[str, list[str]]]) -> None:
        self._by_key: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for index, (name, key) in enumerate(rendered):
            self._by_key[key][name].append(index)
        self._coloured: dict[tuple[str, str, str], int] = {}
        # (rendered drawing, index of the colour), in the order of their numbers.
        self.recolourings: list[tuple[int, int]] = []
        # The set of every drawing, the recoloured ones included.
        self.set_names = [name for name, _ in rendered]
        for key, sets in recolourable.items():
            for name, colours in sets.items():
                for colour in colours:
                    if name in self._by_key[key]:
                        self._coloured[key, name, colour] = len(rendered) + len(self.recolourings)
                        self.recolourings.append((self._by_key[key][name][0], COLOURS.index(colour)))
                        self.set_names.append(name)

    def drawings(self, concept: Concept, style: str | None, colour: str | None) -> list[int]:
        """The drawings of a concept that fit; empty when there are none."""
        if colour is not None:
            names = (*(STYLE_SETS.get(style) or STYLE_SETS["3d"]), LETTERING_SET)
            return [
                self._coloured[found]
                for found in ((concept.key, name, colour) for name in names)
                if found in self._coloured
            ]
        sets = self._by_key.get(concept.key, {})
        if style in STYLE_SETS:
            return [index for name in STYLE_SETS[style] for index in sets.get(name, ())]
        preferred = [index for name in _UNSTYLED_SETS for index in sets.get(name, ())]
        return preferred or [index for indices in sets.values() for index in indices]


class SceneSampler:
    """Draws scenes. ``respect_holdouts`` is off for the judge, which must know what the model was never shown."""

    def __init__(
        self, catalogue: list[Concept], table: SpriteTable, respect_holdouts: bool = True, aspect: float = 1.0
    ) -> None:
        self._catalogue = catalogue
        self._table = table
        self._respect_holdouts = respect_holdouts
        self._aspect = aspect
        drawn = [index for index, concept in enumerate(catalogue) if table.drawings(concept, None, None)]
        countable = [index for index in drawn if catalogue[index].countable]
        self._everyday = [index for index in countable if catalogue[index].emoji]
        # Everyday objects that there are icons of, too, are drawn often enough.
        self._technical = [index for index in countable if not catalogue[index].emoji]
        known = set(read_words())
        words = [index for index in drawn if word_of(catalogue[index].key)]
        self._words = [index for index in words if word_of(catalogue[index].key) in known]
        self._made_up = [index for index in words if word_of(catalogue[index].key) not in known]
        self._any = drawn
        self._any_weights = list(itertools.accumulate(catalogue[index].weight for index in drawn))

    def sample(self, rng: random.Random, kind: str | None = None) -> list[Scene]:
        """One scene, or two for a relation: the same pair in both orders, unless one of them is held out."""
        while True:
            chosen = kind or _draw(rng, _KIND_SHARES)
            # The more things a scene has, the more often it is held out. It must not become rarer for that.
            scene = next(filter(None, (self._attempt(rng, chosen) for _ in range(_ATTEMPTS))), None)
            if scene is None:
                continue
            if chosen != "relation":
                return [scene]
            mirrored = self._mirrored(rng, scene)
            return [scene] if mirrored is None else [scene, mirrored]

    def build(self, rng: random.Random, scene: Scene) -> Scene | None:
        """Chooses drawings and places for the subjects; None when a subject has no fitting drawing."""
        style = scene.style
        drawings = [self._table.drawings(subject.concept, style, subject.colour) for subject in scene.subjects]
        if not all(drawings):
            return None
        chosen = self._of_one_set(rng, drawings)
        owners = [index for index, subject in enumerate(scene.subjects) for _ in range(subject.count)]
        if scene.relation in ("right", "below"):
            # Places run from left to right and from top to bottom.
            owners.reverse()
        places = layouts.places(rng, scene.kind, scene.relation, len(owners), self._aspect)
        items = tuple(Item(chosen[owner], *place, subject=owner) for owner, place in zip(owners, places, strict=True))
        phase = (rng.random(), rng.random(), rng.random(), rng.random())
        return Scene(**{**scene.__dict__, "items": items, "phase": phase})

    def _of_one_set(self, rng: random.Random, drawings: list[list[int]]) -> list[int]:
        """One drawing a subject, of the same set where that is possible: one picture, one style."""
        first = rng.choice(drawings[0])
        name = self._table.set_names[first]
        alike = [[index for index in options if self._table.set_names[index] == name] for options in drawings[1:]]
        return [first, *(rng.choice(same or options) for same, options in zip(alike, drawings[1:], strict=True))]

    def _attempt(self, rng: random.Random, kind: str) -> Scene | None:
        if kind == "word":
            return self._with_word(rng)
        number = rng.choice((3, 3, 4, 5)) if kind == "several" else 1 + (kind in ("two", "relation", "two_coloured"))
        indices = self._pick_together(rng, kind, number)
        if len(indices) < number:
            return None
        coloured = kind in ("colour", "two_coloured") or (kind == "count" and rng.random() < _COLOURED_COUNT_SHARE)
        colours = rng.sample(COLOURS, number) if coloured else [None] * number
        count = _draw(rng, _COUNT_SHARES) if kind == "count" else 1
        subjects = tuple(
            Subject(self._catalogue[index], index, colour, count)
            for index, colour in zip(indices, colours, strict=True)
        )
        relation = rng.choice(RELATIONS) if kind == "relation" else ""
        return self._finished(rng, Scene(kind, subjects, (), self._style(rng, coloured, subjects), relation=relation))

    def _with_word(self, rng: random.Random) -> Scene | None:
        if not self._words:
            return None
        index = rng.choice(self._made_up if self._made_up and rng.random() < _MADE_UP_SHARE else self._words)
        key = self._catalogue[index].key
        colour = rng.choice(BOARD_COLOURS) if rng.random() < 0.4 else None
        subjects = (Subject(self._catalogue[index], index, colour),)
        if len(word_of(key)) <= _LETTERS_BESIDE and rng.random() > _WORD_ALONE_SHARE:
            other = rng.choice(self._everyday)
            subjects = (Subject(self._catalogue[other], other), *subjects)
        return self._finished(rng, Scene("word", subjects, ()))

    def _finished(self, rng: random.Random, scene: Scene) -> Scene | None:
        background, colour = _background(rng, scene.style, scene.subjects)
        scene = Scene(**{**scene.__dict__, "background": background, "background_colour": colour})
        if self._respect_holdouts and _held_out(scene):
            return None
        return self.build(rng, scene)

    def _pick(self, rng: random.Random, kind: str) -> int:
        if self._technical and kind not in ("colour", "two_coloured") and rng.random() < _TECHNICAL_SHARE:
            return rng.choice(self._technical)
        if kind == "single" and rng.random() < 0.6:
            return rng.choices(self._any, cum_weights=self._any_weights)[0]
        return rng.choice(self._everyday)

    def _pick_together(self, rng: random.Random, kind: str, number: int) -> list[int]:
        """Different things that may be shown together; fewer when some of them go with hardly anything."""
        indices: list[int] = []
        for _ in range(number * _ATTEMPTS):
            index = self._pick(rng, kind)
            key = self._catalogue[index].key
            held = self._respect_holdouts and any(
                splits.held_pair(self._catalogue[other].key, key) for other in indices
            )
            if index not in indices and not held:
                indices.append(index)
            if len(indices) == number:
                break
        return indices

    def _style(self, rng: random.Random, coloured: bool, subjects: tuple[Subject, ...]) -> str | None:
        if coloured:
            return _draw(rng, {style: _STYLE_SHARES[style] for style in _RECOLOURABLE_STYLES})
        if all(not subject.concept.emoji or (subject.concept.slugs and rng.random() < 0.3) for subject in subjects):
            return "icon" if rng.random() < 0.5 else rng.choice((None, None, "sticker", "pixel", "blueprint"))
        return _draw(rng, _STYLE_SHARES)

    def _mirrored(self, rng: random.Random, scene: Scene) -> Scene | None:
        swapped = Scene(**{**scene.__dict__, "subjects": scene.subjects[::-1], "items": ()})
        return None if self._respect_holdouts and _held_out(swapped) else self.build(rng, swapped)


def in_picture_order(scene: Scene) -> tuple[Subject, ...]:
    """The two subjects of a relation as they stand, from left to right or from top to bottom."""
    return scene.subjects[::-1] if scene.relation in ("right", "below") else scene.subjects


def _background(rng: random.Random, style: str | None, subjects: tuple[Subject, ...]) -> tuple[str, str]:
    if style == "blueprint":
        return "blueprint", ""
    dark_drawing = style in ("lineicon", "silhouette")
    while True:
        background = _draw(rng, _BACKGROUND_SHARES)
        colour = rng.choice(COLOURS) if background in COLOURED_BACKGROUNDS else ""
        clashes = colour and any(subject.colour == colour for subject in subjects)
        unseen = dark_drawing and (background == "night" or colour == "black")
        if not clashes and not unseen:
            return background, colour


def _held_out(scene: Scene) -> bool:
    keys = [subject.concept.key for subject in scene.subjects]
    if any(
        splits.held_style(key, scene.style) or splits.held_background(key, scene.background, scene.background_colour)
        for key in keys
    ):
        return True
    if any(subject.colour and splits.held_colour(subject.concept.key, subject.colour) for subject in scene.subjects):
        return True
    if any(splits.held_lettering(key) for key in keys):
        return True
    if any(splits.held_count(subject.concept.key, subject.count) for subject in scene.subjects):
        return True
    if any(splits.held_pair(first, second) for position, first in enumerate(keys) for second in keys[position + 1 :]):
        return True
    return bool(scene.relation) and splits.held_relation(keys[0], scene.relation, keys[1])


def _draw(rng: random.Random, shares: dict[_Choice, float]) -> _Choice:
    return rng.choices(list(shares), weights=list(shares.values()))[0]
