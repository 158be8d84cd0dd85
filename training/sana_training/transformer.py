"""Stage ``transformer``: flow matching on cached latents, resumed from a finished checkpoint.

    python -m sana_training.transformer --work W --models M --start TRANSFORMER_DIR --seconds 900

reads the caches of stage ``cache``, learns which wordings fit their pictures (scorer.py), and writes ``W/transformer/``
(the averaged weights in int8 rows, with config.json and log.json), every few minutes and at the end.
``W/training-state.pt`` lets an interrupted run go on.
The optimiser starts cold, so its learning rate rises over the first WARM_UP steps.
"""

import argparse
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from diffusers import SanaTransformer2DModel
from safetensors.torch import load_file, save_file
from torch import nn

from . import storage
from .cache import CAPTION_LANGUAGES, SHAPES, load_cache
from .layers import DEPTHWISE, compile_blocks, use_fast_layers
from .muon import Muon
from .prompts import PROMPT_TOKENS
from .scorer import CaptionScorer, reading_weights, scores, train_scorer
from .text_states import STATE_WIDTH, TextStates
from .waiting import wait_for

WARM_UP = 100
FLOW_SHIFT = 3.0
TIMESTEPS = 1000
WEIGHTS_NAME = "diffusion_pytorch_model.int8.safetensors"

# How often a caption is read in each language.
LANGUAGE_SHARES = {"en": 0.27, "zh": 0.24, "de": 0.25, "emoji": 0.24}
_CAPTION_DROP = 0.1
_SCORER_STEPS = 500
_EMA = 0.9995
# Pictures of other shapes and sizes come in once those of 512 pixels are learned.
_OTHER_SHAPES_FROM = 0.4
_OTHER_SHAPES_SHARE = 0.2
_CONSTANT_SHARE = 0.35
_FINAL_RATE = 0.02
_LOG_EVERY = 250
_STANDARD_SAMPLE = 20_000


@dataclass(frozen=True)
class TrainingOptions:
    """Where things are, and how long and how fast to learn."""

    work: Path
    models: Path
    start: Path
    seconds: float
    batch: int
    rate: float
    depthwise: str
    device: str
    save_every: float
    seed: int
    languages: tuple[str, ...] = tuple(LANGUAGE_SHARES)
    # Whether captions are chosen by score, and after how many steps to end instead of by time: for comparisons.
    scored: bool = True
    steps: int | None = None
    when: Path | None = None


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


def load_transformer(folder: Path, device: str, depthwise: str) -> tuple[SanaTransformer2DModel, set[str]]:
    """A transformer in float32 from a folder of int8 rows, and the names of its integer tensors."""
    stored = load_file(folder / WEIGHTS_NAME)
    config = json.loads((folder / "config.json").read_text())
    model = SanaTransformer2DModel(
        **{key: value for key, value in config.items() if not key.startswith(("_", "sana_"))}
    )
    model.load_state_dict(storage.widen(stored), strict=True)
    integers = {name for name, tensor in stored.items() if tensor.dtype == torch.int8}
    return use_fast_layers(model, depthwise).to(device), integers


def save_transformer(folder: Path, state: dict[str, torch.Tensor], integers: set[str], config: dict) -> None:
    """Writes int8 rows for the tensors in ``integers`` and float16 for the rest."""
    folder.mkdir(parents=True, exist_ok=True)
    stored: dict[str, torch.Tensor] = {}
    for name, weight in state.items():
        stored |= storage.named(name, storage.quantize_rows(weight)) if name in integers else {name: weight.half()}
    partial = folder / "partial.safetensors"
    save_file({name: value.cpu().contiguous() for name, value in stored.items()}, partial, metadata={"format": "pt"})
    os.replace(partial, folder / WEIGHTS_NAME)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")


def load_data(options: TrainingOptions) -> TrainingData:
    """Reads the caches and encodes every wording."""
    encoder = TextStates(options.models, options.device)
    data = TrainingData({}, {}, {}, {}, load_validation(options, encoder), encoder.unconditional())
    for shape in SHAPES:
        cache = load_cache(options.work, shape)
        data.latents[shape] = cache["latents"].to(options.device)
        tokens = cache["tokens"]
        data.states[shape] = encoder.encode(tokens.flatten(0, 1)).view(*tokens.shape, -1)
        data.masks[shape] = (tokens > 0).to(options.device)
    return data


def weigh_captions(data: TrainingData, options: TrainingOptions) -> None:
    """Fills ``data.weights``, by score or evenly within each language."""
    shares = {language: LANGUAGE_SHARES[language] for language in options.languages}
    found = {shape: torch.ones(latents.shape[0], len(CAPTION_LANGUAGES)) for shape, latents in data.latents.items()}
    if options.scored:
        scorer = CaptionScorer(*_statistics(data)).to(options.device)
        square = next(iter(SHAPES))
        train_scorer(scorer, data.latents[square], data.states[square], data.masks[square], _SCORER_STEPS)
        for shape in data.latents:
            found[shape] = scores(scorer, data.latents[shape], data.states[shape], data.masks[shape])
        held = scores(scorer, data.validation[0], data.validation[1][:, None], data.validation[2][:, None])
        mean = found[square].mean().item()
        print(f"scorer: mean score {mean:.3f}, on held-out scenes {held.mean().item():.3f}", flush=True)
    for shape, value in found.items():
        data.weights[shape] = reading_weights(CAPTION_LANGUAGES, shares, value).to(options.device)


def load_validation(options: TrainingOptions, encoder: TextStates) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Latents, states and masks of scenes that are never trained on, each with one wording in turn."""
    cache = torch.load(options.work / "cache-validation.pt", weights_only=True)
    number = len(cache["tokens"])
    tokens = cache["tokens"][torch.arange(number), torch.arange(number) % len(CAPTION_LANGUAGES)]
    return cache["latents"].to(options.device), encoder.encode(tokens), (tokens > 0).to(options.device)


def train(options: TrainingOptions) -> None:
    """Runs until the time is over; the time counts from the first step, so that preparing costs no steps."""
    torch.manual_seed(options.seed)
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    started = time.monotonic()
    if options.when is not None:
        compile_shapes(options)
        print(f"compiled after {time.monotonic() - started:.0f} s", flush=True)
        wait_for(options.when)
    data = load_data(options)
    weigh_captions(data, options)
    print(f"data ready after {time.monotonic() - started:.0f} s", flush=True)
    run = prepare_run(options, data)
    run.resume()
    run.run()


def prepare_run(options: TrainingOptions, data: TrainingData) -> "TrainingRun":
    """Loads the model twice, to train and to average."""
    mean, deviation = _statistics(data)
    transformer, integers = load_transformer(options.start, options.device, options.depthwise)
    model = StandardisedText(transformer, mean, deviation)
    averaged = StandardisedText(load_transformer(options.start, options.device, options.depthwise)[0], mean, deviation)
    averaged.requires_grad_(False)
    if options.device == "cuda":
        compile_blocks(model.transformer)
        compile_blocks(averaged.transformer)
    return TrainingRun(options, data, model, averaged, integers)


def compile_shapes(options: TrainingOptions) -> None:
    """Runs every shape once on made-up data, so that the compiled kernels are there before the clock starts."""
    plain = (torch.zeros(STATE_WIDTH, device=options.device), torch.ones(STATE_WIDTH, device=options.device))
    model = StandardisedText(load_transformer(options.start, options.device, options.depthwise)[0], *plain)
    if options.device == "cuda":
        compile_blocks(model.transformer)
    for shape in SHAPES:
        flow_loss(model, *_made_up(options, shape)).backward()
    with torch.no_grad():
        flow_loss(model.requires_grad_(False), *_made_up(options, next(iter(SHAPES))))


def _made_up(options: TrainingOptions, shape: tuple[int, int]) -> tuple[torch.Tensor, ...]:
    """Latents, states, masks and noise levels of a batch."""
    batch, device = batch_of(options.batch, shape), options.device
    states = torch.randn(batch, PROMPT_TOKENS, STATE_WIDTH, device=device, dtype=torch.bfloat16)
    mask = torch.ones(batch, PROMPT_TOKENS, dtype=torch.bool, device=device)
    return torch.randn(batch, 32, *shape, device=device), states, mask, torch.rand(batch, device=device)


def batch_of(batch: int, shape: tuple[int, int]) -> int:
    """Fewer of the larger pictures, so that every step has about as many tokens."""
    first, tokens = next(iter(SHAPES)), shape[0] * shape[1]
    # The four shapes of about as many tokens keep the batch.
    return batch if max(shape) < 24 else max(1, batch * first[0] * first[1] // tokens)


class TrainingRun:
    """One run: its models, optimiser, clock and log."""

    def __init__(
        self,
        options: TrainingOptions,
        data: TrainingData,
        model: StandardisedText,
        averaged: StandardisedText,
        integers: set[str],
    ) -> None:
        self._options = options
        self._data = data
        self._model = model
        self._averaged = averaged
        self._integers = integers
        self._optimiser = Muon(list(model.transformer.named_parameters()))
        self._step = 0
        self._spent = 0.0
        self._log: list[dict[str, float]] = []

    def resume(self) -> None:
        """Continues an interrupted run of the same work folder."""
        path = self._options.work / "training-state.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self._options.device, weights_only=True)
        self._model.load_state_dict(state["model"])
        self._averaged.load_state_dict(state["averaged"])
        self._optimiser.load(state["optimiser"])
        self._step, self._spent, self._log = state["step"], state["spent"], state["log"]
        print(f"resumed at step {self._step}", flush=True)

    @property
    def log(self) -> list[dict[str, float]]:
        """The losses so far."""
        return self._log

    def run(self) -> None:
        """Learns until the end and writes what came of it."""
        self.learn()
        self._save()

    def learn(self) -> None:
        """Steps until ``seconds`` of training are spent, or ``steps`` are made."""
        options = self._options
        self._record(None, 0.0)
        total = torch.zeros((), device=options.device)
        counted = 0
        began = time.monotonic()
        last_save = last_log = began
        before = self._spent
        while (progress := self._progress()) < 1:
            total += self._train_step(progress)
            counted += 1
            self._step += 1
            if self._step % 10 == 0 and options.device == "cuda":
                # The clock must not run ahead of the device.
                torch.cuda.synchronize()
            now = time.monotonic()
            self._spent = before + now - began
            if counted == _LOG_EVERY:
                self._record(total.item() / counted, counted * options.batch / (now - last_log))
                total.zero_()
                counted, last_log = 0, now
            if now - last_save > options.save_every:
                self._save()
                last_save = last_log = time.monotonic()
                counted = 0
                total.zero_()
        self._record(total.item() / counted if counted else None, 0.0)

    def _progress(self) -> float:
        steps = self._options.steps
        return self._spent / self._options.seconds if steps is None else self._step / steps

    def _train_step(self, progress: float) -> torch.Tensor:
        options, data = self._options, self._data
        shape = self._shape(progress)
        latents = data.latents[shape]
        batch = batch_of(options.batch, shape)
        picked = torch.randint(len(latents), (batch,), device=latents.device)
        wording = torch.multinomial(data.weights[shape][picked], 1)[:, 0]
        states, mask = data.states[shape][picked, wording], data.masks[shape][picked, wording]
        dropped = torch.rand(batch, device=latents.device) < _CAPTION_DROP
        states = torch.where(dropped[:, None, None], data.unconditional, states)
        mask = torch.where(dropped[:, None], _only_first(mask), mask)
        index = torch.sigmoid(torch.randn(batch, device=latents.device))
        loss = flow_loss(self._model, latents[picked].float(), states, mask, _shifted(index))
        loss.backward()
        self._optimiser.step(self._rate(progress))
        with torch.no_grad():
            decay = min(_EMA, (self._step + 1) / (self._step + 20))
            torch._foreach_lerp_(
                list(self._averaged.parameters()), [value.detach() for value in self._model.parameters()], 1 - decay
            )
        return loss.detach()

    def _shape(self, progress: float) -> tuple[int, int]:
        square, *others = SHAPES
        # Decided by the step's number and not by chance, so that the clock cannot change it.
        if progress < _OTHER_SHAPES_FROM or self._step % round(1 / _OTHER_SHAPES_SHARE):
            return square
        return others[self._step // round(1 / _OTHER_SHAPES_SHARE) % len(others)]

    def _rate(self, progress: float) -> float:
        warm = min(1.0, (self._step + 1) / WARM_UP)
        decay = min(1.0, (1 - progress) / (1 - _CONSTANT_SHARE))
        return self._options.rate * warm * max(_FINAL_RATE, decay)

    def _record(self, loss: float | None, speed: float) -> None:
        validation = validation_loss(self._averaged, self._data.validation)
        entry = {
            "step": self._step,
            "seconds": round(self._spent, 1),
            "loss": loss,
            "validation_loss": validation,
            "samples_per_second": speed,
        }
        self._log.append(entry)
        print(json.dumps(entry), flush=True)

    def _save(self) -> None:
        options = self._options
        state = {
            "model": self._model.state_dict(),
            "averaged": self._averaged.state_dict(),
            "optimiser": self._optimiser.state(),
            "step": self._step,
            "spent": self._spent,
            "log": self._log,
        }
        partial = options.work / "training-state.partial"
        torch.save(state, partial)
        os.replace(partial, options.work / "training-state.pt")
        folder = options.work / "transformer"
        config = json.loads((options.start / "config.json").read_text())
        save_transformer(folder, self._averaged.folded(), self._integers, config)
        settings = {key: str(value) if isinstance(value, Path) else value for key, value in asdict(options).items()}
        (folder / "log.json").write_text(json.dumps({"options": settings, "log": self._log}, indent=1) + "\n")


def flow_loss(
    model: nn.Module,
    latents: torch.Tensor,
    states: torch.Tensor,
    mask: torch.Tensor,
    sigma: torch.Tensor,
    noise: torch.Tensor | None = None,
) -> torch.Tensor:
    """Mean squared error of the velocity ``noise - latents`` at noise level ``sigma`` ``[n]``."""
    noise = torch.randn_like(latents) if noise is None else noise
    level = sigma[:, None, None, None]
    noisy = (1 - level) * latents + level * noise
    timestep = (sigma * TIMESTEPS).floor()
    with torch.autocast(latents.device.type, torch.bfloat16, enabled=latents.is_cuda):
        velocity = model(noisy, states, mask.float(), timestep)
    return (velocity.float() - (noise - latents)).square().mean()


@torch.no_grad()
def validation_loss(
    model: nn.Module, validation: tuple[torch.Tensor, torch.Tensor, torch.Tensor], batch: int = 256
) -> float:
    """The same loss on held-out scenes, always with the same noise and noise levels."""
    latents, states, masks = validation
    generator = torch.Generator(latents.device).manual_seed(0)
    losses = []
    batch = min(batch, len(latents))
    for start in range(0, len(latents) - batch + 1, batch):
        part = slice(start, start + batch)
        noise = torch.randn(latents[part].shape, generator=generator, device=latents.device)
        index = torch.sigmoid(torch.randn(batch, generator=generator, device=latents.device))
        losses.append(flow_loss(model, latents[part].float(), states[part], masks[part], _shifted(index), noise))
    return torch.stack(losses).mean().item()


def _shifted(index: torch.Tensor) -> torch.Tensor:
    return FLOW_SHIFT * index / (1 + (FLOW_SHIFT - 1) * index)


def _only_first(mask: torch.Tensor) -> torch.Tensor:
    first = torch.zeros_like(mask)
    first[:, 0] = True
    return first


def _statistics(data: TrainingData) -> tuple[torch.Tensor, torch.Tensor]:
    shape = next(iter(data.states))
    states, masks = data.states[shape][:_STANDARD_SAMPLE], data.masks[shape][:_STANDARD_SAMPLE]
    # <bos> is the same in every caption and has by far the largest state: it would hide the words.
    words = states[:, :, 1:][masks[:, :, 1:]].float()
    return words.mean(0), words.std(0) + 1e-4


def main() -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument(
        "--models", type=Path, required=True, help="checkpoint folder with text_encoder/ and tokenizer/"
    )
    parser.add_argument("--start", type=Path, required=True, help="transformer folder in int8 rows to start from")
    parser.add_argument("--seconds", type=float, required=True, help="training time")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--depthwise", choices=sorted(DEPTHWISE), default="shift")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--save-every", type=float, default=180)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--languages", nargs="+", default=list(LANGUAGE_SHARES), choices=list(LANGUAGE_SHARES),
        help="languages whose captions are read; en alone measures what carries over to the others",
    )  # fmt: skip
    parser.add_argument("--when", type=Path, help="compile, then wait for this file (the last cache) before training")
    arguments = vars(parser.parse_args())
    train(TrainingOptions(**{**arguments, "languages": tuple(arguments["languages"])}))


if __name__ == "__main__":
    main()
