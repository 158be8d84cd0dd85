"""Cuts a Gemma vocabulary to the rows that a prompt needs, without changing how kept words are split.

Byte-pair merging looks only at neighbours: if every token of a text's full tokenisation is kept together with the
tokens it was merged from, the same merges fire in the same order and the text is split exactly as before. One merge per
token is enough, because a token can only ever be formed by the merges that form it alone.
"""

import gzip
import importlib.resources
import json
import lzma
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

SPECIAL_TOKENS = ("<pad>", "<eos>", "<bos>", "<unk>", "<mask>")
WORD_START = "▁"


@dataclass(frozen=True)
class WordCounts:
    """How many words of a language are kept whole, most frequent first, by how they stand in a prompt."""

    spaced: int
    first: int
    spaced_capitalised: int
    first_capitalised: int


# Prompts are lower-cased before they reach the encoder, so capitals get little room, except in German: its nouns share
# few tokens and cost few rows. Only the first word of a prompt has no space before it.
_WORDS = {
    "en": WordCounts(spaced=32_000, first=8_000, spaced_capitalised=2_000, first_capitalised=1_000),
    "de": WordCounts(spaced=40_000, first=4_000, spaced_capitalised=340_000, first_capitalised=2_000),
}

_HAN = re.compile(r"^[\u4e00-\u9fff]{2,}$")
_CJK_PUNCTUATION = re.compile(r"^[\u3000-\u3003\u3008-\u3011\uff01-\uff0f\uff1a-\uff20“”‘’…—·]{2,}$")
_ASCII_PUNCTUATION = re.compile(r"^▁?[!-/:-@\[-`{-~]{1,2}$")
_BLANKS = re.compile(r"^(\n+|▁+|\t+)$")


@dataclass(frozen=True)
class PrunedVocabulary:
    """A tokenizer.json as a dictionary, and for each of its ids the row of the full embedding."""

    tokenizer: dict
    rows: list[int]


def prune(full_json: dict, dataset: Path, share: float = 1.0) -> PrunedVocabulary:
    """``dataset`` has objects.tsv and concepts.json.xz, whose names and emoji are kept whole.

    ``share`` is that of the everyday words which are kept, for a look at what fewer or more of them would cost.
    """
    vocabulary: dict[str, int] = full_json["model"]["vocab"]
    merges = [_pair(merge) for merge in full_json["model"]["merges"]]
    rank = {pair: index for index, pair in enumerate(merges)}
    tokenizer = Tokenizer.from_str(json.dumps(full_json))

    wanted = {token for token in vocabulary if _is_general(token)}
    wanted |= _tokens_of(tokenizer, _everyday_words(share))
    wanted |= _tokens_of(tokenizer, _picture_texts(dataset))
    kept = set(SPECIAL_TOKENS) | {f"<0x{byte:02X}>" for byte in range(256)}
    formed_by: dict[str, tuple[str, str]] = {}
    for token in wanted - kept:
        kept.add(token)
        kept |= _derive(token, rank, formed_by)
    ordered = sorted(kept & vocabulary.keys(), key=vocabulary.__getitem__)
    new_id = {token: index for index, token in enumerate(ordered)}
    return PrunedVocabulary(_pruned_json(full_json, new_id, formed_by, rank), [vocabulary[token] for token in ordered])


def _is_general(token: str) -> bool:
    """Tokens kept whatever their frequency: single code points, Chinese words, punctuation, runs of blanks."""
    patterns = (_HAN, _CJK_PUNCTUATION, _ASCII_PUNCTUATION, _BLANKS)
    return len(token) == 1 or any(pattern.match(token) for pattern in patterns)


def _everyday_words(share: float) -> Iterable[str]:
    for language, counts in _WORDS.items():
        words = _words_by_frequency(language)
        yield from (f" {word}" for word in words[: round(share * counts.spaced)])
        yield from words[: round(share * counts.first)]
        yield from (f" {word.capitalize()}" for word in words[: round(share * counts.spaced_capitalised)])
        yield from (word.capitalize() for word in words[: round(share * counts.first_capitalised)])


def _words_by_frequency(language: str) -> list[str]:
    resource = importlib.resources.files("spellchecker") / "resources" / f"{language}.json.gz"
    counts: dict[str, int] = json.loads(gzip.decompress(resource.read_bytes()))
    return sorted(counts, key=lambda word: (-counts[word], word))


def _picture_texts(dataset: Path) -> Iterable[str]:
    """Whatever this project itself has a word for, at the start of a prompt and within it."""
    here = Path(__file__).parent
    words = (here / "picture_words.txt").read_text(encoding="utf-8").split()
    for table in (dataset / "objects.tsv", *sorted((here / "names").glob("*.tsv"))):
        words += re.split(r"[\t\n]", table.read_text(encoding="utf-8"))
    for concept in json.loads(lzma.decompress((dataset / "concepts.json.xz").read_bytes())).values():
        emoji = concept["emoji"]
        yield from (emoji, emoji * 2, f" {emoji}")
        for language in ("en", "zh", "de"):
            words.append(concept.get(language) or "")
            keywords = [keyword.lower() for keyword in concept.get(f"{language}_kw") or []]
            yield from (form for keyword in keywords for form in (keyword, f" {keyword}"))
    for word in words:
        yield from (word, f" {word}", word.lower(), f" {word.lower()}")


def _tokens_of(tokenizer: Tokenizer, texts: Iterable[str]) -> set[str]:
    encodings = tokenizer.encode_batch(list(texts), add_special_tokens=False)
    return {token for encoding in encodings for token in encoding.tokens}


def _derive(token: str, rank: dict[tuple[str, str], int], formed_by: dict[str, tuple[str, str]]) -> set[str]:
    """The tokens that merging passes through on the way to ``token``; notes the pair that formed each."""
    parts = list(token)
    seen = set(parts)
    while len(parts) > 1:
        pairs = [(parts[index], parts[index + 1]) for index in range(len(parts) - 1)]
        best = min(range(len(pairs)), key=lambda index: rank.get(pairs[index], len(rank)))
        if pairs[best] not in rank:
            break
        parts[best : best + 2] = ["".join(pairs[best])]
        formed_by[parts[best]] = pairs[best]
        seen.add(parts[best])
    return seen


def _pruned_json(
    full_json: dict,
    new_id: dict[str, int],
    formed_by: dict[str, tuple[str, str]],
    rank: dict[tuple[str, str], int],
) -> dict:
    pairs = sorted((pair for token, pair in formed_by.items() if token in new_id), key=rank.__getitem__)
    processor = json.loads(json.dumps(full_json["post_processor"]))
    for special in processor["special_tokens"].values():
        special["ids"] = [new_id[token] for token in special["tokens"]]
    return {
        **full_json,
        "added_tokens": [
            {**token, "id": new_id[token["content"]]}
            for token in full_json["added_tokens"]
            if token["content"] in new_id
        ],
        "post_processor": processor,
        "model": {**full_json["model"], "vocab": new_id, "merges": [list(pair) for pair in pairs]},
    }


def _pair(merge: str | list[str]) -> tuple[str, str]:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right
