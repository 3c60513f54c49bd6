"""Scores of answers that are SQL queries: the same query, and the same rows on a database."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from tunecurve.errors import SpecError
from tunecurve.formats.sql import DEFAULT_DIALECT, is_ordered, require_sqlglot, same_query
from tunecurve.metrics.base import FloatArray, Metric, ShareMetric, percentage
from tunecurve.metrics.settings import SqlSettings
from tunecurve.metrics.sqlite_queries import rows_of, rows_of_target, same_rows


class SqlExact(ShareMetric):
    """Percentage of answers that are the right query, spelling aside; see `tunecurve.formats.sql.normal_query`.

    A target that is no query is compared as text.
    """

    name, title = "sql_exact", "Same query"

    def __init__(self, settings: SqlSettings) -> None:
        require_sqlglot()
        self.dialect = settings.dialect

    @property
    def signature(self) -> str:
        """Return name, dialect, sqlglot's version and version of the definition."""
        return f"{self.name}|dialect:{self.dialect}|sqlglot:{require_sqlglot().__version__}|values:count|v1"

    def statistics(self, prediction: str, reference: str, source: str) -> FloatArray:
        """Return [1 if it is the same query else 0, 1]."""
        return np.array([float(same_query(prediction, reference, self.dialect)), 1.0])


class _OnDatabase(Metric):
    """Statistics are [right, answers that cannot be run, answers that take too much, rows whose target can be run]."""

    column = 0

    def __init__(self, settings: SqlSettings) -> None:
        require_sqlglot()
        self._settings = settings

    @property
    def signature(self) -> str:
        """Return name, the databases' hash and version of the definition."""
        return f"{self.name}|databases:{self._settings.hash or 'none'}|floats:1e-6|order:as-the-target-asks|v2"

    def statistics(self, prediction: str, reference: str, source: str) -> FloatArray:
        """Return the row's counts; all 0 where the target itself cannot be run."""
        database = self._settings.database_of(source, reference)
        if not database:
            raise SpecError(
                f"{self.name} needs a database; name a SQLite file with metric_options: {{sql_database: FILE}}"
            )
        return np.array(_outcome(database, prediction, reference))

    def row_weights(self, statistics: FloatArray) -> FloatArray:
        """Return 1 for rows whose target can be run."""
        return np.asarray(statistics[:, 3])

    def score(self, summed: FloatArray) -> FloatArray:
        """Return the percentage of the rows whose target can be run."""
        return percentage(summed[..., self.column], summed[..., 3])


@lru_cache(maxsize=20_000)
def _outcome(database: str, prediction: str, reference: str) -> tuple[float, float, float, float]:
    """Return the statistics of a row, kept for the metrics that ask the same; an answer may have 10,000 rows, which are not kept."""
    wanted = rows_of_target(database, reference)
    if wanted.error:
        return 0.0, 0.0, 0.0, 0.0
    found = rows_of(database, prediction)
    right = not found.error and same_rows(found.rows, wanted.rows, are_ordered=is_ordered(reference, DEFAULT_DIALECT))
    return float(right), float(found.error == "query"), float(found.error == "limit"), 1.0


class SqlExecution(_OnDatabase):
    """Percentage of answers that give the target's rows on the row's database."""

    name, title = "sql_execution", "Same rows"


class SqlFailing(_OnDatabase):
    """Percentage of answers that SQLite cannot run: no query, unknown names, or something else than reading."""

    name, title, direction, column = "sql_failing", "Queries that fail", "min", 1


class SqlTooMuch(_OnDatabase):
    """Percentage of answers that were stopped: too many steps or rows, or too much memory."""

    name, title, direction, column = "sql_too_much", "Queries that are stopped", "min", 2
