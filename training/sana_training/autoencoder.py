"""Stage ``autoencoder``: goes on training the decoder alone, from painted scenes and their cached latents.

    python -m sana_training.autoencoder --dataset D --work W --models M --seconds 150

The encoder is left as it is, so the latents stay what the transformer has learned. Reads the square cache of stage
``cache`` and the autoencoder of M, and writes ``W/decoder.safetensors`` (float16) and ``W/decoder.json`` (errors before
and after on scenes that are not trained on) every minute and at the end.
"""

import argparse
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderDC
from safetensors.torch import save_file

from .cache import load_cache, load_world
from .compose import Painter, SceneBatch
from .vae import PIXELS_PER_LATENT, load_autoencoder
from .waiting import wait_for

_WARM_UP = 50
_EMA = 0.998
_FINAL_RATE = 0.02
# Latents of a transformer are never exact: noise of up to this share of their deviation.
_NOISE = 0.06
_VALIDATION_SCENES = 256
_SAVE_EVERY = 60.0
_LOG_EVERY = 100


@dataclass(frozen=True)
class DecoderOptions:
    """Where things are, and how long and how fast to learn."""

    dataset: Path
    work: Path
    models: Path
    seconds: float
    batch: int
    rate: float
    device: str
    when: Path | None = None


def reconstruction_loss(output: torch.Tensor, target: torch.Tensor, levels: int = 4) -> torch.Tensor:
    """Absolute error and absolute error of the gradients, at full size and at ``levels - 1`` halvings."""
    total = output.new_zeros(())
    for level in range(levels):
        total = total + (1.0 if level == 0 else 0.5) * (output - target).abs().mean() + 0.5 * edge_error(output, target)
        if level < levels - 1:
            output, target = F.avg_pool2d(output, 2), F.avg_pool2d(target, 2)
    return total


def edge_error(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean absolute error of the differences between neighbouring pixels, in both directions."""
    difference = output - target
    down = (difference[..., 1:, :] - difference[..., :-1, :]).abs().mean()
    across = (difference[..., 1:] - difference[..., :-1]).abs().mean()
    return down + across


def train_decoder(options: DecoderOptions) -> None:
    """Runs until the time is over; it counts from the first step."""
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    world = load_world(options.dataset, options.work)
    painter = Painter(options.work / "sprites.npy", world.table.recolourings, options.device)
    run = DecoderRun(options, painter, load_autoencoder(options.models / "vae"))
    run.run()


class DecoderRun:
    """One run: the decoder, its average, the pictures and the log."""

    def __init__(self, options: DecoderOptions, painter: Painter, vae: AutoencoderDC) -> None:
        self._options = options
        self._painter = painter
        cache = load_cache(options.work, (16, 16))
        validation = torch.load(options.work / "cache-validation.pt", weights_only=True)
        scaling = vae.config.scaling_factor
        self._scenes = SceneBatch(**cache["scenes"]).to(options.device)
        self._latents = (cache["latents"].to(options.device), scaling)
        number = min(_VALIDATION_SCENES, len(validation["latents"]))
        self._held_scenes = SceneBatch(**validation["scenes"]).part(0, number)
        self._held_latents = validation["latents"][:number].to(options.device).float() / scaling
        self._decoder = vae.decoder.to(options.device).to(memory_format=torch.channels_last)
        self._parameters = list(self._decoder.parameters())
        self._averaged = [parameter.detach().clone() for parameter in self._parameters]
        self._step_function = torch.compile(self._loss, dynamic=False) if options.device == "cuda" else self._loss
        self._optimiser = torch.optim.AdamW(
            self._parameters, lr=0.0, betas=(0.9, 0.95), weight_decay=1e-3, fused=options.device == "cuda"
        )
        self._log: dict[str, object] = {}

    def run(self) -> None:
        """Steps until ``seconds`` are spent, then measures and writes."""
        options = self._options
        # Compiles: a rate of zero leaves the weights as they are.
        self._step(0)
        wait_for(options.when)
        self._log["before"] = self._errors()
        print(json.dumps(self._log), flush=True)
        step, began = 0, time.monotonic()
        saved = began
        while (progress := (time.monotonic() - began) / options.seconds) < 1:
            warm = min(1.0, (step + 1) / _WARM_UP)
            decay = min(1.0, 1.25 * (1 - progress))
            loss = self._step(options.rate * warm * max(_FINAL_RATE, decay))
            step += 1
            with torch.no_grad():
                weight = 1 - min(_EMA, (step + 1) / (step + 10))
                torch._foreach_lerp_(self._averaged, [parameter.detach() for parameter in self._parameters], weight)
            if options.device == "cuda" and step % 10 == 0:
                torch.cuda.synchronize()
            if step % _LOG_EVERY == 0:
                print(f"decoder {step} loss {loss.item():.4f} {time.monotonic() - began:.0f} s", flush=True)
            if time.monotonic() - saved > _SAVE_EVERY:
                self._save(step)
                saved = time.monotonic()
        self._save(step)
        print(json.dumps(self._log), flush=True)

    def _step(self, rate: float) -> torch.Tensor:
        latents, scaling = self._latents
        rows = torch.randint(len(latents), (self._options.batch,), device=latents.device)
        with torch.no_grad():
            pictures = self._paint(self._scenes.picked(rows))
            chosen = latents[rows].float() / scaling
            level = _NOISE * torch.rand(len(chosen), 1, 1, 1, device=chosen.device)
            chosen = chosen + level * chosen.std() * torch.randn_like(chosen)
        for settings in self._optimiser.param_groups:
            settings["lr"] = rate
        loss = self._step_function(chosen, pictures)
        self._optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimiser.step()
        return loss.detach()

    def _paint(self, scenes: SceneBatch) -> torch.Tensor:
        height, width = (side * PIXELS_PER_LATENT for side in self._latents[0].shape[2:])
        return self._painter.paint(scenes, height, width)

    def _loss(self, latents: torch.Tensor, pictures: torch.Tensor) -> torch.Tensor:
        return reconstruction_loss(self._decoded(latents), pictures)

    def _decoded(self, latents: torch.Tensor) -> torch.Tensor:
        device = self._options.device
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            return self._decoder(latents.contiguous(memory_format=torch.channels_last)).float()

    @torch.no_grad()
    def _errors(self, batch: int = 16) -> dict[str, float]:
        """Mean and worst PSNR in decibels, and the edge error, on scenes that are not trained on."""
        noises, edges = [], []
        for start in range(0, len(self._held_latents), batch):
            target = self._paint(self._held_scenes.part(start, start + batch))
            output = self._decoded(self._held_latents[start : start + batch]).clamp(-1, 1)
            # Pixels run from -1 to 1: the largest difference is 2.
            noises.append(10 * torch.log10(4 / (output - target).square().mean((1, 2, 3)).clamp_min(1e-10)))
            edges.append(edge_error(output, target))
        decibels = torch.cat(noises)
        return {
            "psnr": decibels.mean().item(),
            "psnr_worst": decibels.min().item(),
            "edge_error": torch.stack(edges).mean().item(),
        }

    def _save(self, step: int) -> None:
        """Measures and writes the averaged weights; the run goes on with its own."""
        own = [parameter.detach().clone() for parameter in self._parameters]
        with torch.no_grad():
            torch._foreach_copy_(self._parameters, self._averaged)
        self._log |= {"after": self._errors(), "steps": step, "batch": self._options.batch}
        work = self._options.work
        partial = work / "decoder.partial"
        save_file({name: value.half().cpu().contiguous() for name, value in self._decoder.state_dict().items()}, partial)
        os.replace(partial, work / "decoder.safetensors")
        (work / "decoder.json").write_text(json.dumps(self._log, indent=1) + "\n")
        with torch.no_grad():
            torch._foreach_copy_(self._parameters, own)


def main() -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("dataset", "work", "models"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="training time")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--when", type=Path, help="prepare, then wait for this file before training")
    train_decoder(DecoderOptions(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
