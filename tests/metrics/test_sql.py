"""Queries scored: as the same query, and by the rows they give, as `sqlite3` itself gives them; nothing but reading is done."""

import hashlib
import json
import sqlite3
import sys

import numpy as np
import pytest

from tunecurve.errors import DataError, EnvironmentProblem, SpecError, StudyStateError
from tunecurve.formats.sql import changes_by_itself, normal_query
from tunecurve.learners.base import Completion, Learner
from tunecurve.metrics.base import corpus_score, statistics_matrix
from tunecurve.metrics.catalogue import build_metrics
from tunecurve.metrics.settings import MetricSettings, SqlSettings
from tunecurve.metrics.sqlite_queries import rows_of, same_rows
from tunecurve.run import run_study
from tunecurve.spec.reading import parse_spec
from tunecurve.study.dataset import split_data
from tunecurve.study.reading import read_study_rows

TOWNS = [(n, f"town {n}", n * 0.1, None if n == 3 else n % 4) for n in range(20)]


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("sql") / "towns.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE town (id INTEGER PRIMARY KEY, name TEXT, size REAL, state INTEGER)")
    connection.executemany("INSERT INTO town VALUES (?, ?, ?, ?)", TOWNS)
    connection.commit()
    connection.close()
    return path


@pytest.fixture
def metrics(database):
    settings = MetricSettings(sql=SqlSettings(database=str(database), hash="x"))
    return build_metrics(["sql_execution", "sql_failing", "sql_too_much", "sql_exact"], settings)


QUERIES = [
    "SELECT name FROM town WHERE id < 5", "SELECT count(*), state FROM town GROUP BY state", "SELECT sum(size) FROM town",
    "SELECT name FROM town ORDER BY size DESC LIMIT 3", "SELECT x'00ff', NULL, 1.5, 'é'", "SELECT name FROM town WHERE id > 99",
    "WITH big AS (SELECT * FROM town WHERE size > 1) SELECT max(name) FROM big",
]  # fmt: skip


@pytest.mark.parametrize("query", [*QUERIES, "SELECT nothing FROM town"])
def test_a_tuple_of_one_query_is_the_query_itself(metrics, query):
    for metric in metrics:
        alone = statistics_matrix(metric, [query], [QUERIES[0]], ["x"])
        assert alone.tolist() == statistics_matrix(metric, [query], [(QUERIES[0],)], ["x"]).tolist()


@pytest.mark.parametrize("query", QUERIES)
def test_rows_are_those_that_sqlite_gives(database, query):
    found = rows_of(str(database), query)
    assert not found.error
    assert list(found.rows) == sqlite3.connect(database).execute(query).fetchall()


FORBIDDEN = [
    "INSERT INTO town VALUES (99, 'x', 1, 1)", "UPDATE town SET name = 'x'", "DELETE FROM town", "DROP TABLE town",
    "CREATE TABLE x (a)", "CREATE TEMP TABLE x (a)", "ATTACH DATABASE '{other}' AS other",
    "PRAGMA writable_schema = 1", "PRAGMA query_only = 0",
    "SELECT load_extension('x')", "SELECT writefile('{other}', 'x')", "SELECT readfile('/etc/hosts')", "VACUUM INTO '{other}'", "BEGIN",
    "SELECT 1; DROP TABLE town", "SELECT * FROM pragma_database_list", "SELECT random()", "", "-- nothing", "yes",
    "SELECT nothing FROM town", "REPLACE INTO town VALUES (1, 'x', 1, 1)", "DETACH main", "REINDEX", "ANALYZE", "SAVEPOINT x",
    "CREATE VIRTUAL TABLE x USING fts5(a)", "SELECT \ud800",
]  # fmt: skip


@pytest.mark.parametrize("query", FORBIDDEN)
def test_nothing_but_reading_is_done(database, metrics, query, tmp_path):
    before = hashlib.sha256(database.read_bytes()).hexdigest()
    query = query.replace("{other}", str(tmp_path / "other"))
    rows = statistics_matrix(metrics[0], [query], ["SELECT count(*) FROM town"], ["x"])
    assert rows.tolist() == [[0.0, 1.0, 0.0, 1.0]]
    assert hashlib.sha256(database.read_bytes()).hexdigest() == before
    assert not list(tmp_path.iterdir())
    assert [path.name for path in database.parent.iterdir()] == ["towns.sqlite"]
    assert rows_of(str(database), "SELECT count(*) FROM town").rows == ((20,),)


ENDLESS = [
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
    "SELECT count(*) FROM town a, town b, town c, town d, town e, town f, town g",
    "SELECT a.name FROM town a, town b, town c, town d",
    "SELECT replace(hex(zeroblob(1)), '0', 'x')",
    "WITH RECURSIVE n(i) AS (SELECT printf('%.199000c', 'x') UNION ALL SELECT i || 'y' FROM n) SELECT count(*) FROM n ORDER BY 1",
]  # fmt: skip


@pytest.mark.parametrize("query", ENDLESS)
def test_what_takes_too_much_is_stopped(database, metrics, query):
    [right, fails, is_stopped, n] = statistics_matrix(metrics[0], [query], ["SELECT 1"], ["x"])[0]
    assert (right, n, fails + is_stopped) == (0.0, 1.0, 1.0)
    assert is_stopped == ("zeroblob" not in query)
    assert rows_of(str(database), "SELECT 1").rows == ((1,),)


@pytest.mark.parametrize(
    ("answer", "target", "right"),
    [
        ("SELECT name FROM town WHERE id IN (2, 1)", "SELECT name FROM town WHERE id = 1 OR id = 2", True),
        ("SELECT name FROM town ORDER BY id DESC", "SELECT name FROM town", True),
        ("SELECT name FROM town ORDER BY id DESC", "SELECT name FROM town ORDER BY id", False),
        ("SELECT name FROM town", "SELECT name FROM town ORDER BY id DESC", False),
        ("SELECT state FROM town", "SELECT DISTINCT state FROM town", False),
        ("SELECT sum(size) FROM town", "SELECT 19.0000001", True),
        ("SELECT sum(size) FROM town", "SELECT 19.001", False),
        ("SELECT count(*) FROM town", "SELECT 20.0", True),
        ("SELECT '20'", "SELECT 20", False),
        ("SELECT NULL", "SELECT 0", False),
        ("SELECT name, id FROM town", "SELECT id, name FROM town", False),
        ("SELECT name AS other FROM town", "SELECT name FROM town", True),
        ("SELECT name FROM town WHERE id > 99", "SELECT name FROM town WHERE id > 98", True),
        ("SELECT name FROM town WHERE state IS NULL", "SELECT 'town 3'", True),
    ],
)
def test_results_are_compared(metrics, answer, target, right):
    assert corpus_score(metrics[0], [answer], [target], ["x"]) == (100.0 if right else 0.0)


def test_floats_that_round_apart_are_the_same_and_counts_matter():
    assert same_rows([(1.00000049,), (2,)], [(2,), (1.0000005,)], are_ordered=False)
    assert not same_rows([(1,), (1,), (2,)], [(1,), (2,), (2,)], are_ordered=False)
    assert not same_rows([(1,)], [(1,), (1,)], are_ordered=False)
    assert same_rows([(None, "a"), (b"x", 1)], [(b"x", 1), (None, "a")], are_ordered=False)


@pytest.mark.parametrize("first", [100_000, 1_000_000, 123_456_789, -10_000_000, 2**60])
def test_whole_numbers_are_compared_exactly_and_in_any_order(first):
    one, other = [(first,), (first + 1,), (first + 2,)], [(first + 2,), (first,), (first + 1,)]
    assert same_rows(one, other, are_ordered=False)
    assert not same_rows(one, other, are_ordered=True)
    assert not same_rows([(first,)], [(first + 1,)], are_ordered=False)
    assert not same_rows([(first,), (first,)], [(first,), (first + 1,)], are_ordered=False)
    assert same_rows([("a", float(first)), ("b", 1)], [("b", 1.0), ("a", first)], are_ordered=False)


def test_errors_are_told_apart_and_rows_whose_target_fails_are_left_out(metrics):
    answers = ["SELECT 1", "SELECT nothing", ENDLESS[1], "SELECT 2"]
    targets = ["SELECT 1", "SELECT 1", "SELECT 1", "SELECT broken"]
    scores = {metric.name: corpus_score(metric, answers, targets, ["x"] * 4) for metric in metrics}
    assert scores == pytest.approx(
        {"sql_execution": 100 / 3, "sql_failing": 100 / 3, "sql_too_much": 100 / 3, "sql_exact": 25}
    )
    assert np.isnan(corpus_score(metrics[0], ["SELECT 1"], ["SELECT broken"], ["x"]))


def test_a_file_that_is_no_database_is_named(tmp_path):
    path = tmp_path / "x.sqlite"
    path.write_text("not a database, but longer than the header of one" * 40)
    with pytest.raises(EnvironmentProblem, match=r"x\.sqlite' cannot be read as a SQLite database"):
        rows_of(str(path), "SELECT * FROM a")


def study_of(tmp_path, **more):
    """A study whose targets compare the town's number: equal, or as `broken` and `below` say."""
    path, condition = tmp_path / "rows.jsonl", more.pop("broken", more.pop("below", None))
    rows = [
        {
            "text": f"how is town {n} called, of {n % 7} or more?",
            "sql": f"SELECT name FROM town WHERE id {condition or f'= {n}'}",
            "db": ("a", "b")[n % 2],
        }
        for n in range(40)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {
        "task": "generation", "data": {"source": str(path), "input_column": "text", "target_column": "sql", **more.pop("data", {})},
        "split": {"test_size": 10, "method": more.pop("method", "random")}, "train_sizes": [10], "shots": [0], "models": ["x"], **more,
    }  # fmt: skip


def findings(study):
    spec = parse_spec(study)
    return {found.code: found for found in split_data(spec, read_study_rows(spec)).findings}


def test_validate_suggests_the_metric_and_counts_targets_that_are_no_sql(tmp_path, database):
    assert "--metric sql_exact" in findings(study_of(tmp_path))["sql-targets"].remedy
    assert not {"sql-targets", "targets-no-sql"} & findings(study_of(tmp_path, metrics=["sql_exact"])).keys()
    odd = study_of(tmp_path, metrics=["sql_exact"], metric_options={"sql_dialect": "sqlite"}, broken="= 2nd")
    assert findings(odd)["targets-no-sql"].text.startswith("10 of 10 test targets are no SQL in the dialect sqlite")
    runs = study_of(
        tmp_path, metrics=["sql_execution"], metric_options={"sql_database": str(database)}, broken="= missing"
    )
    found = findings(runs)["targets-not-run"]
    assert "no such column: missing" in found.text
    assert found.blocks == ("verdict",)


CHANGING = [
    "date('now')",
    "datetime('now', '-1 day')",
    "strftime('%Y', \"now\")",
    "date()",
    "strftime('%Y')",
    "julianday( 'NOW' )",
]
REFUSED = ["CURRENT_DATE", "current_timestamp", "random()", "RANDOM ()"]


@pytest.mark.parametrize("call", [*CHANGING, *REFUSED])
def test_a_query_of_the_day_or_of_chance_is_told(call):
    assert changes_by_itself(f"SELECT name FROM town WHERE day > {call}")


@pytest.mark.parametrize(
    "query",
    ["SELECT date('2024-05-31')", "SELECT strftime('%Y', day) FROM t", "SELECT * FROM t WHERE word = 'now'", "SELECT now FROM t",
     "SELECT date(day), 'now' FROM t", "SELECT randomness FROM t", "SELECT time FROM t"],
)  # fmt: skip
def test_a_query_that_any_day_answers_alike_is_not(query):
    assert not changes_by_itself(query)


@pytest.mark.parametrize("call", CHANGING[:4])
def test_targets_that_another_day_answers_otherwise_are_said(tmp_path, database, call):
    options = {"metrics": ["sql_execution"], "metric_options": {"sql_database": str(database)}}
    found = findings(study_of(tmp_path, broken=f"< 9 AND {call} > '2000'", **options))
    assert found["targets-change"].text.startswith("10 of 10 test targets ask for today's date or time")
    assert call in found["targets-change"].text
    assert "targets-change" not in findings(study_of(tmp_path, **options))


@pytest.mark.parametrize("call", REFUSED)
def test_targets_that_are_not_run_for_it_are_said_once(tmp_path, database, call):
    options = {"metrics": ["sql_execution"], "metric_options": {"sql_database": str(database)}}
    found = findings(study_of(tmp_path, broken=f"< {call}", **options))
    assert "not authorized to use function" in found["targets-not-run"].text
    assert "targets-change" not in found


def test_without_sqlglot_one_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sqlglot", None)
    normal_query.cache_clear()
    assert "sql-targets" in findings(study_of(tmp_path))
    for options in ({"metrics": ["sql_exact"]}, {"metric_options": {"sql_dialect": "mysql"}}):
        with pytest.raises(EnvironmentProblem, match=r"which is missing; run: pip install '\.\[sql\]'"):
            findings(study_of(tmp_path, **options))


def test_databases_that_cannot_be_are_refused_in_a_line(tmp_path, database):
    for options, message in (
        ({}, "sql_execution needs a database; name a SQLite file"),
        ({"sql_database": "none.sqlite"}, "there is no database 'none.sqlite'"),
        ({"sql_database": "{group}.sqlite"}, "expected data.group_column"),
    ):
        with pytest.raises(DataError, match=message):
            findings(study_of(tmp_path, metrics=["sql_execution"], metric_options=options))
    with pytest.raises(SpecError, match=r"unknown dialect 'sqlit'\. Did you mean"):
        parse_spec(study_of(tmp_path, metric_options={"sql_dialect": "sqlit"}))


class Copies(Learner):
    """Answers with one query."""

    name, takes_prompts = "copies", True

    def identity(self):
        return {"kind": "copies"}

    def predict_stream(self, prompts, done=()):
        for index in range(len(prompts)):
            yield index, Completion("SELECT name FROM town WHERE id < 6", "end")


@pytest.mark.slow
def test_a_study_runs_each_row_on_its_own_database_and_knows_it_again(tmp_path):
    for name, n_towns in (("a", 30), ("b", 3)):
        connection = sqlite3.connect(tmp_path / f"{name}.sqlite")
        connection.execute("CREATE TABLE town (id, name)")
        connection.executemany("INSERT INTO town VALUES (?, ?)", [(n, f"town {n}") for n in range(n_towns)])
        connection.commit()
        connection.close()
    study = study_of(
        tmp_path, metrics=["sql_execution", "sql_exact"], method="random", data={"group_column": "db"}, train_sizes=[],
        metric_options={"sql_database": str(tmp_path / "{group}.sqlite")}, bootstrap={"draws": 100}, below="< 6",
    )  # fmt: skip
    done = run_study({**study, "models": ["copies"]}, out=tmp_path / "run", learners={"copies": Copies()})
    trial = next(one for one in done.results.trials if one.learner == "copies")
    assert trial.scores["sql_execution"] == 100.0
    (tmp_path / "b.sqlite").write_bytes((tmp_path / "a.sqlite").read_bytes())
    with pytest.raises(StudyStateError, match="are not those that this study was begun with"):
        run_study({**study, "models": ["copies"]}, out=tmp_path / "run", learners={"copies": Copies()})
