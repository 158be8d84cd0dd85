"""Lets a stage prepare itself while the one before it is still at work."""

import time
from pathlib import Path


def wait_for(path: Path | None, seconds: float = 900.0) -> None:
    """Returns when the file is there, or at once without a path; SystemExit when it does not come in time."""
    end = time.monotonic() + seconds
    while path is not None and not path.exists():
        if time.monotonic() > end:
            raise SystemExit(f"{path}: has not appeared within {seconds:.0f} s")
        time.sleep(0.2)
