"""What a trial will compute or send, in tokens; for the estimate of time and, where it costs, of money."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Workload:
    """What a trial will compute, in tokens."""

    tokens_trained: int
    """Tokens through the training steps, the shared instruction counted once a step."""
    tokens_read: int
    """Prompt tokens at scoring, over all rows."""
    tokens_written: int
    """Answer tokens at scoring, if answers are as long as the targets."""
    steps: int
    """Optimizer steps; 0 where the provider decides."""
    n_calls: int = 0
    """Rows answered."""
    epochs: int = 0
    """Passes over the training rows."""
    tokens_judged: int = 0
    """Tokens of prompts and right answers that are read once for their loss."""
    n_training_rows: int = 0
    """Labelled rows that are trained on."""
    tokens_of_own_examples: int = 0
    """Of `tokens_read`, those of examples that are chosen for every row by itself: no two rows share them."""


@dataclass(frozen=True)
class Resources:
    """What of a machine a learner computes with."""

    threads: int = 1
    """CPU threads."""
    is_on_cuda: bool = False
    """Whether it computes on a CUDA device."""
