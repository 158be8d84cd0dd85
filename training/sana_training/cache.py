"""Stage ``cache``: paints scenes, encodes them and words them, so that training reads only from memory.

    python -m sana_training.cache --dataset D --work W --models M --scenes 200000 --seconds 160

writes ``W/cache-HEIGHTxWIDTH.pt`` for every shape and ``W/cache-validation.pt``: latents (bfloat16 ``[n, 32, h, w]``,
multiplied by the scaling factor), the token ids of CAPTION_LANGUAGES wordings of each (int32 ``[n, 7, 32]``, 0 where
a wording has ended), and the scenes themselves, so that the pictures can be painted again. A finished file is left as
it is.
"""

import argparse
import functools
import json
import lzma
import math
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.pool import Pool
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from .captions import caption
from .catalogue import Concept, load_catalogue, sprite_key
from .compose import Painter, SceneBatch, as_batch, joined
from .lettering import BOARD_COLOURS, LETTERING_SET, word_of
from .prompts import PROMPT_TOKENS
from .scenes import SceneSampler, SpriteTable
from .spelling import spelled
from .sprites import read_icon_names
from .vae import PIXELS_PER_LATENT, load_encoder
from .waiting import wait_for

# The wordings kept for every scene.
CAPTION_LANGUAGES = ("en", "en", "zh", "zh", "de", "de", "emoji")
# Latent height and width, and its share of the scenes: 512 pixels square, four shapes of about as many, 768 and 1024.
SHAPES = {
    (16, 16): 0.78,
    (13, 20): 0.0425,
    (20, 13): 0.0425,
    (12, 21): 0.0425,
    (21, 12): 0.0425,
    (24, 24): 0.03,
    (32, 32): 0.02,
}
_CHUNK = 1024
_VALIDATION_SCENES = 2048
_SEEDS_PER_SHAPE = 1_000_000
_VALIDATION_SEED = 10_000_000


@dataclass(frozen=True)
class World:
    """Everything that scenes are drawn from."""

    catalogue: list[Concept]
    table: SpriteTable


@functools.cache
def load_world(dataset: Path, work: Path) -> World:
    """The catalogue and the drawings that stage ``sprites`` has rendered."""
    catalogue = load_catalogue(dataset, read_icon_names(dataset))
    accepted = json.loads(lzma.decompress((dataset / "recolor_ok.json.xz").read_bytes()))
    recolourable = {sprite_key(key): sets for key, sets in accepted.items()}
    recolourable |= {concept.key: {LETTERING_SET: list(BOARD_COLOURS)} for concept in catalogue if word_of(concept.key)}
    return World(catalogue, SpriteTable(json.loads((work / "sprites.json").read_text()), recolourable))


@functools.cache
def _worker_state(dataset: Path, work: Path, tokenizer: Path) -> tuple[World, Tokenizer]:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    return load_world(dataset, work), Tokenizer.from_file(str(tokenizer))


@dataclass(frozen=True)
class ChunkRequest:
    """One piece of work for a process."""

    dataset: Path
    work: Path
    tokenizer: Path
    seed: int
    scenes: int
    aspect: float


def describe(request: ChunkRequest) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Scenes as arrays (the fields of SceneBatch) and their tokens; depends on nothing but the request."""
    world, tokenizer = _worker_state(request.dataset, request.work, request.tokenizer)
    sampler = SceneSampler(world.catalogue, world.table, aspect=request.aspect)
    rng = random.Random(request.seed)
    scenes = []
    while len(scenes) < request.scenes:
        scenes += sampler.sample(rng)
    scenes = scenes[: request.scenes]
    texts = [caption(scene, language, rng) for scene in scenes for language in CAPTION_LANGUAGES]
    tokens = tokenise(tokenizer, texts).reshape(len(scenes), len(CAPTION_LANGUAGES), PROMPT_TOKENS)
    return {name: value.numpy() for name, value in as_batch(scenes).__dict__.items()}, tokens


def tokenise(tokenizer: Tokenizer, texts: list[str]) -> np.ndarray:
    """int32 ``[n, PROMPT_TOKENS]`` of lower-case texts with their quoted words spelled out, 0 where a text has ended."""
    tokens = np.zeros((len(texts), PROMPT_TOKENS), np.int32)
    for row, encoding in enumerate(tokenizer.encode_batch([spelled(text) for text in texts])):
        ids = encoding.ids[:PROMPT_TOKENS]
        tokens[row, : len(ids)] = ids
    return tokens


class LatentEncoder:
    """Pictures to scaled latents. Those of 512 pixels are many enough to be worth compiling for."""

    def __init__(self, vae: Path, device: str) -> None:
        encoder, self._scaling = load_encoder(vae)
        self._encoder = encoder.to(device).eval().to(memory_format=torch.channels_last)
        self._device = device
        self._compiled = torch.compile(self._run, dynamic=False) if device == "cuda" else self._run

    def __call__(self, pictures: torch.Tensor) -> torch.Tensor:
        """float32 ``[n, 32, h / 32, w / 32]`` for pictures ``[n, 3, h, w]`` in [-1, 1]."""
        encode = self._compiled if pictures.shape[2:] == (512, 512) else self._run
        with torch.no_grad():
            return encode(pictures).float() * self._scaling

    def _run(self, pictures: torch.Tensor) -> torch.Tensor:
        with torch.autocast(self._device, torch.bfloat16, enabled=self._device == "cuda"):
            return self._encoder(pictures)


@dataclass(frozen=True)
class CacheOptions:
    """Where things are and how much is wanted."""

    dataset: Path
    work: Path
    models: Path
    scenes: int
    seconds: float
    processes: int
    batch: int
    device: str
    when: Path | None = None


def build_caches(options: CacheOptions) -> None:
    """Writes every cache that is not there yet; the time is shared out as the scenes are."""
    wanted = {
        _cache_path(options.work, shape): (shape, share, index) for index, (shape, share) in enumerate(SHAPES.items())
    }
    missing = {path: value for path, value in wanted.items() if not path.exists()}
    validation = options.work / "cache-validation.pt"
    if not missing and validation.exists():
        return
    encoder = LatentEncoder(options.models / "vae", options.device)
    if options.when is not None:
        encoder(torch.zeros(options.batch, 3, 512, 512, device=options.device).to(memory_format=torch.channels_last))
        wait_for(options.when)
    world = load_world(options.dataset, options.work)
    painter = Painter(options.work / "sprites.npy", world.table.recolourings, options.device)
    print(
        f"painter ready, {len(world.catalogue)} concepts, {len(world.table.recolourings)} recoloured drawings",
        flush=True,
    )
    builder = _CacheBuilder(options, painter, encoder)
    with get_context("spawn").Pool(options.processes) as pool:
        if not validation.exists():
            builder.build(
                pool,
                _CacheJob(validation, (16, 16), min(_VALIDATION_SCENES, options.scenes), math.inf, _VALIDATION_SEED),
            )
        for path, (shape, share, index) in missing.items():
            builder.build(
                pool,
                _CacheJob(
                    path, shape, max(1, int(options.scenes * share)), options.seconds * share, index * _SEEDS_PER_SHAPE
                ),
            )


@dataclass(frozen=True)
class _CacheJob:
    """One cache to write; the time ends it after a whole chunk."""

    path: Path
    shape: tuple[int, int]
    scenes: int
    seconds: float
    seed: int


class _CacheBuilder:
    def __init__(self, options: CacheOptions, painter: Painter, encoder: LatentEncoder) -> None:
        self._options = options
        self._painter = painter
        self._encoder = encoder

    def build(self, pool: Pool, job: _CacheJob) -> None:
        """Draws scenes until there are enough or the time is over, and writes the file in one go."""
        started = time.monotonic()
        scenes, latents, tokens = [], [], []
        for arrays, words in pool.imap(describe, _requests(self._options, job)):
            batch = SceneBatch(**{name: torch.from_numpy(value) for name, value in arrays.items()})
            latents += self._encoded(batch, job.shape)
            tokens.append(torch.from_numpy(words))
            scenes.append(batch)
            if time.monotonic() - started > job.seconds:
                break
        result = {"latents": torch.cat(latents).cpu(), "tokens": torch.cat(tokens), "scenes": joined(scenes).__dict__}
        partial = job.path.with_suffix(".partial")
        torch.save(result, partial)
        os.replace(partial, job.path)
        spread = result["latents"][:2000].float().std().item()
        print(
            f"{job.path.name} {tuple(result['latents'].shape)} std {spread:.3f} {time.monotonic() - started:.0f} s",
            flush=True,
        )

    def _encoded(self, batch: SceneBatch, shape: tuple[int, int]) -> Iterator[torch.Tensor]:
        height, width = (side * PIXELS_PER_LATENT for side in shape)
        # As many pixels at a time, whatever the size.
        size = max(1, self._options.batch * 256 // (shape[0] * shape[1]))
        for start in range(0, len(batch), size):
            pictures = self._painter.paint(batch.part(start, start + size), height, width)
            yield self._encoder(pictures).to(torch.bfloat16)


def _requests(options: CacheOptions, job: _CacheJob) -> Iterator[ChunkRequest]:
    tokenizer = options.models / "tokenizer" / "tokenizer.json"
    for number in range(-(-job.scenes // _CHUNK)):
        size = min(_CHUNK, job.scenes - number * _CHUNK)
        yield ChunkRequest(
            options.dataset, options.work, tokenizer, job.seed + number, size, job.shape[1] / job.shape[0]
        )


def _cache_path(work: Path, shape: tuple[int, int]) -> Path:
    return work / f"cache-{shape[0]}x{shape[1]}.pt"


def load_cache(work: Path, shape: tuple[int, int]) -> dict:
    """Latents, tokens and scenes of one shape."""
    return torch.load(_cache_path(work, shape), weights_only=True)


def main() -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True, help="checkpoint folder with tokenizer/ and vae/")
    parser.add_argument("--scenes", type=int, default=200_000)
    parser.add_argument("--seconds", type=float, default=math.inf, help="stop adding scenes after this time")
    parser.add_argument("--processes", type=int, default=max(1, (os.cpu_count() or 2) - 2))
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--when", type=Path, help="prepare, then wait for this file (the sprites) before painting")
    build_caches(CacheOptions(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
