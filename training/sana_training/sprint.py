"""Stage ``sprint``: distils a transformer into one that needs one to four steps and no second pass for guidance.

    python -m sana_training.sprint --work W --models M --teacher T --name student --seconds 900 --adversarial 0.5
    python -m sana_training.sprint ... --start EARLIER_STUDENT --start-teacher ITS_TEACHER

reads the caches of stage ``cache`` and writes ``W/NAME/`` (averaged weights in int8 rows, config.json, log.json), every
few minutes, at the end, and when it is asked to end (SIGTERM); ``W/NAME-state.pt`` lets an interrupted run go on.
``--start`` goes on from an earlier student, to which is added what the teacher has learned since.

Follows SANA-Sprint (Chen et al., 2025): the teacher in the coordinates of TrigFlow (``trigflow.py``), continuous-time
consistency (``consistency.py``), adversarial heads on the teacher's features (``adversary.py``). Changed: the time
embedding is fitted, not fine-tuned, and the teacher not at all (``student.py``); the tangent's warm-up and the learning
rate go by the clock, because a run has minutes; while the warm-up is zero the tangent is not computed; the guidance
scale is drawn from a range, not from three values; the adversarial part comes in when most of the time is over; Muon as
in stage ``transformer``, in place of CAME; noise levels are balanced by a log-variance that has the angle alone for its
input. Value and tangent are one pass
(``tangent.py``), in bfloat16, with sCM's arrangement of the tangent, which was made for half precision.
"""

import argparse
import copy
import json
import os
import signal
import time
from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from diffusers import SanaTransformer2DModel

from .adversary import Adversary
from .cache import SHAPES
from .consistency import LogVariance, consistency_loss
from .guided_teacher import Batch, GuidedTeacher, TeacherAnswers, autocast
from .layers import DEPTHWISE, compile_blocks
from .muon import Muon
from .prompts import PROMPT_TOKENS
from .sampling import SamplingOptions
from .student import GUIDANCE_LIMIT, Student, go_on_from, make_student
from .text_states import STATE_WIDTH
from .training_data import TrainingData, batch_of, load_data, text_statistics, weigh_captions
from .transformer_files import load_transformer, save_transformer
from .trigflow import LAST_ANGLE, clean_sample, log_normal_angles, noised
from .waiting import wait_for

GUIDANCE = 4.5
WARM_UP = 50

# SANA-Sprint's noise levels for the student.
_ANGLE_MEAN, _ANGLE_DEVIATION = 0.2, 1.6
# Half of the samples have the guidance scale that is used unless someone asks for another.
_DEFAULT_GUIDANCE_SHARE = 0.5
_LOWEST_GUIDANCE = 1.0
_CAPTION_DROP = 0.05
# Shares of the time: until the tangent counts at all, until it counts in full, with a constant rate.
_TANGENT_FROM, _TANGENT_FULL = 0.1, 0.35
_CONSTANT_SHARE = 0.5
_FINAL_RATE = 0.02
_EMA = 0.998
# Every so many steps another shape than 512 pixels square.
_OTHER_SHAPES_EVERY = 6
# The adversarial part comes in after this share of the time, works on so much of a batch, and so often from noise alone.
_ADVERSARIAL_FROM = 0.6
_ADVERSARIAL_SHARE = 0.5
_LAST_ANGLE_SHARE = 0.5
_LOG_EVERY = 100
_TEACHER_STEPS = 20
# Scenes of one shape: while the teacher is still being trained, its data are in device memory too.
_SCENES = 60_000
# Seconds that a run waits for the one before it.
_PATIENCE = 1800


@dataclass(frozen=True)
class SprintOptions:
    """Where things are, and how long and how fast to learn."""

    work: Path
    models: Path
    teacher: Path
    name: str
    seconds: float
    # An earlier student, and the teacher that it was distilled from.
    start: Path | None = None
    start_teacher: Path | None = None
    batch: int = 256
    rate: float = 1.5e-4
    adversarial: float = 0.0
    depthwise: str = "shift"
    device: str = "cpu"
    compile: bool = False
    save_every: float = 120
    seed: int = 1
    cached: Path | None = None
    when: Path | None = None

    def __post_init__(self) -> None:
        """SystemExit for a student without its teacher, or the other way round."""
        if (self.start is None) != (self.start_teacher is None):
            raise SystemExit("--start needs --start-teacher, and the other way round")


def distil(options: SprintOptions) -> None:
    """Runs until the time is over; the time counts from the first step, so that preparing costs no steps."""
    torch.manual_seed(options.seed)
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    started = time.monotonic()
    if options.compile:
        _compile_shapes(options)
        print(f"compiled after {time.monotonic() - started:.0f} s", flush=True)
    wait_for(options.cached, _PATIENCE)
    data = load_data(options.work, options.models, options.device, _SCENES)
    weigh_captions(data)
    print(f"data ready after {time.monotonic() - started:.0f} s", flush=True)
    # The teacher is not there before.
    wait_for(options.when, _PATIENCE)
    run = SprintRun(options, data)
    run.resume()
    # Whoever ends the run keeps what it has learned.
    signal.signal(signal.SIGTERM, run.stop)
    run.run()


def _models(
    options: SprintOptions, mean: torch.Tensor, deviation: torch.Tensor
) -> tuple[SanaTransformer2DModel, Student, Student, set[str]]:
    """Teacher, student, averaged student, and the names of the tensors that are stored as integers.

    The student's time embedding has other names than the teacher's and stays in float16: it is small, and its rows are
    fitted together.
    """
    teacher, integers = load_transformer(options.teacher, options.device, options.depthwise)
    made, error = make_student(teacher, options.depthwise)
    if options.start is not None and options.start_teacher is not None:
        go_on_from(made, options.start, options.start_teacher, options.depthwise)
    students = [Student(copy.deepcopy(made).to(options.device), mean, deviation) for _ in range(2)]
    print(f"time embedding refitted with a relative error of {error:.1e}", flush=True)
    if options.compile:
        for transformer in (teacher, *(student.transformer for student in students)):
            compile_blocks(transformer)
    student, averaged = students
    return teacher, student, averaged.requires_grad_(False), integers


def _compile_shapes(options: SprintOptions) -> None:
    """Runs every pass once on made-up data, so that the compiled kernels are there before the clock starts.

    The teacher may not be there yet; the checkpoint's own transformer has the same shape.
    """
    options = replace(options, teacher=options.models / "transformer", start=None, start_teacher=None)
    plain = (torch.zeros(STATE_WIDTH, device=options.device), torch.ones(STATE_WIDTH, device=options.device))
    teacher, student, averaged, _ = _models(options, *plain)
    guided = GuidedTeacher(teacher, torch.zeros(1, PROMPT_TOKENS, STATE_WIDTH, device=options.device))
    adversary = Adversary(teacher, options.device) if options.adversarial else None
    for shape in SHAPES:
        number = batch_of(options.batch, shape)
        batch = Batch(
            torch.randn(number, 32, *shape, device=options.device),
            torch.randn(number, PROMPT_TOKENS, STATE_WIDTH, device=options.device, dtype=torch.bfloat16),
            torch.ones(number, PROMPT_TOKENS, dtype=torch.bool, device=options.device),
            torch.full((number,), GUIDANCE, device=options.device),
        )
        angle = torch.full((number,), 1.0, device=options.device)
        target = guided.velocity(batch.latents, angle, batch)
        with autocast(options.device):
            student(batch.latents, batch.states, batch.mask.float(), angle, batch.guidance).sum().backward()
            value, _ = student.with_tangent(
                batch.latents, target, batch.states, batch.mask.float(), angle, batch.guidance
            )
        value.sum().backward()
        if adversary is not None and shape == next(iter(SHAPES)):
            _adversarial_loss(student, adversary, batch)[0].backward()
        with torch.no_grad(), autocast(options.device):
            averaged(batch.latents, batch.states, batch.mask.float(), angle, batch.guidance)
    if options.device == "cuda":
        # Another run may be at work on the same device.
        del student, batch, target, value
        torch.cuda.empty_cache()


class SprintRun:
    """One run: its models, optimiser, clock and log."""

    def __init__(self, options: SprintOptions, data: TrainingData) -> None:
        self._options = options
        self._data = data
        mean, deviation = text_statistics(data)
        teacher, self._model, self._averaged, self._integers = _models(options, mean, deviation)
        self._teacher = GuidedTeacher(teacher, data.unconditional)
        self._log_variance = LogVariance().to(options.device)
        self._adversary = Adversary(teacher, options.device) if options.adversarial else None
        named = [*self._model.transformer.named_parameters(), *self._log_variance.named_parameters()]
        self._optimiser = Muon([(name, parameter) for name, parameter in named if parameter.requires_grad])
        sampling = SamplingOptions(GUIDANCE, _TEACHER_STEPS, batch=options.batch)
        self._answers = TeacherAnswers(self._teacher, self._held_out(), sampling)
        self._step = 0
        # Since the last line of the log: larger pictures come in smaller batches.
        self._samples = 0
        self._spent = 0.0
        self._log: list[dict] = []
        self._stopped = False

    def stop(self, *_signal: object) -> None:
        """Asks the run to save after the step that it is at, and to end as a failure."""
        self._stopped = True

    def resume(self) -> None:
        """Continues an interrupted run of the same name."""
        path = self._state_path()
        if not path.exists():
            return
        state = torch.load(path, map_location=self._options.device, weights_only=True)
        self._model.load_state_dict(state["model"])
        self._averaged.load_state_dict(state["averaged"])
        self._log_variance.load_state_dict(state["log_variance"])
        self._optimiser.load(state["optimiser"])
        if self._adversary is not None:
            self._adversary.load(state["adversary"])
        self._step, self._spent, self._log = state["step"], state["spent"], state["log"]
        # A resumed run must not see the same batches again.
        torch.manual_seed(self._options.seed + self._step)
        print(f"resumed {path.name} at step {self._step}", flush=True)

    def run(self) -> None:
        """Steps until ``seconds`` of training are spent."""
        options = self._options
        found: dict[str, list[torch.Tensor]] = defaultdict(list)
        if not self._log:
            self._record(found, 0.0)
        began = last_save = last_log = time.monotonic()
        before = self._spent
        while self._spent < options.seconds and not self._stopped:
            for name, value in self._train_step(self._spent / options.seconds).items():
                found[name].append(value)
            self._step += 1
            if self._step % 10 == 0 and options.device == "cuda":
                # The clock must not run ahead of the device.
                torch.cuda.synchronize()
            now = time.monotonic()
            self._spent = before + now - began
            if len(found["loss"]) == _LOG_EVERY:
                self._record(found, self._samples / (now - last_log))
                found.clear()
                self._samples = 0
                last_log = time.monotonic()
            if now - last_save > options.save_every:
                self._save()
                last_save = time.monotonic()
        self._record(found, 0.0)
        self._save()
        if self._stopped:
            message = f"stopped at {self._spent:.0f} s of {options.seconds:.0f}"
            raise SystemExit(f"{message}; the same command goes on from there")

    def _train_step(self, progress: float) -> dict[str, torch.Tensor]:
        options = self._options
        batch = self._draw()
        self._samples += len(batch.latents)
        angle = log_normal_angles(len(batch.latents), _ANGLE_MEAN, _ANGLE_DEVIATION, options.device)
        sample = noised(batch.latents, torch.randn_like(batch.latents), angle)
        target = self._teacher.velocity(sample, angle, batch)
        warmth = self._warmth(progress)
        inputs = (batch.states, batch.mask.float(), angle, batch.guidance)
        with autocast(options.device):
            if warmth == 0:
                velocity, change = self._model(sample, *inputs), None
            else:
                velocity, change = self._model.with_tangent(sample, target, *inputs)
        loss, norms = consistency_loss(velocity, change, target, sample, angle, warmth, self._log_variance(angle))
        found = {
            "loss": loss.detach(),
            "direction_norm": torch.nan_to_num(norms, posinf=0.0).mean(),
            "left_out": (~torch.isfinite(norms)).float().mean(),
        }
        square = batch.latents.shape[2:] == next(iter(SHAPES))
        if self._adversary is not None and square and progress >= _ADVERSARIAL_FROM:
            student_loss, heads_loss = _adversarial_loss(self._model, self._adversary, batch)
            loss = loss + options.adversarial * student_loss
            found |= {"student_adversarial_loss": student_loss.detach(), "heads_loss": heads_loss}
        loss.backward()
        found["gradient_norm"] = self._optimiser.step(self._rate(progress))
        with torch.no_grad():
            decay = min(_EMA, (self._step + 1) / (self._step + 20))
            torch._foreach_lerp_(
                list(self._averaged.parameters()), [value.detach() for value in self._model.parameters()], 1 - decay
            )
        return found

    def _warmth(self, progress: float) -> float:
        # An earlier student is consistent already.
        if self._options.start is not None:
            return 1.0
        return min(1.0, max(0.0, (progress - _TANGENT_FROM) / (_TANGENT_FULL - _TANGENT_FROM)))

    def _draw(self) -> Batch:
        options, data = self._options, self._data
        square, *others = SHAPES
        turn, rest = divmod(self._step, _OTHER_SHAPES_EVERY)
        shape = square if rest else others[turn % len(others)]
        number = batch_of(options.batch, shape)
        latents, states, mask = data.draw(shape, number, _CAPTION_DROP)
        chance = torch.rand(2, number, device=latents.device)
        drawn = _LOWEST_GUIDANCE + (GUIDANCE_LIMIT - _LOWEST_GUIDANCE) * chance[0]
        guidance = torch.where(chance[1] < _DEFAULT_GUIDANCE_SHARE, GUIDANCE, drawn)
        return Batch(latents, states, mask, guidance)

    def _rate(self, progress: float) -> float:
        warm = min(1.0, (self._step + 1) / WARM_UP)
        decay = min(1.0, (1 - progress) / (1 - _CONSTANT_SHARE))
        return self._options.rate * warm * max(_FINAL_RATE, decay)

    def _held_out(self) -> Batch:
        # As many as are trained on at a time, because another number would be compiled anew.
        latents, states, masks = (part[: self._options.batch] for part in self._data.validation)
        guidance = torch.full((len(latents),), GUIDANCE, device=latents.device)
        return Batch(latents.float(), states, masks, guidance)

    def _record(self, found: dict[str, list[torch.Tensor]], speed: float) -> None:
        entry = {
            "step": self._step,
            "seconds": round(self._spent, 1),
            **{name: round(float(torch.stack(values).mean()), 5) for name, values in found.items() if values},
            "one_step_distance": round(self._answers.distance(self._averaged), 5),
            "samples_per_second": round(speed, 1),
        }
        self._log.append(entry)
        print(json.dumps(entry), flush=True)

    def _state_path(self) -> Path:
        return self._options.work / f"{self._options.name}-state.pt"

    def _save(self) -> None:
        options = self._options
        state = {
            "model": self._model.state_dict(),
            "averaged": self._averaged.state_dict(),
            "log_variance": self._log_variance.state_dict(),
            "optimiser": self._optimiser.state(),
            "adversary": self._adversary.state() if self._adversary is not None else None,
            "step": self._step,
            "spent": self._spent,
            "log": self._log,
        }
        partial = options.work / f"{options.name}-state.partial"
        torch.save(state, partial)
        os.replace(partial, self._state_path())
        folder = options.work / options.name
        config = json.loads((options.teacher / "config.json").read_text()) | {"guidance_embeds": True}
        save_transformer(folder, self._averaged.folded(), self._integers, config)
        settings = {key: str(value) if isinstance(value, Path) else value for key, value in asdict(options).items()}
        (folder / "log.json").write_text(json.dumps({"options": settings, "log": self._log}, indent=1) + "\n")


def _adversarial_loss(model: Student, adversary: Adversary, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Losses of student and heads on one-step answers, half of them from noise alone."""
    batch = batch.part(max(1, round(len(batch.latents) * _ADVERSARIAL_SHARE)))
    number, device = len(batch.latents), batch.latents.device
    angle = log_normal_angles(number, _ANGLE_MEAN, _ANGLE_DEVIATION, device)
    angle = torch.where(torch.rand(number, device=device) < _LAST_ANGLE_SHARE, LAST_ANGLE, angle)
    sample = noised(batch.latents, torch.randn_like(batch.latents), angle)
    with autocast(device.type):
        velocity = model(sample, batch.states, batch.mask.float(), angle, batch.guidance)
    return adversary.losses(clean_sample(sample, velocity, angle), batch.latents, batch.states, batch.mask)


def main() -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument(
        "--models", type=Path, required=True, help="checkpoint folder with text_encoder/ and tokenizer/"
    )
    parser.add_argument("--teacher", type=Path, required=True, help="transformer folder in int8 rows")
    parser.add_argument("--name", required=True, help="of the run and of its results in --work")
    parser.add_argument("--seconds", type=float, required=True, help="training time, which the learning rate goes by")
    parser.add_argument("--start", type=Path, help="earlier student in int8 rows to go on from")
    parser.add_argument("--start-teacher", type=Path, help="the teacher of --start")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rate", type=float, default=1.5e-4)
    parser.add_argument("--adversarial", type=float, default=0.0, help="weight of that loss; 0.5 in the paper")
    parser.add_argument("--depthwise", choices=sorted(DEPTHWISE), default="shift")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=torch.cuda.is_available())
    parser.add_argument("--save-every", type=float, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cached", type=Path, help="compile, then wait for this file (the last cache) before reading")
    parser.add_argument("--when", type=Path, help="read the caches, then wait for this file (the teacher's end)")
    distil(SprintOptions(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
