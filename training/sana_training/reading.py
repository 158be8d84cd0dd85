"""Are the words on signs, labels and speech bubbles spelled right? Read by tesseract, on any machine.

    python -m sana_training.reading --pictures words.zip --output words.json

``words.zip`` comes from stage ``evaluate``: the model's pictures, and painted ones, which are the ceiling. A picture is
right when one of the words that tesseract finds in it is the word that was asked for, capitals or not. Tesseract is
made for pages, so it is shown what stands on the board alone, in black on white (``lettering_alone``). The command
``tesseract`` (Debian: tesseract-ocr) must be on the path.
"""

import argparse
import io
import json
import random
import re
import shutil
import subprocess
import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from . import splits
from .captions import plain_caption
from .catalogue import LANGUAGES, Concept
from .lettering import read_words, word_of
from .questions import Question
from .scenes import Scene, SpriteTable, Subject

_ASKED = 40
_HELD = 12
# One line of text; the engine is the neural one.
_TESSERACT = ("-l", "eng", "--psm", "7", "--oem", "1")
# At this size letters are about as high as tesseract likes them.
_SIDE = 256
# Distances in 8-bit RGB: what still belongs to the paper, and what stands out from the board.
_ALIKE = 40
_STANDS_OUT = 60
_MARGIN = 24


def word_questions(catalogue: list[Concept], table: SpriteTable, limit: int | None = None) -> list[Question]:
    """Words in every language: 40 that were shown in training, and 12 that were never shown on this or on anything."""
    known = set(read_words())
    words = [index for index, concept in enumerate(catalogue) if word_of(concept.key) in known]
    words = [index for index in words if table.drawings(catalogue[index], None, None)]
    questions = []
    for language in LANGUAGES:
        rng = random.Random(f"words {language}")
        rng.shuffle(words)
        for held, number in ((False, _ASKED), (True, _HELD)):
            chosen = [index for index in words if splits.held_lettering(catalogue[index].key) is held][:number]
            for index in chosen[:limit]:
                scene = Scene("word", (Subject(catalogue[index], index),), ())
                questions.append(Question("word", language, plain_caption(scene, language), scene, held))
    return questions


def save_words(path: Path, asked: list[Question], pictures: dict[str, torch.Tensor]) -> None:
    """Writes ``[n, 3, h, w]`` in [-1, 1] of every model as JPEG, and what was asked."""
    rows = []
    with zipfile.ZipFile(path, "w") as archive:
        for model, shown in pictures.items():
            for number, (question, picture) in enumerate(zip(asked, shown, strict=True)):
                name = f"{model}-{number:03}.jpg"
                values = ((picture.permute(1, 2, 0).float().numpy() + 1) * 127.5).round().clip(0, 255).astype(np.uint8)
                encoded = io.BytesIO()
                Image.fromarray(values).save(encoded, "JPEG", quality=92)
                archive.writestr(name, encoded.getvalue())
                key = question.scene.subjects[-1].concept.key
                row = {"model": model, "file": name, "language": question.language, "prompt": question.prompt}
                new = splits.held_word(word_of(key))
                rows.append({**row, "word": word_of(key), "held": question.held, "new_word": new})
        archive.writestr("words.json", json.dumps(rows, ensure_ascii=False, indent=1))


def lettering_alone(picture: Image.Image) -> Image.Image:
    """What stands on the board, black on white; white alone where there is no board.

    The paper is what looks like a corner and is joined to the rim; the board is the commonest colour of the rest. What
    differs from the board and is not joined to the paper (an edge, a post or a tail are) is the lettering.
    """
    pixels = np.asarray(picture.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)).astype(np.int32)
    rim = np.ones((_SIDE, _SIDE), bool)
    rim[1:-1, 1:-1] = False
    paper = _joined_to(rim, _distance(pixels, pixels[0, 0]) < _ALIKE)
    rest = pixels[~paper]
    if len(rest) < _SIDE:
        return Image.new("L", (_SIDE, _SIDE), 255)
    codes, counts = np.unique(rest // 32, axis=0, return_counts=True)
    near = rest[(rest // 32 == codes[counts.argmax()]).all(1)]
    other = _distance(pixels, np.median(near, axis=0)) > _STANDS_OUT
    ink = other & ~_joined_to(paper | rim, other | paper)
    rows, columns = np.where(ink.any(1))[0], np.where(ink.any(0))[0]
    if len(rows) == 0:
        return Image.new("L", (_SIDE, _SIDE), 255)
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Image.fromarray(np.pad(np.where(cut, 0, 255).astype(np.uint8), _MARGIN, constant_values=255))


def _distance(pixels: np.ndarray, colour: np.ndarray) -> np.ndarray:
    return np.sqrt(np.square(pixels - colour).sum(-1))


def _joined_to(start: np.ndarray, within: np.ndarray) -> np.ndarray:
    """The part of ``within`` that can be reached from ``start`` without leaving it."""
    reached = start & within
    while True:
        grown = reached.copy()
        grown[1:] |= reached[:-1]
        grown[:-1] |= reached[1:]
        grown[:, 1:] |= reached[:, :-1]
        grown[:, :-1] |= reached[:, 1:]
        grown &= within
        if (grown == reached).all():
            return grown
        reached = grown


def read_words_in(picture: Image.Image) -> list[str]:
    """The words that tesseract sees, in lower case."""
    encoded = io.BytesIO()
    lettering_alone(picture).save(encoded, "PNG")
    command = ["tesseract", "stdin", "stdout", *_TESSERACT]
    done = subprocess.run(command, input=encoded.getvalue(), capture_output=True, check=True)
    return re.findall(r"[a-z]+", done.stdout.decode("utf-8").lower())


def read_all(pictures: Path, output: Path) -> dict[str, dict[str, float | int]]:
    """Writes what was read, and returns "model language" -> shares of right words."""
    if shutil.which("tesseract") is None:
        raise SystemExit("tesseract is not on the path (Debian: apt install tesseract-ocr)")
    with zipfile.ZipFile(pictures) as archive:
        rows = json.loads(archive.read("words.json"))
        for row in rows:
            row["read"] = read_words_in(Image.open(io.BytesIO(archive.read(row["file"]))))
            row["right"] = row["word"] in row["read"]
    groups: dict[str, list[dict]] = defaultdict(list)
    for row in rows:
        kind = "new words" if row["new_word"] else "new on this" if row["held"] else "seen"
        for name in (row["model"], f"{row['model']} {row['language']}", f"{row['model']} {kind}"):
            groups[name].append(row)
    shares = {
        name: {"pictures": len(group), "right": round(sum(row["right"] for row in group) / len(group), 4)}
        for name, group in groups.items()
    }
    output.write_text(json.dumps({"shares": shares, "answers": rows}, ensure_ascii=False, indent=1) + "\n")
    return shares


def main() -> None:
    """Command line of the reading."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, required=True, help="words.zip of stage evaluate")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    for name, share in read_all(arguments.pictures, arguments.output).items():
        print(f"{name:20} {share['right']:.3f} of {share['pictures']}")


if __name__ == "__main__":
    main()
