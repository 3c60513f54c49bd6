"""Targets as labelled spans of their inputs, and back: what a tagger learns from and what it writes.

Masking: the target is the input with spans replaced by placeholders. Named entities: the target lists `type: surface`,
and every surface stands in the input. No annotation column is needed; a row whose target cannot be rebuilt from spans
is not alignable. Knows nothing of models.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from tunecurve.formats.alignment import align_approximately, align_exactly
from tunecurve.formats.entities import format_entities, parse_entities
from tunecurve.formats.placeholder_discovery import find_form
from tunecurve.formats.placeholders import CLASSIC, PlaceholderForm
from tunecurve.formats.segmentation import is_edge

BETWEEN_LABELS = "]["
# An affix that stays beside a label less often than this may be a slip.
MIN_AFFIX = 2
_LETTERS, _LETTERS_BEFORE = re.compile(r"[^\W\d_]+"), re.compile(r"[^\W\d_]+$")


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

    def nearest(self, source: str, target: str) -> list[LabelledSpan]:
        """Return the spans that come nearest to a target which cannot be rebuilt from spans."""
        ...

    def render(self, source: str, spans: Sequence[LabelledSpan]) -> str:
        """Return the target that spans stand for."""
        ...


def derive_mask(source: str, target: str, form: PlaceholderForm = CLASSIC) -> list[LabelledSpan] | None:
    """Return the replaced spans with their labels as they stand, numbers included; None if not alignable.

    Placeholders that touch each other share one span, whose label joins them: ``A][B``. Blanks at the ends do not count, nor does
    which of two ways of writing a label a target takes: spans are written in one.
    """
    spans = align_exactly(source, target, form, keep_numbers=True)
    if spans is None:
        return None
    found = [LabelledSpan(span.start, span.end, BETWEEN_LABELS.join(span.labels)) for span in spans]
    return found if replace_spans(source, found, form).strip() == form.in_one_way(target, source).strip() else None


def replace_spans(source: str, spans: Sequence[LabelledSpan], form: PlaceholderForm = CLASSIC) -> str:
    """Return the source with every span replaced by its label as a placeholder."""
    parts, position = [], 0
    for span in spans:
        parts += [source[position : span.start], *map(form.write, span.label.split(BETWEEN_LABELS))]
        position = span.end
    return "".join([*parts, source[position:]])


@dataclass(frozen=True)
class MaskFormat:
    """Masking, with placeholders dressed, numbered and cut as the training targets show it."""

    form: PlaceholderForm = CLASSIC
    """How placeholders are written."""
    affixes: tuple[tuple[str, str], ...] = ()
    """Label and the letters that stay beside it when they begin or end its word: ``("NAME", "-s")`` for ``[NAME]s``, ``("NAME",
    "al-")`` before it."""
    run_length: int = 0
    """Characters of a run (``***``) where the form has no labels; 0: as many as what it hides."""
    strips_ends: bool = False
    """Whether blanks at the ends of the input are left out."""

    @classmethod
    def of_targets(cls, pairs: Sequence[tuple[str, str]], form: PlaceholderForm | None = None) -> MaskFormat:
        """Return the format of training (input, target) pairs; without a form, the form is found from them."""
        form = form or find_form(pairs)
        derived = [(source, derive_mask(source, target, form) or []) for source, target in pairs]
        plain = cls(form)
        labelled = [(source, [plain.without_number(span) for span in spans]) for source, spans in derived]
        n_stripped = sum(source != source.strip() and target == target.strip() for source, target in pairs)
        n_with_blanks = sum(source != source.strip() for source, _ in pairs)
        return cls(form, _affixes(labelled), _run_length(form, derived), 2 * n_stripped > n_with_blanks)

    def derive(self, source: str, target: str) -> list[LabelledSpan] | None:
        """Return the replaced spans; the labels of numbered classes without their number."""
        spans = derive_mask(source, target, self.form)
        return None if spans is None else [self.without_number(span) for span in spans]

    def nearest(self, source: str, target: str) -> list[LabelledSpan]:
        """Return the spans where placeholders stand instead of words of the source; other changes are left out."""
        spans = align_approximately(source, target, self.form)
        return [LabelledSpan(span.start, span.end, BETWEEN_LABELS.join(span.labels)) for span in spans]

    def without_number(self, span: LabelledSpan) -> LabelledSpan:
        """Return the span with its label as it is learnt: without a number that the format gives it again."""
        names = span.label.split(BETWEEN_LABELS)
        return replace(span, label=BETWEEN_LABELS.join(map(self._learnt, names)))

    def _learnt(self, name: str) -> str:
        label = self.form.label_class(name)
        return label if label in self.form.numbering.labels or not self.form.number_of(name) else name

    def render(self, source: str, spans: Sequence[LabelledSpan]) -> str:
        """Return the source with the spans replaced, numbered classes with their numbers."""
        spans = [self._cut(source, span) for span in spans]
        parts = [span.label.split(BETWEEN_LABELS) for span in spans]
        items = [
            (name, f"{source[span.start : span.end]}{number or ''}")
            for span, names in zip(spans, parts, strict=True)
            for number, name in enumerate(names)
        ]
        numbered = iter(self.form.numbering.numbers(items))
        written = [
            replace(span, label=BETWEEN_LABELS.join(self._sized(next(numbered), span) for _ in names))
            for span, names in zip(spans, parts, strict=True)
        ]
        text = replace_spans(source, written, self.form)
        return text.strip() if self.strips_ends else text

    def _sized(self, name: str, span: LabelledSpan) -> str:
        if not self.form.style_of(name).is_run:
            return name
        return name[0] * (self.run_length or span.end - span.start)

    def _cut(self, source: str, span: LabelledSpan) -> LabelledSpan:
        """Return the span without the letters of its word that stay beside its label."""
        start, end = span.start, span.end
        for label, affix in self.affixes:
            if label != span.label:
                continue
            letters = affix.strip("-")
            value = source[start:end]
            if (
                affix[0] == "-"
                and end == span.end
                and _ends_word(source, end)
                and _is_inner(value, letters, at_end=True)
            ):
                end -= len(letters)
            elif affix[-1] == "-" and start == span.start and _is_inner(value, letters, at_end=False):
                start += len(letters)
        return replace(span, start=start, end=end)

    def to_json(self) -> dict[str, object]:
        """Return the format as plain values."""
        return {
            "form": self.form.to_json(),
            "affixes": [list(affix) for affix in self.affixes],
            "run_length": self.run_length,
            "strips_ends": self.strips_ends,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> MaskFormat:
        """Return the format that `to_json` wrote."""
        affixes = tuple((label, affix) for label, affix in values["affixes"])
        form = PlaceholderForm.from_json(values["form"])
        return cls(form, affixes, values["run_length"], values["strips_ends"])


def _affixes(labelled: Sequence[tuple[str, Sequence[LabelledSpan]]]) -> tuple[tuple[str, str], ...]:
    """Return the affixes that stay beside a label more often than they go with what it replaces, the longest first."""
    staying: Counter[tuple[str, str]] = Counter()
    for source, spans in labelled:
        for span in spans:
            ending, beginning = _LETTERS.match(source, span.end), _LETTERS_BEFORE.search(source[: span.start])
            value = source[span.start : span.end]
            if ending and value[-1:].isalpha():
                staying[span.label, f"-{ending[0]}"] += 1
            if beginning and value[:1].isalpha():
                staying[span.label, f"{beginning[0]}-"] += 1
    going: Counter[tuple[str, str]] = Counter()
    for source, spans in labelled:
        for span in spans:
            value = source[span.start : span.end]
            for label, affix in staying:
                if label == span.label:
                    at_end = affix[0] == "-"
                    is_whole = _ends_word(source, span.end) if at_end else not source[: span.start][-1:].isalpha()
                    going[label, affix] += is_whole and _is_inner(value, affix.strip("-"), at_end=at_end)
    usual = [key for key, count in staying.items() if count >= MIN_AFFIX and count > going[key]]
    return tuple(sorted(usual, key=lambda key: (-len(key[1]), key)))


def _is_inner(value: str, letters: str, *, at_end: bool) -> bool:
    """Whether a value ends (or begins) with letters and has more than these."""
    return len(value) > len(letters) and (value.endswith(letters) if at_end else value.startswith(letters))


def _ends_word(source: str, end: int) -> bool:
    return not source[end : end + 1].isalpha()


def _run_length(form: PlaceholderForm, derived: Sequence[tuple[str, Sequence[LabelledSpan]]]) -> int:
    """Return how long most runs are, of the placeholders that say no label; 0 where they are as long as their values."""
    lengths: Counter[int] = Counter()
    for _, spans in derived:
        for span in spans:
            if form.style_of(form.label_class(span.label)).is_run:
                length = len(span.label)
                lengths[length] += 1
                lengths[0] += length == span.end - span.start
    return max(lengths, key=lambda length: (lengths[length], length), default=0)


@dataclass(frozen=True)
class EntityFormat:
    """Named entities as a list of `type: surface`."""

    def derive(self, source: str, target: str) -> list[LabelledSpan] | None:
        """Return where the listed surfaces stand in the input, each found behind the one before where it can be."""
        spans, is_whole = self._located(source, target)
        return spans if is_whole else None

    def nearest(self, source: str, target: str) -> list[LabelledSpan]:
        """Return where those of the listed surfaces stand that the input has."""
        return self._located(source, target)[0]

    @staticmethod
    def _located(source: str, target: str) -> tuple[list[LabelledSpan], bool]:
        """Return the spans of the listed surfaces that the input has, in order, and whether these are all."""
        spans: list[LabelledSpan] = []
        behind, is_whole = 0, True
        for kind, surface in parse_entities(target):
            found = _find_free(source, surface, behind, spans) if kind and surface else None
            if found is None:
                is_whole = False
                continue
            spans.append(LabelledSpan(*found, kind))
            behind = max(behind, found[1])
        return sorted(spans, key=lambda span: span.start), is_whole

    def render(self, source: str, spans: Sequence[LabelledSpan]) -> str:
        """Return the list of entities."""
        return format_entities([(span.label, source[span.start : span.end]) for span in spans])


def _find_free(source: str, surface: str, behind: int, taken: Sequence[LabelledSpan]) -> tuple[int, int] | None:
    """Return where a surface stands as whole words outside of spans that are taken: behind a position, else anywhere.

    The same letters may be composed in another way there.
    """
    for start in (behind, 0):
        for written in dict.fromkeys([surface, *(unicodedata.normalize(form, surface) for form in ("NFC", "NFD"))]):
            position = source.find(written, start)
            while position >= 0:
                end = position + len(written)
                is_free = all(end <= span.start or position >= span.end for span in taken)
                if is_free and is_edge(source, position) and is_edge(source, end):
                    return position, end
                position = source.find(written, position + 1)
    return None
