"""What the evaluation asks for, and which answers are right."""

from dataclasses import dataclass

from .judge import Detection
from .scenes import Scene, Subject


@dataclass(frozen=True)
class Question:
    """One prompt with the scene that it asks for."""

    kind: str
    language: str
    prompt: str
    scene: Scene
    # Whether the combination (or the name in this language) was kept out of training.
    held: bool


def is_right(scene: Scene, seen: list[Detection]) -> bool:
    """Whether the detections answer the scene."""
    if scene.kind == "single":
        return seen[0].label == scene.subjects[0].index
    if scene.kind == "count":
        subject = scene.subjects[0]
        return len(seen) == subject.count and all(found.label == subject.index for found in seen)
    matches = [next((found for found in seen if _fits(subject, found)), None) for subject in scene.subjects]
    if any(match is None for match in matches):
        return False
    if not scene.relation:
        return True
    return _stands(scene.relation, *matches)


def _fits(subject: Subject, found: Detection) -> bool:
    return found.label == subject.index and subject.colour in (None, found.colour)


def _stands(relation: str, first: Detection, second: Detection) -> bool:
    right, down = first.x - second.x, first.y - second.y
    if relation in ("left", "right"):
        return abs(right) > abs(down) and (right < 0) == (relation == "left")
    return abs(down) > abs(right) and (down < 0) == (relation == "above")
