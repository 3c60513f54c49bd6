"""Which kind of example to label next: a learning curve for every label, read by the same forecaster.

"EMAIL is flat from 50, STREET is still rising": a label's curve is its recall against the training size, and its test
set are the gold spans (or rows) of that label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tunecurve.curve.answer import Word
from tunecurve.curve.forecast import CurvePoints, forecast_curve
from tunecurve.results.records.advice import LabelAdvice

# With fewer gold examples one more right answer moves the recall by ten points and more.
MIN_GOLD = 10
MIN_SIZES = 3


@dataclass(frozen=True)
class LabelScore:
    """One label's recall, in per cent, in one trial, and the gold examples it was counted on."""

    learner: str
    label: str
    train_size: int
    seed: int
    recall: float
    n_gold: int


class LabelAdvisor:
    """Reads label curves; remembers what it has read, because results are collected after every trial."""

    def __init__(self) -> None:
        self._known: dict[tuple[LabelScore, ...], LabelAdvice] = {}

    def advise(self, scores: Sequence[LabelScore]) -> dict[str, list[LabelAdvice]]:
        """Return for every learner its labels, those first that gain most in the whole by the next doubling.

        Labels with fewer than ten gold examples or three sizes are left out.
        """
        curves: dict[tuple[str, str], list[LabelScore]] = {}
        for score in scores:
            curves.setdefault((score.learner, score.label), []).append(score)
        found: dict[str, list[LabelAdvice]] = {}
        for (learner, _), curve in curves.items():
            n_sizes = len({score.train_size for score in curve})
            if n_sizes >= MIN_SIZES and curve[0].n_gold >= MIN_GOLD:
                found.setdefault(learner, []).append(self._read(tuple(curve)))
        for rows in found.values():
            rows.sort(key=lambda row: (-row.expected_gain * row.n_gold, row.label))
        return found

    def _read(self, curve: tuple[LabelScore, ...]) -> LabelAdvice:
        if curve not in self._known:
            self._known[curve] = _read_curve(curve)
        return self._known[curve]


def _read_curve(curve: Sequence[LabelScore]) -> LabelAdvice:
    points = CurvePoints(
        train_size=[score.train_size for score in curve],
        score=[score.recall for score in curve],
        replicate=[score.seed for score in curve],
        n_test=curve[0].n_gold,
    )
    answer = forecast_curve(points, (0.0, 100.0), "max")
    verdict, plateau = answer.verdict, answer.plateau
    assert verdict is not None, "a label's curve has three sizes"
    assert plateau is not None
    largest = max(score.train_size for score in curve)
    last = [score.recall for score in curve if score.train_size == largest]
    recall = sum(last) / len(last)
    flat_from = None
    if verdict.word == "flat" and plateau.size is not None:
        flat_from = min(plateau.size, float(largest))
    label, left = curve[0].label, 100.0 - recall
    # The gain counts from the fitted curve, which may lie below what was measured: no label can gain more than is left.
    gain = min(verdict.expected_gain, left)
    if left <= 0.0:
        sentence = f"{label}: recall 100 %, nothing is left to gain on these test rows"
        return LabelAdvice(label, curve[0].n_gold, recall, "flat", None, gain, sentence)
    sentence = _sentence(label, verdict.word, flat_from, recall, gain) + (
        f" ({largest:,} measured)" if flat_from is not None and flat_from < largest else ""
    )
    return LabelAdvice(label, curve[0].n_gold, recall, verdict.word, flat_from, gain, sentence)


def _sentence(label: str, word: Word, flat_from: float | None, recall: float, gain: float) -> str:
    if word == "rising":
        return f"{label} is still rising: recall {recall:.0f} %, {gain:+.1f} expected from twice the rows"
    if word == "flat":
        start = f" since about {flat_from:,.0f} rows" if flat_from is not None else ""
        return f"{label} is flat{start}, at a recall of {recall:.0f} %"
    return f"{label}: cannot tell whether it still rises (recall {recall:.0f} %)"
