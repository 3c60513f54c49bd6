"""Sets of labels: none, one or several out of a closed set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from tunecurve.data.cells import TargetRule
from tunecurve.data.labels import is_closed_set, lists_of_words, lonely_labels, untidy_labels
from tunecurve.data.rows import Row
from tunecurve.errors import DataError
from tunecurve.findings import Finding
from tunecurve.formats import column_names
from tunecurve.formats.label_places import vector_among
from tunecurve.formats.label_set_evidence import orders_of, separator_of_sets
from tunecurve.formats.label_sets import (
    NO_LABEL,
    find_separator,
    format_labels,
    is_within_numbers,
    labels_in_label,
    parse_labels,
    split_labels,
)
from tunecurve.tasks.base import Pairs, Task
from tunecurve.tasks.floors import MostFrequent
from tunecurve.tasks.told import Told
from tunecurve.wording import first_of

# From this share of rows with several labels on, they are no slips.
SHARE_OF_SEVERAL = 0.05
MOST_PLACES = 5


class Multilabel(Task):
    """The target is a set of labels; the order says nothing."""

    name = "multilabel"
    description = "several of a closed set, or 'none'"
    order = 40
    instruction = (
        "Which labels apply to the text? Answer with all that apply, separated by '; ', and nothing else; with 'none' when none "
        "applies. Labels: {labels}."
    )
    models = ("classifier", "tfidf")
    answer = "labels"
    metrics = ("label_micro_f1", "label_macro_f1", "subset_accuracy", "recall_of_labels")
    second_metric = "label_macro_f1"
    recall_metric = "recall_of_labels"
    nothing_right = "subset_accuracy"
    floor = MostFrequent("most frequent set")
    floor_remedy = "where few rows have a label, draw with --sampling stratified"
    needs_labels = is_closed = True
    closed_set_remedy = "name what stands between labels with data.label_separator, or "
    targets = TargetRule("labels", empty_is=NO_LABEL)

    def recognise(self, pairs: Pairs) -> str:
        """Recognise short labels that come again and again, several in a row, as free of their order."""
        return _several_of_a_closed_set(pairs, in_any_order=False)

    def recognise_told(self, pairs: Pairs, told: Told) -> str:
        """Recognise the same; in any order where the column is one of sets by its name (tags)."""
        return _several_of_a_closed_set(pairs, in_any_order=bool(told.target_called(column_names.SETS)))

    def recognise_in_any_order(self, pairs: Pairs) -> str:
        """Recognise the same as if the column were called so."""
        return _several_of_a_closed_set(pairs, in_any_order=True)

    def arranged(self, rows: list[Row], separator: str | None) -> tuple[list[Row], list[Finding]]:
        """Return the rows with their sets of labels written alike, and how they were read."""
        _refuse_vectors([row for row in rows if row.target.strip() != NO_LABEL])
        texts = [row.target for row in rows if row.target.strip() != NO_LABEL]
        listed = {text for row in rows if row.other_targets for text in (row.target, *row.other_targets)}
        if separator is None:
            # Rows that repeat an input are lists here, too; their texts may be joined labels all the same.
            joined = [one for one in texts if one not in listed]
            found = separator_of_sets(joined) or find_separator(joined, is_asked=not listed)
            found = found or separator_of_sets([*texts, *listed])
            whole = _whole_labels(listed, {*texts, *listed}, found)
        else:
            found, whole = separator.strip(" ") or separator[:1], set()  # blanks alone separate, too
        written = [
            [
                label
                for text in (row.target, *row.other_targets)
                for label in split_labels(text, "" if text in whole else found)
            ]
            for row in rows
        ]
        arranged = [
            replace(row, target=format_labels(labels), other_targets=())
            for row, labels in zip(rows, written, strict=True)
        ]
        said = [self._understood(arranged, written, found), *_none_beside(arranged, written)]
        if separator is None and found and is_within_numbers([text for text in texts if text not in whole], found):
            said.append(_split_numbers(texts, found))
        return arranged, said

    @staticmethod
    def _understood(rows: Sequence[Row], written: Sequence[Sequence[str]], separator: str) -> Finding:
        sets = [parse_labels(row.target) for row in rows]
        counts = Counter(label for one in sets for label in one)
        n_several, n_none = sum(len(one) > 1 for one in sets), sum(not one for one in sets)
        how = f"separated by {separator!r} in the data" if separator else "each text is one label"
        text = f"targets are read as sets of {len(counts)} labels ({how}, by '; ' in answers): {n_several} of {len(rows)} rows have several"
        text += f", {n_none} have none" if n_none else ""
        orders = orders_of([one for one in written if len(one) > 1])
        n_turned = sum(found.total() - max(found.values()) for found in orders.values())
        text += (
            f", {n_turned} have the labels of others in another order, which makes no difference here"
            if n_turned
            else ""
        )
        return Finding("label-sets", text, "if not so, say it with data.label_separator", is_note=True)

    def labels_of(self, target: str, source: str = "") -> list[str]:
        """Return the labels of the set."""
        return parse_labels(target)

    def check_rows(self, test: Sequence[Row], pool: Sequence[Row], *, are_first_rows: bool) -> None:
        """Refuse rows that all have the same set."""
        sets = {row.target for row in pool}
        if len(sets) > 1:
            return
        remedy = (
            "leave --first-rows out, so that --limit draws at random" if are_first_rows else "check --target-column"
        )
        raise DataError(
            f"all {len(pool)} rows to train on have the labels '{next(iter(sets), '')}': nothing can be learnt; {remedy}"
        )

    def label_findings(self, test: Sequence[Row], pool: Sequence[Row]) -> list[Finding]:
        """Return labels that are probably one, and those of a single row to train on."""
        trained = Counter(label for row in pool for label in self.labels_of(row.target))
        tested = Counter(label for row in test for label in self.labels_of(row.target))
        return [*lonely_labels(trained, "labels"), *untidy_labels(tested + trained), *_joined_labels(tested + trained)]


def _split_numbers(texts: Sequence[str], sign: str) -> Finding:
    """Say that every sign that separates labels stands between digits, as in numbers."""
    example = next(text for text in texts if sign in text)
    text = f"the {sign!r} that separates labels stands within what may be numbers only ('{example.strip()[:30]}'), which are taken apart"
    remedy = (
        f"if they are lists, say so with data.label_separator: '{sign}'; numbers are classes: --task classification"
    )
    return Finding("numbers-as-sets", text, remedy)


def _none_beside(rows: Sequence[Row], written: Sequence[Sequence[str]]) -> list[Finding]:
    """Say that `none` beside labels is left out, where it is: it stands for no label."""
    places = [
        row.place for row, labels in zip(rows, written, strict=True) if row.target != NO_LABEL and _has_none(labels)
    ]
    if not places:
        return []
    text = f"{len(places)} rows have 'none' beside other labels; it stands for no label, and is left out there"
    remedy = "name it otherwise if it is a label, else take it or the others out of these rows"
    return [Finding("none-beside-labels", text, remedy, tuple(places[:MOST_PLACES]))]


def _has_none(labels: Sequence[str]) -> bool:
    return any(label.casefold().rstrip(".") == NO_LABEL for label in labels)


def _refuse_vectors(rows: Sequence[Row]) -> None:
    what, vector = vector_among((row.target, *row.other_targets) for row in rows)
    if what:
        raise DataError(
            f"targets are lists of {what} (such as [{first_of(vector, 8)}]), a place for each label, which do not say what the "
            'labels are called; write the names of those that hold (["fire", "water"]), or a column of 0 and 1 for '
            "each and name them all: --target-column fire --target-column water"
        )


def _joined_labels(counts: Counter[str]) -> list[Finding]:
    """Return the labels that are probably several."""
    by_blanks = lists_of_words(counts)
    joined = dict.fromkeys([*by_blanks, *(label for label in counts if labels_in_label(label, counts))])
    if not joined:
        return []
    shown = first_of([f"'{label}' ({counts[label]})" for label in joined], 4)
    how = "data.label_separator: ' '" if by_blanks else "data.label_separator"
    text = f"labels that read like several: {shown}; each is measured as a label of its own"
    return [
        Finding(
            "several-in-label", text, f"if they are several, write all targets alike, or name {how} in the study file"
        )
    ]


def _whole_labels(listed: set[str], texts: set[str], separator: str) -> set[str]:
    """Return the labels of lists that hold the separator: a part of them is no label of any other text."""
    parts = Counter(part for text in texts for part in split_labels(text, separator))
    return {text for text in listed if any(parts[part] == 1 for part in split_labels(text, separator))}


def _several_of_a_closed_set(pairs: Pairs, *, in_any_order: bool) -> str:
    texts = [target.strip() for _, target in pairs]
    separator = separator_of_sets(texts, is_named=in_any_order)
    sets = [split_labels(text, separator) for text in texts]
    labels = {label for one in sets for label in one}
    n_several = sum(len(one) > 1 for one in sets)
    if n_several < max(2, SHARE_OF_SEVERAL * len(pairs)) or not is_closed_set(labels, len(pairs)):
        return ""
    return f"{n_several} of {len(pairs)} targets are several of {len(labels)} labels, separated by {separator!r}"


TASK = Multilabel()
