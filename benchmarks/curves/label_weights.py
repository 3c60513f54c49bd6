"""What it brings a tagger to let words within labels weigh more in its loss, or hard words (focal): paired with the loss as it is.

    python benchmarks/curves/label_weights.py --data FOLDER --out FOLDER --sets presidio_synthetic,builtin_pii_en --sizes 50,200

Every set and loss is a study in a run folder of its own, OUT/SET--LOSS; the same command goes on where it was stopped, and prints the table
of what is there. All have the same test rows, training rows and first weights. The loss as it is weighs a tag by its frequency to the
power of -0.25; `2` and `4` multiply the weights of all tags but "outside" by that; `focal` multiplies a word's loss by the square of what
its right tag lacks of 1 (Lin et al. 2017). Every step's loss is divided by the sum of its words' weights.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import torch
from recipes import difference_in_words, options_of_a_table, results_there, score_of
from sets import TABLE, CurveSet, read_sets, study_of

from tunecurve.curve.intervals import difference_of, mean_of_seeds
from tunecurve.learners.encoder import tagger
from tunecurve.learners.encoder.tags import OUTSIDE
from tunecurve.results.model import Results
from tunecurve.results.scoring_again import metrics_of
from tunecurve.run import run_study

# The first one is what the others are compared with.
LOSSES = ("1", "2", "4", "focal")
METRICS = ("leak_documents", "label_accuracy", "over_masking")


def _weighted(factor: float, logits: torch.Tensor, gold: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    own = weights * factor
    own[OUTSIDE] = weights[OUTSIDE]
    return torch.nn.functional.cross_entropy(logits, gold, weight=own)


def _focal(logits: torch.Tensor, gold: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    nats = torch.nn.functional.cross_entropy(logits, gold, reduction="none")
    own = weights[gold]
    return ((1.0 - torch.exp(-nats)) ** 2 * nats * own).sum() / own.sum()


@contextmanager
def loss_called(name: str) -> Iterator[None]:
    """Let taggers be trained with a loss inside this context; the trial's identity does not say so, its folder does."""
    if name == "1":
        yield
        return
    new = _focal if name == "focal" else lambda *given: _weighted(float(name), *given)
    with patch.object(tagger, "loss_of_tags", new):
        yield


def study_with(one: CurveSet, loss: str, options: argparse.Namespace, model: str) -> dict[str, object]:
    """Return the study of a set and model with one loss."""
    values = study_of(one, "tagger", options.data)
    values["split"]["test_size"] = options.test_size
    return values | {
        "name": f"{one.name}--{loss}",
        "models": [model],
        "shots": [],
        "train_sizes": options.sizes,
        "seeds": options.seeds,
        "training_score_rows": 0,
    }


def differences(before: Results, now: Results, size: int) -> list[str]:
    """Return what a loss adds to the scores at a size, seed by seed, with its interval; empty cells where it was not measured."""
    names = [before.primary_metric, *METRICS]
    metrics = metrics_of(before, names)
    ours, theirs = (
        {trial.seed: trial for trial in results.finished if trial.train_size == size and trial.strategy == "fine-tune"}
        for results in (before, now)
    )
    seeds = sorted({*ours} & {*theirs})
    if not seeds:
        return [""] * len(names)
    return [
        difference_in_words(
            mean_of_seeds(
                [
                    difference_of(
                        score_of(now, theirs[seed], metrics[name]), score_of(before, ours[seed], metrics[name])
                    )
                    for seed in seeds
                ]
            ),
            before,
            name,
        )
        for name in names
    ]


def table(sets: Sequence[CurveSet], sizes: Sequence[int], out: Path, ways: Sequence[str] = LOSSES) -> Iterator[str]:
    """Yield the lines of a Markdown table: the scores of the first way to train, and what the others add to them."""
    yield "| set | rows | way | BLEU | leak, points | label accuracy, points | public text masked, points |"
    yield "|" + "---|" * 7
    for one in sets:
        found = results_there(out, one.name, ways)
        if (before := found.get(ways[0])) is None:
            continue
        for size in sizes:
            points = [p for p in before.points if p.strategy == "fine-tune" and p.train_size == size]
            for point in points:
                scores = [point.scores[name].estimate for name in (before.primary_metric, *METRICS)]
                yield f"| {one.name} | {size} | as it is | {' | '.join(f'{score:.1f}' for score in scores)} |"
                for loss in ways[1:]:
                    cells = differences(before, found[loss], size) if loss in found else []
                    if any(cells):
                        yield f"| | | {loss} | {' | '.join(cells)} |"


def parse_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options."""
    parser = options_of_a_table(__doc__, sizes="50,200", seeds=1)
    parser.add_argument("--losses", default=",".join(LOSSES), help="those to measure")
    return parser.parse_args(arguments)


def measure_and_print(
    options: argparse.Namespace,
    wanted: Sequence[str],
    ways: Sequence[str],
    called: Callable[[str], AbstractContextManager[None]],
    model: str = "tagger",
) -> None:
    """Measure what is missing of the wanted ways to train, and print the table of all ways."""
    known = {one.name: one for one in read_sets(TABLE)}
    sets = [replace(known[name], largest=max(options.sizes)) for name in options.sets.split(",")]
    for one in [] if options.table_only else sets:
        for way in wanted:
            values = study_with(one, way, options, model)
            with called(way):
                done = run_study(values, out=options.out / str(values["name"]), device="cpu", threads=options.threads)
            print(f"{values['name']}: {len(done.outcome.failures)} failed", file=sys.stderr, flush=True)
    print("\n".join(table(sets, options.sizes, options.out, ways)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is missing, and print the table."""
    options = parse_options(arguments)
    measure_and_print(options, options.losses.split(","), LOSSES, loss_called)
    return 0


if __name__ == "__main__":
    sys.exit(main())
