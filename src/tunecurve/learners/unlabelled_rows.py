"""Inputs that nobody labelled, as a learner with a teacher is given them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from tunecurve.learners.cleaning import Cleaning
from tunecurve.prompts import Prompt, TuningExample

# Of a prompt and an answer, why the answer cannot be right, in a few words; empty where that is not certain.
FaultFinder = Callable[[Prompt, str], str]


class UnlabelledRows(ABC):
    """Inputs that nobody labelled, and what may be made of them."""

    @abstractmethod
    def most_rows(self, times: int) -> int:
        """Return the most labelled rows for which there are so many times as many inputs."""

    @abstractmethod
    def prompts(self, n_labelled: int, n: int, seed: int) -> list[Prompt]:
        """Return inputs as prompts: beside so many labelled rows, so many, the same beginning for every number."""

    @abstractmethod
    def fault_finder(self, labelled: Sequence[TuningExample]) -> FaultFinder:
        """Return what tells why an answer cannot be right, as these labelled rows and the instruction show it."""

    @abstractmethod
    def example(self, prompt: Prompt, answer: str) -> TuningExample:
        """Return the tuning example of an input and its answer."""

    @abstractmethod
    def targets(self) -> list[str]:
        """Return some right answers, for their length."""

    @abstractmethod
    def cleaning(self) -> Cleaning:
        """Return what is taken off answers."""
