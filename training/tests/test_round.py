"""The order of a round: a stage begins when its inputs are there, and what is finished is not done again."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

# Stands for every stage: notes that it was called, and writes what the real one would leave for the next.
_STAGE = """#!/bin/bash
name=${2#sana_training.}
[[ " $* " == *" --describe "* ]] && name=scenes
echo "$name" >>"$CALLS"
[ "$name" = "${FAILS:-}" ] && exit 1
[ "$name" = sprites ] && touch "$WORK/sprites.npy"
[ "$name" = autoencoder ] && touch "$WORK/decoder.safetensors"
exit 0
"""
_PREPARING = {"attention_bench", "cache", "sprites", "scenes", "judge"}
_STAGES = {*_PREPARING, "transformer", "autoencoder", "evaluate"}


@pytest.fixture
def place(tmp_path):
    for name in ("bin", "models/transformer", "work"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "models" / "complete").touch()
    python = tmp_path / "bin" / "python3"
    python.write_text(_STAGE)
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    return tmp_path


def _round(place, fails="", script="round.sh"):
    calls = place / "calls"
    calls.write_text("")
    environment = {
        **os.environ,
        "PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "CALLS": str(calls),
        "WORK": str(place / "work"),
        "FAILS": fails,
    }
    script = Path(__file__).parent.parent / script
    arguments = [place / "dataset", place / "models", place / "work", "vips", 1, 1, 1, 1]
    # A stage takes no time here; the limit is for a script that waits for what never comes.
    done = subprocess.run(["bash", script, *map(str, arguments)], env=environment, timeout=120)
    return done.returncode, calls.read_text().split()


def test_a_round_calls_every_stage_once_in_an_order_that_gives_each_its_inputs(place):
    code, calls = _round(place)
    assert code == 0
    assert sorted(calls) == sorted(_STAGES)
    for earlier, later in (("attention_bench", "transformer"), ("cache", "scenes"), ("scenes", "judge")):
        assert calls.index(earlier) < calls.index(later)
    assert calls[-1] == "evaluate" or calls[-2:] == ["evaluate", "judge"]
    assert _round(place) == (0, [])


def test_a_distillation_branches_once_and_is_evaluated_last(place):
    code, calls = _round(place, script="sprint_round.sh")
    assert code == 0
    assert sorted(calls) == sorted([*_PREPARING, "sprint", "sprint", "sprint", "evaluate_sprint"])
    assert calls.index("attention_bench") < calls.index("sprint")
    assert "sprint" not in calls[calls.index("evaluate_sprint") :]
    assert _round(place, script="sprint_round.sh") == (0, [])


@pytest.mark.parametrize(("script", "trained"), [("round.sh", "transformer"), ("sprint_round.sh", "sprint")])
def test_nothing_is_trained_with_a_kernel_that_fails_its_check(place, script, trained):
    code, calls = _round(place, "attention_bench", script)
    assert code == 1
    assert trained not in calls
    # The next try begins with the check.
    code, calls = _round(place, script=script)
    assert code == 0
    assert {"attention_bench", trained} <= set(calls)
