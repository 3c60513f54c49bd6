"""How well a masking function masks: leaks, labels, over-masking, fidelity, placeholders.

Everything comes from three texts (input, correct target, output); no annotation column is needed. The analysis of a
row is made once and shared by all metrics here. Numbered tags count by class: `[NAME_2]` is a `NAME`.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tunecurve.metrics.alignment import Span, align, label_class, literal_text, placeholders
from tunecurve.metrics.base import Direction, FloatArray, percentage
from tunecurve.metrics.folding import fold
from tunecurve.metrics.leaks import Value, find_leaks
from tunecurve.metrics.placeholders import CLASSIC, PlaceholderForm
from tunecurve.metrics.recall import RecallByLabel

OVERLAP_NEEDED = 0.5
# A label in any dress but none.
_DRESSED = re.compile(
    r"(?:[\[<({【《«（［＜｛]{1,2}|__|\*\*|%%?|@@)\s*([^\W\d_][\w \-/.]{0,40}?)\s*(?:[\])}>】》»）］＞｝]{1,2}|__|\*\*|%%?|@@)"
)


@dataclass(frozen=True)
class RowAnalysis:
    """What one answer did to one input; counts are per gold span where a tuple, per row where a number.

    Values are what the correct target replaces; the tuples of leaks have one entry for each.
    """

    is_answered: bool
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
def analyse_row(prediction: str, reference: str, source: str, form: PlaceholderForm = CLASSIC) -> RowAnalysis:
    """Compare one output with the correct target and the input."""
    from rapidfuzz.distance import LCSseq

    gold, _ = align(source, reference, form)
    predicted, _ = align(source, prediction, form)
    output_text, correct_text = literal_text(prediction, form, source), literal_text(reference, form, source)
    values = [Value.at(source, span.start, span.end) for span in gold]
    leaks = find_leaks([value for value in values if value.text], output_text, correct_text)
    over_masked, public = _over_masking(source, gold, predicted)
    return RowAnalysis(
        is_answered=bool(fold(prediction).strip()),
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


def _is_found(gold: Span, predicted: Iterable[Span]) -> bool:
    """Whether spans with the gold labels cover at least half of the gold span."""
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


def dress_in_signature(form: PlaceholderForm) -> str:
    """Return what a signature says of placeholders that are not of the classic form."""
    return "" if form.is_classic else f"|placeholders:{form.example}"


class _RatioOfRow:
    """A metric whose statistics are [numerator, denominator] of one row."""

    name = ""
    title = ""
    direction: Direction = "max"
    score_range = (0.0, 100.0)

    def __init__(self, form: PlaceholderForm = CLASSIC) -> None:
        self.form = form

    @property
    def signature(self) -> str:
        """Return name, options and version of the definition."""
        return f"{self.name}|labels:by-class|align:exact-else-lcs|v1{dress_in_signature(self.form)}"

    def ratio(self, prediction: str, reference: str, source: str) -> tuple[float, float]:
        """Return the row's numerator and denominator."""
        raise NotImplementedError

    def statistics(self, prediction: str, reference: str, source: str) -> FloatArray:
        """Return [numerator, denominator], shape (2,)."""
        return np.array(self.ratio(prediction, reference, source), dtype=np.float64)

    def score(self, summed: FloatArray) -> FloatArray:
        """Return the percentage."""
        return percentage(summed[..., 0], summed[..., 1])


class _LeakRatio(_RatioOfRow):
    """A percentage that leaks; a row without an answer is left out: it is neither a leak nor safe."""

    direction: Direction = "min"

    @property
    def signature(self) -> str:
        """Return name, options and version of the definition."""
        rules = "compared:as-read|inside-words:yes|unanswered:left-out|align:exact-else-lcs|v2"
        return f"{self.name}|{rules}{dress_in_signature(self.form)}"

    def ratio(self, prediction: str, reference: str, source: str) -> tuple[float, float]:
        """Return (what leaks, what could leak)."""
        row = analyse_row(prediction, reference, source, self.form)
        return self.ratio_of(row) if row.is_answered else (0.0, 0.0)

    def ratio_of(self, row: RowAnalysis) -> tuple[float, float]:
        """Return (what leaks, what could leak) of a row with an answer."""
        raise NotImplementedError


class LeakingDocuments(_LeakRatio):
    """Percentage of the answered rows with personal data in which at least one gold value leaks."""

    name, title = "leak_documents", "Documents that leak"

    def ratio_of(self, row: RowAnalysis) -> tuple[float, float]:
        """Return (1 if anything leaks, 1 if there is anything to leak)."""
        return float(any(row.leaked)), float(bool(row.leaked))


class LeakingEntities(_LeakRatio):
    """Percentage of gold values that leak, by any of the tests `exact`, `normalised`, `digits`, or by one of them."""

    def __init__(self, test: str = "any", form: PlaceholderForm = CLASSIC) -> None:
        super().__init__(form)
        self._attribute = {
            "any": "leaked",
            "exact": "leaked_exactly",
            "normalised": "leaked_normalised",
            "digits": "leaked_digits",
        }[test]
        self.name = "leak_entities" if test == "any" else f"leak_entities_{test}"
        self.title = "Entities that leak" if test == "any" else f"Entities that leak ({test})"

    def ratio_of(self, row: RowAnalysis) -> tuple[float, float]:
        """Return (values that leak, values)."""
        return float(sum(getattr(row, self._attribute))), float(len(row.leaked))


class LeakingPartsDocuments(_LeakRatio):
    """Percentage of the answered rows with personal data in which a part of a value leaks that does not leak whole."""

    name, title = "leak_parts_documents", "Documents that leak parts"

    def ratio_of(self, row: RowAnalysis) -> tuple[float, float]:
        """Return (1 if a part leaks, 1 if there is anything to leak)."""
        return float(any(row.leaked_in_part)), float(bool(row.leaked))


class LeakingPartsEntities(_LeakRatio):
    """Percentage of gold values of which a part leaks and not the whole."""

    name, title = "leak_parts_entities", "Entities that leak in part"

    def ratio_of(self, row: RowAnalysis) -> tuple[float, float]:
        """Return (values that leak in part, values)."""
        return float(sum(row.leaked_in_part)), float(len(row.leaked))


class Unanswered(_RatioOfRow):
    """Percentage of the rows without an answer: nothing, or nothing that can be seen."""

    name, title = "unanswered", "Rows without an answer"
    direction: Direction = "min"

    @property
    def signature(self) -> str:
        """Return name, what counts as no answer, and version."""
        return f"{self.name}|invisible-characters:ignored|v1"

    def ratio(self, prediction: str, reference: str, source: str) -> tuple[float, float]:
        """Return (1 if there is no answer, 1)."""
        return float(not fold(prediction).strip()), 1.0


class LabelAccuracy(_RatioOfRow):
    """Percentage of gold spans of which at least half is masked, with the right label."""

    name, title = "label_accuracy", "Label accuracy"

    def ratio(self, prediction: str, reference: str, source: str) -> tuple[float, float]:
        """Return (spans with the right label, spans)."""
        row = analyse_row(prediction, reference, source, self.form)
        return float(sum(row.labelled_correctly)), float(len(row.gold_labels))


class OverMasking(_RatioOfRow):
    """Percentage of the letters and digits outside gold spans that were masked all the same."""

    name, title = "over_masking", "Over-masking"
    direction: Direction = "min"

    def ratio(self, prediction: str, reference: str, source: str) -> tuple[float, float]:
        """Return (public characters masked, public characters)."""
        row = analyse_row(prediction, reference, source, self.form)
        return float(row.over_masked_characters), float(row.public_characters)


class TextFidelity(_RatioOfRow):
    """Similarity of the text around the placeholders with what should be left of the input.

    ``200 * LCS / (output characters + correct characters)``, LCS the longest common subsequence of characters.
    """

    name, title = "text_fidelity", "Text fidelity"

    def ratio(self, prediction: str, reference: str, source: str) -> tuple[float, float]:
        """Return (twice the common characters, characters of both)."""
        row = analyse_row(prediction, reference, source, self.form)
        return float(row.common_characters), float(row.literal_characters)


class _PlaceholderRows(_RatioOfRow):
    """A percentage of rows, by a test that knows the label set."""

    direction: Direction = "min"

    def __init__(self, labels: Iterable[str], form: PlaceholderForm = CLASSIC) -> None:
        super().__init__(form)
        self.labels = frozenset(label_class(label, form) for label in labels)

    @property
    def signature(self) -> str:
        """Return name, label set and version."""
        return f"{self.name}|labels:{','.join(sorted(self.labels))}|v1{dress_in_signature(self.form)}"


class InventedPlaceholders(_PlaceholderRows):
    """Percentage of rows with a placeholder that is not of the label set and not in the input."""

    name, title = "invented_placeholders", "Invented placeholders"

    def ratio(self, prediction: str, reference: str, source: str) -> tuple[float, float]:
        """Return (1 if a placeholder is invented, 1)."""
        known = self.labels | set(placeholders(source, self.form))
        written = placeholders(prediction, self.form) + self.form.strange_labels(prediction, source)
        return float(any(label not in known for label in written)), 1.0


class WrongPlaceholderStyle(_PlaceholderRows):
    """Percentage of rows with a known label in another dress than the data's: ``<NAME>``, ``[name]``, ``[[NAME]]``."""

    name, title = "wrong_placeholder_style", "Wrong placeholder style"

    def ratio(self, prediction: str, reference: str, source: str) -> tuple[float, float]:
        """Return (1 if a label is dressed wrongly, 1)."""
        known = {_plain(label) for label in self.labels}
        right = [(one.start, one.end) for one in self.form.find(prediction)]
        for match in _DRESSED.finditer(prediction):
            names_label = {_plain(match[1]), _plain(re.sub(r"[\W_]*\d+$", "", match[1]))} & known
            if names_label and match[0] not in source and not _is_dressed_right(match, right, source):
                return 1.0, 1.0
        return 0.0, 1.0


def _plain(label: str) -> str:
    """Return a label as it is compared across dresses."""
    return re.sub(r"[\W_]+", "", label.casefold())


def _is_dressed_right(match: re.Match[str], right: Sequence[tuple[int, int]], source: str) -> bool:
    """Whether a placeholder of the data's own dress stands there, and all else around it is of the input."""
    for start, end in right:
        if match.start() <= start and end <= match.end():
            around = match.string[match.start() : start] + match.string[end : match.end()]
            return all(mark in source for mark in around)
        if start <= match.start() and match.end() <= end:
            return True
    return False


class LabelRecall(RecallByLabel):
    """Recall by label: of the gold spans with a label, the percentage found with the right label."""

    name, title = "label_recall", "Label recall"

    def __init__(self, labels: Iterable[str], form: PlaceholderForm = CLASSIC) -> None:
        self.form = form
        super().__init__(labels)

    @property
    def signature(self) -> str:
        """Return name, label set and version."""
        return super().signature + dress_in_signature(self.form)

    def label_key(self, label: str) -> str:
        """Return the label's class, without a number."""
        return label_class(label, self.form)

    def findings(self, prediction: str, reference: str, source: str) -> Iterable[tuple[str, bool]]:
        """Yield (label, found) for each label of each gold span."""
        row = analyse_row(prediction, reference, source, self.form)
        for labels, found in zip(row.gold_labels, row.labelled_correctly, strict=True):
            for label in labels:
                yield label, found
