"""Gives an earlier student what its teacher has learned since, without any training.

    python -m sana_training.carry_over --teacher T1 --start S0 --start-teacher T0 --output S1

writes ``S1``, the transformer of a student: S0 plus the difference between T1 and T0 (``student.go_on_from``). It is
where stage ``sprint`` with the same options begins.
"""

import argparse
import json
from pathlib import Path

from .student import go_on_from, make_student
from .transformer_files import load_transformer, save_transformer


def carry_over(teacher: Path, start: Path, start_teacher: Path, output: Path) -> None:
    """All folders hold int8 rows."""
    model, integers = load_transformer(teacher, "cpu", "shift")
    made, _ = make_student(model, "shift")
    go_on_from(made, start, start_teacher, "shift")
    config = json.loads((teacher / "config.json").read_text(encoding="utf-8")) | {"guidance_embeds": True}
    save_transformer(output, made.state_dict(), integers, config)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("teacher", "start", "start-teacher", "output"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    carry_over(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
