"""Sizes that the reference's resolution binning chooses, for test/unit/pipeline/resolution-bins.test.ts.

    python test/golden/pipeline/make_bin_goldens.py        (from the repository root)

diffusers 0.42.1. Writes [sample_size, height, width, height of the bin, width of the bin] for every size of every table,
for sizes halfway between two neighbouring ratios, and for random sizes.
"""

import json
import random
from pathlib import Path

from diffusers.image_processor import PixArtImageProcessor
from diffusers.pipelines.sana import pipeline_sana

TABLES = {16: pipeline_sana.ASPECT_RATIO_512_BIN, 32: pipeline_sana.ASPECT_RATIO_1024_BIN,
          64: pipeline_sana.ASPECT_RATIO_2048_BIN, 128: pipeline_sana.ASPECT_RATIO_4096_BIN}


def main() -> None:
    rng = random.Random(3)
    cases = []
    for sample_size, table in TABLES.items():
        keys = [float(key) for key in table]
        sizes = [(int(height), int(width)) for height, width in table.values()]
        sizes += [(round((low + high) / 2 * 2000), 2000) for low, high in zip(keys, keys[1:])]
        sizes += [(rng.randrange(1, 4097), rng.randrange(1, 4097)) for _ in range(40)]
        sizes += [(1, 4096), (4096, 1)]
        for height, width in sizes:
            chosen = PixArtImageProcessor.classify_height_width_bin(height, width, ratios=table)
            cases.append([sample_size, height, width, *chosen])
    (Path(__file__).parent / "bins.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
