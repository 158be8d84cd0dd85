"""Where the things of a scene stand, and how large they are."""

import random

# Centre as a share of width and height, size as a share of the short side.
Place = tuple[float, float, float]

# (centres, size) of the things in a square picture; sizes and places in units of its side.
_LAYOUTS: dict[str, tuple[tuple[tuple[float, float], ...], float]] = {
    "one": (((0.5, 0.5),), 0.74),
    "board": (((0.5, 0.5),), 0.84),
    "row2": (((0.26, 0.5), (0.74, 0.5)), 0.44),
    "column2": (((0.5, 0.26), (0.5, 0.74)), 0.44),
    "triangle": (((0.27, 0.28), (0.73, 0.28), (0.5, 0.73)), 0.41),
    "row3": (((0.19, 0.5), (0.5, 0.5), (0.81, 0.5)), 0.29),
    "square": (((0.27, 0.27), (0.73, 0.27), (0.27, 0.73), (0.73, 0.73)), 0.40),
    "quincunx": (((0.21, 0.22), (0.79, 0.22), (0.21, 0.78), (0.79, 0.78), (0.5, 0.5)), 0.34),
    "rows6": (((0.19, 0.29), (0.5, 0.29), (0.81, 0.29), (0.19, 0.72), (0.5, 0.72), (0.81, 0.72)), 0.29),
}
# Things at different distances, the farthest first: (centre, size). What is nearer stands lower and is drawn over it.
_DEPTH_LAYOUTS: dict[int, tuple[Place, ...]] = {
    3: ((0.5, 0.30, 0.34), (0.27, 0.66, 0.42), (0.73, 0.69, 0.44)),
    4: ((0.29, 0.29, 0.32), (0.71, 0.29, 0.32), (0.26, 0.70, 0.40), (0.73, 0.72, 0.41)),
    5: ((0.20, 0.29, 0.28), (0.5, 0.24, 0.28), (0.80, 0.29, 0.28), (0.29, 0.71, 0.38), (0.71, 0.71, 0.39)),
}
# A thing, and a board at its upper right that is large enough to be read.
_BESIDE_WORD = ((0.20, 0.70, 0.36), (0.62, 0.36, 0.66))
# How often several things stand at different distances.
_DEPTH_SHARE = 0.6


def places(rng: random.Random, kind: str, relation: str, number: int, aspect: float) -> list[Place]:
    """Places of ``number`` things, from left to right and from top to bottom where the scene's relation needs that."""
    if kind == "several" and rng.random() < _DEPTH_SHARE:
        return _places_in_depth(rng, number)
    if kind == "word" and number == 2:
        return [(x + rng.uniform(-0.02, 0.02), y + rng.uniform(-0.03, 0.03), size) for x, y, size in _BESIDE_WORD]
    return _places_flat(rng, _layout(rng, kind, relation, number), number, aspect)


def _places_flat(rng: random.Random, layout: str, number: int, aspect: float) -> list[Place]:
    centres, size = _LAYOUTS[layout]
    wide, tall = aspect > 1.2, aspect < 0.8
    if wide and layout in ("row2", "row3"):
        size = min(size * 1.4, 0.6)
    if tall and layout == "column2":
        size = min(size * 1.4, 0.6)
    if layout in ("one", "board"):
        jitter_x = jitter_y = 0.04
        # A wide picture often has its subject aside, with room for a title.
        if wide or tall:
            jitter_x, jitter_y = (0.22, 0.04) if wide else (0.04, 0.22)
        low, high = (0.88, 1.13) if layout == "one" else (0.9, 1.05)
    else:
        free = 0.05
        jitter_x = free if layout == "column2" else 0.015
        jitter_y = free if layout in ("row2", "row3") else 0.015
        low, high = 0.9, 1.05
    order = list(range(len(centres)))
    if layout not in ("row2", "column2"):
        rng.shuffle(order)
    return [
        (
            centres[place][0] + rng.uniform(-jitter_x, jitter_x),
            centres[place][1] + rng.uniform(-jitter_y, jitter_y),
            size * rng.uniform(low, high),
        )
        for place in order[:number]
    ]


def _places_in_depth(rng: random.Random, number: int) -> list[Place]:
    places = _DEPTH_LAYOUTS[number]
    flipped = rng.random() < 0.5
    scale = rng.uniform(0.92, 1.05)
    return [
        ((1 - x if flipped else x) + rng.uniform(-0.02, 0.02), y + rng.uniform(-0.02, 0.02), size * scale)
        for x, y, size in places
    ]


def _layout(rng: random.Random, kind: str, relation: str, number: int) -> str:
    if kind == "relation":
        return "row2" if relation in ("left", "right") else "column2"
    if kind == "word":
        return "board"
    if number == 2:
        return "row2" if rng.random() < 0.7 else "column2"
    if number == 3:
        return "triangle" if rng.random() < 0.6 else "row3"
    return {1: "one", 4: "square", 5: "quincunx", 6: "rows6"}[number]
