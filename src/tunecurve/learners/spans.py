"""Targets as labelled spans of their inputs, and back: what a tagger learns from and what it writes.

Masking: the target is the input with spans replaced by `[LABEL]`. Named entities: the target lists `type: surface`,
and every surface stands in the input. No annotation column is needed; a row whose target cannot be rebuilt from spans
is not alignable. Knows nothing of models.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from tunecurve.metrics.alignment import align_exactly, label_class
from tunecurve.metrics.entities import format_entities, parse_entities
from tunecurve.metrics.segmentation import is_edge

Numbering = Literal["by value", "by occurrence"]
BETWEEN_LABELS = "]["


@dataclass(frozen=True)
class LabelledSpan:
    """A stretch of the input: character offsets, end exclusive, and its label."""

    start: int
    end: int
    label: str


class SpanFormat(Protocol):
    """How targets say spans."""

    def derive(self, source: str, target: str) -> list[LabelledSpan] | None:
        """Return the spans a target stands for, in order, or None when it cannot be rebuilt from spans."""
        ...

    def render(self, source: str, spans: Sequence[LabelledSpan]) -> str:
        """Return the target that spans stand for."""
        ...


def derive_mask(source: str, target: str) -> list[LabelledSpan] | None:
    """Return the replaced spans with their labels as they stand, numbers included; None if not alignable.

    Placeholders that touch each other share one span, whose label joins them: ``A][B``.
    """
    spans = align_exactly(source, target, keep_numbers=True)
    if spans is None:
        return None
    found = [LabelledSpan(span.start, span.end, BETWEEN_LABELS.join(span.labels)) for span in spans]
    return found if replace_spans(source, found) == target else None


def replace_spans(source: str, spans: Sequence[LabelledSpan]) -> str:
    """Return the source with every span replaced by its label in square brackets."""
    parts, place = [], 0
    for span in spans:
        parts += [source[place : span.start], f"[{span.label}]"]
        place = span.end
    return "".join([*parts, source[place:]])


@dataclass(frozen=True)
class MaskFormat:
    """Masking, with labels numbered the way the training targets number them.

    Attributes
    ----------
    numbering : {"by value", "by occurrence"}
        ``[NAME_1]``, ``[NAME_2]``: the same value gets the same number again, or every occurrence a new one.
    numbered : tuple of str
        Label classes that carry a number.
    """

    numbering: Numbering = "by value"
    numbered: tuple[str, ...] = ()

    @classmethod
    def of_targets(cls, pairs: Sequence[tuple[str, str]]) -> MaskFormat:
        """Return the format that rebuilds most of the (input, target) pairs."""
        raw = Counter(span.label for source, target in pairs for span in derive_mask(source, target) or [])
        with_number: Counter[str] = Counter()
        for label, count in raw.items():
            with_number[label_class(label)] += count if label != label_class(label) else -count
        numbered = tuple(sorted(label for label, count in with_number.items() if count > 0))
        formats = [cls("by value", numbered), cls("by occurrence", numbered)]
        return max(formats, key=lambda form: sum(form._rebuilds(*pair) for pair in pairs))

    def _rebuilds(self, source: str, target: str) -> bool:
        spans = self.derive(source, target)
        return spans is not None and self.render(source, spans) == target

    def derive(self, source: str, target: str) -> list[LabelledSpan] | None:
        """Return the replaced spans; the labels of numbered classes without their number."""
        spans = derive_mask(source, target)
        if spans is None:
            return None
        return [LabelledSpan(span.start, span.end, self._without_number(span.label)) for span in spans]

    def _without_number(self, label: str) -> str:
        return label_class(label) if label_class(label) in self.numbered else label

    def render(self, source: str, spans: Sequence[LabelledSpan]) -> str:
        """Return the source with the spans replaced, numbered classes numbered by first appearance."""
        seen: dict[str, dict[object, int]] = {}
        written = []
        for place, span in enumerate(spans):
            label = span.label
            if label in self.numbered:
                numbers = seen.setdefault(label, {})
                key: object = source[span.start : span.end] if self.numbering == "by value" else place
                label = f"{label}_{numbers.setdefault(key, len(numbers) + 1)}"
            written.append(LabelledSpan(span.start, span.end, label))
        return replace_spans(source, written)


@dataclass(frozen=True)
class EntityFormat:
    """Named entities as a list of `type: surface`."""

    def derive(self, source: str, target: str) -> list[LabelledSpan] | None:
        """Return where the listed surfaces stand in the input, each found behind the one before where it can be."""
        spans: list[LabelledSpan] = []
        behind = 0
        for kind, surface in parse_entities(target):
            if not kind or not surface:
                return None
            found = _find_free(source, surface, behind, spans)
            if found is None:
                return None
            spans.append(LabelledSpan(*found, kind))
            behind = max(behind, found[1])
        return sorted(spans, key=lambda span: span.start)

    def render(self, source: str, spans: Sequence[LabelledSpan]) -> str:
        """Return the list of entities."""
        return format_entities([(span.label, source[span.start : span.end]) for span in spans])


def _find_free(source: str, surface: str, behind: int, taken: Sequence[LabelledSpan]) -> tuple[int, int] | None:
    """Return where a surface stands as whole words outside of spans that are taken: behind a place, else anywhere.

    The same letters may be composed in another way there.
    """
    for start in (behind, 0):
        for written in dict.fromkeys([surface, *(unicodedata.normalize(form, surface) for form in ("NFC", "NFD"))]):
            place = source.find(written, start)
            while place >= 0:
                end = place + len(written)
                is_free = all(end <= span.start or place >= span.end for span in taken)
                if is_free and is_edge(source, place) and is_edge(source, end):
                    return place, end
                place = source.find(written, place + 1)
    return None
