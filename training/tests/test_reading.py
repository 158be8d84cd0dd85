"""Words on signs: what is asked, and what tesseract reads."""

import json
import shutil
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from sana_training import reading, splits
from sana_training.catalogue import Concept
from sana_training.lettering import FORMS, draw_boards, read_words, word_key, word_of
from sana_training.questions import Question
from sana_training.scenes import Scene, SpriteTable, Subject


class _Table(SpriteTable):
    """Knows a drawing of everything."""

    def __init__(self):
        super().__init__([], {})

    def drawings(self, concept, style, colour):
        return [0]


def _board(form, word):
    paper = Image.new("RGBA", (640, 640), "white")
    paper.alpha_composite(Image.fromarray(draw_boards(word_key(form, word))[0]))
    return paper.convert("RGB").resize((512, 512))


def test_held_out_words_are_asked_apart():
    catalogue = [
        Concept(word_key(form, word), english=word, chinese=word, german=word)
        for word in read_words()
        for form in FORMS
    ]
    asked = reading.word_questions(catalogue, _Table())
    assert len(asked) == 4 * (40 + 12)
    for question in asked:
        assert question.held == splits.held_lettering(question.scene.subjects[0].concept.key)
    assert any(splits.held_word(word_of(question.scene.subjects[0].concept.key)) for question in asked)


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed: reading is NOT tested")
def test_tesseract_reads_the_boards_and_notices_a_wrong_word(tmp_path):
    words = ("open", "birthday", "stop")
    asked, pictures = [], []
    for form, word in zip(FORMS, words, strict=True):
        concept = Concept(word_key(form, word))
        asked.append(Question("word", "en", word, Scene("word", (Subject(concept, 0),), ()), False))
        values = torch.from_numpy(np.array(_board(form, word))).permute(2, 0, 1).float() / 127.5 - 1
        pictures.append(values)
    wrong = [pictures[1], pictures[2], pictures[0]]
    reading.save_words(tmp_path / "words.zip", asked, {"ceiling": torch.stack(pictures), "after": torch.stack(wrong)})
    assert "words.json" in zipfile.ZipFile(tmp_path / "words.zip").namelist()
    shares = reading.read_all(tmp_path / "words.zip", tmp_path / "words.json")
    assert shares["ceiling"]["right"] == 1
    assert shares["after"]["right"] == 0
    assert json.loads((tmp_path / "words.json").read_text())["shares"] == shares
