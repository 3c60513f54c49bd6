"""Which queries are the same: what sqlite3 itself answers alike on any table, and no more than documented."""

import sqlite3

import pytest

from tunecurve.formats.sql import is_ordered, looks_like_sql, normal_query, same_query

SAME = [
    ("SELECT a FROM t", "select A\n from T;"),
    ('SELECT "a" FROM `t`', "select a from t"),
    ("SELECT t.a FROM t WHERE t.b = 'x' AND t.c <> 3", "SELECT a FROM t AS z WHERE z.c != 3.0 AND z.b='x' -- so"),
    ("SELECT a AS x FROM t ORDER BY x", "SELECT a FROM t ORDER BY a ASC"),
    ("SELECT t.a FROM t JOIN s ON t.i=s.i", "SELECT T1.a FROM t AS T1 INNER JOIN s AS T2 ON T2.i = T1.i"),
    ("SELECT t.a FROM t, s WHERE t.i=s.i", "SELECT t.a FROM s, t WHERE s.i=t.i"),
    ("SELECT count(*) FROM t WHERE a IN (1,2)", "SELECT COUNT( * ) FROM t WHERE a IN (2, 1)"),
    ('SELECT a FROM t WHERE b = "x"', "SELECT a FROM t WHERE b = 'x'"),
    ('SELECT a FROM t WHERE b LIKE "%X%"', "SELECT a FROM t WHERE b LIKE '%X%'"),
    ("SELECT a FROM t WHERE (a > 1) AND (c < 4)", "SELECT a FROM t WHERE 4 > c AND 1 < a"),
    ("SELECT a FROM t WHERE ((a > 1 AND c < 4))", "SELECT a FROM t WHERE c < 4 AND a > 1"),
    ("SELECT a FROM t WHERE a=1 AND (c=2 AND b='x')", "SELECT a FROM t WHERE (b='x' AND a=1) AND c=2"),
    ("SELECT x.a FROM t AS x, t AS y WHERE x.i<y.i", "SELECT p.a FROM t AS p, t AS q WHERE p.i<q.i"),
    ("SELECT a FROM t GROUP BY a, b", "SELECT a FROM t GROUP BY b, a"),
    ("SELECT a, count(*) AS n FROM t GROUP BY a ORDER BY n DESC", "SELECT a, COUNT(*) FROM t GROUP BY a ORDER BY count(*) DESC"),
    ("SELECT t.a FROM t LEFT JOIN s ON t.i=s.i", "SELECT t.a FROM t LEFT OUTER JOIN s ON s.i=t.i"),
    ("SELECT a FROM t WHERE i IN (SELECT i FROM s)", "SELECT a FROM t WHERE i IN (SELECT i FROM s AS z)"),
    ("SELECT a FROM t UNION SELECT c FROM t", "select a from t union select c from t"),
]  # fmt: skip
OTHER = [
    ("SELECT a FROM t", "SELECT b FROM t"),
    ("SELECT a FROM t WHERE b='Bo'", "SELECT a FROM t WHERE b='bo'"),
    ('SELECT a FROM t WHERE b="Bo"', "SELECT a FROM t WHERE b='bo'"),
    ("SELECT a, b FROM t", "SELECT b, a FROM t"),
    ("SELECT DISTINCT a FROM t", "SELECT a FROM t"),
    ("SELECT a FROM t ORDER BY a", "SELECT a FROM t ORDER BY a DESC"),
    ("SELECT a FROM t ORDER BY a, b", "SELECT a FROM t ORDER BY b, a"),
    ("SELECT a FROM t LIMIT 1", "SELECT a FROM t LIMIT 2"),
    ("SELECT a FROM t WHERE a OR b AND c", "SELECT a FROM t WHERE (a OR b) AND c"),
    ("SELECT a FROM t WHERE NOT (a AND b)", "SELECT a FROM t WHERE NOT a AND b"),
    ("SELECT a - c FROM t", "SELECT c - a FROM t"),
    ("SELECT a - (c - i) FROM t", "SELECT a - c - i FROM t"),
    ("SELECT b || a FROM t", "SELECT a || b FROM t"),
    ("SELECT t.a FROM t LEFT JOIN s ON t.i=s.i", "SELECT t.a FROM t JOIN s ON t.i=s.i"),
    ("SELECT t.a FROM t LEFT JOIN s ON t.i=s.i", "SELECT t.a FROM s LEFT JOIN t ON t.i=s.i"),
    ("SELECT t.a FROM t, s", "SELECT s.a FROM t, s"),
    ("SELECT x.a FROM t x, t y WHERE x.i<y.i", "SELECT y.a FROM t x, t y WHERE x.i<y.i"),
    ("SELECT a FROM t WHERE a BETWEEN 1 AND 2", "SELECT a FROM t WHERE a BETWEEN 2 AND 1"),
    ("SELECT a FROM t WHERE a > 1", "SELECT a FROM t WHERE a >= 1"),
    ("SELECT a FROM t UNION SELECT c FROM t", "SELECT a FROM t UNION ALL SELECT c FROM t"),
    ("SELECT a FROM t EXCEPT SELECT c FROM t", "SELECT c FROM t EXCEPT SELECT a FROM t"),
    ("SELECT count(a) FROM t", "SELECT count(DISTINCT a) FROM t"),
    ("SELECT a FROM t WHERE b = '1'", "SELECT a FROM t WHERE b = 1"),
    ("SELECT a FROM t; SELECT a FROM t", "SELECT a FROM t"),
]  # fmt: skip


@pytest.fixture(scope="module")
def database():
    connection = sqlite3.connect(":memory:")
    connection.executescript("CREATE TABLE t (i, a, b, c); CREATE TABLE s (i, a);")
    values = [(n, n % 3, ("x", "Bo", "bo", "aXa")[n % 4], n % 5) for n in range(24)]
    connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", values)
    connection.executemany("INSERT INTO s VALUES (?, ?)", [(n * 2, n % 4) for n in range(9)])
    return connection


@pytest.mark.parametrize(("first", "second"), SAME)
def test_what_is_the_same_has_the_same_rows(database, first, second):
    assert same_query(first, second)
    assert same_query(second, first)
    assert sorted(database.execute(first.replace("`", '"')), key=repr) == sorted(database.execute(second), key=repr)


@pytest.mark.parametrize(("first", "second"), OTHER)
def test_what_differs_is_another_query(first, second):
    assert not same_query(first, second)
    assert not same_query(second, first)


@pytest.mark.parametrize("query", sorted({query for pair in [*SAME, *OTHER] for query in pair if "; " not in query}))
def test_a_query_is_itself_and_its_form_too(query):
    assert same_query(query, query)
    assert normal_query(normal_query(query)) == normal_query(query)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yes",
        "SELECT",
        "select a from t where",
        "SELECT a FROM t WHERE b = 2nd",
        "DROP TABLE t",
        "PRAGMA x",
        "(" * 3000,
        "SELECT " + "a," * 30000,
    ],
)
def test_what_is_no_query_is_none(text):
    assert normal_query(text) is None


def test_a_reference_that_is_no_query_is_compared_as_text():
    assert same_query(" SELECT a  FROM t WHERE b = 2nd\n", "SELECT a FROM t WHERE b = 2nd")
    assert not same_query("SELECT a FROM t", "SELECT a FROM t WHERE b = 2nd")
    assert not same_query("SELECT a FROM t WHERE b = 2nd", "SELECT a FROM t")


def test_dialects_read_quotes_in_their_way():
    assert same_query('SELECT a FROM t WHERE b = "x"', "SELECT a FROM t WHERE b = 'x'", "mysql")
    assert same_query("SELECT TOP 3 a FROM [t]", "select top 3 a from t", "tsql")


@pytest.mark.parametrize(
    ("query", "ordered"),
    [
        ("SELECT a FROM t ORDER BY a", True),
        ("SELECT a FROM t WHERE i IN (SELECT i FROM s ORDER BY i)", False),
        ("SELECT a FROM t UNION SELECT a FROM s ORDER BY 1", True),
        ("SELECT 'ORDER BY' FROM t", False),
        ("no", False),
    ],
)
def test_whether_rows_have_an_order(query, ordered):
    assert is_ordered(query) is ordered


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("SELECT a FROM t", True),
        ("  with x as (select 1) select * from x", True),
        ("select a number from the list", True),
        ("selected works from the shop", False),
        ("the answer", False),
        ("UPDATE t SET a = 1", True),
        ("update me", False),
    ],
)
def test_what_looks_like_a_query(text, looks):
    assert looks_like_sql(text) is looks
