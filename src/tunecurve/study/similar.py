"""Examples that are chosen for every row: which of n labelled rows are most like it. What was chosen is kept with the trial.

n counts the labelled rows that can be chosen from, which are the training rows of that size and seed. No test row is among them, nor
any row of a test group where the split keeps groups apart; a row whose input is the asked one is never its own example.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np

from tunecurve.data.sides import levelled
from tunecurve.errors import DataError, needing
from tunecurve.learners.similarity import Similarity, TfidfSimilarity
from tunecurve.spec.shots import SimilarChoice
from tunecurve.spec.study import StudySpec
from tunecurve.study.decisions import Decisions

SimilarityName = Literal["encoder", "tfidf"]


def decide_similarity(spec: StudySpec, decisions: Decisions) -> SimilarityName:
    """Return how alike rows are told in a study; what was decided for it once stays, whatever is installed later."""
    if spec.similar_by != "auto":
        return spec.similar_by
    is_there = all(find_spec(package) is not None for package in ("torch", "transformers"))
    name: SimilarityName = decisions.once("similar_by", lambda: "encoder" if is_there else "tfidf")
    return name


def build_similarity(name: SimilarityName, *, on_message: Callable[[str], None] = lambda line: None) -> Similarity:
    """Return a way to tell how alike texts are; weights are loaded with its first use.

    Raises
    ------
    EnvironmentProblem
        When the encoder is wanted and torch is not installed.
    """
    if name == "tfidf":
        return TfidfSimilarity()
    with needing("local", "choosing similar examples by the encoder", "; or set similar_by: tfidf"):
        import transformers

        from tunecurve.learners.encoder.similarity import EncoderSimilarity
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    return EncoderSimilarity(on_message=on_message)


def similarity_of_study(spec: StudySpec, labels: Sequence[str], decisions: Decisions) -> Similarity | None:
    """Return how alike rows are told, where a study asks for similar examples.

    Raises
    ------
    DataError
        For an example of every label where there are no labels.
    """
    if not spec.similar_shots:
        return None
    if not labels and any(similar.choose == "similar-by-label" for similar in spec.similar_shots):
        raise DataError(
            f"similar-by-label takes an example of every label, and there are none: a {spec.kind.name} task; use choose: similar"
        )
    return build_similarity(decide_similarity(spec, decisions))


@dataclass(frozen=True)
class LabelledRow:
    """A row that may be an example."""

    row_id: str
    source: str
    target: str
    """The row."""
    labels: tuple[str, ...] = ()
    """Those of its target."""


@dataclass(frozen=True)
class Retriever:
    """Chooses the examples of a row."""

    pool: Sequence[LabelledRow]
    """What can be chosen."""
    similarity: Similarity
    """How alike inputs are."""
    count: int
    """Most examples of a row."""
    choice: SimilarChoice
    """The most similar rows, or of every label the most similar one."""

    def choose(self, sources: Sequence[str]) -> list[list[int]]:
        """Return for every input the numbers of its examples, the most similar last."""
        if not sources or not self.pool:
            return [[] for _ in sources]
        alike = self.similarity.scores(sources, [row.source for row in self.pool])
        inputs = [levelled(row.source) for row in self.pool]
        return [
            self._choose_one(levelled(source), inputs, scores) for source, scores in zip(sources, alike, strict=True)
        ]

    def _choose_one(self, source: str, inputs: Sequence[str], scores: np.ndarray) -> list[int]:
        seen, chosen = {source}, []
        labels: set[str] = set()
        # Of rows that are equally alike, the one whose text comes first: the order of the file decides nothing.
        for number in sorted(range(len(inputs)), key=lambda number: (-scores[number], inputs[number], number)):
            own = set(self.pool[number].labels) or {""}
            if inputs[number] in seen or (self.choice == "similar-by-label" and own <= labels):
                continue
            seen.add(inputs[number])
            labels |= own
            chosen.append(number)
            if len(chosen) == self.count:
                break
        return chosen[::-1]

    def examples(self, numbers: Iterable[int]) -> list[tuple[str, str]]:
        """Return the inputs and targets of rows by their numbers."""
        return [(self.pool[number].source, self.pool[number].target) for number in numbers]


@dataclass(frozen=True)
class ChosenExamples:
    """What a trial's examples were chosen from, and which they are: kept in its folder, so that it is chosen once."""

    retriever: Retriever
    """With the rows that could be chosen."""
    chosen: list[list[int]]
    """For every test row the numbers of its examples, the most similar last."""

    def to_json(self) -> dict[str, Any]:
        """Return what the file holds."""
        return {
            "similarity": self.retriever.similarity.identity(),
            "count": self.retriever.count,
            "choose": self.retriever.choice,
            "pool": [vars(row) | {"labels": list(row.labels)} for row in self.retriever.pool],
            "chosen": self.chosen,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any], similarity: Similarity) -> ChosenExamples:
        """Return what a file holds; `similarity`: what its ``similarity`` names."""
        pool = [LabelledRow(**{**row, "labels": tuple(row["labels"])}) for row in kept["pool"]]
        return cls(Retriever(pool, similarity, kept["count"], kept["choose"]), kept["chosen"])
