"""Spells quoted words out, so that the text encoder's states say which letter stands where.

A word is one or two tokens, and what letters it has is not in their states. With a numbered letter a token each, letter
and place can be read from a state without error (both 100 % by a linear probe, on 3,443 letters of made-up words; 74 %
of the places where the letters are only set apart by spaces). ``sidecar/pipeline/spelled-words.ts`` does the same.
"""

import re

MAX_LETTERS = 8

_PAIRS = ('""', "“”", "„“", "„”", "””", "''", "‘’", "‚‘", "«»", "»«", "「」", "『』")
# These are apostrophes, too, where a Latin letter or a digit stands directly outside of them.
_APOSTROPHES = "'’"
_LATIN = "0-9a-z\u00df-\u024f"


def _pattern(pair: str) -> str:
    opened = (f"(?<![{_LATIN}])" if pair[0] in _APOSTROPHES else "") + pair[0]
    closed = pair[1] + (f"(?![{_LATIN}])" if pair[1] in _APOSTROPHES else "")
    return rf"{opened}([a-z]{{1,{MAX_LETTERS}}}){closed}"


_QUOTED = re.compile("|".join(map(_pattern, _PAIRS)))


def spelled(prompt: str) -> str:
    """A lower-case prompt with ``"hello"`` turned to ``"①h②e③l④l⑤o"``; other than short plain words stay as they are."""
    return _QUOTED.sub(lambda found: '"' + _numbered(next(filter(None, found.groups()))) + '"', prompt)


def _numbered(word: str) -> str:
    return "".join(chr(ord("①") + place) + letter for place, letter in enumerate(word))
