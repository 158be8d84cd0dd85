"""What is kept out of training, decided by hashes so that training and evaluation agree without shipping lists."""

import hashlib

from .catalogue import code_points

_EVERYDAY_COLOURS = {
    (code_points("🦊"), "red"),
    (code_points("🐱"), "black"),
    (code_points("🍎"), "red"),
    (code_points("🌹"), "red"),
}
_HELD_STYLES = ("3d", "flat", "cartoon", "pixel", "sticker", "sketch", "silhouette")


def held_colour(key: str, colour: str) -> bool:
    """An object is never seen in this colour."""
    return (key, colour) not in _EVERYDAY_COLOURS and _share("color", key, colour) < 0.15


def held_pair(first: str, second: str) -> bool:
    """Two objects are never seen together."""
    return _share("pair", *sorted((first, second))) < 0.20


def held_count(key: str, count: int) -> bool:
    """12 % of the objects each lose one of the counts two, three and four."""
    return count in (2, 3, 4) and _share("count", key) < 0.12 and count == 2 + int(_share("countn", key) * 3)


def held_relation(first: str, relation: str, second: str) -> bool:
    """This order of a relation is never described; the mirrored one may be."""
    return _share("rel", first, relation, second) < 0.15


def held_style(key: str, style: str | None) -> bool:
    """An object is never seen in this style."""
    return style in _HELD_STYLES and _share("style", key, style) < 0.08


def held_background(key: str, background: str, colour: str) -> bool:
    """An object is never seen on this background."""
    return _share("bg", key, background, colour) < 0.10


def held_language(key: str, language: str) -> bool:
    """An object is never named in this language: it measures what carries over from the others."""
    return language != "en" and _share("language", key, language) < 0.03


def held_lettering(key: str) -> bool:
    """For the key of a word on something: the word is never drawn at all (5 %), or never on this (12 % of the rest)."""
    kind, _, rest = key.partition(":")
    return kind == "word" and (held_word(rest.partition(":")[2]) or _share("shown on", rest) < 0.12)


def held_word(word: str) -> bool:
    """The word is never drawn: it measures whether the model can spell."""
    return _share("lettered word", word) < 0.05


def held_drawing(illustration_set: str, key: str) -> bool:
    """The decoder is never trained on this drawing: it measures what it does to drawings that it has not seen."""
    return _share("drawing", illustration_set, key) < 0.02


def _share(*parts: str) -> float:
    return int(hashlib.sha1("|".join(parts).encode()).hexdigest()[:8], 16) / 2**32
