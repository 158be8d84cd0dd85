"""Does the program draw as well on the CPU as the model did on the accelerator? 100 prompts, the same noise.

    python -m sana_training.sidecar_check --subset O/subset.json --answers O/answers.jsonl --judge W/judge.pt
        --sana dist/sana.cjs --models models --output sidecar.json

Stage ``evaluate`` writes the subset with its noise. Each picture is drawn by the command line of the program, with the
precision that it has by default, and judged as in the evaluation. A run that was interrupted goes on where it was.
``node`` must be on the path.
"""

import argparse
import json
import random
import subprocess
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from .catalogue import Concept
from .judge import Judge, small
from .questions import Question, is_right
from .sampling import SamplingOptions, initial_noise
from .scenes import Scene, Subject

SUBSET = 100


def choose_subset(questions: Sequence[Question], number: int = SUBSET) -> list[int]:
    """Positions of ``number`` questions: every kind and language in turn, so that none is missing."""
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for position, question in enumerate(questions):
        groups[question.kind, question.language].append(position)
    for name, members in groups.items():
        random.Random("|".join(name)).shuffle(members)
    chosen: list[int] = []
    depth = 0
    while len(chosen) < min(number, len(questions)):
        chosen += [members[depth] for members in groups.values() if depth < len(members)]
        depth += 1
    return sorted(chosen[:number])


def save_subset(output: Path, questions: Sequence[Question], sampling: SamplingOptions) -> None:
    """Writes what is asked, and the noise that the evaluation starts from: that of its place in its language."""
    rows, noises = [], []
    languages = list(dict.fromkeys(question.language for question in questions))
    by_language = {name: [question for question in questions if question.language == name] for name in languages}
    noise = {name: initial_noise(len(group), sampling) for name, group in by_language.items()}
    for position in choose_subset(questions):
        question = questions[position]
        place = by_language[question.language].index(question)
        subjects = [(subject.index, subject.colour, subject.count) for subject in question.scene.subjects]
        row = {"kind": question.kind, "language": question.language, "prompt": question.prompt}
        rows.append({**row, "relation": question.scene.relation, "subjects": subjects})
        noises.append(noise[question.language][place])
    settings = {"steps": sampling.steps, "guidance": sampling.guidance}
    (output / "subset.json").write_text(
        json.dumps({**settings, "questions": rows}, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
    save_file({"noise": torch.stack(noises)}, output / "subset.safetensors")


def scene_of(row: dict) -> Scene:
    """The scene that a line of the subset asks for; names are not needed to judge it."""
    subjects = [Subject(Concept(""), index, colour, count) for index, colour, count in row["subjects"]]
    return Scene(row["kind"], tuple(subjects), (), relation=row["relation"])


def draw_subset(subset: Path, sana: Path, models: Path, pictures: Path) -> None:
    """Writes ``N.png`` for every question that has none yet."""
    asked = json.loads(subset.read_text(encoding="utf-8"))
    noise = load_file(subset.with_suffix(".safetensors"))["noise"]
    pictures.mkdir(parents=True, exist_ok=True)
    settings = ["--steps", str(asked["steps"]), "--guidance-scale", str(asked["guidance"]), "--model", str(models)]
    for number, row in enumerate(asked["questions"]):
        picture = pictures / f"{number}.png"
        if picture.exists():
            continue
        start = pictures / "noise.safetensors"
        save_file({"latents": noise[number : number + 1].contiguous()}, start)
        command = ["node", str(sana), "generate", f"--prompt={row['prompt']}", *settings]
        command += ["--latents", str(start), "--output", str(picture)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def judge_subset(subset: Path, answers: Path, judge: Judge, pictures: Path) -> dict[str, object]:
    """Right answers of the program's pictures and of the accelerator's, over the same questions."""
    asked = json.loads(subset.read_text(encoding="utf-8"))["questions"]
    rows = [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()]
    known: dict[tuple[str, ...], bool] = {}
    for row in rows:
        if row["model"] == "after" and row["seed"] == 0:
            # Where a question came twice, the noise of the subset is that of the first.
            known.setdefault((row["kind"], row["language"], row["prompt"], str(row["detail"])), row["right"])
    shown = [np.asarray(Image.open(pictures / f"{number}.png").convert("RGB")) for number in range(len(asked))]
    right, before = [], []
    for row, picture in zip(asked, shown, strict=True):
        values = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        scene = scene_of(row)
        right.append(is_right(scene, judge.look(small(values))[0]))
        detail = scene.relation or (scene.subjects[0].count if row["kind"] == "count" else "")
        before.append(known[row["kind"], row["language"], row["prompt"], str(detail)])
    return {
        "questions": len(asked),
        "program": sum(right) / len(asked),
        "accelerator": sum(before) / len(asked),
        "differ": sum(one != other for one, other in zip(right, before, strict=True)),
    }


def main() -> None:
    """Command line of the check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("subset", "answers", "judge", "sana", "models", "output"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    arguments = parser.parse_args()
    pictures = arguments.output.with_suffix("")
    draw_subset(arguments.subset, arguments.sana, arguments.models, pictures)
    result = judge_subset(arguments.subset, arguments.answers, Judge(arguments.judge, "cpu"), pictures)
    arguments.output.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
