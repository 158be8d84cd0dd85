"""Noise of PyTorch's CPU generator, for test/unit/tensor/torch-random.test.ts.

    python test/golden/tensor/make_random_goldens.py        (from the repository root)

torch 2.13.0. Each case is one generator and the numbers of its successive draws, base64 of little-endian float32.
"""

import base64
import json
from pathlib import Path

import torch

CASES = [
    (0, [16]), (42, [64]), (7, [37, 37]), (2**32 - 1, [16, 17, 31, 32, 33]), (2**32, [20]), (2**40 + 5, [64]),
    (2**63 - 1, [48]), (123456789, [15, 1, 16, 3, 3, 2, 100, 7, 1, 1]), (1, [1]), (99, [8, 8, 8]), (5, [4096, 4096]),
]


def main() -> None:
    cases = []
    for seed, draws in CASES:
        generator = torch.Generator("cpu").manual_seed(seed)
        values = torch.cat([torch.randn(count, generator=generator) for count in draws])
        cases.append({"seed": str(seed), "draws": draws,
                      "values": base64.b64encode(values.numpy().astype("<f4").tobytes()).decode()})
    (Path(__file__).parent / "random.json").write_text(json.dumps(cases, indent=0, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
