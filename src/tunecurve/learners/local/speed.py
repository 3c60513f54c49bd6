"""How long work takes on this machine: its arithmetic over the matrix speed measured here and now."""

from __future__ import annotations

import functools
import time

import torch

from tunecurve.learners.base import Workload
from tunecurve.learners.local.device import Compute

# Shares of the measured matrix speed that training and writing answers reach, measured with SmolLM2-135M: float32 in
# whole studies on 2 cores; bfloat16 in steps of training, and in passes of decoding, on 1 core (docs/performance.md).
TRAINING_SHARE = {torch.float32: 0.42, torch.bfloat16: 0.52}
WRITING_SHARE = {torch.float32: 0.15, torch.bfloat16: 0.16}
LOADING_SECONDS = 4.0


@functools.cache
def matmul_flops_per_second(device: str, dtype: torch.dtype, seconds: float = 0.3) -> float:
    """Return the floating-point operations per second of a 1024 x 1024 product, measured for `seconds`."""
    matrix = torch.randn(1024, 1024, device=device).to(dtype)
    float((matrix @ matrix).sum())
    rounds, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        float((matrix @ matrix)[0, 0])
        rounds += 1
    return rounds * 2 * 1024**3 / (time.perf_counter() - started)


def estimate_seconds(work: Workload, n_parameters: int, compute: Compute) -> float:
    """Return about how long the work takes.

    A token costs 2 operations a parameter forward and 2 backward (the frozen weights need no gradients).
    """
    peak = matmul_flops_per_second(compute.device.type, compute.dtype)
    training, writing = TRAINING_SHARE[compute.dtype], WRITING_SHARE[compute.dtype]
    operations = n_parameters * (4 * work.tokens_trained / training + 2 * work.tokens_written / writing)
    return LOADING_SECONDS + operations / peak
