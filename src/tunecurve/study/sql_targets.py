"""What a study knows of targets that are SQL: that they are, which of them cannot be read, and the databases they are run on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from tunecurve.data.rows import Row
from tunecurve.errors import DataError, StudyStateError
from tunecurve.findings import Finding
from tunecurve.formats.sql import DEFAULT_DIALECT, changes_by_itself, looks_like_sql, normal_query
from tunecurve.metrics.settings import SqlSettings
from tunecurve.metrics.sqlite_queries import rows_of_target
from tunecurve.spec.study import StudySpec
from tunecurve.storage.files import sha256_of
from tunecurve.study.decisions import Decisions

ON_DATABASE = ("sql_execution", "sql_failing", "sql_too_much")
GROUP = "{group}"
MOST_SQL = 0.5
# Above this share of targets without a score, a headline metric speaks of other rows than it seems to.
MOST_UNREADABLE = 0.05


def sql_settings(spec: StudySpec, test: Sequence[Row], pool: Sequence[Row], decisions: Decisions) -> SqlSettings:
    """Return how the metrics of SQL read and run queries.

    Raises
    ------
    DataError
        When a database is missing, or `{group}` stands for nothing.
    StudyStateError
        When a database is not the one that the study was begun with.
    """
    dialect = spec.metric_options.sql_dialect or DEFAULT_DIALECT
    pattern = spec.metric_options.sql_database
    if not any(name in ON_DATABASE for name in spec.metric_names):
        return SqlSettings(dialect)
    if pattern is None:
        raise DataError(
            f"{_first(spec)} needs a database; name a SQLite file with metric_options: {{sql_database: FILE}}"
        )
    if GROUP in pattern and spec.data.group_column is None:
        raise DataError(
            "metric_options.sql_database has {group} in it, expected data.group_column: the column that names a row's database"
        )
    paths = {row: pattern.replace(GROUP, row.group) for row in [*test, *pool]}
    for row, path in paths.items():
        if not Path(path).is_file():
            raise DataError(f"there is no database '{path}' ({row.place}); correct metric_options.sql_database")
    hashes = {path: sha256_of(Path(path)) for path in sorted(set(paths.values()))}
    found = hashlib.sha256("\n".join(hashes.values()).encode()).hexdigest()[:16]
    expected = decisions.once("sql_databases", lambda: found)
    if found != expected:
        raise StudyStateError(
            f"the databases at '{pattern}' are not those that this study was begun with (hash {found}, expected {expected}); restore "
            "them, or begin another study with --out"
        )
    if GROUP not in pattern:
        return SqlSettings(dialect, (), pattern, found)
    by_row = {(row.source, target): path for row, path in paths.items() for target in (row.target, *row.other_targets)}
    return SqlSettings(dialect, tuple(by_row.items()), "", found)


def _first(spec: StudySpec) -> str:
    return next(name for name in spec.metric_names if name in ON_DATABASE)


def sql_findings(spec: StudySpec, test: Sequence[Row], settings: SqlSettings) -> list[Finding]:
    """Return that targets are SQL where no metric reads them so, and which targets cannot be read or run."""
    names = spec.metric_names
    found = []
    if "sql_exact" in names:
        unreadable = [row for row in test if normal_query(row.target, settings.dialect) is None]
        text = f"{len(unreadable)} of {len(test)} test targets are no SQL in the dialect {settings.dialect}"
        text += ": answers to them are compared as text"
        remedy = "name the dialect with metric_options.sql_dialect, or correct the targets"
        found += [Finding("targets-no-sql", text, remedy, _places(unreadable))] if unreadable else []
    if any(name in ON_DATABASE for name in names):
        failing = [
            row for row in test if rows_of_target(settings.database_of(row.source, row.target), row.target).error
        ]
        text = f"{len(failing)} of {len(test)} test targets cannot be run on their database: {_first(spec)} leaves these rows out"
        reason = f" ({_why(failing[0], settings)})" if failing else ""
        is_headline_metric = names[0] in ON_DATABASE and len(failing) > MOST_UNREADABLE * len(test)
        blocks: tuple[str, ...] = ("verdict",) if is_headline_metric else ()
        remedy = "correct the targets, or the database"
        found += [Finding("targets-not-run", text + reason, remedy, _places(failing), blocks)] if failing else []  # type: ignore[arg-type]
        found += _changing([row for row in test if row not in failing], len(test))
    n_sql = sum(looks_like_sql(row.target) for row in test)
    if not found and n_sql >= MOST_SQL * len(test) and not {"sql_exact", *ON_DATABASE} & set(names):
        text = f"{n_sql} of {len(test)} test targets are SQL, and {names[0]} compares them as text"
        remedy = (
            "--metric sql_exact compares queries whatever their spelling; where you have the SQLite file, --metric sql_execution "
            "compares what they return (metric_options: sql_database)"
        )
        found.append(Finding("sql-targets", text, remedy, is_note=True))
    return found


def _changing(test: Sequence[Row], n_test: int) -> list[Finding]:
    """Return the targets that are run and give other rows another day."""
    changing = [row for row in test if changes_by_itself(row.target)]
    if not changing:
        return []
    text = (
        f"{len(changing)} of {n_test} test targets ask for today's date or time (such as: {changing[0].target[:80]}): what they give "
        "changes from day to day, and with it which answers are right"
    )
    remedy = "write the day that is meant into the targets, as date('2024-05-31'), or leave these rows out"
    return [Finding("targets-change", text, remedy, _places(changing))]


def _why(row: Row, settings: SqlSettings) -> str:
    return rows_of_target(settings.database_of(row.source, row.target), row.target).text


def _places(rows: Sequence[Row]) -> tuple[str, ...]:
    return tuple(row.place for row in rows[:5] if row.place)
