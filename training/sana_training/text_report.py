"""What cutting, pruning and rounding cost the text encoder.

    python -m sana_training.text_report --gguf G --tokenizer T --dataset D --models models

prints two tables as Markdown: how many words of ordinary text are split as by the full tokenizer; and for each way to
round, the relative error of the states, and retrieval. Retrieval asks, among the objects of the data set, how often the
English name is nearest to the Chinese or emoji prompt for the same object (cosine of mean-pooled, centred states).
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import Gemma3TextModel

from . import storage
from .prompts import article, encode_prompts, read_objects
from .text_encoder import build_model, cut_state

_SENTENCES = Path(__file__).with_name("ordinary_sentences.txt")


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


def retrieval(states: list[torch.Tensor], names: list[torch.Tensor]) -> float:
    """Share of prompts whose nearest name is the one at the same index."""
    queries, keys = _pooled(states), _pooled(names)
    return float(((queries @ keys.T).argmax(1) == torch.arange(len(keys))).float().mean())


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


def _variants(
    gguf: Path, models: Path, pruned: Tokenizer, full: Tokenizer
) -> dict[str, tuple[dict[str, torch.Tensor], Tokenizer]]:
    whole = cut_state(gguf, None)
    full_vocabulary = full.get_vocab()
    rows = [full_vocabulary[pruned.id_to_token(index)] for index in range(pruned.get_vocab_size())]
    cut = {**whole, "embed_tokens.weight": whole["embed_tokens.weight"][rows]}
    shipped = storage.widen(load_file(models / "text_encoder" / "model.safetensors"))
    matrices = [name for name, weight in cut.items() if weight.ndim == 2 and name != "embed_tokens.weight"]
    nearest = {name: _stored_and_widened(cut[name], storage.quantize_blocks) for name in matrices}
    return {
        "13 layers, full vocabulary": (whole, full),
        "pruned vocabulary": (cut, pruned),
        "embedding int8": (
            {**cut, "embed_tokens.weight": _stored_and_widened(cut["embed_tokens.weight"], storage.quantize_rows)},
            pruned,
        ),
        "embedding int4": ({**cut, "embed_tokens.weight": shipped["embed_tokens.weight"]}, pruned),
        "layers int4, each block alone": ({**cut, **nearest}, pruned),
        "layers int4, error carried on": ({**shipped, "embed_tokens.weight": cut["embed_tokens.weight"]}, pruned),
        "shipped: layers and embedding int4": (shipped, pruned),
    }


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

    print("| text | words | split as by the full tokenizer, lower case | as written |\n|---|---|---|---|")
    for language, sentences in read_sentences().items():
        words = _words(language, sentences)
        lowered = [word.lower() for word in words]
        shares = f"{equal_words(full, pruned, lowered):.1%} | {equal_words(full, pruned, words):.1%}"
        print(f"| {language} | {len(words)} | {shares} |")

    things = read_objects(arguments.dataset)
    prompts = {
        "en": [article(thing.singular).lower() for thing in things],
        "zh": [f"一{thing.measure}{thing.chinese}" for thing in things],
        "emoji": [thing.emoji for thing in things],
    }
    everything = [prompt for group in prompts.values() for prompt in group]
    held_out = [f"a photo of two {thing.plural}, watercolour".lower() for thing in things[::4]]
    count = len(things)
    reference: list[torch.Tensor] = []
    print("\n| encoder | relative error of the states | Chinese → English | emoji → English |\n|---|---|---|---|")
    for title, (state, tokenizer) in _variants(arguments.gguf, arguments.models, pruned, full).items():
        states = encode(build_model(state), tokenizer, everything + held_out)
        if not reference:
            reference = states
        same = [index for index in range(len(states)) if len(states[index]) == len(reference[index])]
        error = relative_error([states[index] for index in same], [reference[index] for index in same])
        chinese = retrieval(states[count : 2 * count], states[:count])
        emoji = retrieval(states[2 * count : 3 * count], states[:count])
        print(f"| {title} | {error:.3f} | {chinese:.3f} | {emoji:.3f} |", flush=True)


if __name__ == "__main__":
    main()
