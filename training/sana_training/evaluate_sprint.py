"""Stage ``evaluate_sprint``: distilled transformers in one to four steps beside their teacher in twenty.

    python -m sana_training.evaluate_sprint --dataset D --work W --models M --teacher T --student student=W/student
        --output O

first looks for good noise levels for the students' steps, with a mixture of prompts and noise of their own; then asks
for what stage ``evaluate`` asks for, in all languages, and writes under ``O``: scores.json (right answers for each way
of sampling, their ratio to the teacher's, the distance to painted pictures, diversity), answers.jsonl, words.zip for
tesseract, and contact sheets with the ways side by side. Every way gets the same noise for a prompt. The teacher's own
four steps say what would be there without distillation.

Diversity is the mean Euclidean distance between the pictures of one prompt with different seeds, in the space of the
judge's features, averaged over prompts.
"""

import argparse
import math
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from .answers import Scores, answers_of
from .cache import load_world
from .compose import Painter
from .evaluate import frechet_distance, painted
from .judge import Judge, small
from .layers import compile_blocks
from .questions import Question, drawable_things, is_right, mixture, questions
from .reading import save_words, word_questions
from .sampling import Illustrator, SamplingOptions
from .scenes import SceneSampler
from .sheets import PROBES, save_sheet
from .sprint import GUIDANCE
from .sprint_sampling import SprintIllustrator
from .text_states import TextStates
from .transformer_files import load_transformer
from .trigflow import INTERMEDIATE_ANGLE, LAST_ANGLE, consistency_angles
from .vae import load_autoencoder, replace_decoder
from .waiting import wait_for

_TEACHER_STEPS = (20, 4)
_STUDENT_STEPS = (1, 2, 3, 4)
# Ways that are shown beside each other, and whose diversity is measured.
_SHOWN_STEPS = (1, 2, 4)
# Noise levels to choose from; the first are those of SanaSprintPipeline, and SANA-Sprint's own for four steps are there.
_SCHEDULES = {
    2: ((LAST_ANGLE, INTERMEDIATE_ANGLE), (LAST_ANGLE, 1.1), (LAST_ANGLE, 1.2), (LAST_ANGLE, 1.4)),
    3: (tuple(consistency_angles(3)[:-1]), (LAST_ANGLE, 1.3, 0.8), (LAST_ANGLE, 1.4, 1.1), (LAST_ANGLE, 1.2, 0.6)),
    4: (
        tuple(consistency_angles(4)[:-1]),
        (LAST_ANGLE, 1.3, 1.1, 0.6),
        (LAST_ANGLE, 1.4, 1.2, 0.8),
        (LAST_ANGLE, 1.45, 1.3, 1.0),
        (LAST_ANGLE, 1.2, 0.8, 0.4),
    ),
}
_SCHEDULE_PROMPTS = 256
_SCHEDULE_SEED = 1
_WORD_STEPS = (2, 4)
_DIVERSITY_PROMPTS = 32
_DIVERSITY_SEEDS = 6
_SHEET_PROMPTS = 36


@dataclass(frozen=True)
class Way:
    """One way of making a picture."""

    model: str
    steps: int
    illustrator: Illustrator
    # Noise levels of its steps; without them the usual ones.
    angles: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        """What it is called in the results."""
        return f"{self.model} {self.steps}"


@dataclass(frozen=True)
class SprintEvaluationOptions:
    """Where things are."""

    dataset: Path
    work: Path
    models: Path
    teacher: Path
    students: dict[str, Path]
    output: Path
    decoder: Path | None = None
    seconds: float = math.inf
    guidance: float = GUIDANCE
    batch: int = 128
    limit: int | None = None
    device: str = "cpu"
    when: Path | None = None


def evaluate_sprint(options: SprintEvaluationOptions) -> None:
    """Draws and scores language by language; what is known is written at once."""
    options.output.mkdir(parents=True, exist_ok=True)
    world = load_world(options.dataset, options.work)
    ways = _ways(options)
    groups = questions(world.catalogue, *drawable_things(world.catalogue, world.table), options.limit)
    started = time.monotonic()
    wait_for(options.when)
    judge = Judge(options.work / "judge.pt", options.device)
    painter = Painter(options.work / "sprites.npy", world.table.recolourings, options.device)
    builder = SceneSampler(world.catalogue, world.table, respect_holdouts=False)
    scores = Scores(options.output, {"guidance": options.guidance, "seeds": 1, "batch": options.batch})
    asked = [question for group in groups for question in mixture(group, _SCHEDULE_PROMPTS // len(groups))]
    ways = [_with_best_angles(way, judge, asked, options, scores) for way in ways]
    print(f"noise levels chosen after {time.monotonic() - started:.0f} s", flush=True)
    _save_sheets(options, ways)
    _save_words(ways, word_questions(world.catalogue, world.table, options.limit), options)
    for group in groups:
        language = group[0].language
        alone = [index for index, question in enumerate(group) if question.kind == "single"]
        ceiling = painted(painter, builder, group)
        scores.add(answers_of("ceiling", 0, group, judge.look(ceiling)))
        truth = judge.describe(ceiling[alone])
        for way in ways:
            pictures = _draw(way, group, options)
            scores.add(answers_of(way.name, 0, group, judge.look(pictures)))
            distance = frechet_distance(judge.describe(pictures[alone]), truth)
            scores.note("distance", {f"{way.name} {language}": round(distance, 4)})
        scores.note("right", right_answers(scores.answers))
        print(f"{language} scored after {time.monotonic() - started:.0f} s", flush=True)
        if time.monotonic() - started > options.seconds:
            print(f"no time left for the diversity in {language}", flush=True)
        else:
            scores.note("diversity", _diversities(ways, judge, group, options))


def _with_best_angles(
    way: Way, judge: Judge, asked: list[Question], options: SprintEvaluationOptions, scores: Scores
) -> Way:
    """The same way with the noise levels that give the most right answers; the usual ones where others are no better."""
    if way.model == "teacher" or way.steps not in _SCHEDULES:
        return way
    tried = [replace(way, angles=angles) for angles in _SCHEDULES[way.steps]]
    found = []
    for one in tried:
        seen = judge.look(_draw(one, asked, options, _SCHEDULE_SEED))
        right = [is_right(question.scene, answer) for question, answer in zip(asked, seen, strict=True)]
        found.append(sum(right) / len(right))
        scores.note("schedules", {f"{way.name}, {[round(angle, 3) for angle in one.angles]}": round(found[-1], 4)})
    return tried[found.index(max(found))]


def _save_words(ways: list[Way], asked: list[Question], options: SprintEvaluationOptions) -> None:
    students = [way for way in ways if way.model != "teacher" and way.steps in _WORD_STEPS]
    prompts = [question.prompt for question in asked]
    drawn = {way.name: way.illustrator.draw(prompts, _sampling(way, options)) for way in students}
    save_words(options.output / "words.zip", asked, drawn)


def right_answers(answers: list[dict]) -> dict[str, dict[str, float]]:
    """way -> share of right answers, and its ratio to the teacher's many steps, in each language and over all."""
    collected: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for answer in answers:
        for scope in (answer["language"], "all"):
            collected[answer["model"]][scope].append(answer["right"])
    shares = {
        way: {scope: sum(right) / len(right) for scope, right in scopes.items()} for way, scopes in collected.items()
    }
    teacher = shares[f"teacher {_TEACHER_STEPS[0]}"]
    return {
        way: {scope: round(share, 4) for scope, share in scopes.items()}
        | {f"{scope} / teacher": round(share / teacher[scope], 4) for scope, share in scopes.items() if teacher[scope]}
        for way, scopes in shares.items()
    }


def mean_pairwise_distance(features: torch.Tensor) -> float:
    """``[seeds, prompts, d]``: the mean distance between two seeds' features of the same prompt."""
    by_prompt = features.transpose(0, 1)
    distances = torch.cdist(by_prompt, by_prompt)
    seeds = len(features)
    return float(distances.sum((1, 2)).mean() / (seeds * (seeds - 1)))


def _diversities(
    ways: list[Way], judge: Judge, group: list[Question], options: SprintEvaluationOptions
) -> dict[str, float]:
    """Way and language -> diversity, and its ratio to that of the teacher's many steps."""
    asked, language = mixture(group, _DIVERSITY_PROMPTS), group[0].language
    found = {}
    for way in ways:
        if way.model != "teacher" and way.steps not in _SHOWN_STEPS:
            continue
        seeds = [judge.describe(_draw(way, asked, options, seed)) for seed in range(_DIVERSITY_SEEDS)]
        found[f"{way.name} {language}"] = mean_pairwise_distance(torch.stack(seeds))
    teacher = found[f"teacher {_TEACHER_STEPS[0]} {language}"]
    ratios = {f"{name} / teacher": value / teacher for name, value in found.items()}
    return {name: round(value, 4) for name, value in (found | ratios).items()}


def _draw(way: Way, group: list[Question], options: SprintEvaluationOptions, seed: int = 0) -> torch.Tensor:
    return way.illustrator.draw([question.prompt for question in group], _sampling(way, options, seed), small)


def _sampling(way: Way, options: SprintEvaluationOptions, seed: int = 0) -> SamplingOptions:
    return SamplingOptions(options.guidance, way.steps, seed=seed, batch=options.batch, angles=way.angles)


def _ways(options: SprintEvaluationOptions) -> list[Way]:
    text = TextStates(options.models, options.device)
    vae = load_autoencoder(options.models / "vae")
    if options.decoder is not None:
        replace_decoder(vae, options.decoder)
    vae = vae.to(options.device).to(memory_format=torch.channels_last)

    def illustrator(kind: type[Illustrator], folder: Path) -> Illustrator:
        transformer, _ = load_transformer(folder, options.device, "triton" if options.device == "cuda" else "shift")
        if options.device == "cuda":
            compile_blocks(transformer)
        return kind(transformer, text, vae, options.device)

    teacher = illustrator(Illustrator, options.teacher)
    ways = [Way("teacher", steps, teacher) for steps in _TEACHER_STEPS]
    for name, folder in options.students.items():
        student = illustrator(SprintIllustrator, folder)
        ways += [Way(name, steps, student) for steps in _STUDENT_STEPS]
    return ways


def _save_sheets(options: SprintEvaluationOptions, ways: list[Way]) -> None:
    """One sheet a student and set of prompts: teacher, then one, two and four steps, prompt after prompt."""
    for title in ("scenes", "languages", "relations"):
        probes = PROBES[title][:_SHEET_PROMPTS][: options.limit]
        prompts = [prompt for prompt, _ in probes]
        drawn = {
            way.name: way.illustrator.draw(prompts, _sampling(way, options), small)
            for way in ways
            if way.steps in (*_SHOWN_STEPS, _TEACHER_STEPS[0])
        }
        for name in options.students:
            columns = [f"teacher {_TEACHER_STEPS[0]}", *(f"{name} {steps}" for steps in _SHOWN_STEPS)]
            pictures = torch.stack([drawn[column] for column in columns], 1).flatten(0, 1)
            labels = [f"{column.split()[-1]}: {label}" for _, label in probes for column in columns]
            save_sheet(options.output / f"{title}-{name}.jpg", pictures, labels)


def _named_folder(text: str) -> tuple[str, Path]:
    name, separator, folder = text.partition("=")
    if not separator or not name or not folder or name in ("teacher", "ceiling"):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FOLDER with another name than teacher or ceiling")
    return name, Path(folder)


def main() -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("dataset", "work", "models", "teacher", "output"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--student", type=_named_folder, action="append", required=True, metavar="NAME=FOLDER")
    parser.add_argument("--decoder", type=Path, help="decoder for all of them, in place of that of --models")
    parser.add_argument("--when", type=Path, help="load the models, then wait for this file (the judge)")
    parser.add_argument("--seconds", type=float, default=math.inf, help="measure no further diversity after this time")
    parser.add_argument("--guidance", type=float, default=GUIDANCE)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--limit", type=int, help="prompts of a group, for a quick look")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = vars(parser.parse_args())
    evaluate_sprint(SprintEvaluationOptions(students=dict(arguments.pop("student")), **arguments))


if __name__ == "__main__":
    main()
