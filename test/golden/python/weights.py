"""Random weights under which every term of a network shows in its output.

Freshly initialised networks hide mistakes: zero biases, norms of ones, tables near zero, attention that is nearly
uniform. Here each parameter is drawn by a rule for its name, so that activations stay around one through the depth,
attention picks out few keys, and what goes into a norm is small enough for the norm's epsilon to be visible.
"""

import re

import torch

# (pattern, kind, value). `linear`: standard deviation value / sqrt(fan in). `spread`: value[0] + value[1] * N(0, 1).
Rule = tuple[str, str, object]

TRANSFORMER: list[Rule] = [
    (r"attn1\.norm_[qk]\.weight", "spread", (1.3, 0.7)),
    (r"attn2\.norm_[qk]\.weight", "spread", (1.3, 0.4)),
    (r"caption_norm\.weight", "spread", (1.0, 0.4)),
    (r"norm2\.weight", "spread", (1.0, 0.3)),
    (r"norm2\.bias", "spread", (0.0, 0.3)),
    (r"scale_shift_table", "spread", (0.25, 0.4)),
    (r"time_embed\.linear\.weight", "linear", 0.5),
    (r"(timestep|guidance)_embedder\.linear_1\.weight", "linear", 1.4),
    (r"(timestep|guidance)_embedder\.linear_2\.weight", "linear", 1.4),
    # Small, so that the epsilon of caption_norm is about one percent of the mean square that it is added to.
    (r"caption_projection\.linear_2\.weight", "linear", 0.03),
    (r"caption_projection\.linear_2\.bias", "spread", (0.0, 0.01)),
    # Where GELU with tanh and GELU with erf differ most.
    (r"caption_projection\.linear_1\.weight", "linear", 0.8),
    (r"attn1\.to_[qkv]\.bias", "spread", (0.0, 0.6)),
    (r"attn2\.to_q\.weight", "linear", 0.7),
    (r"attn2\.to_k\.weight", "linear", 1.5),
    (r"attn1\.to_out\.0\.weight", "linear", 1.5),
    (r"conv_depth\.weight", "linear", 1.3),
    (r"conv_point\.weight", "linear", 1.5),
    (r"\.weight", "linear", 1.0),
    (r"\.bias", "spread", (0.0, 0.3)),
]

# With qk-norm the scale of q and k is the norm's; small projections make its epsilon visible.
TRANSFORMER_QK_NORM: list[Rule] = [
    (r"attn[12]\.to_[qk]\.weight", "linear", 0.02),
    (r"attn[12]\.to_[qk]\.bias", "spread", (0.0, 0.01)),
    *TRANSFORMER,
]

TEXT_ENCODER: list[Rule] = [
    # Gemma's norms multiply by 1 + weight.
    (r"[qk]_norm\.weight", "spread", (0.4, 0.35)),
    (r"norm\.weight", "spread", (0.0, 0.35)),
    (r"embed_tokens\.weight", "linear", 1.0),
    (r"[qk]_proj\.weight", "linear", 1.6),
    # Small, so that the epsilon of the norms after attention and feed-forward is visible.
    (r"(o_proj|down_proj)\.weight", "linear", 0.02),
    (r"\.weight", "linear", 1.0),
]

VAE: list[Rule] = [
    (r"decoder\.norm_out\.weight", "spread", (1.0, 0.3)),
    (r"norm(_out)?\.weight", "spread", (1.2, 0.4)),
    (r"norm(_out)?\.bias", "spread", (0.0, 0.3)),
    # Small, so that the epsilon of the norm that follows is visible.
    (r"(conv2|conv_point|to_out)\.weight", "linear", 0.01),
    (r"encoder\.conv_in\.weight", "linear", 2.0),
    (r"down_blocks\.\d\.\d\.conv\.weight", "linear", 0.5),
    (r"encoder\.conv_out\.weight", "linear", 0.4),
    # The shortcuts around these carry the signal at full size; more on top would drown the blocks between them.
    (r"decoder\.conv_in\.weight", "linear", 0.3),
    (r"up_blocks\.\d\.0\.conv\.weight", "linear", 0.4),
    (r"\.weight", "linear", 1.0),
    (r"\.bias", "spread", (0.0, 0.3)),
]


@torch.no_grad()
def calibrate_decoder(vae: torch.nn.Module) -> torch.nn.Module:
    """Scales the last convolution so that pictures have contrast and few clipped pixels: mean 0, deviation 0.5."""
    generator = torch.Generator("cpu").manual_seed(0)
    latents = torch.randn(1, vae.config.latent_channels, 5, 7, generator=generator) / vae.config.scaling_factor
    image, last = vae.float().decode(latents).sample, vae.decoder.conv_out
    scale = 0.5 / image.std(dim=(0, 2, 3))
    last.weight *= scale[:, None, None, None]
    last.bias.copy_((last.bias - image.mean(dim=(0, 2, 3))) * scale)
    return vae


@torch.no_grad()
def randomise(
    model: torch.nn.Module, rules: list[Rule], seed: int, storage: torch.dtype = torch.float32
) -> torch.nn.Module:
    """Draws every parameter of `model` by the first rule that matches its name, and rounds it to `storage`."""
    generator = torch.Generator("cpu").manual_seed(seed)
    for name, parameter in model.named_parameters():
        kind, value = next((kind, value) for pattern, kind, value in rules if re.search(pattern, name))
        noise = torch.randn(parameter.shape, generator=generator)
        if kind == "linear":
            fan_in = parameter[0].numel()
            drawn = noise * (value / fan_in**0.5)
        else:
            drawn = value[0] + value[1] * noise
        parameter.copy_(drawn.to(storage))
    return model.to(storage).eval()
