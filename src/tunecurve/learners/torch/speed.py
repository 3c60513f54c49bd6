"""How long work takes on this machine: its arithmetic over the matrix speed measured here and now."""

from __future__ import annotations

import functools
import time

import torch

from tunecurve.learners.base import Workload
from tunecurve.learners.torch.device import Compute

# What a token costs over the time of its products at the measured matrix speed, as SmolLM2-135M needed on three kinds of
# processor (docs/performance-notes.md): a part that runs at the speed of the precision computed in, and one (attention, norms,
# the optimizer; decoding as a whole, whose products are thin) that gains nothing from a faster bfloat16.
TRAINING_PRODUCTS, TRAINING_REST, WRITING_REST = 1.6, 0.36, {torch.float32: 6.5, torch.bfloat16: 3.5}
# Two rows are computed by the reference, which reads the instruction with each, and by a backend before the first step.
CHECKED_STEPS = 4
LOADING_SECONDS = 2.0
MEASURED_SECONDS = 0.3
# A small model's step on a GPU is as many kernels, however short they are; before that, the check and the recordings.
GPU_STEP_SECONDS, GPU_RECORDING_SECONDS = 0.015, 2.0


@functools.cache
def matmul_flops_per_second(device: str, dtype: torch.dtype) -> float:
    """Return the floating-point operations per second of a 1024 x 1024 product, measured for a moment."""
    matrix = torch.randn(1024, 1024, device=device).to(dtype)
    float((matrix @ matrix).sum())
    rounds, started = 0, time.perf_counter()
    while time.perf_counter() - started < MEASURED_SECONDS:
        float((matrix @ matrix)[0, 0])
        rounds += 1
    return rounds * 2 * 1024**3 / (time.perf_counter() - started)


def estimate_seconds(work: Workload, n_parameters: int, compute: Compute) -> float:
    """Return about how long the work takes.

    A token costs 2 operations a parameter forward and, in training, 2 backward (the frozen weights need no gradients).
    """
    peak = matmul_flops_per_second(compute.device.type, compute.dtype)
    float32_peak = matmul_flops_per_second(compute.device.type, torch.float32)
    trained = work.tokens_trained * (1 + CHECKED_STEPS / max(work.steps, 1))
    training = 4 * trained * (TRAINING_PRODUCTS / peak + TRAINING_REST / float32_peak)
    # Writing has room for an input; examples of its own take a prompt through the model as its loss does.
    judging = (
        2
        * (work.tokens_judged + work.tokens_of_own_examples)
        * (TRAINING_PRODUCTS / peak + TRAINING_REST / float32_peak)
    )
    writing = 2 * work.tokens_written * WRITING_REST[compute.dtype] / float32_peak
    launching = 0.0
    if compute.device.type == "cuda" and work.steps:
        launching = GPU_RECORDING_SECONDS + work.steps * GPU_STEP_SECONDS
    return LOADING_SECONDS + max(n_parameters * training, launching) + n_parameters * (judging + writing)
