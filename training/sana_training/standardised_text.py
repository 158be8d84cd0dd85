"""A transformer that is easier to train, because its text states are standardised."""

import torch
from diffusers import SanaTransformer2DModel
from torch import nn


class StandardisedText(nn.Module):
    """The transformer with text states of zero mean and unit variance in every dimension.

    Raw states differ hundredfold between dimensions, which makes the first matrix hard to learn. The weights are
    rewritten so that the function stays the same, and folded back for the export.
    """

    def __init__(self, transformer: SanaTransformer2DModel, mean: torch.Tensor, deviation: torch.Tensor) -> None:
        super().__init__()
        self.transformer = transformer
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        linear = transformer.caption_projection.linear_1
        with torch.no_grad():
            linear.bias += linear.weight @ mean
            linear.weight *= deviation

    def forward(
        self, noisy: torch.Tensor, states: torch.Tensor, mask: torch.Tensor, timestep: torch.Tensor
    ) -> torch.Tensor:
        """Velocity ``[n, 32, h, w]``, from text states ``[n, t, 640]``, mask ``[n, t]`` and timestep ``[n]``."""
        standard = (states.float() - self.mean) / self.deviation
        return self.transformer(
            noisy, encoder_hidden_states=standard, encoder_attention_mask=mask, timestep=timestep, return_dict=False
        )[0]

    @torch.no_grad()
    def folded(self) -> dict[str, torch.Tensor]:
        """The ordinary weights of the transformer, in float32."""
        state = {name: value.detach().float().clone() for name, value in self.transformer.state_dict().items()}
        weight = state["caption_projection.linear_1.weight"] / self.deviation
        state["caption_projection.linear_1.weight"] = weight
        state["caption_projection.linear_1.bias"] -= weight @ self.mean
        return state
