"""Stage ``judge``: a small detector that says which things a picture shows, where, and in which of the twelve colours.

    python -m sana_training.judge --dataset D --work W --describe 300000     # needs no accelerator
    python -m sana_training.judge --dataset D --work W --seconds 80

The first writes ``W/judge-scenes.pt``, the second trains on them and writes ``W/judge.pt``. It is trained on painted scenes, hold-outs included, with blur, noise and changes of contrast, because what a decoder
does to a picture must not decide the answer. It knows the same drawings as the model that it judges: it measures
whether a prompt gives the right drawing, not whether a new drawing is good.
"""

import argparse
import os
import random
import time
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from .cache import load_world
from .catalogue import Concept
from .compose import Painter, SceneBatch, as_batch, joined
from .scenes import COLOURS, MAX_ITEMS, Scene, SceneSampler
from .waiting import wait_for

JUDGE_SIZE = 256
GRID = 16
_CHUNK = 768
_WIDTH = 48
_CERTAIN = 0.5
# Colours are the hardest to tell, and only recoloured drawings have one that is known.
_KIND_SHARES = {"single": 0.24, "colour": 0.22, "two_coloured": 0.18, "count": 0.14, "relation": 0.14, "several": 0.08}


@dataclass(frozen=True)
class Detection:
    """One thing found: its class, colour, and centre in [0, 1]."""

    label: int
    colour: str
    x: float
    y: float
    certainty: float


class _Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
        )
        self.second = nn.Sequential(nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs))
        self.skip = (
            nn.Conv2d(inputs, outputs, 1, stride, bias=False) if inputs != outputs or stride > 1 else nn.Identity()
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return F.relu(self.second(self.first(features)) + self.skip(features))


class Detector(nn.Module):
    """``[n, 3, 256, 256]`` to ``[n, 1 + colours + classes, 16, 16]``: is there a centre here, its colour, its class."""

    def __init__(self, classes: int, width: int = _WIDTH) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 5, 2, 2, bias=False), nn.BatchNorm2d(width), nn.ReLU(), _Residual(width, width, 2)
        )
        self.fine = nn.Sequential(
            _Residual(width, 2 * width, 2), _Residual(2 * width, 4 * width, 2), _Residual(4 * width, 4 * width)
        )
        self.coarse = nn.Sequential(
            _Residual(4 * width, 6 * width, 2), _Residual(6 * width, 8 * width, 2), _Residual(8 * width, 8 * width)
        )
        self.join = _Residual(12 * width, 8 * width)
        self.head = nn.Conv2d(8 * width, 1 + len(COLOURS) + classes, 1)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """The map described at the class; values are logits."""
        return self.head(self.features(pictures))

    def features(self, pictures: torch.Tensor) -> torch.Tensor:
        """``[n, 8 * width, 16, 16]``, what the head reads."""
        fine = self.fine(self.stem(pictures))
        coarse = F.interpolate(self.coarse(fine), size=fine.shape[-2:], mode="bilinear", align_corners=False)
        return self.join(torch.cat([fine, coarse], 1))


@dataclass(frozen=True)
class _Request:
    dataset: Path
    work: Path
    seed: int
    classes: int


def _describe(request: _Request) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Scenes and ``[n, MAX_ITEMS, 2]``: class and colour of every item, -1 where there is none or it has no name."""
    world = load_world(request.dataset, request.work)
    sampler = SceneSampler(world.catalogue, world.table, respect_holdouts=False)
    rng = random.Random(request.seed)
    kinds, shares = list(_KIND_SHARES), list(_KIND_SHARES.values())
    scenes: list[Scene] = []
    while len(scenes) < _CHUNK:
        scenes += [
            scene
            for scene in sampler.sample(rng, rng.choices(kinds, shares)[0])
            if all(subject.index < request.classes for subject in scene.subjects)
        ]
    scenes = scenes[:_CHUNK]
    labels = np.full((_CHUNK, MAX_ITEMS, 2), -1, np.int64)
    for row, scene in enumerate(scenes):
        for column, item in enumerate(scene.items):
            subject = scene.subjects[item.subject]
            # What colour an ordinary drawing has is not known.
            labels[row, column] = subject.index, COLOURS.index(subject.colour) if subject.colour else -1
    return {name: value.numpy() for name, value in as_batch(scenes).__dict__.items()}, labels


def describe_scenes(dataset: Path, work: Path, number: int, processes: int) -> None:
    """Writes ``judge-scenes.pt`` with ``number`` scenes and their labels, unless it is there."""
    path = work / "judge-scenes.pt"
    if path.exists():
        return
    classes = number_of_classes(load_world(dataset, work).catalogue)
    requests = [_Request(dataset, work, 20_000_000 + chunk, classes) for chunk in range(-(-number // _CHUNK))]
    batches, labels = [], []
    with get_context("spawn").Pool(processes) as pool:
        for arrays, label in pool.imap(_describe, requests):
            batches.append(SceneBatch(**{name: torch.from_numpy(value) for name, value in arrays.items()}))
            labels.append(torch.from_numpy(label))
    partial = path.with_suffix(".partial")
    torch.save({"scenes": joined(batches).__dict__, "labels": torch.cat(labels)}, partial)
    os.replace(partial, path)
    print(f"{len(requests) * _CHUNK} scenes for the judge", flush=True)


def number_of_classes(catalogue: list[Concept]) -> int:
    """Everyday objects and technical things lead the catalogue, so a class is a position in it."""
    return sum(concept.countable for concept in catalogue)


def small(pictures: torch.Tensor) -> torch.Tensor:
    """Square pictures at the size that the judge looks at."""
    return (
        F.interpolate(pictures, size=(JUDGE_SIZE, JUDGE_SIZE), mode="area")
        if pictures.shape[-1] != JUDGE_SIZE
        else pictures
    )


@dataclass(frozen=True)
class JudgeOptions:
    """Where things are and how long to train."""

    dataset: Path
    work: Path
    seconds: float
    batch: int
    device: str
    when: Path | None = None


def train_judge(options: JudgeOptions) -> None:
    """Writes the judge, unless it is there; scenes may come again, disturbed in another way."""
    path = options.work / "judge.pt"
    if path.exists():
        return
    torch.manual_seed(0)
    world = load_world(options.dataset, options.work)
    classes = number_of_classes(world.catalogue)
    painter = Painter(options.work / "sprites.npy", world.table.recolourings, options.device)
    detector = Detector(classes).to(options.device).to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(detector.parameters(), lr=0.0, weight_decay=0.02)
    described = torch.load(options.work / "judge-scenes.pt", weights_only=True)
    scenes, names = SceneBatch(**described["scenes"]).to(options.device), described["labels"].to(options.device)
    wait_for(options.when)
    peak, step, started = 2e-3, 0, time.monotonic()
    order = torch.randperm(len(scenes), device=options.device)
    while (progress := (time.monotonic() - started) / options.seconds) < 1:
        place = step * options.batch % (len(order) - options.batch + 1)
        rows = order[place : place + options.batch]
        batch, labels = scenes.picked(rows), names[rows]
        for settings in optimiser.param_groups:
            settings["lr"] = peak * min(1, (step + 1) / 50) * max(0.02, 1 - progress)
        with torch.no_grad():
            pictures = _disturbed(painter.paint(batch, JUDGE_SIZE, JUDGE_SIZE))
        with torch.autocast(options.device, torch.bfloat16, enabled=options.device == "cuda"):
            output = detector(pictures.contiguous(memory_format=torch.channels_last))
        loss, shares = _judge_loss(output.float(), batch, labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step += 1
        if step % 20 == 0 and options.device == "cuda":
            torch.cuda.synchronize()
        if step % 100 == 0:
            print(
                f"judge {step} loss {loss.item():.3f} class {shares[0].item():.3f} colour {shares[1].item():.3f} "
                f"{time.monotonic() - started:.0f} s",
                flush=True,
            )
    partial = path.with_suffix(".partial")
    torch.save({name: value.half() for name, value in detector.state_dict().items()}, partial)
    os.replace(partial, path)
    print(f"judge trained for {step} steps", flush=True)


def _disturbed(pictures: torch.Tensor) -> torch.Tensor:
    if torch.rand(()) < 0.5:
        shrunk = F.interpolate(pictures, scale_factor=0.6, mode="bilinear", antialias=True)
        pictures = F.interpolate(shrunk, size=(JUDGE_SIZE, JUDGE_SIZE), mode="bilinear")
    contrast = 1 + 0.2 * (torch.rand(len(pictures), 1, 1, 1, device=pictures.device) - 0.5)
    noise = 0.06 * torch.rand(len(pictures), 1, 1, 1, device=pictures.device)
    return pictures * contrast + noise * torch.randn_like(pictures)


def _judge_loss(output: torch.Tensor, batch: SceneBatch, labels: torch.Tensor) -> tuple[torch.Tensor, tuple]:
    row, slot = (batch.sprite >= 0).nonzero(as_tuple=True)
    x, y = ((batch.place[row, slot, axis] * GRID).long().clamp(0, GRID - 1) for axis in (0, 1))
    target = torch.zeros(len(output), GRID, GRID, device=output.device)
    # The cells around a centre are neither right nor wrong.
    target[row, y, x] = 1
    near = F.max_pool2d(target[:, None], 3, 1, 1)[:, 0]
    weight = torch.where(target > 0, 4.0, 1 - near)
    presence = (
        F.binary_cross_entropy_with_logits(output[:, 0], target, reduction="none") * weight
    ).sum() / weight.sum()
    centres = output[row, :, y, x]
    classes, colours = labels[row, slot].unbind(1)
    named = F.cross_entropy(centres[:, 1 + len(COLOURS) :], classes, label_smoothing=0.05)
    tinted = F.cross_entropy(centres[:, 1 : 1 + len(COLOURS)], colours, ignore_index=-1, reduction="sum") / (
        colours >= 0
    ).sum().clamp_min(1)
    correct = (centres[:, 1 + len(COLOURS) :].argmax(1) == classes).float().mean()
    right_colour = (centres[:, 1 : 1 + len(COLOURS)].argmax(1) == colours)[colours >= 0].float().mean()
    return 10 * presence + named + tinted, (correct, right_colour)


class Judge:
    """The trained detector."""

    def __init__(self, path: Path, device: str) -> None:
        stored = torch.load(path, map_location=device, weights_only=True)
        weights = {name: value.float() for name, value in stored.items()}
        classes = len(weights["head.bias"]) - 1 - len(COLOURS)
        self._detector = Detector(classes, weights["stem.0.weight"].shape[0])
        self._detector.load_state_dict(weights)
        self._detector = self._detector.to(device).eval()
        self._device = device

    @torch.no_grad()
    def look(self, pictures: torch.Tensor, batch: int = 128) -> list[list[Detection]]:
        """What is seen in each square picture, the surest first; at least one thing, even in an empty picture."""
        found = []
        for part in pictures.split(batch):
            output = self._detector(small(part.to(self._device)))
            presence = output[:, 0].sigmoid()
            peaks = presence == F.max_pool2d(presence[:, None], 3, 1, 1)[:, 0]
            colours = output[:, 1 : 1 + len(COLOURS)].argmax(1).cpu()
            labels = output[:, 1 + len(COLOURS) :].argmax(1).cpu()
            found += [self._peaks(*row) for row in zip((presence * peaks).cpu(), labels, colours, strict=True)]
        return found

    @torch.no_grad()
    def describe(self, pictures: torch.Tensor, batch: int = 128) -> torch.Tensor:
        """float64 ``[n, 8 * width]``: the features averaged over each picture."""
        parts = [
            self._detector.features(small(part.to(self._device))).mean((2, 3)).double().cpu()
            for part in pictures.split(batch)
        ]
        return torch.cat(parts)

    @staticmethod
    def _peaks(presence: torch.Tensor, labels: torch.Tensor, colours: torch.Tensor) -> list[Detection]:
        order = presence.flatten().argsort(descending=True)
        kept = [index for index in order[:12].tolist() if presence.flatten()[index] > _CERTAIN] or [int(order[0])]
        return [
            Detection(
                int(labels.flatten()[index]),
                COLOURS[int(colours.flatten()[index])],
                (index % GRID + 0.5) / GRID,
                (index // GRID + 0.5) / GRID,
                float(presence.flatten()[index]),
            )
            for index in kept
        ]


def main() -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--describe", type=int, help="only draw up so many scenes")
    parser.add_argument("--processes", type=int, default=max(1, (os.cpu_count() or 2) - 2))
    parser.add_argument("--seconds", type=float, default=80)
    parser.add_argument("--batch", type=int, default=192)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--when", type=Path, help="prepare, then wait for this file before training")
    arguments = parser.parse_args()
    if arguments.describe:
        describe_scenes(arguments.dataset, arguments.work, arguments.describe, arguments.processes)
    else:
        train_judge(
            JudgeOptions(
                arguments.dataset,
                arguments.work,
                arguments.seconds,
                arguments.batch,
                arguments.device,
                arguments.when,
            )
        )


if __name__ == "__main__":
    main()
