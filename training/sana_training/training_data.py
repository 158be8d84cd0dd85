"""What a transformer is trained on and distilled from: the cached latents, and text states of all their wordings."""

from dataclasses import dataclass
from pathlib import Path

import torch

from .cache import CAPTION_LANGUAGES, SHAPES, load_cache
from .scorer import CaptionScorer, reading_weights, scores, train_scorer
from .text_states import TextStates, only_first

# How often a caption is read in each language.
LANGUAGE_SHARES = {"en": 0.27, "zh": 0.24, "de": 0.25, "emoji": 0.24}
_SCORER_STEPS = 500
_STANDARD_SAMPLE = 20_000


@dataclass
class TrainingData:
    """Everything in device memory: latents by shape, text states ``[n, k, 32, 640]``, masks, how often each is read."""

    latents: dict[tuple[int, int], torch.Tensor]
    states: dict[tuple[int, int], torch.Tensor]
    masks: dict[tuple[int, int], torch.Tensor]
    # The probability ``[n, k]`` of each of the k wordings.
    weights: dict[tuple[int, int], torch.Tensor]
    validation: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
    unconditional: torch.Tensor

    def draw(self, shape: tuple[int, int], number: int, drop: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Latents, states and masks of a batch; of a share ``drop`` of them those of the empty prompt."""
        latents = self.latents[shape]
        picked = torch.randint(len(latents), (number,), device=latents.device)
        wording = torch.multinomial(self.weights[shape][picked], 1)[:, 0]
        states, masks = self.states[shape][picked, wording], self.masks[shape][picked, wording]
        dropped = torch.rand(number, device=latents.device) < drop
        states = torch.where(dropped[:, None, None], self.unconditional, states)
        return latents[picked].float(), states, torch.where(dropped[:, None], only_first(masks), masks)


def load_data(work: Path, models: Path, device: str, limit: int | None = None) -> TrainingData:
    """Reads the caches and encodes every wording; how often each is read is decided by ``weigh_captions``.

    ``limit`` is the most scenes of one shape: the states of a scene's wordings take 280 KB of device memory.
    """
    encoder = TextStates(models, device)
    data = TrainingData({}, {}, {}, {}, load_validation(work, device, encoder), encoder.unconditional())
    for shape in SHAPES:
        cache = load_cache(work, shape)
        data.latents[shape] = cache["latents"][:limit].to(device)
        tokens = cache["tokens"][:limit]
        data.states[shape] = encoder.encode(tokens.flatten(0, 1)).view(*tokens.shape, -1)
        data.masks[shape] = (tokens > 0).to(device)
    return data


def weigh_captions(
    data: TrainingData, languages: tuple[str, ...] = tuple(LANGUAGE_SHARES), scored: bool = True
) -> None:
    """Fills ``data.weights``, by score (scorer.py) or evenly within each of ``languages``; others are never read."""
    device = data.unconditional.device
    shares = {language: LANGUAGE_SHARES[language] for language in languages}
    found = {shape: torch.ones(latents.shape[0], len(CAPTION_LANGUAGES)) for shape, latents in data.latents.items()}
    if scored:
        scorer = CaptionScorer(*text_statistics(data)).to(device)
        square = next(iter(SHAPES))
        train_scorer(scorer, data.latents[square], data.states[square], data.masks[square], _SCORER_STEPS)
        for shape in data.latents:
            found[shape] = scores(scorer, data.latents[shape], data.states[shape], data.masks[shape])
        held = scores(scorer, data.validation[0], data.validation[1][:, None], data.validation[2][:, None])
        mean = found[square].mean().item()
        print(f"scorer: mean score {mean:.3f}, on held-out scenes {held.mean().item():.3f}", flush=True)
    for shape, value in found.items():
        data.weights[shape] = reading_weights(CAPTION_LANGUAGES, shares, value).to(device)


def load_validation(work: Path, device: str, encoder: TextStates) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Latents, states and masks of scenes that are never trained on, each with one wording in turn."""
    cache = torch.load(work / "cache-validation.pt", weights_only=True)
    number = len(cache["tokens"])
    tokens = cache["tokens"][torch.arange(number), torch.arange(number) % len(CAPTION_LANGUAGES)]
    return cache["latents"].to(device), encoder.encode(tokens), (tokens > 0).to(device)


def text_statistics(data: TrainingData) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation of the text states in every dimension."""
    shape = next(iter(data.states))
    states, masks = data.states[shape][:_STANDARD_SAMPLE], data.masks[shape][:_STANDARD_SAMPLE]
    # <bos> is the same in every caption and has by far the largest state: it would hide the words.
    words = states[:, :, 1:][masks[:, :, 1:]].float()
    return words.mean(0), words.std(0) + 1e-4


def batch_of(batch: int, shape: tuple[int, int]) -> int:
    """Fewer of the larger pictures, so that every step has about as many tokens."""
    first, tokens = next(iter(SHAPES)), shape[0] * shape[1]
    # The four shapes of about as many tokens keep the batch.
    return batch if max(shape) < 24 else max(1, batch * first[0] * first[1] // tokens)
