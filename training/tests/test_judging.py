"""The judge's rules: what counts as a right answer."""

import pytest
import torch

from sana_training.catalogue import Concept
from sana_training.colour import COLOUR_RGB, recolour
from sana_training.judge import Detection
from sana_training.questions import is_right
from sana_training.scenes import COLOURS, Scene, Subject


def _subject(index, colour=None, count=1):
    return Subject(Concept(f"thing {index}"), index, colour, count)


def _seen(label, x=0.5, y=0.5, colour="red"):
    return Detection(label, colour, x, y, 0.9)


@pytest.mark.parametrize(
    ("relation", "x", "y", "right"),
    [
        ("left", 0.2, 0.5, True),
        ("right", 0.2, 0.5, False),
        ("left", 0.45, 0.1, False),
        ("above", 0.5, 0.2, True),
        ("below", 0.5, 0.2, False),
    ],
)
def test_relations(relation, x, y, right):
    scene = Scene("relation", (_subject(1), _subject(2)), (), relation=relation)
    assert is_right(scene, [_seen(2), _seen(1, x, y)]) is right


def test_counts_want_exactly_that_many_of_the_thing():
    scene = Scene("count", (_subject(1, count=2),), ())
    assert is_right(scene, [_seen(1), _seen(1)])
    assert not is_right(scene, [_seen(1)])
    assert not is_right(scene, [_seen(1), _seen(1), _seen(2)])


def test_colours_belong_to_their_things():
    scene = Scene("two_coloured", (_subject(1, "red"), _subject(2, "blue")), ())
    assert is_right(scene, [_seen(1, colour="red"), _seen(2, colour="blue")])
    assert not is_right(scene, [_seen(1, colour="blue"), _seen(2, colour="red")])


def test_recolouring_reaches_the_named_colour_and_leaves_gray_alone():
    sprite = torch.zeros(1, 4, 8, 8, dtype=torch.uint8)
    sprite[:, 3] = 255
    sprite[:, 0, :4] = 220
    sprite[:, :3, 4:] = 128
    painted = recolour(sprite, torch.tensor([COLOURS.index("blue")]))[0, :3]
    # The main hue is known to half a bin of 15 degrees, a third of which is kept: about ten steps of one channel.
    assert (painted[:, 0, 0].float() - torch.tensor(COLOUR_RGB["blue"])).abs().max() <= 12
    assert (painted[:, 7, 7].float() - 128).abs().max() <= 1
