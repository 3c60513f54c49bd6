"""What an instruction scores on labelled rows: as the study scores, and row by row between 0 and 1, as the search compares."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tunecurve.data.rows import Row
from tunecurve.metrics.base import Metric
from tunecurve.study.answer_report import row_statistics, text_scores


def score_of(metric: Metric, rows: Sequence[Row], texts: Sequence[str]) -> float | None:
    """Return the score of answers to rows; None where it is not defined."""
    score = text_scores(rows, texts, [metric])[metric.name]
    return score if math.isfinite(score) else None


def shares_of(metric: Metric, rows: Sequence[Row], texts: Sequence[str]) -> list[float]:
    """Return for every row how good its answer is, from 0 to 1; where its score is not defined, whether it is right word for word."""
    scores = np.asarray(metric.score(row_statistics(rows, texts, [metric])[metric.name]), dtype=float)
    low, high = metric.score_range
    is_bounded = math.isfinite(low) and math.isfinite(high) and high > low
    shares = []
    for row, text, score in zip(rows, texts, scores, strict=True):
        if not is_bounded or not math.isfinite(score):
            references = (row.references,) if isinstance(row.references, str) else row.references
            shares.append(float(text in references))
            continue
        share = (float(score) - low) / (high - low)
        shares.append(share if metric.sign > 0 else 1.0 - share)
    return shares
