"""Rows of the ledger's tables of jobs and deployments: columns by name, and one column `detail` of JSON."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Sequence
from typing import Any


def select_rows(
    connection: sqlite3.Connection, table: str, columns: Sequence[str], where: str, values: Iterable[Any]
) -> list[dict[str, Any]]:
    """Return the rows of a table for which a condition holds, oldest first."""
    statement = f"SELECT {', '.join(columns)} FROM {table} WHERE {where} ORDER BY created_at"
    return [row_of(columns, row) for row in connection.execute(statement, tuple(values)).fetchall()]


def row_of(columns: Sequence[str], values: tuple[Any, ...]) -> dict[str, Any]:
    """Return a row as a dictionary, its detail parsed."""
    row = dict(zip(columns, values, strict=True))
    return {**row, "detail": json.loads(row["detail"])}


def write_row(connection: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    """Write a row down, new or changed, with the time of the change."""
    values = {**row, "detail": json.dumps(row["detail"]), "updated_at": time.time()}
    connection.execute(
        f"INSERT OR REPLACE INTO {table} ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",
        tuple(values.values()),
    )
