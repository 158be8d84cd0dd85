"""Right and wrong answers to the questions of an evaluation, as they are written down and summed up."""

import json
from collections import defaultdict
from pathlib import Path

from .judge import Detection
from .questions import Question, is_right

_GENEVAL_KINDS = ("single", "two", "count", "colour", "relation", "two_coloured")


class Scores:
    """What is known so far, written whenever something is added."""

    def __init__(self, folder: Path, settings: dict) -> None:
        self._folder = folder
        self.answers: list[dict] = []
        self._notes: dict[str, dict] = {"settings": settings}

    def add(self, answers: list[dict]) -> None:
        """Adds what ``answers_of`` returned."""
        self.answers += answers
        self._write()

    def note(self, name: str, values: dict) -> None:
        """Adds other figures under a heading of their own."""
        self._notes.setdefault(name, {}).update(values)
        self._write()

    def _write(self) -> None:
        scores = {**self._notes, "geneval": geneval(self.answers), "scores": summary(self.answers)}
        (self._folder / "scores.json").write_text(json.dumps(scores, indent=1) + "\n")
        lines = [json.dumps(answer, ensure_ascii=False) for answer in self.answers]
        (self._folder / "answers.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def answers_of(model: str, seed: int, group: list[Question], seen: list[list[Detection]]) -> list[dict]:
    """One line for each question, as in answers.jsonl."""
    return [
        {
            "model": model,
            "seed": seed,
            "kind": question.kind,
            "detail": question.scene.relation or (question.scene.subjects[0].count if question.kind == "count" else ""),
            "language": question.language,
            "prompt": question.prompt,
            "held": question.held,
            "unnamed": question.unnamed,
            "right": is_right(question.scene, found),
            "technical": not question.scene.subjects[0].concept.emoji,
        }
        for question, found in zip(group, seen, strict=True)
    ]


def summary(answers: list[dict]) -> dict[str, dict[str, dict[str, float | int]]]:
    """model -> "kind language [detail]" -> share of right answers; combinations that were held out, and names, apart."""
    collected: dict[str, dict[str, list[dict]]] = defaultdict(lambda: defaultdict(list))
    for answer in answers:
        name = f"{answer['kind']} {answer['language']}"
        collected[answer["model"]][name].append(answer)
        if answer["detail"] != "":
            collected[answer["model"]][f"{name} {answer['detail']}"].append(answer)
    return {model: {name: _shares(group) for name, group in groups.items()} for model, groups in collected.items()}


def geneval(answers: list[dict]) -> dict[str, dict[str, float]]:
    """model -> language -> the mean over GenEval's six kinds, for the languages that all six are asked in."""
    collected: dict[tuple[str, str], dict[str, list[dict]]] = defaultdict(lambda: defaultdict(list))
    for answer in answers:
        if answer["kind"] in _GENEVAL_KINDS:
            collected[answer["model"], answer["language"]][answer["kind"]].append(answer)
    means: dict[str, dict[str, float]] = defaultdict(dict)
    for (model, language), kinds in collected.items():
        if len(kinds) == len(_GENEVAL_KINDS):
            means[model][language] = round(sum(map(_share, kinds.values())) / len(kinds), 4)
    return dict(means)


def _shares(group: list[dict]) -> dict[str, float | int]:
    shares: dict[str, float | int] = {"prompts": len(group), "right": _share(group)}
    # What has no name in its language that was ever seen says nothing about combinations.
    named = [answer for answer in group if not answer["unnamed"]]
    for name, part in (
        ("seen", [answer for answer in named if not answer["held"]]),
        ("held", [answer for answer in named if answer["held"]]),
        ("unnamed", [answer for answer in group if answer["unnamed"]]),
    ):
        if part:
            shares |= {f"{name}_prompts": len(part), f"{name}_right": _share(part)}
    return shares


def _share(group: list[dict]) -> float:
    return round(sum(answer["right"] for answer in group) / len(group), 4)
