"""Triton's kernels run in its interpreter, so that they are tested where there is no accelerator."""

import os

os.environ["TRITON_INTERPRET"] = "1"
