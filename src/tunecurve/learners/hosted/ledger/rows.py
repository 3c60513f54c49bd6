"""Rows of the ledger's tables of jobs and deployments: some fields in columns of their own, all others in a column of JSON."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import TypeAdapter

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Row = TypeVar("Row", bound="DataclassInstance")


class RowTable(Generic[Row]):
    """A table whose rows are dataclasses.

    Parameters
    ----------
    name : str
        Of the table.
    kind : type
        Of its rows; what an earlier version did not write has its default, what it wrote beyond is left out.
    columns : str
        Fields with a column of their own.
    """

    def __init__(self, name: str, kind: type[Row], columns: str) -> None:
        self.name, self._columns = name, columns.split()
        self._adapter = TypeAdapter(kind)
        self.select = f"SELECT {', '.join([*self._columns, 'detail'])} FROM {name}"

    def row_of(self, values: tuple[Any, ...]) -> Row:
        """Return a row as selected."""
        return self._adapter.validate_python(json.loads(values[-1]) | dict(zip(self._columns, values, strict=False)))

    def find(self, connection: sqlite3.Connection, where: str, values: Iterable[Any]) -> list[Row]:
        """Return the rows for which a condition holds, oldest first."""
        found = connection.execute(f"{self.select} WHERE {where} ORDER BY created_at", tuple(values))
        return [self.row_of(row) for row in found.fetchall()]

    def write(self, connection: sqlite3.Connection, row: Row) -> Row:
        """Write a row down, new or changed, with the time of the change; return it."""
        row = replace(row, updated_at=time.time())  # every table has this column
        detail = self._adapter.dump_python(row, mode="json", exclude_defaults=True)
        values = [getattr(row, column) for column in self._columns]
        kept = json.dumps({name: value for name, value in detail.items() if name not in self._columns})
        marks = ", ".join("?" * (len(values) + 1))
        columns = ", ".join([*self._columns, "detail"])
        connection.execute(f"INSERT OR REPLACE INTO {self.name} ({columns}) VALUES ({marks})", (*values, kept))
        return row

    def change(self, key: str, change: Callable[[Row], Row]) -> Callable[[sqlite3.Connection], Row]:
        """Return what changes a row as it is on the disk then, so that nobody else's change is overwritten, and returns it."""
        return lambda connection: self.write(connection, change(self.find(connection, "key = ?", (key,))[0]))
