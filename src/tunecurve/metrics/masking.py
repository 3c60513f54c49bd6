"""How well a masking function masks: leaks, labels, over-masking, fidelity, placeholders.

Everything comes from three texts (input, correct target, output); no annotation column is needed. The analysis of a
row is made once and shared by all metrics here. Numbered tags count by class: `[NAME_2]` is a `NAME`.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np

from tunecurve.formats.alignment import label_class, placeholders
from tunecurve.formats.folding import fold
from tunecurve.formats.placeholder_discovery import find_form
from tunecurve.formats.placeholders import CLASSIC, PlaceholderForm
from tunecurve.metrics.base import FloatArray, Metric, ShareMetric
from tunecurve.metrics.masked_row import RowAnalysis, analyse_row
from tunecurve.metrics.recall import RecallByLabel

# A label in any dress but none.
_DRESSED = re.compile(
    r"(?:[\[<({【《«（［＜｛]{1,2}|__|\*\*|%%?|@@)\s*([^\W\d_][\w \-/.]{0,40}?)\s*(?:[\])}>】》»）］＞｝]{1,2}|__|\*\*|%%?|@@)"
)


def dress_in_signature(form: PlaceholderForm) -> str:
    """Return what a signature says of placeholders that are not of the classic form."""
    return "" if form.is_classic else f"|placeholders:{form.example}"


class _ReadsPlaceholders(Metric):
    """A metric that is told how placeholders are written, or finds it from the rows that it scores."""

    def __init__(self, form: PlaceholderForm | None = None) -> None:
        self.form = form or CLASSIC
        self.is_told = form is not None

    def for_rows(self, references: Sequence[str], sources: Sequence[str]) -> Self:
        """Return the metric with the form of these rows; itself where it was told one."""
        if self.is_told:
            return self
        told = copy.copy(self)
        told.form, told.is_told = find_form(list(zip(sources, references, strict=True))), True
        return told


class _RatioOfRow(_ReadsPlaceholders, ShareMetric):
    """A metric whose statistics are [numerator, denominator] of one row."""

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


class _LeakRatio(_RatioOfRow):
    """A percentage that leaks; a row without an answer is left out: it is neither a leak nor safe."""

    direction = "min"

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

    def __init__(self, test: str = "any", form: PlaceholderForm | None = None) -> None:
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
    direction = "min"

    @property
    def signature(self) -> str:
        """Return name, what counts as no answer, and version."""
        return f"{self.name}|invisible-characters:ignored|v1"

    def ratio(self, prediction: str, reference: str, source: str) -> tuple[float, float]:
        """Return (1 if there is no answer, 1)."""
        return float(not fold(prediction).strip()), 1.0


class LabelAccuracy(_RatioOfRow):
    """Percentage of gold spans of which at least half is masked, the right label over some of it; others may stand beside it."""

    name, title = "label_accuracy", "Label accuracy"

    def ratio(self, prediction: str, reference: str, source: str) -> tuple[float, float]:
        """Return (spans with the right label, spans)."""
        row = analyse_row(prediction, reference, source, self.form)
        return float(sum(row.labelled_correctly)), float(len(row.gold_labels))


class OverMasking(_RatioOfRow):
    """Percentage of the letters and digits outside gold spans that were masked all the same."""

    name, title = "over_masking", "Over-masking"
    direction = "min"

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

    direction = "min"

    def __init__(self, labels: Iterable[str], form: PlaceholderForm | None = None) -> None:
        super().__init__(form)
        self.labels = frozenset(label_class(label, self.form) for label in labels)

    @property
    def signature(self) -> str:
        """Return name, label set and version."""
        return f"{self.name}|labels:{','.join(sorted(self.labels))}|v1{dress_in_signature(self.form)}"


class InventedPlaceholders(_PlaceholderRows):
    """Percentage of rows with a placeholder that is not of the label set, not in the right answer and not in the input."""

    name, title = "invented_placeholders", "Invented placeholders"

    def ratio(self, prediction: str, reference: str, source: str) -> tuple[float, float]:
        """Return (1 if a placeholder is invented, 1)."""
        known = self.labels | set(placeholders(source, self.form)) | set(placeholders(reference, self.form))
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


class LabelRecall(_ReadsPlaceholders, RecallByLabel):
    """Recall by label: of the gold spans with a label, the percentage found with the right label."""

    name, title = "label_recall", "Label recall"

    def __init__(self, labels: Iterable[str], form: PlaceholderForm | None = None) -> None:
        _ReadsPlaceholders.__init__(self, form)
        RecallByLabel.__init__(self, labels)

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
