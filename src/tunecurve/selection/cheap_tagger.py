"""A tagger that is trained in seconds: logistic regression on every word, its form, and the words beside it.

The words are those that suspicious labels are looked for by, and so is what is seen of them. Words of one label side by side are one span.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunecurve.formats.spans import EntityFormat, LabelledSpan, MaskFormat, SpanFormat
from tunecurve.learners.baselines.tfidf import REGULARISATION
from tunecurve.selection.cheap_learners import Answered, Answers
from tunecurve.selection.vectors import FloatArray, Products, tfidf_products
from tunecurve.study.suspicious.words import NO_LABEL, Word, descriptions, words_of
from tunecurve.tasks.base import Task

# Raised when it sees or answers something else.
VERSION = 1
FEATURES = 2**18
TEXTS_AT_ONCE = 200
# Steps of a fit; more hardly change an answer.
MOST_STEPS = 60

# From the inputs and targets of training rows to how targets say spans.
FormatOf = Callable[[Sequence[tuple[str, str]]], SpanFormat]


def format_of(task: Task) -> FormatOf | None:
    """Return how a task's targets say spans, as training rows show it; None where they say none."""
    if task.answer == "mask":
        return lambda pairs: MaskFormat.of_targets(pairs, task.form)
    return (lambda pairs: EntityFormat()) if task.answer == "entities" else None


class WordTagger:
    """Learns which words are labelled, and how."""

    def __init__(self, pool: Sequence[str], test: Sequence[str], formats: FormatOf) -> None:
        self._texts, self._n_pool, self._formats = [*pool, *test], len(pool), formats

    @cached_property
    def products(self) -> Products:
        """Inner products of the whole texts, by which diverse rows are chosen."""
        return tfidf_products(self._texts[: self._n_pool], self._texts[self._n_pool :])

    @cached_property
    def _words(self) -> list[list[Word]]:
        """The words of every text, without labels."""
        return [words_of([text], [[]]) for text in self._texts]

    @cached_property
    def _features(self) -> Any:
        """What is seen of all words, a line each."""
        from scipy.sparse import vstack
        from sklearn.feature_extraction import FeatureHasher

        hasher = FeatureHasher(FEATURES, input_type="string", alternate_sign=False)
        parts = []
        for first in range(0, len(self._texts), TEXTS_AT_ONCE):  # in words, what is seen takes far more memory
            texts = self._texts[first : first + TEXTS_AT_ONCE]
            parts.append(hasher.transform(descriptions(texts, words_of(texts, [[]] * len(texts)))))
        return vstack(parts).tocsr()

    @cached_property
    def _ends(self) -> NDArray[np.intp]:
        """Behind which line the words of every text end, shape (texts,)."""
        return np.cumsum([len(words) for words in self._words])

    def after(self, rows: Sequence[int], targets: Sequence[str]) -> Answered:
        """Return the answers of a tagger that was trained on some rows of the pool; all it knows of labels is their targets."""
        pairs = [(self._texts[row], target) for row, target in zip(rows, targets, strict=True)]
        written = self._formats(pairs)
        labels = [label for pair in pairs for label in _labels_of_words(*pair, written)]
        lines = np.concatenate([np.arange(self._ends[row] - len(self._words[row]), self._ends[row]) for row in rows])
        said, sure = _fit_and_say(self._features, lines.astype(np.intp), labels)
        texts, confidence = [], np.ones(len(self._texts))
        for number, (source, words, end) in enumerate(zip(self._texts, self._words, self._ends.tolist(), strict=True)):
            own = slice(end - len(words), end)
            texts.append(written.render(source, list(_spans(words, said[own]))))
            if words:  # the geometric mean: longer texts are not less sure for their length
                confidence[number] = np.exp(np.log(np.maximum(sure[own], 1e-12)).mean())
        n = self._n_pool
        return Answered(Answers(texts[:n], confidence[:n]), Answers(texts[n:], confidence[n:]))


def _labels_of_words(source: str, target: str, written: SpanFormat) -> list[str]:
    """Return the label of every word of a training row; of a target that spans do not make, of what comes nearest."""
    spans = written.derive(source, target)
    return [word.label for word in words_of([source], [written.nearest(source, target) if spans is None else spans])]


def _fit_and_say(features: Any, lines: NDArray[np.intp], labels: Sequence[str]) -> tuple[list[str], FloatArray]:
    """Return the likeliest label of every word and its probability, as the words of these lines show it."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if len(set(labels)) < 2:
        return [labels[0] if labels else NO_LABEL] * features.shape[0], np.ones(features.shape[0])
    train = features[lines]
    known = np.unique(train.indices)  # what no training row shows has no weight
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(C=REGULARISATION, max_iter=MOST_STEPS).fit(train[:, known], labels)
    shares = model.predict_proba(features[:, known])
    classes = [str(name) for name in model.classes_]
    return [classes[index] for index in shares.argmax(axis=1)], shares.max(axis=1)


def _spans(words: Sequence[Word], labels: Sequence[str]) -> Iterator[LabelledSpan]:
    """Yield a span for every run of words with one label."""
    runs = itertools.groupby(zip(words, labels, strict=True), key=lambda pair: pair[1])
    for label, run in runs:
        if label != NO_LABEL:
            members = [word for word, _ in run]
            yield LabelledSpan(members[0].start, members[-1].end, label)
