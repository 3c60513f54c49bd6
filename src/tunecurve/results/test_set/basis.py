"""What is known of a test set's noise before its study has two sizes: its rows, the floor, and what other studies showed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunecurve.curve.intervals import Jackknife
from tunecurve.curve.power import PairedNoise
from tunecurve.learners.baselines.floor import FloorLearner
from tunecurve.metrics.base import Metric, statistics_matrix
from tunecurve.metrics.leak_names import LEAKS
from tunecurve.results.records.test_set import Basis, LeakBound, TestDifference
from tunecurve.results.test_set.entries import Questions, TestRows, difference_entry, leak_entry
from tunecurve.spec.study import StudySpec
from tunecurve.study.dataset import StudyData
from tunecurve.study.jackknives import jackknife_of

# One row's difference between two neighbouring sizes, in points: its standard deviation, low and high, and what a row
# changes by where it changes. What `benchmarks/testset/paired_noise.py` found in this project's studies (tf-idf, a tagger, a
# perceptron; 50 to 6,400 rows).
MEASURED_NOISE: dict[str, tuple[float, float, float]] = {
    "accuracy": (20.0, 55.0, 100.0),
    "exact_match": (30.0, 50.0, 100.0),
    "macro_f1": (23.0, 65.0, 80.0),
    "bleu": (13.0, 30.0, 30.0),
    "chrf": (8.0, 15.0, 20.0),
    LEAKS: (10.0, 52.0, 100.0),
}
# Guessed from published intervals of single scores and the correlation of sizes; no pair of answers was seen.
GUESSED_NOISE: dict[str, tuple[float, float, float]] = {
    "rougeL": (10.0, 25.0, 25.0),
    "rouge1": (10.0, 25.0, 25.0),
    "entity_f1": (30.0, 70.0, 90.0),
    "entity_f1_partial": (30.0, 65.0, 70.0),
}
ANY_METRIC = (8.0, 70.0, 60.0)


@dataclass(frozen=True)
class KnownRows:
    """The floor's answers to the test rows, and which rows belong together."""

    rows: TestRows
    """Their number."""
    floor: dict[str, Jackknife]
    """By metric, over groups."""
    floor_alone: dict[str, Jackknife]
    """The same as if every row were a group."""
    n_judged: int
    """Documents that the leak metric judges; 0 where the task has none."""
    n_pool: int
    """Labelled rows to train on."""

    def effect_on_differences(self, metric: str) -> float:
        """Return how much groups may raise the variance of a difference: what they do to the floor's, in root.

        Most of what the rows of a group share falls out of a difference: where groups raised the floor's variance four to
        six times, they raised that of differences 1.2 to 1.9 times, and of chrF once 3 times. Where the floor has no
        variance, as of leaks, the most that groups can do takes its place.
        """
        together, alone = self.floor[metric], self.floor_alone[metric]
        most = self.rows.n_rows / together.effective_groups if together.n_groups > 1 else 1.0
        seen = together.row_variance / alone.row_variance if alone.is_defined and alone.row_variance > 0 else most
        return math.sqrt(min(max(seen, 1.0), max(most, 1.0)))


def known_rows(spec: StudySpec, data: StudyData, metrics: Sequence[Metric], groups: NDArray[np.int_]) -> KnownRows:
    """Return what the floor's answers say of the test rows; no model is needed."""
    floor = FloorLearner(spec.kind.floor, [row.target for row in data.pool])
    answers = dict(floor.predict_stream(data.prompts()))
    texts = [answers[place].text for place in range(len(data.test))]
    references, sources = [row.references for row in data.test], [row.source for row in data.test]
    matrices = {metric.name: statistics_matrix(metric, texts, references, sources) for metric in metrics}
    alone = np.arange(len(data.test))
    judged = matrices.get(LEAKS)
    return KnownRows(
        TestRows(len(data.test), int(groups.max()) + 1),
        {metric.name: jackknife_of(metric, matrices[metric.name], groups) for metric in metrics},
        {metric.name: jackknife_of(metric, matrices[metric.name], alone) for metric in metrics},
        0 if judged is None else int(judged[:, 1].sum()),
        len(data.pool),
    )


def borrowed_entries(known: KnownRows, metrics: Sequence[Metric], questions: Questions) -> list[TestDifference]:
    """Return an entry for every metric of a bounded range, from what other studies showed."""
    found = []
    for metric in metrics:
        width = metric.score_range[1] - metric.score_range[0]
        if not math.isfinite(width) or known.floor[metric.name].n_groups < 2:
            continue
        effect = known.effect_on_differences(metric.name)
        is_measured = metric.name in MEASURED_NOISE
        low, high, change = (MEASURED_NOISE if is_measured else GUESSED_NOISE).get(metric.name, ANY_METRIC)
        effective = known.floor[metric.name].effective_groups
        noises = [
            guessed_noise(low, change, width, known.rows, effective),
            guessed_noise(high, change, width, known.rows, effective, effect),
        ]
        how = "borrowed from other studies, where" if is_measured else "guessed, as if"
        known_from = f"{how} one row's {metric.title} differed between two sizes by {low:g} to {high:g} points"
        source = f"Not measured yet: {known_from} (standard deviation)"
        source += f"; groups may raise the variance {effect:.1f} times, judged by the floor." if effect > 1.05 else "."
        basis = Basis("borrowed", metric.name, None, None, source, metric.title)
        found.append(difference_entry(noises, known.rows, questions, basis))
    return found


def guessed_noise(
    row_deviation: float, change: float, width: float, rows: TestRows, effective_groups: float, effect: float = 1.0
) -> PairedNoise:
    """Return the noise of a difference from one row's standard deviation and change, and the design effect of groups."""
    a_group = rows.n_groups / rows.n_rows
    return PairedNoise(
        n_rows=rows.n_rows,
        n_groups=rows.n_groups,
        effective_groups=effective_groups,
        variance=row_deviation**2 * effect / rows.n_rows,
        change=change * a_group,
        heavy_change=change * a_group * math.sqrt(effect),
        width=width,
    )


def leaks_of(known: KnownRows, questions: Questions) -> LeakBound | None:
    """Return the entry on leaks; None where the task has none or hardly any row is judged."""
    item = known.floor.get(LEAKS)
    if item is None or not known.n_judged:
        return None
    return leak_entry(known.n_judged, int((item.weights > 0).sum()), item.effective_groups, known.rows, questions)
