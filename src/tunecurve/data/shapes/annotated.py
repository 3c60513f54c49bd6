"""Rows whose labels are spans of their text: what masking and ner make of them, and what was odd about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunecurve.data.cells import is_missing, list_in_text, plain_value
from tunecurve.data.shapes.base import Asked, Cells, Met, NotReadError, Plain, Shape, unreadable
from tunecurve.errors import DataError
from tunecurve.findings import Finding
from tunecurve.formats.annotated import entity_list, entity_type, joined, masked, placeholder_label, renamed
from tunecurve.formats.offsets import (
    NOT_THE_TEXT,
    OUTSIDE,
    REPAIRS,
    UNITS,
    WITHIN_A_CHARACTER,
    Counting,
    RawSpan,
    locate,
)
from tunecurve.formats.spans import LabelledSpan

MASKING, NER = "masking", "ner"
MOST_SHOWN = 6
_OFFSETS = dict(zip(("characters", "utf-16", "bytes", "line breaks as one"), UNITS, strict=True))
_INCLUSIVE = " inclusive"
OFFSET_OPTIONS = tuple(name + end for name in _OFFSETS for end in ("", _INCLUSIVE))
# How the study file names ways of counting.
OFFSET_NAMES = {Counting(unit, bool(end)): name + end for name, unit in _OFFSETS.items() for end in ("", _INCLUSIVE)}

# Fewer spans of one file say nothing about how its offsets count.
MIN_COMPARED = 8

NO_TEXT = unreadable(
    "no text", "there is no text to label", "leave these rows out, or name the column with --input-column"
)
NOT_LABELLED = unreadable(
    "not labelled",
    "the row has no list of spans: nobody has said what is in its text",
    "write [] where there is nothing to find",
)
PROBLEMS = {
    OUTSIDE: unreadable(
        "spans outside the text",
        "offsets reach beyond the text: they are those of another text, or count other units",
        "see data.shape_options.offsets in docs/data.md",
    ),
    NOT_THE_TEXT: unreadable(
        "spans unlike their text",
        "the text written beside the offsets does not stand there, whether they count characters, UTF-16 units or bytes",
        "check whether the text was changed after it was labelled",
    ),
    WITHIN_A_CHARACTER: unreadable("spans within a character", "an offset cuts a character in two", "mend the offsets"),
}


@dataclass(frozen=True)
class Annotated:
    """A row as its shape reads it: text, spans, and what is to be counted about it."""

    text: str
    spans: Sequence[RawSpan]
    remarks: tuple[tuple[str, str], ...] = ()


class AnnotatedShape(Shape):
    """A shape whose rows are texts with labelled spans; what differs is where these stand."""

    option_names: tuple[str, ...] = ("offsets", "tag_names", "target")

    def annotation(self, cells: Cells, asked: Asked) -> Annotated:
        """Return the text and the spans of a row.

        Raises
        ------
        NotReadError
            With the reason why the row is dropped.
        """
        raise NotImplementedError

    def fits_task(self, asked: Asked) -> bool:
        """Return whether spans can be the target of the study's task.

        Raises
        ------
        DataError
            Where the task is not known: spans fit two.
        """
        if asked.task or "target" in asked.options:
            return target_kind(asked) in (MASKING, NER)
        raise DataError(
            f"the rows hold {self.title}, which fit two tasks; say which is meant: --task masking (the text with [LABEL]s in their place), "
            "or --task ner (a list of 'type: entity'); for any other task name the columns, too"
        )

    def counting(self, asked: Asked) -> Counting | None:
        """Return how the offsets of `annotation` count; None where the texts beside them tell."""
        return counting_of(asked)

    def read(self, cells: Cells, asked: Asked) -> Plain:
        """Return the text, and the masked text or the list of entities."""
        try:
            found = self.annotation(cells, asked)
            given = self.counting(asked)
            located = locate(found.text, found.spans, given)
            if located.problem:
                raise NotReadError(PROBLEMS[located.problem])
        except NotReadError as error:
            reason = error.args[0]
            return Plain(reason, reason)
        remarks = [*found.remarks, *((repair, "") for repair in located.repairs)]
        remarks += [("label", span.label) for span in located.spans]
        if not located.spans:
            remarks.append(("nothing", ""))
        if given is None and located.counting != Counting():  # what was said needs no word
            remarks.append(("counting", str(located.counting)))
        return Plain(found.text, written_target(found.text, located.spans, asked), tuple(remarks))

    def said(self, met: Met, asked: Asked) -> str:
        """Return what is input and target, and how many rows have nothing."""
        name = asked.input_columns[0] if asked.input_columns else "text"
        is_mask = target_kind(asked) == MASKING
        how = "with [LABEL]s in the place of the spans" if is_mask else "as 'type: entity' lists"
        parts = [f"'{name}' is the input, the target is {'it' if is_mask else 'its spans'} {how}"]
        if met.counts["nothing"]:
            what = "the text itself" if is_mask else "'none'"
            parts.append(f"{met.counts['nothing']} rows have no span: their target is {what}")
        if met.counts["counting"]:
            n_rows = met.counts["counting"]
            parts.append(
                f"in {n_rows} row{'s' * (n_rows > 1)} the texts beside the offsets show that they count "
                + " or ".join(sorted(met.values["counting"]))
            )
        return "; ".join(parts)

    def findings(self, met: Met, asked: Asked) -> list[Finding]:
        """Return what was done to spans, and how labels are written."""
        found = []
        for kind, rule in {**REPAIRS, **self.rules}.items():
            if met.counts[kind]:
                text = f"{met.counts[kind]} {rule}"
                found.append(
                    Finding(
                        f"spans-{kind.replace(' ', '-')}",
                        text,
                        "",
                        tuple(met.places[kind]),
                        is_note=kind not in self.loud,
                    )
                )
        found += label_findings(sorted(met.values.get("label", ())), asked)
        return found

    def compared(self, met: Mapping[str, Met]) -> list[Finding]:
        """Return the sources of which most spans cut words, unlike those of another source: their offsets may count otherwise."""
        cut = {source.strip(): one.counts["within words"] for source, one in met.items() if _cuts_most_words(one)}
        if not cut or len(cut) == len(met):
            return []
        which = ", ".join(f"{n_cut} spans of '{source}'" for source, n_cut in cut.items())
        text = f"{which} begin or end within a word, and those of the other files do not"
        return [Finding("offsets-differ", text, "check whether its offsets count as theirs: all files are read alike")]

    # What remarks of the shape's own mean, as `REPAIRS`.
    rules: Mapping[str, str] = {}
    # What changes which words are labelled as what, and is a warning; the rest is a note.
    loud = frozenset({"several labels", "nested", "overlapping", "several annotators"})


def label_findings(labels: Sequence[str], asked: Asked) -> list[Finding]:
    """Return which labels targets write in another way, and which of them become one by it."""
    is_mask = target_kind(asked) == MASKING
    write, what = (placeholder_label, "placeholders") if is_mask else (entity_type, "types of entities")
    other, found = renamed(labels, write), []
    if other:
        shown = ", ".join(
            f"'{label}' as {f'[{written}]' if is_mask else repr(written)}"
            for label, written in list(other.items())[:MOST_SHOWN]
        )
        more = f", and {len(other) - MOST_SHOWN} more" if len(other) > MOST_SHOWN else ""
        found.append(Finding("labels-as-placeholders", f"labels are written as {what}: {shown}{more}", is_note=True))
    for alike in joined(labels, write)[:MOST_SHOWN]:
        names = " and ".join(f"'{label}'" for label in alike[:MOST_SHOWN])
        text = f"{len(alike)} labels are one as {what}: {names} are written '{write(alike[0])}'"
        found.append(Finding("labels-joined", text, "if they are not one, rename them"))
    return found


def written_target(text: str, spans: Sequence[LabelledSpan], asked: Asked) -> str:
    """Return the target that spans stand for: the masked text, or the list of entities."""
    return (masked if target_kind(asked) == MASKING else entity_list)(text, spans)


def target_kind(asked: Asked) -> str:
    """Return what the target is: that of a task, or as the study file says for a task of one's own."""
    return str(asked.options.get("target", asked.task))


def counting_of(asked: Asked) -> Counting | None:
    """Return how offsets count, where the study file says so.

    Raises
    ------
    DataError
        When it says something else.
    """
    said = asked.options.get("offsets")
    if said is None:
        return None
    name = str(said).strip().lower()
    unit = _OFFSETS.get(name.removesuffix(_INCLUSIVE))
    if unit is None:
        raise DataError(f"data.shape_options: offsets is '{said}', expected one of: {', '.join(OFFSET_OPTIONS)}")
    return Counting(unit, name.endswith(_INCLUSIVE))


def tag_names(asked: Asked) -> list[str]:
    """Return the names of labels that are numbers, where the study file gives them.

    Raises
    ------
    DataError
        When they are no list of names, and no mapping of numbers to names.
    """
    said = asked.options.get("tag_names")
    if said is None:
        return []
    if isinstance(said, Mapping):
        numbers = {str(value): key for key, value in said.items()} if _are_numbers(said.values()) else said
        by_number = {int(key): str(name) for key, name in numbers.items() if str(key).lstrip("-").isdecimal()}
        if by_number and len(by_number) == len(said):
            return [by_number.get(number, "") for number in range(max(by_number) + 1)]
    if isinstance(said, list | tuple) and all(isinstance(name, str) for name in said):
        return list(said)
    raise DataError(f"data.shape_options: tag_names is {str(said)[:60]}, expected a list of names: [O, B-PER, I-PER]")


def _are_numbers(values: Any) -> bool:
    return all(isinstance(value, int) and not isinstance(value, bool) for value in values)


def list_cell(cell: Any) -> Any:
    """Return a cell as Python's own list or object, also where a text spells it out."""
    cell = plain_value(cell)
    if isinstance(cell, str):
        cell = list_in_text(cell, with_scalars=True)
    if isinstance(cell, list):
        return [plain_value(item) for item in cell]
    return cell


def text_cell(cell: Any) -> str:
    """Return a cell that is a text.

    Raises
    ------
    NotReadError
        Where it is none.
    """
    cell = plain_value(cell)
    if is_missing(cell) or not isinstance(cell, str) or not cell.strip():
        raise NotReadError(NO_TEXT)
    return cell


def _cuts_most_words(met: Met) -> bool:
    return met.counts["label"] >= MIN_COMPARED and 2 * met.counts["within words"] > met.counts["label"]
