"""Rows of queries on SQLite files, from a process of its own that can only read; see `sqlite_worker`."""

from __future__ import annotations

import atexit
import json
import math
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from tunecurve.errors import EnvironmentProblem

# Steps are counted, so this is met only where the process hangs.
MOST_SECONDS = 120
RELATIVE, ABSOLUTE = 1e-6, 1e-9


@dataclass(frozen=True)
class QueryRows:
    """What a query gave."""

    rows: tuple[tuple[Any, ...], ...] = ()
    """Its rows; none where it failed."""
    error: Literal["", "query", "limit", "database"] = ""
    """Whether it cannot be answered, takes too much, or its file cannot be read."""
    text: str = ""
    """What was wrong."""


class _Worker:
    """The process, started when it is first asked, and anew where it has died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: queue.Queue[bytes] = queue.Queue()
        self._lock = threading.Lock()

    def ask(self, database: str, query: str) -> QueryRows:
        """Return what a query gives."""
        with self._lock:
            process = self._started()
            assert process.stdin is not None
            try:
                process.stdin.write(json.dumps({"database": database, "query": query}).encode() + b"\n")
                process.stdin.flush()
                line = self._lines.get(timeout=MOST_SECONDS)
            except (OSError, queue.Empty):
                line = b""
            if not line:
                self.stop()
                return QueryRows(error="limit", text="it ended the process, or hangs")
        found = json.loads(line)
        if "error" in found:
            return QueryRows(error=found["error"], text=found["text"])
        return QueryRows(tuple(tuple(map(_value, row)) for row in found["rows"]))

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            script = Path(__file__).with_name("sqlite_worker.py")
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(script)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            self._lines = queue.Queue()
            threading.Thread(target=_read, args=(self._process, self._lines), daemon=True).start()
        return self._process

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _read(process: subprocess.Popen[bytes], lines: queue.Queue[bytes]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put(b"")


def _value(value: Any) -> Any:
    return bytes.fromhex(value["hex"]) if isinstance(value, dict) else value


_WORKER = _Worker()
atexit.register(_WORKER.stop)


def rows_of(database: str, query: str) -> QueryRows:
    """Return the rows of a query on a SQLite file, which is only read.

    Raises
    ------
    EnvironmentProblem
        When the file cannot be read.
    """
    found = _WORKER.ask(database, query)
    if found.error == "database" or found.text == "file is not a database":
        raise EnvironmentProblem(
            f"'{database}' cannot be read as a SQLite database ({found.text}); correct metric_options.sql_database"
        )
    return found


@lru_cache(maxsize=20_000)
def rows_of_target(database: str, query: str) -> QueryRows:
    """Return the rows of a target, which every trial asks for, and which are kept; see `rows_of`."""
    return rows_of(database, query)


def same_rows(first: Sequence[Sequence[Any]], second: Sequence[Sequence[Any]], *, are_ordered: bool) -> bool:
    """Return whether two results are the same: as multisets, or in their order; whole numbers exactly, others within a relative 1e-6."""
    if len(first) != len(second):
        return False
    one, other = (first, second) if are_ordered else (sorted(first, key=_rank), sorted(second, key=_rank))
    return all(_same_row(left, right) for left, right in zip(one, other, strict=True))


def _same_row(left: Sequence[Any], right: Sequence[Any]) -> bool:
    return len(left) == len(right) and all(map(_same_value, left, right))


def _same_value(left: Any, right: Any) -> bool:
    if isinstance(left, int) and isinstance(right, int):
        return left == right
    if isinstance(left, int | float) and isinstance(right, int | float):
        return left == right or math.isclose(left, right, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return type(left) is type(right) and left == right


def _rank(row: Sequence[Any]) -> list[tuple[int, Any]]:
    """Return a key that sorts rows of mixed values; whole numbers as they are, others by nine digits, so that equal ones stand alike."""
    ranked: list[tuple[int, Any]] = []
    for value in row:
        if value is None:
            ranked.append((0, 0))
        elif isinstance(value, int | float):
            ranked.append((1, value if isinstance(value, int) else float(f"{value:.9g}")))
        else:
            ranked.append((2, value) if isinstance(value, str) else (3, value))
    return ranked
