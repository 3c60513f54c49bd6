"""The study that runs where nothing is asked for."""

from __future__ import annotations

# Quick sizes: the run without arguments should end while its reader is still there. Sizes are multiples of the batch,
# because a step on a rest of one row costs nearly as much as a full one; 32 steps a size instead of 150 (120 for the
# tagger instead of 300). After so few steps a small language model still loses text and repeats labels, which costs it more
# than it has learnt: below copying the input. Held to maskings, it shows what it has learnt.
QUICK_STUDY: dict[str, object] = {
    "name": "pii-quick",
    "data": {"source": "builtin:pii", "limit": 2000},
    "models": ["constrained:smollm2-135m-instruct", "tagger"],
    "split": {"test_size": 100},
    "train_sizes": [24, 72, 192],
    "recipe": {"min_steps": 32},
    "encoder": {"min_steps": 120},
    "training_score_rows": 16,
}
