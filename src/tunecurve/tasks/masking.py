"""Masking: the target is the input with placeholders in the place of what nobody may read."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

from tunecurve.data.cells import TargetRule
from tunecurve.data.labels import untidy_labels
from tunecurve.data.placeholder_findings import placeholder_findings
from tunecurve.data.rows import Row, TextGroup, skeleton
from tunecurve.errors import DataError
from tunecurve.findings import Finding
from tunecurve.formats.alignment import align_exactly, placeholders, replacements
from tunecurve.formats.mask_shapes import MaskShape, mask_shape
from tunecurve.formats.placeholder_discovery import find_form, form_as_written
from tunecurve.formats.placeholders import PlaceholderForm, Style
from tunecurve.metrics.leak_names import LEAKS
from tunecurve.prompts import MASKING_SYSTEM, masking_instruction
from tunecurve.tasks.base import LANGUAGE_MODEL, Pairs, Task
from tunecurve.tasks.floors import Floor

# What stands in more of the changed targets in the place of other words may be a placeholder.
SHARE_OF_ONE_WORD = 0.5
SHARE_OF_MASKED = 0.3
# From this share of targets with placeholders on, rows that look like nothing else are masking.
SHARE_WITH_PLACEHOLDERS = 0.5
# A link as Markdown writes it: [docs](https://...), [docs](/docs), ![plot](plot.png).
_LINK = re.compile(r"!?\[[^\]\n]*\]\((?:[a-z]+:|/|#|\.|www\.|[^\s()]+\.[a-z]{2,4}\))[^)\s]*\)?", re.IGNORECASE)


class Masking(Task):
    """The input, stretches of it replaced by their labels.

    Parameters
    ----------
    form : PlaceholderForm, optional
        How placeholders are written, where that is decided; without it, rows show it when they are recognised.
    """

    name = "masking"
    description = "the input with placeholders in it"
    order = 10
    instruction = MASKING_SYSTEM
    models = (LANGUAGE_MODEL, "tagger")
    answer = "mask"
    floor = Floor()
    metrics = (
        "bleu",
        "chrf",
        "exact_match",
        "leak_documents",
        "leak_entities",
        "leak_entities_exact",
        "leak_entities_normalised",
        "leak_entities_digits",
        "leak_parts_documents",
        "leak_parts_entities",
        "unanswered",
        "label_accuracy",
        "over_masking",
        "text_fidelity",
        "invented_placeholders",
        "wrong_placeholder_style",
        "label_recall",
    )
    second_metric = leak_metric = LEAKS
    recall_metric = "label_recall"
    nothing_right = "label_accuracy"
    group_by = "target"
    needs_labels = True
    label_in_words = "placeholder ([LABEL], <LABEL>, {{label}}, ***, ...)"
    targets = TargetRule()
    decision = "placeholders"

    def __init__(self, form: PlaceholderForm | None = None) -> None:
        self._is_decided = form is not None
        self.form = form or self.form

    @property
    def system(self) -> str:
        """The instruction for placeholders of this form."""
        return masking_instruction(self.form)

    def recognise(self, pairs: Pairs) -> str:
        """Recognise inputs with placeholders in them; a row of which nothing is masked looks like any task, and so does one masked whole.

        A target that is a word in capitals is a class (``ALLERGY``) as well as a placeholder for all of its input.
        """
        form = self.form if self._is_decided else find_form(pairs)
        in_part = [(source, target) for source, target in pairs if any(map(str.isalnum, form.replace(target, "")))]
        n_masked = sum(
            bool(placeholders(target, form, source)) and align_exactly(source, target, form) is not None
            for source, target in in_part
        )
        n_changed = sum(source.strip() != target.strip() for source, target in in_part)
        if not n_masked or n_masked < SHARE_OF_MASKED * n_changed:
            return ""
        return f"{n_masked} of {len(pairs)} targets are the input with {form.example}s in it"

    def recognise_at_last(self, pairs: Pairs) -> str:
        """Recognise targets with placeholders on which no mask lies exactly: half of them and more, in the input's words for the most part.

        Links are no placeholders, and what marks a source in an answer (``in Oslo [DOC1]``) or stands in code (``a[N]``) does not mask.
        """
        n_masked = sum(
            bool(self.labels_of(plain, source)) and _has_words_of(self.form.replace(plain, " ", source), source)
            for source, plain in ((source, _LINK.sub("", target)) for source, target in pairs)
        )
        return (
            f"{n_masked} of {len(pairs)} targets have placeholders"
            if n_masked >= SHARE_WITH_PLACEHOLDERS * len(pairs)
            else ""
        )

    def decide(self, pairs: Pairs, written: Sequence[str] | None, labels: Sequence[str]) -> Any:
        """Return how placeholders are written: as the study file says, else as the targets show it.

        Raises
        ------
        DataError
            When the study file says how, and no target is written so.
        """
        form = form_as_written(written, pairs) if written else find_form(pairs)
        return _with_labels(form, labels).to_json()

    def as_decided(self, decided: Any) -> Self:
        """Return masking with placeholders of a form."""
        return type(self)(PlaceholderForm.from_json(decided))

    def labels_of(self, target: str, source: str = "") -> list[str]:
        """Return the labels of the placeholders."""
        return placeholders(target, self.form, source)

    def are_numbered(self, pairs: Pairs) -> bool:
        """Return whether a placeholder carries a number: ``[NAME_2]``."""
        return any(one.name != one.label for source, target in pairs for one in self.form.find(target, source))

    def answer_shape(self, pairs: Pairs, labels: Sequence[str]) -> MaskShape | None:
        """Return how much one placeholder stands for, and how they follow each other; without rows, that is not limited."""
        return mask_shape(pairs, self.form)

    def grouped(self, rows: list[Row]) -> list[Row]:
        """Return the rows, those that are grouped by their target's skeleton by that of this form."""
        if self.form.is_classic:
            return rows
        by_target, by_form = TextGroup("target"), TextGroup("target", self.form)
        return [
            replace(row, grouping=by_form) if row.grouping == by_target or row.group == skeleton(row.target) else row
            for row in rows
        ]

    def check_labels(self, labels: Sequence[str], pairs: Pairs, suggested: tuple[str, str]) -> None:
        """Refuse rows without a placeholder, and say what stands there instead."""
        name, why = suggested
        if not labels and name == "generation":  # that is, like nothing else
            raise DataError(
                f"no {self.label_in_words} in any training target: {why_no_placeholder(pairs[:500])}; if this is no masking, it "
                f"looks like --task {name} ({why})"
            )
        super().check_labels(labels, pairs, suggested)

    def format_findings(self, test: Sequence[Row], pool: Sequence[Row]) -> list[Finding]:
        """Return how placeholders were understood."""
        return placeholder_findings(self.form, [*test, *pool])

    def label_findings(self, test: Sequence[Row], pool: Sequence[Row]) -> list[Finding]:
        """Return labels that are probably one."""
        return untidy_labels(
            Counter(label for row in [*test, *pool] for label in self.labels_of(row.target, row.source))
        )


def _has_words_of(text: str, source: str) -> bool:
    """Return whether at least half of a text's words, as often as they stand there, are those of the input."""
    words, known = (Counter(re.findall(r"\w+", one.casefold())) for one in (text, source))
    return 2 * (words & known).total() >= words.total()


def _with_labels(form: PlaceholderForm, labels: Sequence[str]) -> PlaceholderForm:
    """Return the form with labels of the study file that no row shows."""
    first = form.styles[0]
    known = {name for style in form.styles for name in style.names}
    missing = [label for label in labels if label not in known]
    if not first.names or first.is_run or not missing:
        return form
    return replace(form, styles=(replace(first, names=tuple(sorted({*first.names, *missing}))), *form.styles[1:]))


def why_no_placeholder(pairs: Sequence[tuple[str, str]]) -> str:
    """Return what stands in the targets of masking where no placeholder was found, and what to do."""
    changed = [(source, target) for source, target in pairs if source.strip() != target.strip()]
    if not changed:
        return "all targets are the inputs themselves: nothing is masked; check --target-column"
    rows = [replacements(source, target) for source, target in changed]
    if all(row and not any(row) for row in rows):
        return (
            "the targets leave words of the inputs out and write nothing in their place; write a placeholder there, such as [X]: "
            "values without one cannot be told from shortened texts"
        )
    counts = Counter(text for row in rows for text in set(row) if text)
    text = counts.most_common(1)[0][0] if counts else ""
    form = PlaceholderForm((Style("", "", (text,)),))
    found = [align_exactly(source, target, form) if text else None for source, target in changed]
    n_rows = sum(map(bool, found))
    hidden = {
        source[one.start : one.end] for (source, _), spans in zip(changed, found, strict=True) for one in spans or ()
    }
    if n_rows > SHARE_OF_ONE_WORD * len(changed) and len(hidden) > 1:
        return (
            f"'{text}' stands in {n_rows} of {len(pairs)} targets in the place of other words; if it is the placeholder, say so in "
            f"the study file (tunecurve init), data.placeholders: {json.dumps([text], ensure_ascii=False)}"
        )
    return "if there are placeholders, say how they are written in the study file (tunecurve init), e.g. data.placeholders: ['%LABEL%']"


TASK = Masking()
