"""Stage ``autoencoder``: goes on training the decoder alone, from painted scenes and their cached latents.

    python -m sana_training.autoencoder --dataset D --work W --models M --seconds 450

The encoder is left as it is, so the latents stay what the transformer has learned. Reads the square cache of stage
``cache`` and the autoencoder of M, and writes ``W/decoder.safetensors`` (float16) and ``W/decoder.json`` (errors before
and after, see ``DecoderMeasure``) every minute and at the end. ``W/decoder-state.pt`` lets an interrupted run go on.

Three steps of four train a window around one thing of every picture, because small things are what is hard and most of
a picture is background; every fourth trains whole pictures. Compiling the whole decoder took minutes; here each
repeated block is compiled once.
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
from .decoder_halves import PIXELS_PER_CELL, DecoderHalves, compile_repeated, window_corners, windows
from .decoder_measure import DecoderMeasure, edge_error, held_drawings
from .muon import Muon
from .vae import PIXELS_PER_LATENT, load_autoencoder
from .waiting import wait_for

_WARM_UP = 50
_EMA = 0.998
_FINAL_RATE = 0.02
# Latents of a transformer are never exact: noise of up to this share of their deviation.
_NOISE = 0.03
# The side of a window in cells of 8 pixels, and the pixels at its rim that are not judged: there the convolutions miss
# what lies outside.
_WINDOW = 32
_RIM = 16
_WHOLE_EVERY = 4
# At 33 dB the slope of the squared error is then about three times that of the absolute error.
_DECIBEL = 0.05
# 50 dB (pixels run from -1 to 1), beyond which nothing is seen.
_LEAST_ERROR = 4e-5
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
    """Absolute error, also of the gradients, at full size and at ``levels - 1`` halvings; squared error in decibels.

    ``[n, 3, h, w]`` both. The logarithm makes a decibel count alike in every picture, as the mean PSNR does.
    """
    squared = (output - target).square().mean((1, 2, 3))
    total = _DECIBEL * (squared + _LEAST_ERROR).log10().mean()
    for level in range(levels):
        total = total + (1.0 if level == 0 else 0.5) * (output - target).abs().mean() + 0.5 * edge_error(output, target)
        if level < levels - 1:
            output, target = F.avg_pool2d(output, 2), F.avg_pool2d(target, 2)
    return total


def train_decoder(options: DecoderOptions) -> None:
    """Runs until the time is over; it counts from the first step."""
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    vae = load_autoencoder(options.models / "vae")
    halves = DecoderHalves(vae.decoder.to(options.device).to(memory_format=torch.channels_last))
    if options.device == "cuda":
        compile_repeated(halves)
    _compile_steps(options, halves)
    wait_for(options.when)
    world = load_world(options.dataset, options.work)
    painter = Painter(options.work / "sprites.npy", world.table.recolourings, options.device)
    held = held_drawings(options.work, world.table.recolourings)
    run = DecoderRun(options, painter, vae, halves, held)
    run.resume()
    run.run()


def _compile_steps(options: DecoderOptions, halves: DecoderHalves) -> None:
    """Runs both kinds of step on made-up pictures; nothing is learned, because the gradients are thrown away."""
    began = time.monotonic()
    latents = torch.randn(options.batch, 32, 16, 16, device=options.device)
    target = torch.randn(options.batch, 3, 512, 512, device=options.device)
    corners = torch.zeros(options.batch, 2, dtype=torch.long, device=options.device)
    for chosen in (corners, None):
        _decoding_loss(halves, latents, target, chosen, options.device).backward()
    halves.zero_grad()
    if options.device == "cuda":
        torch.cuda.synchronize()
    print(f"decoder: both steps ready after {time.monotonic() - began:.0f} s", flush=True)


def _decoding_loss(
    halves: DecoderHalves, latents: torch.Tensor, target: torch.Tensor, corners: torch.Tensor | None, device: str
) -> torch.Tensor:
    """Loss of whole pictures, or of windows whose top left cells are ``corners`` ``[n, 2]``."""
    with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
        cells = halves.lower(latents.contiguous(memory_format=torch.channels_last))
        if corners is not None:
            cells = windows(cells, corners, _WINDOW)
            target = windows(target, corners * PIXELS_PER_CELL, _WINDOW * PIXELS_PER_CELL)
        output = halves.upper(cells).float()
    if corners is not None:
        output, target = (picture[..., _RIM:-_RIM, _RIM:-_RIM] for picture in (output, target))
    return reconstruction_loss(output, target)


class DecoderRun:
    """One run: the decoder, its average, the pictures and the log."""

    def __init__(
        self,
        options: DecoderOptions,
        painter: Painter,
        vae: AutoencoderDC,
        halves: DecoderHalves,
        held: torch.Tensor,
    ) -> None:
        self._options = options
        self._painter = painter
        cache = load_cache(options.work, (16, 16))
        scenes = SceneBatch(**cache["scenes"])
        # Row by row: does the scene show a drawing that is kept out?
        shown = (held[scenes.sprite.clamp_min(0).long()] & (scenes.sprite >= 0)).any(1)
        rows = (~shown).nonzero()[:, 0]
        print(f"decoder: {len(rows)} scenes, {int(shown.sum())} left out for their drawings", flush=True)
        self._scenes = scenes.picked(rows).to(options.device)
        self._latents = cache["latents"][rows].to(options.device)
        self._scaling = vae.config.scaling_factor
        self._measure = DecoderMeasure(options.work, vae, painter, held, options.device)
        self._halves = halves
        self._parameters = list(self._halves.parameters())
        self._averaged = [parameter.detach().clone() for parameter in self._parameters]
        self._optimiser = Muon(list(halves.named_parameters()), weight_decay=1e-3, blocks="up_blocks")
        self._step_number = 0
        self._spent = 0.0
        self._log: dict[str, object] = {}

    def resume(self) -> None:
        """Continues an interrupted run of the same work folder."""
        path = self._options.work / "decoder-state.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self._options.device, weights_only=True)
        with torch.no_grad():
            torch._foreach_copy_(self._parameters, state["parameters"])
            torch._foreach_copy_(self._averaged, state["averaged"])
        self._optimiser.load(state["optimiser"])
        self._step_number, self._spent, self._log = state["step"], state["spent"], state["log"]
        print(f"decoder resumed at step {self._step_number}", flush=True)

    def run(self) -> None:
        """Steps until ``seconds`` are spent, then measures and writes."""
        options = self._options
        if "before" not in self._log:
            self._log["before"] = self._errors()
        print(json.dumps(self._log), flush=True)
        began = saved = time.monotonic()
        before = self._spent
        while (progress := self._spent / options.seconds) < 1:
            warm = min(1.0, (self._step_number + 1) / _WARM_UP)
            decay = min(1.0, 1.25 * (1 - progress))
            loss = self._step(options.rate * warm * max(_FINAL_RATE, decay))
            if options.device == "cuda" and self._step_number % 10 == 0:
                # The clock must not run ahead of the device.
                torch.cuda.synchronize()
            self._spent = before + time.monotonic() - began
            if self._step_number % _LOG_EVERY == 0:
                print(f"decoder {self._step_number} loss {loss.item():.4f} {self._spent:.0f} s", flush=True)
            if time.monotonic() - saved > _SAVE_EVERY:
                self._save()
                saved = time.monotonic()
        self._save()
        print(json.dumps(self._log), flush=True)

    def _step(self, rate: float) -> torch.Tensor:
        loss = self._loss(self._step_number % _WHOLE_EVERY == 0)
        loss.backward()
        self._optimiser.step(rate)
        self._step_number += 1
        with torch.no_grad():
            weight = 1 - min(_EMA, (self._step_number + 1) / (self._step_number + 10))
            torch._foreach_lerp_(self._averaged, [parameter.detach() for parameter in self._parameters], weight)
        return loss.detach()

    def _loss(self, whole: bool) -> torch.Tensor:
        rows = torch.randint(len(self._latents), (self._options.batch,), device=self._latents.device)
        with torch.no_grad():
            scenes = self._scenes.picked(rows)
            height, width = (side * PIXELS_PER_LATENT for side in self._latents.shape[2:])
            target = self._painter.paint(scenes, height, width)
            latents = self._latents[rows].float() / self._scaling
            level = _NOISE * torch.rand(len(latents), 1, 1, 1, device=latents.device)
            latents = latents + level * latents.std() * torch.randn_like(latents)
            cells = (side * PIXELS_PER_LATENT // PIXELS_PER_CELL for side in self._latents.shape[2:])
            corners = None if whole else window_corners(_centres(scenes), _WINDOW, *cells)
        return _decoding_loss(self._halves, latents, target, corners, self._options.device)

    def _errors(self) -> dict[str, dict[str, float]]:
        # Measuring has shapes of its own, which are not worth compiling for.
        with torch.compiler.set_stance("force_eager"):
            return self._measure.errors(self._halves)

    def _save(self) -> None:
        """Measures and writes the averaged weights; the run goes on with its own."""
        own = [parameter.detach().clone() for parameter in self._parameters]
        with torch.no_grad():
            torch._foreach_copy_(self._parameters, self._averaged)
        self._log |= {"after": self._errors(), "steps": self._step_number, "batch": self._options.batch}
        self._log["seconds"] = round(self._spent, 1)
        work = self._options.work
        decoder = self._halves.decoder.state_dict()
        partial = work / "decoder.partial"
        save_file({name: value.half().cpu().contiguous() for name, value in decoder.items()}, partial)
        os.replace(partial, work / "decoder.safetensors")
        (work / "decoder.json").write_text(json.dumps(self._log, indent=1) + "\n")
        with torch.no_grad():
            torch._foreach_copy_(self._parameters, own)
        state = {
            "parameters": own,
            "averaged": self._averaged,
            "optimiser": self._optimiser.state(),
            "step": self._step_number,
            "spent": self._spent,
            "log": self._log,
        }
        partial = work / "decoder-state.partial"
        torch.save(state, partial)
        os.replace(partial, work / "decoder-state.pt")


def _centres(scenes: SceneBatch) -> torch.Tensor:
    """The centre ``[n, 2]`` (x, y in [0, 1]) of one thing of every scene, by lot."""
    weights = (scenes.sprite >= 0).float()
    chosen = torch.multinomial(weights, 1)[:, 0]
    return scenes.place[torch.arange(len(chosen), device=chosen.device), chosen, :2]


def main() -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("dataset", "work", "models"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="training time")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--when", type=Path, help="compile, then wait for this file (the cache) before training")
    train_decoder(DecoderOptions(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
