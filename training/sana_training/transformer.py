"""Stage ``transformer``: flow matching on cached latents, resumed from a finished checkpoint.

    python -m sana_training.transformer --work W --models M --start TRANSFORMER_DIR --seconds 900
    torchrun --nproc-per-node 2 -m -- sana_training.transformer ...

reads the caches of stage ``cache``, learns which wordings fit their pictures (scorer.py), and writes ``W/transformer/``
(the averaged weights in int8 rows, with config.json and log.json), every few minutes and at the end.
``W/training-state.pt`` lets an interrupted run go on.
The optimiser starts cold, so its learning rate rises over the first WARM_UP steps. With torchrun each accelerator has
a process with a batch of its own, and the gradients are averaged.
"""

import argparse
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from .cache import SHAPES
from .flow_matching import flow_loss, shifted, validation_loss
from .layers import DEPTHWISE, compile_blocks
from .muon import Muon
from .prompts import PROMPT_TOKENS
from .ranks import ALONE, Ranks, join_ranks, leave_ranks
from .standardised_text import StandardisedText
from .text_states import STATE_WIDTH
from .training_data import LANGUAGE_SHARES, TrainingData, batch_of, load_data, text_statistics, weigh_captions
from .transformer_files import load_transformer, save_transformer
from .waiting import wait_for

WARM_UP = 100
_CAPTION_DROP = 0.1
_EMA = 0.9995
# Pictures of other shapes and sizes come in once those of 512 pixels are learned.
_OTHER_SHAPES_FROM = 0.4
_OTHER_SHAPES_SHARE = 0.2
_CONSTANT_SHARE = 0.35
_FINAL_RATE = 0.02
_LOG_EVERY = 250
# Every so many steps the clock is read, when the device has caught up.
_CLOCK_EVERY = 10


@dataclass(frozen=True)
class TrainingOptions:
    """Where things are, and how long and how fast to learn."""

    work: Path
    models: Path
    start: Path
    seconds: float
    # Of each accelerator.
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


def train(options: TrainingOptions) -> None:
    """Runs until the time is over; the time counts from the first step, so that preparing costs no steps."""
    torch.manual_seed(options.seed)
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    started = time.monotonic()
    ranks = join_ranks(options.device)
    if options.when is not None:
        compile_shapes(options)
        print(f"compiled after {time.monotonic() - started:.0f} s", flush=True)
        wait_for(options.when)
    data = load_data(options.work, options.models, options.device)
    weigh_captions(data, options.languages, options.scored)
    print(f"data ready after {time.monotonic() - started:.0f} s", flush=True)
    run = prepare_run(options, data, ranks)
    run.resume()
    run.run()
    leave_ranks()


def prepare_run(options: TrainingOptions, data: TrainingData, ranks: Ranks = ALONE) -> "TrainingRun":
    """Loads the model twice, to train and to average."""
    mean, deviation = text_statistics(data)
    transformer, integers = load_transformer(options.start, options.device, options.depthwise)
    model = StandardisedText(transformer, mean, deviation)
    averaged = StandardisedText(load_transformer(options.start, options.device, options.depthwise)[0], mean, deviation)
    averaged.requires_grad_(False)
    if options.device == "cuda":
        compile_blocks(model.transformer)
        compile_blocks(averaged.transformer)
    return TrainingRun(options, data, ranks, model, averaged, integers)


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


class TrainingRun:
    """One run: its models, optimiser, clock and log."""

    def __init__(
        self,
        options: TrainingOptions,
        data: TrainingData,
        ranks: Ranks,
        model: StandardisedText,
        averaged: StandardisedText,
        integers: set[str],
    ) -> None:
        self._options = options
        self._data = data
        self._ranks = ranks
        self._model = model
        self._averaged = averaged
        self._integers = integers
        self._optimiser = Muon(list(model.transformer.named_parameters()))
        self._step = 0
        # Since the last line of the log: larger pictures come in smaller batches.
        self._samples = 0
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
        # No two processes draw the same batches.
        torch.manual_seed(options.seed + 1000 * self._ranks.index + self._step)
        self._record(None, 0.0)
        # The clock starts when the last process is here.
        self._ranks.agreed(0.0, options.device)
        total = torch.zeros((), device=options.device)
        counted = 0
        began = time.monotonic()
        last_save = last_log = began
        before = self._spent
        while (progress := self._progress()) < 1:
            total += self._train_step(progress)
            counted += 1
            self._step += 1
            if self._step % _CLOCK_EVERY:
                continue
            # The clock must not run ahead of the device.
            if options.device == "cuda":
                torch.cuda.synchronize()
            now = time.monotonic()
            self._spent = self._ranks.agreed(before + now - began, options.device)
            if counted == _LOG_EVERY:
                self._record(total.item() / counted, self._samples * self._ranks.number / (now - last_log))
                total.zero_()
                counted, self._samples, last_log = 0, 0, now
            if now - last_save > options.save_every:
                self._save()
                last_save = last_log = time.monotonic()
                counted, self._samples = 0, 0
                total.zero_()
        self._record(total.item() / counted if counted else None, 0.0)

    def _progress(self) -> float:
        steps = self._options.steps
        return self._spent / self._options.seconds if steps is None else self._step / steps

    def _train_step(self, progress: float) -> torch.Tensor:
        options, data = self._options, self._data
        shape = self._shape(progress)
        batch = batch_of(options.batch, shape)
        latents, states, mask = data.draw(shape, batch, _CAPTION_DROP)
        self._samples += batch
        index = torch.sigmoid(torch.randn(batch, device=latents.device))
        loss = flow_loss(self._model, latents, states, mask, shifted(index))
        loss.backward()
        self._ranks.average_gradients(self._model.transformer.parameters())
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
        if not self._ranks.first:
            return
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
        if not self._ranks.first:
            return
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
