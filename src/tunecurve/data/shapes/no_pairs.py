"""Rows that are no pairs of input and target, told by their columns, and what to make of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tunecurve.data.cells import flag_of, is_missing, plain_value
from tunecurve.data.shapes.base import Cells
from tunecurve.data.shapes.chat import columns_with
from tunecurve.data.shapes.turns import ROLES
from tunecurve.errors import DataError

_PARENTS = ("parent_id", "parent_message_id")
_TEXTS = ("text", "content", "message", "value")
_QUESTIONS = ("question", "query", "prompt")
_OPTIONS = ("choices", "options", "endings")
# One option a column: option1, choice_a, answer0; or A, B, C.
_OPTION = re.compile(r"(?:option|opt|choice|answer|ans|ending|sol)[ _-]?[0-9a-e]|[a-e]", re.IGNORECASE)
_RIGHT = ("answer", "answerkey", "answer_key", "correct", "correct_answer", "label", "target")
MIN_FLAG_COLUMNS, MIN_ROWS_OF_FLAGS = 2, 5
_ONE_ROW_A_CHAT = (
    'write one row a chat, {"messages": [{"role": "user", "content": ...}, {"role": "assistant", "content": ...}]}'
)


def refuse_rows_without_pairs(sample: Sequence[Cells]) -> None:
    """Refuse rows whose columns look like an input and a target, and are none.

    Parameters
    ----------
    sample : sequence of mapping of str to any
        The first rows, of which no column is named by the study.

    Raises
    ------
    DataError
        Naming what the rows are, with the way on.
    """
    texts = [name for name in columns_with(sample, lambda cell: isinstance(plain_value(cell), str)) if name in _TEXTS]
    if texts and columns_with([_only(row, "role") for row in sample], _is_role):
        parents = [name for name in _PARENTS if any(name in row for row in sample)]
        what = (
            f"single messages of trees ('{parents[0]}' names the message before)"
            if parents
            else "single turns of chats"
        )
        raise DataError(f"the rows are {what}, with a role in 'role' and a text in '{texts[0]}'; {_ONE_ROW_A_CHAT}")
    trees = columns_with(sample, lambda cell: isinstance(plain_value(cell), Mapping) and "replies" in plain_value(cell))
    if trees:
        raise DataError(f"column '{trees[0]}' holds trees of messages with 'replies'; {_ONE_ROW_A_CHAT}")
    lists = columns_with(sample, lambda cell: isinstance(plain_value(cell), list | Mapping))
    options = [name for name in lists if name.casefold() in _OPTIONS]
    questions = [name for row in sample[:1] for name in row if str(name).casefold() in _QUESTIONS]
    options = options or _options_apart(sample)
    if options and questions:
        raise DataError(
            f"{_columns_hold(options)} the options of '{questions[0]}', and would stand in no input; write them into the question's "
            "text and the right one into a column of its own, or name the columns to leave them out: "
            f"--input-column {questions[0]} --target-column ..."
        )


def refuse_flags(sample: Sequence[Cells]) -> None:
    """Refuse rows whose columns say of one label each whether it applies, where no target is named.

    Parameters
    ----------
    sample : sequence of mapping of str to any
        The first rows, in which no target is found.

    Raises
    ------
    DataError
        With the options that make these columns sets of labels.
    """
    names = dict.fromkeys(name for row in sample for name in row)
    flags = [str(name) for name in names if _are_flags(sample, name)]
    both = [name for name in flags if {True, False} <= {flag_of(row.get(name)) for row in sample}]
    if len(sample) < MIN_ROWS_OF_FLAGS or len(both) < MIN_FLAG_COLUMNS:
        return
    options = " ".join(f"--target-column '{name}'" if " " in name else f"--target-column {name}" for name in flags)
    raise DataError(
        f"no column is the target by its name, but {len(flags)} say nothing but yes or no (0 and 1, true and false, x): if each is a label "
        f"that a row has or has not, make sets of labels of them: {options}; else name the target with --target-column"
    )


def _options_apart(sample: Sequence[Cells]) -> list[str]:
    """Return the columns that hold one option each, if there are several beside a column that says which is right."""
    found = [
        str(name) for name in dict.fromkeys(name for row in sample for name in row) if _OPTION.fullmatch(str(name))
    ]
    is_choice = any(level in _RIGHT for row in sample[:1] for level in (str(name).casefold() for name in row))
    return found if len(found) > 1 and is_choice else []


def _columns_hold(names: Sequence[str]) -> str:
    quoted = ", ".join(f"'{name}'" for name in names)
    return f"columns {quoted} hold" if len(names) > 1 else f"column {quoted} holds"


def _are_flags(sample: Sequence[Cells], name: str) -> bool:
    """Return whether all cells of a column say yes or no, some of them in so many words."""
    cells = [row.get(name) for row in sample]
    is_there = any(not is_missing(cell) and str(cell).strip() for cell in cells)
    return is_there and all(flag_of(cell) is not None for cell in cells)


def _only(row: Cells, name: str) -> Cells:
    return {name: row[name]} if not is_missing(row.get(name)) else {}


def _is_role(cell: Any) -> bool:
    return str(plain_value(cell)).strip().casefold() in ROLES
