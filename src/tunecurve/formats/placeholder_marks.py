"""Signs around placeholders that belong to them: what stands around every one, and not in the input, as in `` `NAME` ``."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from tunecurve.formats.placeholder_numbers import Numbering
from tunecurve.formats.placeholders import PlaceholderForm, Style

MOST_SIGNS = 8
N_ROWS_READ = 100


def widened(pairs: Sequence[tuple[str, str]], style: Style, numbering: Numbering) -> Style:
    """Return the style with the signs around all its placeholders that the inputs do not explain.

    Signs on one side only are taken for a bare label's (``NAME:``); beside brackets they may be a difference of the texts.
    """
    form = PlaceholderForm((style,), numbering)
    rows = [pair for pair in pairs if form.find(pair[1], pair[0])][:N_ROWS_READ]
    if style.is_run or not any(unexplained(*pair, form) for pair in rows):
        return style
    before, after = _around(rows, form)
    trials = []
    for n_before in range(len(before) + 1):
        for n_after in range(len(after) + 1):
            if style.is_bare or bool(n_before) == bool(n_after):
                marks = before[len(before) - n_before :], after[:n_after]
                trial = replace(style, before=marks[0] + style.before, after=style.after + marks[1])
                left = sum(unexplained(*pair, PlaceholderForm((trial,), numbering)) for pair in rows)
                trials.append((left, n_before + n_after, trial))
    return min(trials, key=lambda trial: trial[:2])[2]


def _around(rows: Sequence[tuple[str, str]], form: PlaceholderForm) -> tuple[str, str]:
    """Return the longest texts without blanks that stand before and after every placeholder."""
    befores, afters = [], []
    for source, target in rows:
        for one in form.find(target, source):
            befores.append(re.split(r"\s", target[max(0, one.start - MOST_SIGNS) : one.start])[-1][::-1])
            afters.append(re.split(r"\s", target[one.end : one.end + MOST_SIGNS])[0])
    return _common_beginning(befores)[::-1], _common_beginning(afters)


def _common_beginning(texts: Sequence[str]) -> str:
    shortest = min(texts, key=len)
    return next(
        (shortest[:place] for place, signs in enumerate(zip(*texts, strict=False)) if len(set(signs)) > 1), shortest
    )


def unexplained(source: str, target: str, form: PlaceholderForm | None) -> int:
    """Return how many characters of the target, placeholders aside, are not of the input."""
    literal = form.replace(target, "", source) if form is not None else target
    return (Counter("".join(literal.split())) - _characters(source)).total()


@functools.lru_cache(maxsize=2048)
def _characters(text: str) -> Counter[str]:
    return Counter(text)
