"""The order of a round: a stage begins when its inputs are there, and what is finished is not done again."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

# Stands for every stage: notes that it was called, and writes what the real one would leave for the next.
_STAGE = """#!/bin/bash
# The launcher takes what follows the dashes for a module and its arguments.
[ "$2" = torch.distributed.run ] && shift 5
name=${2#sana_training.}
[[ " $* " == *" --describe "* ]] && name=scenes
echo "$name" >>"$CALLS"
[ "$name" = "${FAILS:-}" ] && exit 1
[ "$name" = sprites ] && touch "$WORK/sprites.npy"
[ "$name" = autoencoder ] && touch "$WORK/decoder.safetensors"
exit 0
"""
_STAGES = {
    *("attention_bench", "cache", "sprites", "scenes", "judge", "transformer", "autoencoder", "evaluate"),
    *("sprint", "evaluate_sprint", "caption_ablation"),
}


@pytest.fixture
def place(tmp_path):
    for name in ("bin", "models/transformer", "work"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "models" / "complete").touch()
    python = tmp_path / "bin" / "python3"
    python.write_text(_STAGE)
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    return tmp_path


def _round(place, fails=""):
    calls = place / "calls"
    calls.write_text("")
    environment = {
        **os.environ,
        "PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "CALLS": str(calls),
        "WORK": str(place / "work"),
        "FAILS": fails,
        "DECODE": "1",
        "ENGLISH": str(place / "english"),
    }
    script = Path(__file__).parent.parent / "round.sh"
    arguments = [place / "dataset", place / "models", place / "work", "vips"]
    # A stage takes no time here; the limit is for a script that waits for what never comes.
    done = subprocess.run(["bash", script, *map(str, arguments)], env=environment, timeout=120)
    return done.returncode, calls.read_text().split()


def test_a_round_calls_every_stage_in_an_order_that_gives_each_its_inputs(place):
    code, calls = _round(place)
    assert code == 0
    # What carries over from English alone is trained and scored apart.
    assert sorted(calls) == sorted([*_STAGES, "transformer", "evaluate"])
    for earlier, later in (
        *(("attention_bench", "transformer"), ("cache", "scenes"), ("cache", "autoencoder")),
        ("sprint", "evaluate_sprint"),
        *(("scenes", "judge"), ("autoencoder", "judge"), ("autoencoder", "evaluate"), ("transformer", "evaluate")),
    ):
        assert calls.index(earlier) < calls.index(later)
    assert "sprint" not in calls[calls.index("evaluate_sprint") :]
    assert _round(place) == (0, [])


def test_nothing_is_trained_with_a_kernel_that_fails_its_check(place):
    code, calls = _round(place, "attention_bench")
    assert code == 1
    assert not {"transformer", "sprint"} & set(calls)
    # The next try begins with the check.
    code, calls = _round(place)
    assert code == 0
    assert {"attention_bench", "transformer", "sprint"} <= set(calls)
