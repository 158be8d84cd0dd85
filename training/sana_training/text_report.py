"""What cutting, pruning and rounding cost the text encoder.

    python -m sana_training.text_report --gguf G --tokenizer T --dataset D --models models

prints two tables as Markdown: for more and fewer rows of the embedding, how many words of ordinary text are split as by
the full tokenizer; and for each way to round, the relative error of the states, and retrieval. Retrieval asks, among the
objects of the data set, how often the English name is nearest to the Chinese or emoji prompt for the same object, or to an
English keyword of it (cosine of mean-pooled, centred states). What is asked there is split alike with every number of
rows, so the two tables are independent of each other.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import Gemma3TextModel

from . import storage
from .catalogue import code_points, load_catalogue
from .prompts import ObjectName, article, encode_prompts, read_objects
from .text_encoder import EMBEDDING, build_model, cut_state
from .text_states import STATE_WIDTH
from .vocabulary import prune

_SENTENCES = Path(__file__).with_name("ordinary_sentences.txt")
# Of the everyday words that the vocabulary is pruned to.
_WORD_SHARES = (0.0, 0.1, 0.3, 1.0, 3.0)
# Bytes of a weight: codes, and one scale a row or a block, which is nothing beside a row.
_BYTES = {4: 0.5 + 2 / storage.BLOCK, 8: 1.0, 16: 2.0}


def encode(model: Gemma3TextModel, tokenizer: Tokenizer, prompts: list[str]) -> list[torch.Tensor]:
    """The states ``[tokens, 640]`` of each prompt, in the order given."""
    states: list[torch.Tensor] = [torch.empty(0)] * len(prompts)
    for ids, indices in encode_prompts(tokenizer, prompts):
        with torch.no_grad():
            output = model(input_ids=ids).last_hidden_state
        for row, index in zip(output, indices, strict=True):
            states[index] = row
    return states


def relative_error(states: list[torch.Tensor], reference: list[torch.Tensor]) -> float:
    """Relative L2 over all tokens but ``<bos>``, whose state is the same for every prompt."""
    difference = sum((a[1:] - b[1:]).square().sum() for a, b in zip(states, reference, strict=True))
    return float((difference / sum(b[1:].square().sum() for b in reference)).sqrt())


def retrieval(states: list[torch.Tensor], names: list[torch.Tensor], wanted: list[int] | None = None) -> float:
    """Share of prompts whose nearest name is the one at the same index, or at the index in ``wanted``."""
    queries, keys = _pooled(states), _pooled(names)
    right = torch.arange(len(keys)) if wanted is None else torch.tensor(wanted)
    return float(((queries @ keys.T).argmax(1) == right).float().mean())


def equal_words(full: Tokenizer, pruned: Tokenizer, words: list[str]) -> float:
    """Share of words that both tokenizers split alike."""
    pairs = zip(_split(full, words), _split(pruned, words), strict=True)
    return sum(a == b for a, b in pairs) / len(words)


def read_sentences() -> dict[str, list[str]]:
    """Ordinary sentences by language: lines ``language<TAB>sentence``."""
    sentences: dict[str, list[str]] = {}
    for line in _SENTENCES.read_text(encoding="utf-8").splitlines():
        language, sentence = line.split("\t")
        sentences.setdefault(language, []).append(sentence)
    return sentences


def _words(language: str, sentences: list[str]) -> list[str]:
    """The words as they stand in a sentence: with the space before them, or for Chinese the clause between marks."""
    if language == "zh":
        return [clause for sentence in sentences for clause in sentence.replace("。", "，").split("，") if clause]
    words = [word for sentence in sentences for word in sentence.split()]
    return [f" {word}" for word in words]


def _split(tokenizer: Tokenizer, words: list[str]) -> list[list[str]]:
    return [encoding.tokens for encoding in tokenizer.encode_batch(words, add_special_tokens=False)]


def _pooled(states: list[torch.Tensor]) -> torch.Tensor:
    means = torch.stack([state[1:].mean(0) for state in states])
    return torch.nn.functional.normalize(means - means.mean(0), dim=1)


def keyword_of(thing: ObjectName, keywords: tuple[str, ...]) -> str | None:
    """The first keyword that has no word in common with the thing's own name."""
    own = set(thing.singular.lower().split())
    return next((word for word in keywords if not own & set(word.lower().split())), None)


def _variants(
    gguf: Path, models: Path, pruned: Tokenizer, full: Tokenizer
) -> dict[str, tuple[dict[str, torch.Tensor], Tokenizer, tuple[int, int]]]:
    """Weights, tokenizer and the bits of layers and embedding of everything that is compared."""
    whole = cut_state(gguf, None)
    full_vocabulary = full.get_vocab()
    rows = [full_vocabulary[pruned.id_to_token(index)] for index in range(pruned.get_vocab_size())]
    cut = {**whole, EMBEDDING: whole[EMBEDDING][rows]}
    carried = storage.widen(load_file(models / "text_encoder" / "model.safetensors"))
    matrices = [name for name, weight in cut.items() if weight.ndim == 2 and name != EMBEDDING]
    nearest = {name: _stored_and_widened(cut[name], storage.quantize_blocks) for name in matrices}
    eight = {name: _stored_and_widened(cut[name], storage.quantize_rows) for name in (*matrices, EMBEDDING)}
    table = {EMBEDDING: carried[EMBEDDING]}
    return {
        "13 layers, full vocabulary": (whole, full, (16, 16)),
        "pruned vocabulary": (cut, pruned, (16, 16)),
        "embedding int8": ({**cut, EMBEDDING: eight[EMBEDDING]}, pruned, (16, 8)),
        "embedding int4": ({**cut, **table}, pruned, (16, 4)),
        "layers int4, each block alone": ({**cut, **nearest}, pruned, (4, 16)),
        "layers int4, error carried on": ({**carried, EMBEDDING: cut[EMBEDDING]}, pruned, (4, 16)),
        "layers and embedding int8": ({**cut, **eight}, pruned, (8, 8)),
        "layers int8, embedding int4": ({**cut, **eight, **table}, pruned, (8, 4)),
        "layers int4, embedding int8": ({**carried, EMBEDDING: eight[EMBEDDING]}, pruned, (4, 8)),
        "shipped: layers and embedding int4": (carried, pruned, (4, 4)),
    }


def _megabytes(layers: float, rows: int, bits: tuple[int, int]) -> float:
    """For ``layers`` weights in the layers and ``rows`` rows of the embedding, each with their bits."""
    return (layers * _BYTES[bits[0]] + rows * STATE_WIDTH * _BYTES[bits[1]]) / 1e6


def _stored_and_widened(
    weight: torch.Tensor, quantise: Callable[[torch.Tensor], dict[str, torch.Tensor]]
) -> torch.Tensor:
    return storage.widen(storage.named("w", quantise(weight)))["w"]


def main() -> None:
    """Command line of the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gguf", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.json of Gemma 3")
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True, help="the checkpoint folder")
    arguments = parser.parse_args()
    full = Tokenizer.from_file(str(arguments.tokenizer))
    pruned = Tokenizer.from_file(str(arguments.models / "tokenizer" / "tokenizer.json"))

    things = read_objects(arguments.dataset)
    variants = _variants(arguments.gguf, arguments.models, pruned, full)
    layers = sum(weight.numel() for name, weight in variants["pruned vocabulary"][0].items() if name != EMBEDDING)
    _print_rows(arguments, full, layers)

    concepts = {concept.key: concept.keywords for concept in load_catalogue(arguments.dataset, [])}
    keywords = [keyword_of(thing, concepts.get(code_points(thing.emoji), ())) for thing in things]
    asked = [index for index, keyword in enumerate(keywords) if keyword is not None]
    prompts = {
        "en": [article(thing.singular).lower() for thing in things],
        "zh": [f"一{thing.measure}{thing.chinese}" for thing in things],
        "emoji": [thing.emoji for thing in things],
        "keyword": [keywords[index].lower() for index in asked],
    }
    everything = [prompt for group in prompts.values() for prompt in group]
    held_out = [f"a photo of two {thing.plural}, watercolour".lower() for thing in things[::4]]
    reference: list[torch.Tensor] = []
    print(f"\n{len(things)} objects, {len(asked)} of them with a keyword\n")
    print("| encoder | MB | error of the states | Chinese → English | emoji → English | keyword → English |")
    print("|---|---|---|---|---|---|")
    for title, (state, tokenizer, bits) in variants.items():
        states = encode(build_model(state), tokenizer, everything + held_out)
        reference = reference or states
        same = [index for index in range(len(states)) if len(states[index]) == len(reference[index])]
        error = relative_error([states[index] for index in same], [reference[index] for index in same])
        found, start = {}, 0
        for name, group in prompts.items():
            found[name] = states[start : start + len(group)]
            start += len(group)
        right = [
            retrieval(found["zh"], found["en"]),
            retrieval(found["emoji"], found["en"]),
            retrieval(found["keyword"], found["en"], asked),
        ]
        size = _megabytes(layers, tokenizer.get_vocab_size(), bits)
        print(f"| {title} | {size:.0f} | {error:.3f} | {' | '.join(f'{value:.3f}' for value in right)} |", flush=True)


def _print_rows(arguments: argparse.Namespace, full: Tokenizer, layers: int) -> None:
    full_json = json.loads(arguments.tokenizer.read_text(encoding="utf-8"))
    words = {language: _words(language, sentences) for language, sentences in read_sentences().items()}
    print("words of ordinary sentences that are split as by the full tokenizer, lower case (as written)\n")
    print(f"| everyday words | rows | MB, embedding int4 (int8) | {' | '.join(words)} |\n|---|---|---|---|---|---|")
    for share in _WORD_SHARES:
        vocabulary = prune(full_json, arguments.dataset, share)
        cut = Tokenizer.from_str(json.dumps(vocabulary.tokenizer))
        shares = [
            f"{equal_words(full, cut, [word.lower() for word in group]):.1%} ({equal_words(full, cut, group):.1%})"
            for group in words.values()
        ]
        rows = len(vocabulary.rows)
        sizes = f"{_megabytes(layers, rows, (4, 4)):.0f} ({_megabytes(layers, rows, (4, 8)):.0f})"
        print(f"| {share:.0%} | {rows} | {sizes} | {' | '.join(shares)} |", flush=True)


if __name__ == "__main__":
    main()
