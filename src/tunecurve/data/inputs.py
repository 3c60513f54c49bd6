"""The input text of a row, from one column or several.

Several columns are joined by line breaks, or stand where a template names them: ``{instruction}`` is the column of that name,
``{input}`` the input column. Parts may be empty or missing: the line of a template whose columns are all empty is left out, and so is
the block between blank lines, with its heading.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tunecurve.data.cells import Reading, read_input

INPUT = "input"
DEFAULT_COLUMN = "source_text"
DEFAULT_TARGET = "target_text"
# {name} names a column, {{...}} is {...} as a text.
_PART = re.compile(r"\{\{(.*?)\}\}|\{(\w[\w .-]*)\}")
_BLANK_LINES = re.compile(r"(\n[ \t]*\n\s*)")


def columns_in_template(template: str) -> tuple[str, ...]:
    """Return the columns that a template names, other than ``{input}``, in their order."""
    names = (match.group(2) for match in _PART.finditer(template))
    return tuple(dict.fromkeys(name for name in names if name and name != INPUT))


def names_input(template: str) -> bool:
    """Return whether a template has a place for ``{input}``."""
    return any(match.group(2) == INPUT for match in _PART.finditer(template))


@dataclass(frozen=True)
class InputText:
    """How the input text of a row is made."""

    columns: tuple[str, ...] = (DEFAULT_COLUMN,)
    """The input columns; several are joined by line breaks, empty ones left out."""
    template: str = ""
    """A template that names columns; empty for the columns alone."""

    @property
    def wanted(self) -> tuple[str, ...]:
        """The columns that are read."""
        if not self.template:
            return self.columns
        named = columns_in_template(self.template)
        return tuple(dict.fromkeys([*named, *self.columns])) if names_input(self.template) else named

    def for_columns(self, known: Mapping[str, Any]) -> InputText:
        """Return the same for rows with these columns: ``{input}`` is the column ``input`` where no other one is named."""
        if self.template and self.columns == (DEFAULT_COLUMN,) and DEFAULT_COLUMN not in known:
            return InputText((INPUT,), self.template)
        return self

    def read(self, cells: Mapping[str, Any]) -> tuple[Reading, dict[str, Reading]]:
        """Return the input of a row, and what each of its columns was read as."""
        parts = {column: read_input(cells[column]) for column in self.wanted if column in cells}
        if not parts and len(self.wanted) == 1:
            return Reading(problem="missing"), parts
        broken = next((part for part in parts.values() if part.shape or part.problem not in ("", "empty")), None)
        if broken is not None:
            return broken, parts
        texts = {column: part.texts[0] for column, part in parts.items() if part.texts}
        if not texts:
            return Reading(kind="empty", problem="empty"), parts
        kind = next(iter(parts.values())).kind if len(self.wanted) == 1 else "text"
        return Reading((self._joined(texts),), kind), parts

    def _joined(self, texts: Mapping[str, str]) -> str:
        joined = "\n".join(texts[column] for column in self.columns if column in texts)
        return fill({**texts, INPUT: joined}, self.template) if self.template else joined


def fill(texts: Mapping[str, str], template: str) -> str:
    """Return a template with the texts of columns in their places, and without the blocks and lines that have none."""
    pieces = _BLANK_LINES.split(template)
    kept: list[str] = []
    for block, gap in zip(pieces[::2], ["", *pieces[1::2]], strict=True):
        if not _has_something(block, texts):
            continue
        lines = [line for line in block.split("\n") if _has_something(line, texts)]
        filled = "\n".join(_PART.sub(lambda match: _part_text(match, texts), line) for line in lines)
        kept.append((gap if kept else "") + filled)
    return "".join(kept)


def _has_something(piece: str, texts: Mapping[str, str]) -> bool:
    """Return whether a piece of the template names no column, or one that has a text."""
    names = [match.group(2) for match in _PART.finditer(piece) if match.group(2)]
    return not names or any(texts.get(name) for name in names)


def _part_text(match: re.Match[str], texts: Mapping[str, str]) -> str:
    literal, name = match.groups()
    return "{" + literal + "}" if name is None else texts.get(name, "")
