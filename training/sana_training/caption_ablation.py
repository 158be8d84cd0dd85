"""What choosing captions by score is worth: two runs of as many steps from the same start, with and without it.

    python -m sana_training.caption_ablation --work W --models M --start TRANSFORMER_DIR --output O --steps 400

writes ``O/captions.json``: both curves of training and validation loss. Seed, noise and data are the same; no weights
are kept.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import torch

from .layers import DEPTHWISE
from .training_data import load_data, weigh_captions
from .transformer import TrainingOptions, prepare_run


def compare(options: TrainingOptions, output: Path) -> None:
    """Runs both and writes the table after each."""
    output.mkdir(parents=True, exist_ok=True)
    data = load_data(options.work, options.models, options.device)
    table: dict[str, object] = {"steps": options.steps, "batch": options.batch, "rate": options.rate}
    for name, scored in (("evenly", False), ("by score", True)):
        own = replace(options, scored=scored)
        torch.manual_seed(options.seed)
        weigh_captions(data, own.languages, own.scored)
        # The scorer has drawn numbers of its own; from here on both runs draw the same.
        torch.manual_seed(options.seed)
        began = time.monotonic()
        run = prepare_run(own, data)
        run.learn()
        table[name] = run.log
        print(f"{name}: {options.steps} steps in {time.monotonic() - began:.0f} s", flush=True)
        (output / "captions.json").write_text(json.dumps(table, indent=1) + "\n")


def main() -> None:
    """Command line of the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("work", "models", "start", "output"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--depthwise", choices=sorted(DEPTHWISE), default="shift")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = vars(parser.parse_args())
    output = arguments.pop("output")
    compare(TrainingOptions(seconds=float("inf"), save_every=float("inf"), seed=1, **arguments), output)


if __name__ == "__main__":
    main()
