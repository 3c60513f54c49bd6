"""Undertrained or data-starved? The score on rows that a model was tuned on, beside its score on the test set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tunecurve.metrics.base import Metric

# In shares of the way from the floor to the best possible score.
LEARNT, CLOSE = 0.9, 0.05


def diagnose(points: Sequence[Mapping[str, Any]], metric: Metric, forecast: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return for every fine-tuned point with both scores what they say together.

    Parameters
    ----------
    points : sequence of mapping
        Described points; those tuned carry ``training_scores``.
    metric : Metric
        The headline metric.
    forecast : mapping
        By learner, from `forecast_study`: where the curve is flat, more of the same rows is no advice.

    Returns
    -------
    list of dict
        ``learner``, ``train_size``, ``training_score``, ``test_score``, ``n_rows`` (training rows scored), ``word``
        (``data-starved``, ``undertrained``, ``both``, ``neither``) and ``sentence``.
    """
    floor = next((p["scores"][metric.name]["estimate"] for p in points if p["strategy"] == "floor"), None)
    best = metric.score_range[1] if metric.direction == "max" else metric.score_range[0]
    found = []
    for point in points:
        training = point.get("training_scores")
        score = point["scores"][metric.name]["estimate"]
        if not training or floor is None or best == floor or not _is_number(training["scores"][metric.name], score):
            continue
        on_training = training["scores"][metric.name]
        shares = [(value - floor) / (best - floor) for value in (on_training, score)]
        word = _word(*shares)
        is_last = point["train_size"] == max(p["train_size"] for p in points if p["learner"] == point["learner"])
        verdict = (forecast.get(point["learner"]) or {}).get("verdict") or {}
        is_flat = is_last and verdict.get("word") == "flat"
        found.append(
            {
                "learner": point["learner"],
                "train_size": point["train_size"],
                "training_score": on_training,
                "test_score": score,
                "n_rows": training["n_rows"],
                "word": word,
                "sentence": (_FLAT_SENTENCES if is_flat else _SENTENCES)
                .get(word, _SENTENCES[word])
                .format(
                    n=f"{point['train_size']:,}", train=f"{on_training:.1f}", test=f"{score:.1f}", title=metric.title
                ),
            }
        )
    return found


def _is_number(*values: Any) -> bool:
    return all(value is not None and value == value for value in values)


def _word(training_share: float, test_share: float) -> str:
    has_learnt, is_close = training_share >= LEARNT, training_share - test_share <= CLOSE
    if has_learnt:
        return "neither" if is_close else "data-starved"
    return "undertrained" if is_close else "both"


_SENTENCES = {
    "data-starved": "Tuned on {n} rows it masters the rows it has seen ({title} {train}), not the test set ({test}): "
    "more rows can help, more passes cannot.",
    "undertrained": "Tuned on {n} rows it does no better on the rows it has seen ({title} {train}) than on the test set "
    "({test}): before more labels, try more training steps or a larger model.",
    "both": "Tuned on {n} rows it has not mastered the rows it has seen ({title} {train}), and does worse on the test set "
    "({test}): both more training and more rows may help.",
    "neither": "Tuned on {n} rows it does nearly as well on the test set ({title} {test}) as on the rows it has seen "
    "({train}): neither more passes nor more rows have much left to give.",
}
# At the largest size of a curve that is flat.
_FLAT_SENTENCES = {
    "data-starved": "Tuned on {n} rows it masters the rows it has seen ({title} {train}), not the test set ({test}), and the "
    "curve is flat: what is missing is not more of the same rows but other kinds of rows, cleaner labels, or a larger model.",
    "both": "Tuned on {n} rows it has not mastered the rows it has seen ({title} {train}), and does worse on the test set "
    "({test}); the curve is flat: try more training steps or a larger model before more of the same rows.",
}


def unsettled(points: Sequence[Mapping[str, Any]], metric: Metric) -> set[str]:
    """Learners whose training had not settled at their largest size: the score on their own training rows is low."""
    found = diagnose(points, metric, {})
    largest = {row["learner"]: max(r["train_size"] for r in found if r["learner"] == row["learner"]) for row in found}
    low = ("undertrained", "both")
    return {row["learner"] for row in found if row["word"] in low and row["train_size"] == largest[row["learner"]]}
