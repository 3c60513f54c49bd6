"""The sets of the curve farm, read from sets.toml, and the study that measures one of them with one learner.

A study is one set and one learner, in a run folder of its own; the test rows are the original ones, and groups are respected.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parent / "sets.toml"
SMALLEST = 25
LANGUAGE_MODEL = "smollm2-135m-instruct"
# Learner of the farm: the tasks it knows, seeds, largest training size, most test rows (None: all of them).
# A language model decodes every answer, so it is measured on part of the test file and on fewer rows; so is a classifier, which
# reads long test files more slowly than it learns from few rows.
SEEDS = {"tfidf": 5, "classifier": 3, "tagger": 3, "smollm2": 1}
# Runs a size where the curve of the first ones falls somewhere: one run cannot tell a collapse from a fall.
SEEDS_AFTER_A_FALL = {"smollm2": 2}
TASKS = {
    "tfidf": ("classification", "multilabel"),
    "classifier": ("classification", "multilabel"),
    "tagger": ("masking", "ner"),
    "smollm2": ("masking", "classification", "ner", "generation", "summarization", "extraction"),
}
LEARNERS = tuple(SEEDS)
CONSTRAINED = ("masking", "extraction")
LARGEST = {"smollm2": 1600}
MOST_TEST_ROWS = {"smollm2": 300, "classifier": 1000}
# A prompt that lists more classes than this leaves little room for the text.
MOST_LABELS_IN_A_PROMPT = 60


@dataclass(frozen=True)
class CurveSet:
    """One data set, read for one task.

    Attributes
    ----------
    name, task : str
        `name` is the set's own, and names its run folders.
    source : str
        Sets of one source share rows; they are left out of tuning together.
    exam : bool
        Whether the source is left out of all tuning.
    train, test : str
        Files below the data folder; `train` may be ``builtin:pii``. Without `test`, `test_size` rows are held out.
    largest : int
        Largest training size that the rows carry.
    """

    name: str
    task: str
    source: str
    origin: str
    licence: str
    language: str
    exam: bool
    train: str
    largest: int
    test: str | None = None
    test_rows: int | None = None
    labels: int | None = None
    input_column: str | None = None
    target_column: str | None = None
    group_column: str | None = None
    split: str = "group"
    test_size: int | None = None
    builtin_rows: int | None = None
    notes: str = ""

    @property
    def learners(self) -> list[str]:
        """The farm's learners that can take the set."""
        too_many = self.labels is not None and self.labels > MOST_LABELS_IN_A_PROMPT and self.task != "masking"
        return [name for name in LEARNERS if self.task in TASKS[name] and not (name == "smollm2" and too_many)]

    def sizes(self, learner: str, largest: int | None = None) -> list[int]:
        """Return the training sizes: doublings of 25 up to what rows, learner and `largest` allow."""
        end = min(self.largest, LARGEST.get(learner, self.largest), largest or self.largest)
        sizes = [SMALLEST]
        while 2 * sizes[-1] <= end:
            sizes.append(2 * sizes[-1])
        return sizes


def read_sets(path: Path = TABLE) -> list[CurveSet]:
    """Return the sets of a table, in its order."""
    with path.open("rb") as file:
        return [CurveSet(**row) for row in tomllib.load(file)["set"]]


def study_of(
    one: CurveSet, learner: str, data: Path, largest: int | None = None, seeds: int | None = None
) -> dict[str, Any]:
    """Return the study file's content for one set and learner, with sizes up to `largest` and so many runs a size."""
    rows: dict[str, Any] = {"source": one.train if one.train.startswith("builtin:") else str(data / one.train)}
    rows |= {
        key: value
        for key in ("input_column", "target_column", "group_column")
        if (value := getattr(one, key)) is not None
    }
    if one.builtin_rows is not None:
        rows |= {"limit": one.builtin_rows, "language": one.language}
    if one.test is not None:
        rows["test_source"] = str(data / one.test)
    return {
        "name": f"{one.name}--{learner}",
        "task": one.task,
        "data": rows,
        "split": {"method": one.split, "test_size": _test_size(one, learner)},
        "models": models_of(one, learner),
        "shots": [0, 3],
        "train_sizes": one.sizes(learner, largest),
        "seeds": seeds or SEEDS[learner],
        "bootstrap": {"draws": 500},
        "show_texts": False,
    }


def models_of(one: CurveSet, learner: str) -> list[str]:
    """Return the models of the study: a language model comes with its constrained form where that exists."""
    if learner != "smollm2":
        return [learner]
    return [LANGUAGE_MODEL, f"constrained:{LANGUAGE_MODEL}"] if one.task in CONSTRAINED else [LANGUAGE_MODEL]


def _test_size(one: CurveSet, learner: str) -> int | None:
    """Rows to hold out, or to draw from the test file; None: all of it."""
    most = MOST_TEST_ROWS.get(learner)
    return one.test_size or (most if one.test_rows is None or most is None or most < one.test_rows else None)
