"""Texts that are cut into sentences or paragraphs, a list of them in one cell, as scientific abstracts often come."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tunecurve.data.cells import is_missing, plain_value
from tunecurve.data.shapes.annotated import list_cell
from tunecurve.data.shapes.base import AUTO, Asked, Cells, Match, Met, Plain, Shape
from tunecurve.data.shapes.chat import columns_with
from tunecurve.data.shapes.columns import Columns

# Of a list of sentences, so many have several words; of a list of words, hardly any has.
SHARE_WITH_BLANKS = 0.5
_TOKENS = re.compile(r"tokens?|words?|token[_ ]?list", re.IGNORECASE)


class SentenceLists(Shape):
    """An input that is a list of sentences; the target stands in a column of its own.

    Attributes
    ----------
    items : str
        What lists hold, in words.
    joined_by : str
        What stands between these where the study file does not say.
    """

    name = "sentence-lists"
    title = "lists of sentences"
    option_names = ("joined_by",)
    items, joined_by = "sentences", "\n"

    def matches(self, sample: Sequence[Cells], asked: Asked) -> Sequence[Match]:
        """Return the matches that plain columns have once the sentences are joined, where they are the input."""
        lists = columns_with(sample, are_sentences)
        lists = [name for name in lists if any(len(_texts_in(row.get(name)) or ()) > 1 for row in sample)]
        if not lists or asked.template_columns:
            return []
        if asked.input_columns and asked.target_columns:
            found = [Match(self.name, asked.input_columns, asked.target_columns)]
        else:
            joined = [{**row, **{name: self._joined(row.get(name), asked) for name in lists}} for row in sample]
            plain, columns = replace(asked, name=AUTO), Columns()
            found = list(columns.matches(joined, plain)) or list(columns.matches_beside_named(joined, plain))
        return [
            Match(self.name, one.input_columns, one.target_columns, one.also)
            for one in found
            if set(one.input_columns) & set(lists)  # a target that is a list stays one: several are right
        ]

    def read(self, cells: Cells, asked: Asked) -> Plain:
        """Return the joined input, and the target as it stands there."""
        parts = [self._joined(cells.get(column), asked) for column in asked.input_columns]
        if len(parts) > 1 and all(isinstance(part, str | None) for part in parts):
            parts = ["\n".join(part for part in parts if part and part.strip())]
        return Plain(parts[0], cells.get(asked.target_columns[0]))

    def said(self, met: Met, asked: Asked) -> str:
        """Return which columns are read, and how sentences are joined."""
        separator = asked.options.get("joined_by", self.joined_by)
        by = {"\n": "line breaks", " ": "blanks"}.get(separator, "what the study file says")
        names = " and ".join(f"'{name}'" for name in asked.input_columns)
        return f"the {self.items} of {names}, joined by {by}, are the input, '{asked.target_columns[0]}' is the target"

    def _joined(self, cell: Any, asked: Asked) -> Any:
        """Return the text of a list of texts; any other cell as it is."""
        texts = _texts_in(cell)
        if texts is None:
            return cell
        separator = str(asked.options.get("joined_by", self.joined_by))
        return separator.join(text.strip() for text in texts if text.strip())


class TokenLists(SentenceLists):
    """An input that is a list of tokens, with a target for the whole of it: an intent beside the slots of its words."""

    name = "token-lists"
    title = "lists of tokens"
    items, joined_by = "tokens", " "

    def matches(self, sample: Sequence[Cells], asked: Asked) -> Sequence[Match]:
        """Return the matches that plain columns have once the tokens are joined, for a target that is one text a row."""
        if asked.template_columns or asked.task in ("ner", "masking") or not (asked.task or asked.target_columns):
            return []
        found = []
        for name in columns_with(sample, _are_tokens):
            if not _TOKENS.fullmatch(name) or asked.input_columns not in ((), (name,)):
                continue
            joined = [{**row, name: self._joined(row.get(name), asked)} for row in sample]
            beside = replace(asked, name=AUTO, input_columns=(name,), target_columns=())
            targets = [one.target_columns for one in Columns().matches_beside_named(joined, beside)]
            found += [
                Match(self.name, (name,), one) for one in ([asked.target_columns] if asked.target_columns else targets)
            ]
        return [match for match in found if not _have_lists(sample, match.target_columns)]


def _have_lists(sample: Sequence[Cells], columns: Sequence[str]) -> bool:
    return any(isinstance(list_cell(row.get(column)), list) for row in sample for column in columns)


def are_sentences(cell: Any) -> bool:
    """Return whether a cell is a list of texts, most of which have several words."""
    items = _texts_in(cell) or []
    return bool(items) and sum(" " in item.strip() for item in items) >= SHARE_WITH_BLANKS * len(items)


def _texts_in(cell: Any) -> list[str] | None:
    """Return the texts of a list, those that are missing left out; None where a cell is anything else."""
    items = list_cell(plain_value(cell))
    if not isinstance(items, list):
        return None
    texts = [item for item in items if not is_missing(item)]
    return texts if all(isinstance(item, str) for item in texts) else None


def _are_tokens(cell: Any) -> bool:
    """Return whether a cell is a list of several texts, of which hardly any has several words."""
    return len(_texts_in(cell) or ()) > 1 and not are_sentences(cell)
