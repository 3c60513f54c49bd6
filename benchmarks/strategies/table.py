"""Print one Markdown table of the strategies of several studies: the score of the headline metric of each with its interval.

    python benchmarks/strategies/table.py runs/strategies-* > table.md

A row is a model and a strategy, a column a study. What a study asks for and has not measured is said, not left out: a trial that waits, one
that failed, and seeds that are missing. An empty cell: the study does not ask for it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tunecurve.errors import TunecurveError
from tunecurve.report.tables import with_interval
from tunecurve.results.model import Results
from tunecurve.results.records.points import Point
from tunecurve.results.stored import load
from tunecurve.study.plan import Strategy

Key = tuple[str, Strategy, int, int]
ORDER: tuple[Strategy, ...] = (
    "floor",
    "baseline",
    "zero-shot",
    "few-shot",
    "similar",
    "similar-by-label",
    "optimized",
    "fine-tune",
)


def strategy_in_words(key: Key) -> str:
    """Return a model and what was done with it.

    >>> strategy_in_words(("tagger", "fine-tune", 0, 1200))
    'tagger, tuned on 1,200'
    >>> strategy_in_words(("smollm2", "similar", 8, 200))
    'smollm2, 8 similar of 200'
    """
    learner, strategy, shots, n = key
    words: dict[Strategy, str] = {
        "floor": "nothing done",
        "baseline": learner,
        "zero-shot": f"{learner}, no examples",
        "few-shot": f"{learner}, {shots} random",
        "similar": f"{learner}, {shots} similar of {n:,}",
        "similar-by-label": f"{learner}, {shots} similar by label of {n:,}",
        "optimized": f"{learner}, instruction found on {n:,}",
        "fine-tune": f"{learner}, tuned on {n:,}",
    }
    return words[strategy]


def table(studies: Sequence[Results]) -> str:
    """Return the Markdown table; prompts before tuned models, those in the order in which the studies name them."""
    keys = dict.fromkeys(trial.key for study in studies for trial in study.trials)
    learners = list(dict.fromkeys(key[0] for key in keys))
    ordered = sorted(keys, key=lambda key: (ORDER.index(key[1]), learners.index(key[0]), key[2:]))
    points = [{point.key: point for point in study.points} for study in studies]
    lines = [
        ["", *(f"{study.name.removeprefix('strategies-')}, {study.metric().title}" for study in studies)],
        ["---"] * (len(studies) + 1),
        ["test rows; level", *(f"{study.data.n_test}; {study.bootstrap.level:.0%}" for study in studies)],
    ]
    for key in ordered:
        cells = [_cell(study, key, known.get(key)) for study, known in zip(studies, points, strict=True)]
        lines.append([strategy_in_words(key), *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(study: Results, key: Key, point: Point | None) -> str:
    states = [trial.state for trial in study.trials if trial.key == key]
    if not states:
        return ""
    if point is None:
        return "failed" if "failed" in states else "not measured"
    score = with_interval(point.scores[study.primary_metric])
    return score if point.n_seeds == len(states) else f"{score} ({point.n_seeds} of {len(states)} seeds)"


def main(folders: Sequence[str]) -> int:
    """Print the table of these run folders; 1 where one has no results."""
    if not folders:
        print("expected run folders, e.g. runs/strategies-*", file=sys.stderr)
        return 1
    try:
        print(table([load(folder) for folder in folders]))
    except TunecurveError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
