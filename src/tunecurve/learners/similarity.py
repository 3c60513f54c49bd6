"""How alike texts are: by the vectors of an encoder, or by the words and stretches of letters that they share."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Lengths of the stretches of letters that are counted within words.
STRETCHES = (3, 4, 5)


class Similarity(ABC):
    """Tells how alike texts are."""

    @abstractmethod
    def identity(self) -> dict[str, object]:
        """Return everything that determines what it tells (JSON-able)."""

    @abstractmethod
    def scores(self, texts: Sequence[str], others: Sequence[str]) -> NDArray[np.float64]:
        """Return how alike each text and each of the others are, shape (texts, others): 1 for equal ones."""

    def estimate_seconds(self, texts: Sequence[str]) -> float:
        """Return about how long it takes to read these texts, each once; 0 where that is not worth telling."""
        return 0.0


class TfidfSimilarity(Similarity):
    """Cosine of counts of words, pairs of words and stretches of letters; those that few of the others have count more."""

    def identity(self) -> dict[str, object]:
        """Return its name and what it counts."""
        return {"kind": "tfidf", "stretches": list(STRETCHES), "version": 1}

    def scores(self, texts: Sequence[str], others: Sequence[str]) -> NDArray[np.float64]:
        """Return the cosines; rarity is counted in the others."""
        counted = [_terms(text) for text in others]
        n_with = Counter(term for terms in counted for term in terms)
        rarity = {term: 1.0 + math.log((1 + len(others)) / (1 + n)) for term, n in n_with.items()}
        postings: dict[str, list[tuple[int, float]]] = {}
        for number, terms in enumerate(counted):
            for term, weight in _unit(terms, rarity).items():
                postings.setdefault(term, []).append((number, weight))
        columns = {
            term: (np.array([number for number, _ in found]), np.array([weight for _, weight in found]))
            for term, found in postings.items()
        }
        alike = np.zeros((len(texts), len(others)))
        for row, text in enumerate(texts):
            for term, weight in _unit(_terms(text), rarity).items():
                numbers, weights = columns[term]
                alike[row, numbers] += weight * weights
        return alike


def _terms(text: str) -> Counter[str]:
    words = text.casefold().split()
    terms = Counter(f"w:{word}" for word in words)
    terms.update(f"p:{first} {second}" for first, second in itertools.pairwise(words))
    for word in words:
        marked = f"<{word}>"
        terms.update(f"s:{marked[i : i + n]}" for n in STRETCHES for i in range(len(marked) - n + 1))
    return terms


def _unit(terms: Counter[str], rarity: dict[str, float]) -> dict[str, float]:
    """Return the weights of the terms that have a rarity, scaled to length 1; in sorted order, so that sums are the same anywhere."""
    weights = {term: (1.0 + math.log(terms[term])) * rarity[term] for term in sorted(terms) if term in rarity}
    length = math.sqrt(sum(weight * weight for weight in weights.values()))
    return {term: weight / length for term, weight in weights.items()} if length else {}
