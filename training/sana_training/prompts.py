"""How a prompt becomes tokens, and the prompts that the text encoder is calibrated and measured on."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer

BOS = 2
# <bos> and at most 31 tokens of the prompt: no template, no instruction.
PROMPT_TOKENS = 32

_COLOURS = (
    ("red", "红色"),
    ("blue", "蓝色"),
    ("green", "绿色"),
    ("yellow", "黄色"),
    ("black", "黑色"),
    ("pink", "粉色"),
)
_SQUARES = ("🟥", "🟦", "🟩", "🟨", "⬛", "🩷")
_STYLES = (
    ("3d render", "3D渲染风格"),
    ("flat vector illustration", "扁平矢量风格"),
    ("cartoon illustration", "卡通风格"),
    ("black line icon", "黑白线条图标"),
)
_RELATIONS = (
    ("to the left of", "在{}的左边"),
    ("above", "在{}的上方"),
    ("to the right of", "在{}的右边"),
    ("below", "在{}的下方"),
)


@dataclass(frozen=True)
class ObjectName:
    """One drawable thing of objects.tsv."""

    emoji: str
    singular: str
    plural: str
    chinese: str
    measure: str


def read_objects(dataset: Path) -> list[ObjectName]:
    """The rows of objects.tsv."""
    lines = (dataset / "objects.tsv").read_text(encoding="utf-8").splitlines()
    return [ObjectName(*line.split("\t")[:5]) for line in lines if line]


def article(name: str) -> str:
    """The name with ``a`` or ``an``."""
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def calibration_prompts(dataset: Path) -> list[str]:
    """Short scenes in English, Chinese and emoji, as lower-case as a prompt is when it reaches the encoder."""
    things = read_objects(dataset)
    prompts = [""]
    for index, thing in enumerate(things):
        other = things[(index * 7 + 3) % len(things)]
        colour, colour_zh = _COLOURS[index % len(_COLOURS)]
        style, style_zh = _STYLES[index % len(_STYLES)]
        relation, relation_zh = _RELATIONS[index % len(_RELATIONS)]
        english = (
            article(thing.singular),
            f"a {style} of {article(colour + ' ' + thing.singular)} {relation} {article(other.singular)}",
            f"three {thing.plural} on {article(colour)} background",
        )
        chinese = (
            f"一{thing.measure}{colour_zh}的{thing.chinese}，{style_zh}",
            f"一{thing.measure}{thing.chinese}{relation_zh.format('一' + other.measure + other.chinese)}",
        )
        emoji = (f"{_SQUARES[index % len(_SQUARES)]}{thing.emoji}", thing.emoji * 2 + other.emoji)
        prompts += [english[index % 3], english[(index + 1) % 3], chinese[index % 2], emoji[index % 2]]
    return [prompt.lower() for prompt in prompts]


def encode_prompts(
    tokenizer: Tokenizer, prompts: list[str], batch: int = 64
) -> Iterator[tuple[torch.Tensor, list[int]]]:
    """Batches of equal length, so that no padding is needed: ids ``[n, length]`` and the indices of their prompts."""
    encoded = [encoding.ids[:PROMPT_TOKENS] for encoding in tokenizer.encode_batch(prompts)]
    by_length = sorted(range(len(prompts)), key=lambda index: len(encoded[index]))
    for _, group in itertools.groupby(by_length, key=lambda index: len(encoded[index])):
        indices = list(group)
        for start in range(0, len(indices), batch):
            chosen = indices[start : start + batch]
            yield torch.tensor([encoded[index] for index in chosen]), chosen
