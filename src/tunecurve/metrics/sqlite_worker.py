"""A process that answers queries on SQLite files, and can do nothing else: it is run as a script, apart from the package.

It reads a line of JSON, ``{"database": path, "query": text}``, and writes one: ``{"rows": ...}``, or ``{"error": kind, "text": ...}``
with the kinds ``query`` (it cannot be answered) and ``limit`` (its answer takes too much). The process can write to no file
(``RLIMIT_FSIZE`` is 0), takes a bounded memory, and opens databases read-only and immutable; an authorizer denies everything but
reading. What a query may take is counted in steps of SQLite's machine, so that it does not hang on how busy the computer is.
"""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import sys
from pathlib import Path
from typing import Any

MOST_STEPS, STEPS_BETWEEN = 50_000_000, 100_000
MOST_ROWS, MOST_CHARACTERS = 10_000, 4_000_000
MOST_MEMORY = 2**30
_MAY_READ = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}
# Functions that read or write files, load code, or say another thing each time.
_DENIED_FUNCTIONS = {
    "load_extension", "readfile", "writefile", "edit", "fts3_tokenizer", "random", "randomblob", "sqlite_source_id", "sqlite_version",
    "sqlite_compileoption_get", "sqlite_compileoption_used", "changes", "total_changes", "last_insert_rowid", "zeroblob", "current_time",
    "current_date", "current_timestamp",
}  # fmt: skip
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 200_000, sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000, sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_COLUMN: 500, sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50, sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}  # fmt: skip


class _TooMuchError(Exception):
    pass


def _authorize(action: int, first: str | None, second: str | None, database: str | None, inner: str | None) -> int:
    if action in _MAY_READ:
        return sqlite3.SQLITE_OK
    is_harmless = action == sqlite3.SQLITE_FUNCTION and (second or "").lower() not in _DENIED_FUNCTIONS
    return sqlite3.SQLITE_OK if is_harmless else sqlite3.SQLITE_DENY


def open_database(path: str) -> sqlite3.Connection:
    """Return a connection that can read and do nothing else."""
    connection = sqlite3.connect(
        f"{Path(path).absolute().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None
    )
    connection.execute("PRAGMA query_only = 1")
    connection.execute("PRAGMA trusted_schema = 0")
    connection.execute("PRAGMA temp_store = 2")  # in memory: no file can be written
    for limit, most in _LIMITS.items():
        connection.setlimit(limit, most)
    connection.text_factory = lambda raw: raw.decode(errors="replace")
    connection.set_authorizer(_authorize)
    return connection


def answer(connection: sqlite3.Connection, query: str) -> dict[str, object]:
    """Return the rows of a query, or why there are none."""
    steps = 0

    def count() -> bool:
        nonlocal steps
        steps += STEPS_BETWEEN
        return steps > MOST_STEPS

    connection.set_progress_handler(count, STEPS_BETWEEN)
    try:
        return {"rows": _rows(connection, query)}
    except _TooMuchError as error:
        return {"error": "limit", "text": str(error)}
    except MemoryError:
        return {"error": "limit", "text": "more memory than it may have"}
    except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:
        if steps > MOST_STEPS:
            return {"error": "limit", "text": f"more than {MOST_STEPS} steps"}
        is_limit = isinstance(error, sqlite3.DataError) or "memory" in str(error) or "full" in str(error)
        return {"error": "limit" if is_limit else "query", "text": str(error)[:200]}


def _rows(connection: sqlite3.Connection, query: str) -> list[list[Any]]:
    rows: list[list[Any]] = []
    n_characters = 0
    cursor = connection.execute(query)
    if cursor.description is None:
        raise ValueError("it has no result")
    for found in cursor:
        row = [{"hex": value.hex()} if isinstance(value, bytes) else value for value in found]
        n_characters += sum(len(value) for value in row if isinstance(value, str))
        rows.append(row)
        if len(rows) > MOST_ROWS or n_characters > MOST_CHARACTERS:
            raise _TooMuchError(
                f"more than {MOST_ROWS} rows" if len(rows) > MOST_ROWS else f"more than {MOST_CHARACTERS} characters"
            )
    return rows


def main() -> None:
    """Answer line by line until there are no more."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    connections: dict[str, sqlite3.Connection] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            if asked["database"] not in connections:
                connections[asked["database"]] = open_database(asked["database"])
            found = answer(connections[asked["database"]], asked["query"])
        except sqlite3.Error as error:
            found = {"error": "database", "text": str(error)[:200]}
        os.write(1, json.dumps(found).encode() + b"\n")


if __name__ == "__main__":
    main()
