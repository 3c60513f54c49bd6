"""What one masking did to its input, by three texts: input, correct target, output. Shared by all metrics of masking."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tunecurve.formats.alignment import Span, align, literal_text, placeholders, removed_stretches
from tunecurve.formats.folding import fold
from tunecurve.formats.placeholder_discovery import find_form
from tunecurve.formats.placeholders import PlaceholderForm
from tunecurve.metrics.leaks import Value, as_read, find_leaks

OVERLAP_NEEDED = 0.5


@dataclass(frozen=True)
class RowAnalysis:
    """What one answer did to one input; counts are per gold span where a tuple, per row where a number.

    Values are what the correct target replaces; the tuples of leaks have one entry for each.
    """

    is_answered: bool
    values: tuple[str, ...]
    gold_texts: tuple[str, ...]
    gold_labels: tuple[tuple[str, ...], ...]
    leaked_exactly: tuple[bool, ...]
    leaked_normalised: tuple[bool, ...]
    leaked_digits: tuple[bool, ...]
    parts_found: tuple[bool, ...]
    labelled_correctly: tuple[bool, ...]
    over_masked_characters: int
    public_characters: int
    common_characters: int
    literal_characters: int

    @property
    def leaked(self) -> tuple[bool, ...]:
        """Whether each value leaks by any of the three tests."""
        tests = zip(self.leaked_exactly, self.leaked_normalised, self.leaked_digits, strict=True)
        return tuple(any(results) for results in tests)

    @property
    def leaked_in_part(self) -> tuple[bool, ...]:
        """Whether of each value a part leaks, and not the whole."""
        return tuple(part and not whole for part, whole in zip(self.parts_found, self.leaked, strict=True))


@functools.lru_cache(maxsize=8192)
def analyse_row(prediction: str, reference: str, source: str, form: PlaceholderForm | None = None) -> RowAnalysis:
    """Compare one output with the correct target and the input; without a form, placeholders are as the target shows them."""
    from rapidfuzz.distance import LCSseq

    form = form or find_form(((source, reference),))
    gold, is_exact = align(source, reference, form)
    predicted, _ = align(source, prediction, form)
    output_text, correct_text = literal_text(prediction, form, source), literal_text(reference, form, source)
    positions = [(span.start, span.end) for span in gold]
    values = [value for position in positions if (value := Value.at(source, *position)).text]
    if not is_exact:
        values += _removed_values(source, reference, correct_text, form)
    leaks = find_leaks(
        values, output_text + _values_as_labels(prediction, values, reference, source, form), correct_text
    )
    over_masked, public = _over_masking(source, gold, predicted)
    return RowAnalysis(
        is_answered=bool(fold(prediction).strip()),
        values=tuple(value.text for value in values),
        gold_texts=tuple(source[start:end].strip() for start, end in positions),
        gold_labels=tuple(span.labels for span in gold),
        leaked_exactly=leaks.exactly,
        leaked_normalised=leaks.as_read,
        leaked_digits=leaks.by_digits,
        parts_found=leaks.in_part,
        labelled_correctly=tuple(_is_found(span, predicted) for span in gold),
        over_masked_characters=over_masked,
        public_characters=public,
        common_characters=2 * LCSseq.similarity(output_text, correct_text),
        literal_characters=len(output_text) + len(correct_text),
    )


def _removed_values(source: str, reference: str, correct_text: str, form: PlaceholderForm) -> list[Value]:
    """Return what the target leaves out of the input without a placeholder, aside from what it says elsewhere."""
    correct = as_read(correct_text)
    removed = [Value.at(source, start, end) for start, end in removed_stretches(source, reference, form)]
    return [value for value in removed if (seen := as_read(value.text).strip()) and seen not in correct]


def _values_as_labels(
    prediction: str, values: Iterable[Value], reference: str, source: str, form: PlaceholderForm
) -> str:
    """Return the labels of an answer that are values of the row: a name in brackets is a name."""
    known = set(placeholders(reference, form, source))
    written = {as_read(value.text) for value in values}
    labels = [label for label in placeholders(prediction, form, source) if label not in known]
    return "".join(f"\0 {label}" for label in labels if as_read(label) in written)


def _is_found(gold: Span, predicted: Iterable[Span]) -> bool:
    """Whether spans cover at least half of the gold span, those with its labels among them."""
    needed = OVERLAP_NEEDED * (gold.end - gold.start)
    covered, labels = 0, Counter[str]()
    for span in predicted:
        overlap = min(gold.end, span.end) - max(gold.start, span.start)
        if overlap > 0:
            covered += overlap
            labels.update(span.labels)
    return covered >= needed and not Counter(gold.labels) - labels


def _over_masking(source: str, gold: list[Span], predicted: list[Span]) -> tuple[int, int]:
    """Return (public letters and digits that were masked, public letters and digits)."""
    is_public = np.array([character.isalnum() for character in source], dtype=bool)
    for span in gold:
        is_public[span.start : span.end] = False
    is_masked = np.zeros(len(source), dtype=bool)
    for span in predicted:
        is_masked[span.start : span.end] = True
    return int((is_public & is_masked).sum()), int(is_public.sum())
