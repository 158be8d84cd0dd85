"""Pruning keeps the splits of kept words, and drops what it should."""

import json
import lzma
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from sana_training import vocabulary

_MERGES = [
    ("f", "o"),
    ("o", "x"),
    ("fo", "x"),
    ("▁", "fox"),
    ("▁", "r"),
    ("e", "d"),
    ("▁r", "ed"),
    ("b", "o"),
    ("bo", "x"),
    ("b", "ox"),
    ("▁", "box"),
    ("q", "z"),
]


@pytest.fixture
def full_json() -> dict:
    tokens = [*vocabulary.SPECIAL_TOKENS, *(f"<0x{byte:02X}>" for byte in range(256))]
    merged = dict.fromkeys(left + right for left, right in _MERGES)
    tokens += [*merged, *sorted({character for pair in _MERGES for part in pair for character in part})]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": index,
                "content": token,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for index, token in enumerate(vocabulary.SPECIAL_TOKENS)
        ],
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<bos>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<bos>": {"id": "<bos>", "ids": [2], "tokens": ["<bos>"]}},
        },
        "decoder": None,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": {token: index for index, token in enumerate(tokens)},
            "merges": [list(pair) for pair in _MERGES],
        },
    }


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    concept = {"1f98a": {"emoji": "🦊", "en": "fox"}}
    (tmp_path / "concepts.json.xz").write_bytes(lzma.compress(json.dumps(concept).encode()))
    (tmp_path / "objects.tsv").write_text("🦊\tfox\tfoxes\t狐狸\t只\tanimal\n", encoding="utf-8")
    return tmp_path


@pytest.fixture(autouse=True)
def few_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "_words_by_frequency", lambda _language: ["red"])


def test_kept_words_are_split_as_before(full_json: dict, dataset: Path):
    pruned = vocabulary.prune(full_json, dataset)
    before = Tokenizer.from_str(json.dumps(full_json))
    after = Tokenizer.from_str(json.dumps(pruned.tokenizer))
    for text in ("red fox", "fox red fox", " red", "🦊 fox"):
        assert after.encode(text).tokens == before.encode(text).tokens
    # A dropped word falls into pieces that are all still there.
    assert before.encode("qz", add_special_tokens=False).tokens == ["qz"]
    assert after.encode("qz", add_special_tokens=False).tokens == ["q", "z"]


def test_rows_point_at_the_same_tokens(full_json: dict, dataset: Path):
    pruned = vocabulary.prune(full_json, dataset)
    full = full_json["model"]["vocab"]
    for token, index in pruned.tokenizer["model"]["vocab"].items():
        assert pruned.rows[index] == full[token]
    assert pruned.rows == sorted(pruned.rows)
    # <bos> keeps its id, which the post-processor writes before every prompt.
    assert pruned.tokenizer["post_processor"]["special_tokens"]["<bos>"]["ids"] == [2]


def test_one_merge_for_every_token_that_is_formed(full_json: dict, dataset: Path):
    pruned = vocabulary.prune(full_json, dataset)
    model = pruned.tokenizer["model"]
    formed = ["".join(pair) for pair in model["merges"]]
    assert len(formed) == len(set(formed))
    assert all(token in model["vocab"] for token in formed)
    assert "qz" not in model["vocab"]
