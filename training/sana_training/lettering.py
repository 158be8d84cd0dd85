"""Short words on signs, labels and speech bubbles, drawn with freely licensed fonts in capital letters.

Prompts reach the text encoder in lower case, so whether capitals are meant is not known: pictures always show them.
Letters are set at one pitch, so that a letter's place follows from its number and the length of the word alone.
"""

import importlib.util
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .spelling import MAX_LETTERS

LETTERING_SET = "lettering"
# Colours that a board can be moved to and that white letters can be read on.
BOARD_COLOURS = ("red", "green", "blue", "purple", "teal", "orange", "brown", "pink")
# Package and file of each font: Apache-2.0, OFL-1.1, OFL-1.1 (see models/ATTRIBUTION.md).
_FONTS = (
    ("font_roboto", "Roboto-Bold.ttf"),
    ("font_fredoka_one", "FredokaOne-Regular.ttf"),
    ("font_lato", "Lato-Black.ttf"),
)
_SIDE = 640
_EDGE = 12
# As blue as the blue that drawings are moved to.
_BLUE = (45, 115, 220)
_WHITE, _DARK, _GRAY = (252, 252, 250), (38, 40, 48), (150, 154, 162)
_WOOD = (140, 95, 60)
_PAPER = (255, 236, 150)
_WORDS = Path(__file__).parent / "names" / "words.txt"
# From one letter to the next, in units of the font's size.
_PITCH = 0.82
_MADE_UP = 1600
# How many of a hundred letters of English text are an a, a b and so on, in whole numbers of at least one.
_FREQUENCIES = (8, 1, 3, 4, 13, 2, 2, 6, 7, 1, 1, 4, 2, 7, 8, 2, 1, 6, 6, 9, 3, 1, 2, 1, 2, 1)


@dataclass(frozen=True)
class Form:
    """What a word is written on, and what that is called."""

    english: str
    chinese: str
    measure: str
    german: str
    gender: str
    emoji: str


FORMS = {
    "sign": Form("sign", "牌子", "块", "Schild", "n", "🪧"),
    "label": Form("label", "标签", "张", "Etikett", "n", "🏷️"),
    "bubble": Form("speech bubble", "对话气泡", "个", "Sprechblase", "f", "💬"),
}


def read_words() -> list[str]:
    """Every word, in lower case, of at most MAX_LETTERS letters."""
    return _WORDS.read_text(encoding="utf-8").split()


def made_up_words() -> list[str]:
    """Letters in any order, 2 to MAX_LETTERS of them and none of ``read_words``: spelling is learned from these."""
    rng = random.Random(2026)
    # Rare letters come more often than in a text, because they are as hard to draw.
    weights = [share**0.5 for share in _FREQUENCIES]
    letters = [chr(ord("a") + index) for index in range(len(weights))]
    found: dict[str, None] = {}
    known = set(read_words())
    while len(found) < _MADE_UP:
        word = "".join(rng.choices(letters, weights, k=rng.randint(2, MAX_LETTERS)))
        if word not in known:
            found[word] = None
    return list(found)


def word_key(form: str, word: str) -> str:
    """The key of a word on something."""
    return f"word:{form}:{word}"


def word_of(key: str) -> str | None:
    """The word of such a key; None for anything else."""
    return key.rsplit(":", 1)[1] if key.startswith("word:") else None


def draw_boards(key: str) -> list[np.ndarray]:
    """Straight RGBA pictures of one word on one thing. The first is the one that is recoloured."""
    _, form, word = key.split(":")
    pictures = []
    for font, (fill, edge, ink) in enumerate(((_BLUE, _BLUE, _WHITE), (_WHITE, _GRAY, _DARK), (_PAPER, _DARK, _DARK))):
        picture = Image.new("RGBA", (_SIDE, _SIDE), (0, 0, 0, 0))
        box = _BOARDS[form](ImageDraw.Draw(picture), fill, edge)
        _write(ImageDraw.Draw(picture), box, word.upper(), font, ink)
        pictures.append(np.asarray(picture))
    return pictures


def _sign(pen: ImageDraw.ImageDraw, fill: tuple, edge: tuple) -> tuple[int, int, int, int]:
    pen.rectangle((_SIDE // 2 - 24, 300, _SIDE // 2 + 24, 560), fill=_WOOD)
    pen.rounded_rectangle((4, 60, _SIDE - 4, 350), 34, fill=fill, outline=edge, width=_EDGE)
    return (4, 60, _SIDE - 4, 350)


def _label(pen: ImageDraw.ImageDraw, fill: tuple, edge: tuple) -> tuple[int, int, int, int]:
    corners = [(4, 320), (110, 180), (_SIDE - 4, 180), (_SIDE - 4, 460), (110, 460)]
    pen.polygon(corners, fill=fill)
    pen.line([*corners, corners[0]], fill=edge, width=_EDGE, joint="curve")
    pen.ellipse((62, 300, 102, 340), fill=_DARK)
    # The string that it hangs on.
    pen.line([(82, 320), (50, 240), (20, 150)], fill=_DARK, width=_EDGE, joint="curve")
    return (104, 180, _SIDE - 4, 460)


def _bubble(pen: ImageDraw.ImageDraw, fill: tuple, edge: tuple) -> tuple[int, int, int, int]:
    tail = [(150, 400), (110, 540), (270, 410)]
    pen.polygon(tail, fill=fill)
    pen.line([tail[0], tail[1], tail[2]], fill=edge, width=_EDGE, joint="curve")
    pen.rounded_rectangle((4, 100, _SIDE - 4, 420), 120, fill=fill, outline=edge, width=_EDGE)
    # The bubble and its tail are one.
    pen.rectangle((158, 400, 258, 422), fill=fill)
    return (30, 100, _SIDE - 30, 420)


_BOARDS = {"sign": _sign, "label": _label, "bubble": _bubble}


def _write(pen: ImageDraw.ImageDraw, box: tuple[int, int, int, int], text: str, font: int, ink: tuple) -> None:
    """As large as fits into the box with some air, in its middle."""
    left, top, right, bottom = box
    size = 200
    capital = _font(font, size).getbbox("H", anchor="ls")
    scale = min(0.86 * (right - left) / (len(text) * _PITCH * size), 0.56 * (bottom - top) / -capital[1])
    pitch = scale * _PITCH * size
    begin, foot = (left + right - len(text) * pitch) / 2, (top + bottom - scale * capital[1]) / 2
    for place, letter in enumerate(text):
        pen.text((begin + (place + 0.5) * pitch, foot), letter, ink, _font(font, int(size * scale)), anchor="ms")


@cache
def _font(number: int, size: int) -> ImageFont.FreeTypeFont:
    package, file = _FONTS[number]
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise SystemExit(f"the font package {package.replace('_', '-')} is missing: pip install -e training")
    return ImageFont.truetype(str(Path(found.submodule_search_locations[0]) / "files" / file), size)
