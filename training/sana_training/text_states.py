"""Text states of many captions, computed once with the shipped encoder."""

from pathlib import Path

import torch

from .prompts import BOS, PROMPT_TOKENS
from .text_encoder import load_widened_text_encoder

# The width of Gemma 3 270M.
STATE_WIDTH = 640


class TextStates:
    """Token ids to the states that the transformer is conditioned on."""

    def __init__(self, models: Path, device: str) -> None:
        self._model, self.tokenizer = load_widened_text_encoder(models)
        self._model = self._model.to(device)
        self._device = device

    @torch.no_grad()
    def encode(self, tokens: torch.Tensor, batch: int = 4096) -> torch.Tensor:
        """int ``[n, PROMPT_TOKENS]`` (0 after the end) to bfloat16 ``[n, PROMPT_TOKENS, 640]``, zero after the end.

        Captions of like length are encoded together, cut to the longest of them: a causal model does not see what
        follows, so the states are the same as without the cut.
        """
        out = torch.zeros(*tokens.shape, STATE_WIDTH, dtype=torch.bfloat16, device=self._device)
        lengths = (tokens > 0).sum(1)
        order = lengths.argsort()
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            longest = int(lengths[chosen].max())
            ids = tokens[chosen, :longest].to(self._device).long()
            with torch.autocast(self._device, torch.bfloat16, enabled=self._device == "cuda"):
                states = self._model(input_ids=ids, use_cache=False).last_hidden_state
            states = states * (ids > 0)[..., None]
            out[chosen.to(self._device), :longest] = states.to(torch.bfloat16)
        return out

    def unconditional(self) -> torch.Tensor:
        """The state of the empty prompt, ``[1, PROMPT_TOKENS, 640]``: <bos> alone."""
        tokens = torch.zeros(1, PROMPT_TOKENS, dtype=torch.int32)
        tokens[0, 0] = BOS
        return self.encode(tokens)


def only_first(mask: torch.Tensor) -> torch.Tensor:
    """The mask of the empty prompt, of which there is <bos> alone."""
    first = torch.zeros_like(mask)
    first[:, 0] = True
    return first
