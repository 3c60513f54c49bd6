"""Right answers against what bounds answers: those that a cap would cut, those that no class stands for."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from tunecurve.learners.base import Loss, RoundTrip

STEP = "answer cap"


def loss_at_the_cap(
    source_tokens: Sequence[int], target_tokens: Sequence[int], per_input_token: float, extra: int, about: str = ""
) -> Loss | None:
    """Return the targets that are longer than the longest answer allowed; None where there are none.

    Parameters
    ----------
    source_tokens, target_tokens : sequence of int
        Lengths of inputs and targets, shape (rows,).
    per_input_token, extra : float, int
        The cap: so many tokens for each input token, and these many more.
    about : str
        Stands behind the text, where lengths are estimated.
    """
    lengths = list(zip(source_tokens, target_tokens, strict=True))
    cut = tuple(row for row, (n_in, n_out) in enumerate(lengths) if n_out > math.ceil(per_input_token * n_in) + extra)
    if not cut:
        return None
    needed = max((n_out - extra) / max(1, n_in) for n_in, n_out in lengths)
    more = max(n_out - math.ceil(per_input_token * n_in) for n_in, n_out in lengths)
    return Loss(
        STEP,
        cut,
        f"test targets are longer than the longest answer allowed ({per_input_token:g} times the input and {extra} "
        f"tokens{about})",
        f"set answers.max_tokens_per_input_token to {math.ceil(10 * needed) / 10:g}, or answers.max_extra_tokens to "
        f"{10 * math.ceil(more / 10)}",
    )


def among_classes(targets: Sequence[str], classes: Collection[str]) -> RoundTrip:
    """Return the right answers of a learner that knows these classes alone; what is none of them is no answer."""
    lost = tuple(row for row, target in enumerate(targets) if target.strip() not in classes)
    kept = ["" if row in lost else target for row, target in enumerate(targets)]
    what = "test rows are of a class that no training row has"
    return RoundTrip(kept, (Loss("classes", lost, what, "label rows of it, or leave it out"),) if lost else ())
