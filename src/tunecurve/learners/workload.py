"""What a trial will compute or send, in tokens; for the estimate of time and, where it costs, of money."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Workload:
    """What a trial will compute, in tokens.

    Attributes
    ----------
    tokens_trained : int
        Tokens through the training steps, the shared instruction counted once a step.
    tokens_read : int
        Prompt tokens at scoring, over all rows.
    tokens_written : int
        Answer tokens at scoring, if answers are as long as the targets.
    steps : int
        Optimizer steps; 0 where the provider decides.
    n_calls : int
        Rows answered.
    epochs : int
        Passes over the training rows.
    tokens_judged : int
        Tokens of prompts and right answers that are read once for their loss.
    n_training_rows : int
        Labelled rows that are trained on.
    tokens_of_own_examples : int
        Of `tokens_read`, those of examples that are chosen for every row by itself: no two rows share them.
    """

    tokens_trained: int
    tokens_read: int
    tokens_written: int
    steps: int
    n_calls: int = 0
    epochs: int = 0
    tokens_judged: int = 0
    n_training_rows: int = 0
    tokens_of_own_examples: int = 0


@dataclass(frozen=True)
class Resources:
    """What of a machine a learner computes with.

    Attributes
    ----------
    threads : int, default 1
        CPU threads.
    is_on_cuda : bool, default False
        Whether it computes on a CUDA device.
    """

    threads: int = 1
    is_on_cuda: bool = False
