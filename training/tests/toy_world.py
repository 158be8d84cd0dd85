"""A dataset, drawings and models small enough for a test: six objects, two colours, plain shapes."""

import json
import lzma
import zipfile
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderDC, SanaTransformer2DModel
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from sana_training.lettering import FORMS, LETTERING_SET, draw_boards, word_key
from sana_training.scenes import STYLE_SETS
from sana_training.sprites import SPRITE_SIZE, trim
from sana_training.text_states import TextStates
from sana_training.transformer_files import save_transformer


class ToyStates(TextStates):
    """States that depend on the tokens and need no encoder of a hundred million weights."""

    def __init__(self, models, device):
        self.tokenizer = Tokenizer.from_file(str(models / "tokenizer" / "tokenizer.json"))
        self._device = device
        self._table = torch.randn(128, 640, generator=torch.Generator().manual_seed(0))

    def encode(self, tokens, batch=0):
        """As the real one."""
        return (self._table[tokens.long()] * (tokens > 0)[..., None]).to(torch.bfloat16)


OBJECTS = (
    ("🦊", "fox", "foxes", "狐狸", "只", "animal"),
    ("🏠", "house", "houses", "房子", "座", "place"),
    ("🍎", "apple", "apples", "苹果", "个", "food"),
    ("🚀", "rocket", "rockets", "火箭", "枚", "vehicle"),
    ("🌵", "cactus", "cacti", "仙人掌", "棵", "plant"),
    ("🐧", "penguin", "penguins", "企鹅", "只", "animal"),
)
WORDS = ("open", "birthday")
KEYS = [f"{ord(row[0]):x}" for row in OBJECTS]


def write_dataset(folder: Path) -> Path:
    """The files of the illustration dataset, with one icon and no drawings."""
    folder.mkdir()
    (folder / "objects.tsv").write_text("\n".join("\t".join(row) for row in OBJECTS) + "\n", encoding="utf-8")
    concepts = {
        key: {
            "emoji": row[0],
            "en": row[1],
            "zh": row[3],
            "de": row[1],
            "en_kw": ["toy"],
            "group": "objects",
            "sub": "x",
        }
        for key, row in zip(KEYS, OBJECTS, strict=True)
    }
    _write_xz(folder / "concepts.json.xz", json.dumps(concepts))
    _write_xz(folder / "recolor_ok.json.xz", json.dumps({key: {"fluent-3d": ["red", "blue"]} for key in KEYS}))
    box = '<rect width="8" height="8" fill="#08f"/>'
    _write_xz(folder / "emoji_permissive.jsonl.xz", "")
    icon = {"s": "icon-park", "n": "database", "h": None, "t": 0, "v": [0, 0, 8, 8], "b": box}
    _write_xz(folder / "icons_permissive.jsonl.xz", json.dumps(icon))
    zipfile.ZipFile(folder / "fluent3d_notone.zip", "w").close()
    return folder


def write_sprites(work: Path) -> None:
    """One disc a set and object, each object of its own colour, as stage ``sprites`` would leave them."""
    work.mkdir()
    sets = [name for style, names in STYLE_SETS.items() if style not in ("icon", "blueprint") for name in names[:1]]
    rows, columns = np.mgrid[:SPRITE_SIZE, :SPRITE_SIZE] / SPRITE_SIZE - 0.5
    disc = (rows**2 + columns**2 < 0.2).astype(np.uint8)
    index, pictures = [], []
    for name in sets:
        for number, key in enumerate(KEYS):
            index.append((name, key))
            colour = np.array([40 * number, 250 - 40 * number, 90, 255], np.uint8)
            pictures.append(colour[:, None, None] * disc)
    for word in WORDS:
        for form in FORMS:
            boards = [trim(board) for board in draw_boards(word_key(form, word))]
            index += [(LETTERING_SET, word_key(form, word))] * len(boards)
            pictures += boards
    index.append(("icon-park", "technical:database"))
    pictures.append(np.array([0, 130, 255, 255], np.uint8)[:, None, None] * disc)
    (work / "sprites.json").write_text(json.dumps(index))
    np.save(work / "sprites.npy", np.stack(pictures))


def write_tokenizer(folder: Path) -> None:
    """One token a character of ASCII, the same token for everything else; <bos> first."""
    vocabulary = {"<pad>": 0, "<unk>": 1, "<bos>": 2} | {chr(code): code for code in range(32, 127)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 2)])
    (folder / "tokenizer").mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer" / "tokenizer.json"))


def write_vae(folder: Path) -> None:
    """An AutoencoderDC of the shipped layout with four channels a level."""
    widths = (4, 4, 8, 8, 8, 32)
    AutoencoderDC(
        attention_head_dim=4,
        encoder_block_types=("ResBlock",) * 6,
        decoder_block_types=("ResBlock",) * 6,
        encoder_block_out_channels=widths,
        decoder_block_out_channels=widths,
        encoder_layers_per_block=(1,) * 6,
        decoder_layers_per_block=(1,) * 6,
        encoder_qkv_multiscales=((),) * 6,
        decoder_qkv_multiscales=((),) * 6,
        downsample_block_type="Conv",
        upsample_block_type="interpolate",
        latent_channels=32,
        scaling_factor=0.5,
    ).save_pretrained(folder)


def toy_transformer() -> SanaTransformer2DModel:
    """Two blocks of width 64."""
    torch.manual_seed(0)
    return SanaTransformer2DModel(**TOY_CONFIG)


def write_transformer(folder: Path) -> None:
    """The same in int8 rows."""
    state = toy_transformer().state_dict()
    integers = {name for name, value in state.items() if name.startswith("transformer_blocks") and value.ndim == 2}
    save_transformer(folder, state, integers - {name for name in integers if "table" in name}, TOY_CONFIG)


TOY_CONFIG = {
    "in_channels": 32,
    "out_channels": 32,
    "num_attention_heads": 2,
    "attention_head_dim": 32,
    "num_layers": 2,
    "num_cross_attention_heads": 1,
    "cross_attention_head_dim": 64,
    "cross_attention_dim": 64,
    "caption_channels": 640,
    "mlp_ratio": 2.5,
    "sample_size": 16,
    "patch_size": 1,
    "qk_norm": "rms_norm_across_heads",
    "interpolation_scale": None,
}


def _write_xz(path: Path, text: str) -> None:
    path.write_bytes(lzma.compress(text.encode()))
