"""Undertrained or data-starved? The score on rows that a model was tuned on, beside its score on the test set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunecurve.results.points import floor_of
from tunecurve.results.records.advice import Diagnosis, DiagnosisWord, LearnerForecast
from tunecurve.results.records.points import MetricResult, Point

# In shares of the distance from the floor to the best possible score.
LEARNT, CLOSE = 0.9, 0.05


def diagnose(points: Sequence[Point], metric: MetricResult, forecast: Mapping[str, LearnerForecast]) -> list[Diagnosis]:
    """Return for every fine-tuned point with both scores what they say together; flat curves get no more of the same rows."""
    nothing = floor_of(points)
    floor = None if nothing is None else nothing.scores[metric.name].estimate
    found = []
    for point in points:
        score = point.scores[metric.name].estimate
        on_training = point.training_scores.scores[metric.name] if point.training_scores else None
        if point.training_scores is None or on_training is None or score is None:
            continue
        if floor is None or metric.best is None or metric.best == floor:
            continue
        word = _word(*((value - floor) / (metric.best - floor) for value in (on_training, score)))
        own_sizes = [p.train_size for p in points if (p.learner, p.strategy) == (point.learner, point.strategy)]
        is_last = point.train_size == max(own_sizes)
        own = forecast.get(point.learner)
        is_flat = is_last and own is not None and own.word == "flat"
        template = _FLAT_SENTENCES.get(word, _SENTENCES[word]) if is_flat else _SENTENCES[word]
        sentence = template.format(
            n=f"{point.train_size:,}", train=f"{on_training:.1f}", test=f"{score:.1f}", title=metric.title
        )
        n_rows = point.training_scores.n_rows
        found.append(Diagnosis(point.learner, point.train_size, on_training, score, n_rows, word, sentence))
    return found


def _word(training_share: float, test_share: float) -> DiagnosisWord:
    has_learnt, is_close = training_share >= LEARNT, training_share - test_share <= CLOSE
    if has_learnt:
        return "neither" if is_close else "data-starved"
    return "undertrained" if is_close else "both"


_SENTENCES: dict[DiagnosisWord, str] = {
    "data-starved": "Tuned on {n} rows it masters the rows it has seen ({title} {train}), not the test set ({test}): "
    "more rows can help, more epochs cannot.",
    "undertrained": "Tuned on {n} rows it does no better on the rows it has seen ({title} {train}) than on the test set "
    "({test}): before more labels, try more training steps or a larger model.",
    "both": "Tuned on {n} rows it has not mastered the rows it has seen ({title} {train}), and does worse on the test set "
    "({test}): both more training and more rows may help.",
    "neither": "Tuned on {n} rows it does nearly as well on the test set ({title} {test}) as on the rows it has seen "
    "({train}): neither more epochs nor more rows have much left to give.",
}
# At the largest size of a curve that is flat.
_FLAT_SENTENCES: dict[DiagnosisWord, str] = {
    "data-starved": "Tuned on {n} rows it masters the rows it has seen ({title} {train}), not the test set ({test}), and the "
    "curve is flat: what is missing is not more of the same rows but other kinds of rows, cleaner labels, or a larger model.",
    "both": "Tuned on {n} rows it has not mastered the rows it has seen ({title} {train}), and does worse on the test set "
    "({test}); the curve is flat: try more training steps or a larger model before more of the same rows.",
}


def last_diagnoses(found: Sequence[Diagnosis]) -> list[Diagnosis]:
    """Return what is said at each learner's largest size."""
    return list({item.learner: item for item in sorted(found, key=lambda item: item.train_size)}.values())


def unsettled(points: Sequence[Point], metric: MetricResult) -> set[str]:
    """Learners whose training had not settled at their largest size: the score on their own training rows is low."""
    last = last_diagnoses(diagnose(points, metric, {}))
    return {item.learner for item in last if item.word in ("undertrained", "both")}
