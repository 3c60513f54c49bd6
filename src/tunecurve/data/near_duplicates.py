"""Test rows that are nearly the same as a training row: found exactly, without comparing every pair.

Two texts are alike by the Jaccard index of their character n-grams. Of two texts that are alike enough, the rarest n-grams of
one must hold some of the rarest of the other (prefix filtering: Chaudhuri et al. 2006; with several at once, AdaptJoin: Wang et
al. 2012), so only rows that share such n-grams are compared.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tunecurve.data.rows import Row

# From this Jaccard index on, two texts differ by a word or two: "turn off my alarm", "turn off my alarms".
ALIKE = 0.7
NGRAM = 4
# Texts with fewer n-grams ("yes please") are alike by chance.
FEWEST_NGRAMS = 8
# What is compared at most: about 5 seconds of one core. Steps are n-grams that were looked at.
MOST_PAIRS, MOST_TEST_ROWS, MOST_CHARACTERS, MOST_STEPS = 20_000_000, 1000, 20_000_000, 60_000_000
# Rare n-grams that two texts must share before they are compared, for each so many that a text has.
_NGRAMS_A_SHARED_ONE = 40


@dataclass(frozen=True)
class NearPair:
    """A test row and the training row that is most like it."""

    test: Row
    training: Row
    similarity: float
    """From 0.7 to 1."""


@dataclass(frozen=True)
class NearDuplicates:
    """What was found among the rows that were compared."""

    pairs: tuple[NearPair, ...] = ()
    """One for each test row that has a near-duplicate, the most similar first."""
    n_test_compared: int = 0
    n_pool_compared: int = 0
    """Rows that were compared: all of them, or of many rows an even sample."""


def find_near_duplicates(test: Sequence[Row], pool: Sequence[Row], text_of: Callable[[Row], str]) -> NearDuplicates:
    """Return the test rows that have a near-duplicate among the training rows, with it.

    Rows whose texts are the same are none: they are counted as twins.

    Parameters
    ----------
    test, pool : sequence of Row
        The two sides; the training rows in random order: where most rows are much alike, only the first ones are compared.
    text_of : callable
        The text of a row that is compared, levelled: its skeleton.
    """
    test = _sample(test, MOST_TEST_ROWS)
    pool = _sample(pool, min(MOST_PAIRS // max(len(test), 1), MOST_CHARACTERS // _mean_length(pool)))
    texts = [text_of(row) for row in test]
    index = _Index([ngrams(text) for text in texts])
    best: dict[int, tuple[float, int]] = {}
    n_compared = 0
    for position, row in enumerate(pool):
        if index.n_steps > MOST_STEPS:
            break
        n_compared += 1
        text = text_of(row)
        for number, similarity in index.alike(ngrams(text)):
            if similarity > best.get(number, (0.0, 0))[0] and texts[number] != text:
                best[number] = similarity, position
    pairs = [NearPair(test[number], pool[position], similarity) for number, (similarity, position) in best.items()]
    return NearDuplicates(tuple(sorted(pairs, key=lambda pair: -pair.similarity)), len(test), n_compared)


def ngrams(text: str) -> frozenset[str]:
    """Return the character n-grams of a text, a blank at both ends; none of a text that is too short to compare."""
    padded = f" {text} "
    found = frozenset(padded[start : start + NGRAM] for start in range(len(padded) - NGRAM + 1))
    return found if len(found) >= FEWEST_NGRAMS else frozenset()


def _sample(rows: Sequence[Row], n_most: int) -> Sequence[Row]:
    """Return all rows, or of more than so many an even sample."""
    n_most = max(n_most, 1)
    return rows if len(rows) <= n_most else [rows[number * len(rows) // n_most] for number in range(n_most)]


def _mean_length(rows: Sequence[Row]) -> int:
    some = _sample(rows, 1000)
    return max(1, sum(len(row.source) for row in some) // max(len(some), 1))


class _Index:
    """The rarest n-grams of the test rows, and which rows have them.

    Attributes
    ----------
    n_steps : int
        How many n-grams were looked at to find texts alike.
    """

    def __init__(self, rows: Sequence[frozenset[str]]) -> None:
        self._rows, self.n_steps = rows, 0
        counts = Counter(gram for row in rows for gram in row)
        in_order = sorted(counts, key=lambda gram: (counts[gram], gram))
        self._rank = {gram: rank for rank, gram in enumerate(in_order)}
        sizes = sorted(len(row) for row in rows if row)
        self._n_shared = 1 + (sizes[len(sizes) // 2] if sizes else 0) // _NGRAMS_A_SHARED_ONE
        self._numbers: defaultdict[str, list[int]] = defaultdict(list)
        for number, row in enumerate(rows):
            for gram in self._rarest(row, len(row)):
                self._numbers[gram].append(number)

    def _rarest(self, known: Iterable[str], size: int) -> list[str]:
        """Return the n-grams of a text that has `size` of them which a text alike shares some of, as far as they are known.

        Those that no test row has are the rarest of all.
        """
        ranked = sorted(known, key=self._rank.__getitem__)
        return ranked[: max(0, len(ranked) - math.ceil(ALIKE * size) + self._n_shared)]

    def alike(self, row: frozenset[str]) -> Iterable[tuple[int, float]]:
        """Yield the numbers of the test rows that are alike, with their similarity."""
        known = row & self._rank.keys()
        needed = math.ceil(ALIKE * len(row))
        if not row or len(known) < needed:
            return
        shared = Counter(
            number for gram in self._rarest(known, len(row)) if gram in self._numbers for number in self._numbers[gram]
        )
        self.n_steps += shared.total()
        for number, n_shared in shared.items():
            if n_shared < min(self._n_shared, needed):
                continue
            other = self._rows[number]
            self.n_steps += len(row)
            n_common = len(other & row)
            similarity = n_common / (len(other) + len(row) - n_common)
            if similarity >= ALIKE:
                yield number, similarity
