"""SQL queries as texts: whether they are some, and one form for those that differ in spelling alone.

sqlglot (the extra `sql`) parses them; without it nothing here but `looks_like_sql` works.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from tunecurve.errors import EnvironmentProblem, how_to_install
from tunecurve.formats.entities import normalise_whitespace

DEFAULT_DIALECT = "sqlite"
MOST_CHARACTERS = 20_000
_BEGINNING = re.compile(
    r"\s*(?:select\b.*\bfrom\b|with\b.*\bselect\b|insert\s+into\b|update\b.*\bset\b|delete\s+from\b)", re.I | re.S
)


# What another day or another try answers otherwise; SQLite's functions of time mean now where nothing else is said.
_TIME = r"(?:date|time|datetime|julianday|unixepoch|strftime|timediff)"
_CHANGING = re.compile(
    rf"""\b{_TIME}\s*\([^()]*(['"])now\1|\b{_TIME}\s*\(\s*\)|\bstrftime\s*\(\s*'[^']*'\s*\)|\bcurrent_(?:date|timestamp|time)\b"""
    r"|\bnow\s*\(\s*\)|\brandom(?:blob)?\s*\(",
    re.I,
)


def changes_by_itself(text: str) -> bool:
    """Return whether what a query gives depends on the day or on chance: ``date('now')``, ``CURRENT_DATE``, ``random()``."""
    return _CHANGING.search(text[:MOST_CHARACTERS]) is not None


def looks_like_sql(text: str) -> bool:
    """Return whether a text begins as a query does; it need not be right."""
    return _BEGINNING.match(text[:MOST_CHARACTERS]) is not None


def require_sqlglot() -> Any:
    """Return sqlglot.

    Raises
    ------
    EnvironmentProblem
        Where it is not installed.
    """
    try:
        import sqlglot
    except ImportError:
        raise EnvironmentProblem(
            "the metrics sql_exact and sql_execution read queries with sqlglot, which is missing; run: "
            f"{how_to_install('sql')}"
        ) from None
    return sqlglot


def dialects() -> list[str]:
    """Return the names of the dialects that can be read."""
    return sorted(name for name in require_sqlglot().dialects.Dialect.classes if name)


@lru_cache(maxsize=20_000)
def normal_query(text: str, dialect: str = DEFAULT_DIALECT) -> str | None:
    """Return the query in the form in which queries are compared; None where it is no single query.

    The same are: case of keywords and names, blanks, comments, quotes around names, quotes of texts, ``!=`` and ``<>``, a final
    semicolon, ``AS``, names given to tables and result columns, a table's name before a column where there is one table, the
    order of what AND, OR, IN, ``=``, ``!=``, ``+`` and ``*`` join, of tables joined by commas, of GROUP BY, ``ASC``, ``INNER``,
    ``a > b`` and ``b < a``, and ``1.0`` and ``1``. All else counts, values with their case and the order of result columns too.
    """
    tree = _parsed(text, dialect)
    if tree is None:
        return None
    try:
        return _normalised(tree).sql(dialect=dialect, comments=False)
    except (RecursionError, ValueError, KeyError, AttributeError, TypeError):
        return None


def same_query(first: str, second: str, dialect: str = DEFAULT_DIALECT) -> bool:
    """Return whether two queries are the same; where the second one cannot be read, whether they are the same text."""
    wanted = normal_query(second, dialect)
    if wanted is None:
        return normalise_whitespace(first) == normalise_whitespace(second)
    return normal_query(first, dialect) == wanted


def is_ordered(text: str, dialect: str = DEFAULT_DIALECT) -> bool:
    """Return whether the rows of a query come in an order that it asks for."""
    tree = _parsed(text, dialect)
    return tree is not None and tree.args.get("order") is not None


def _parsed(text: str, dialect: str) -> Any:
    sqlglot = require_sqlglot()
    if len(text) > MOST_CHARACTERS:
        return None
    try:
        found = [tree for tree in sqlglot.parse(text, read=dialect) if tree is not None]
    except (sqlglot.errors.SqlglotError, RecursionError, ValueError):
        return None
    # What the parser did not understand it keeps as a command; a bare name is an expression.
    is_query = len(found) == 1 and isinstance(found[0], sqlglot.exp.Query | sqlglot.exp.DML)
    is_empty = is_query and isinstance(found[0], sqlglot.exp.Select) and not found[0].expressions
    return found[0] if is_query and not is_empty else None


def _normalised(tree: Any) -> Any:
    from sqlglot import exp

    tree = _changed(tree.copy(), _texts_in_quotes)
    for name in tree.find_all(exp.Identifier):
        name.set("this", normalise_whitespace(name.name).lower())
        name.set("quoted", False)
    for select in list(tree.find_all(exp.Select)):
        _name_columns_plainly(select)
    _name_tables_plainly(tree)
    for change in (_without_parentheses, _plain_node, _in_order):
        tree = _changed(tree, change)
    return tree


def _changed(tree: Any, change: Callable[[Any], Any]) -> Any:
    """Return the tree with every node changed, what is within it first."""
    for node in reversed(list(tree.walk())):
        new = change(node)
        if new is not node and node is tree:
            tree = new
        elif new is not node:
            node.replace(new)
    return tree


def _texts_in_quotes(node: Any) -> Any:
    """Return a name in double quotes as a text where a text is compared: SQLite and MySQL read it so."""
    from sqlglot import exp

    is_operand = isinstance(node.parent, exp.Predicate | exp.In | exp.Between) and node.arg_key != "this"
    is_text = isinstance(node, exp.Column) and not node.table and getattr(node.this, "args", {}).get("quoted")
    return exp.Literal.string(node.name) if is_operand and is_text else node


def _name_columns_plainly(select: Any) -> None:
    """Take the names off the result columns, and put what they stand for where they are used."""
    from sqlglot import exp

    if isinstance(select.parent, exp.Subquery | exp.CTE) and not isinstance(
        select.parent.parent, exp.Predicate | exp.In
    ):
        return  # their names may be used outside
    named = {one.alias: one.this for one in select.expressions if isinstance(one, exp.Alias)}
    for part in ("order", "group", "having"):
        for column in list((select.args.get(part) or exp.Null()).find_all(exp.Column)):
            if not column.table and column.name in named:
                column.replace(named[column.name].copy())
    select.set("expressions", [one.this if isinstance(one, exp.Alias) else one for one in select.expressions])


def _name_tables_plainly(tree: Any) -> None:
    """Call each table by its own name, with a number where it is there more than once; off before columns of the only one."""
    from sqlglot import exp

    counts = Counter(table.name for table in tree.find_all(exp.Table))
    seen: Counter[str] = Counter()
    for select in list(tree.find_all(exp.Select)):
        tables = [one for one in _sources(select) if isinstance(one, exp.Table)]
        called = {}
        for table in tables:
            seen[table.name] += 1
            plain = table.name if counts[table.name] == 1 else f"{table.name}_{seen[table.name]}"
            called[table.alias_or_name] = plain
            table.set("alias", exp.TableAlias(this=exp.to_identifier(plain)) if counts[table.name] > 1 else None)
        is_only = (
            len(_sources(select)) == 1 and select.parent_select is None and len(list(tree.find_all(exp.Select))) == 1
        )
        for column in select.find_all(exp.Column):
            if column.table in called and not column.meta.get("is_named"):
                column.set("table", None if is_only else exp.to_identifier(called[column.table]))
                column.meta["is_named"] = True


def _sources(select: Any) -> list[Any]:
    first = select.args.get("from_") or select.args.get("from")
    return [one.this for one in [first, *(select.args.get("joins") or [])] if one is not None]


def _plain_node(node: Any) -> Any:
    from sqlglot import exp

    if isinstance(node, exp.Literal) and not node.is_string:
        number = float(node.name) if re.fullmatch(r"[0-9.eE+-]+", node.name) else None
        is_whole = number is not None and number.is_integer() and abs(number) < 2**53
        return exp.Literal.number(str(int(number))) if is_whole and number is not None else node
    if isinstance(node, exp.GT | exp.GTE):
        turned = exp.LT if isinstance(node, exp.GT) else exp.LTE
        return turned(this=node.expression, expression=node.this)
    if isinstance(node, exp.Ordered) and not node.args.get("desc"):
        node.set("desc", None)
    if isinstance(node, exp.Join):
        if node.args.get("kind") in ("INNER", "CROSS"):
            node.set("kind", None)
        if node.args.get("side"):  # LEFT OUTER is LEFT
            node.set("kind", None)
    return node


def _without_parentheses(node: Any) -> Any:
    """Return what parentheses in a condition hold, where they say nothing."""
    from sqlglot import exp

    if not isinstance(node, exp.Paren) or not isinstance(
        node.parent, exp.Where | exp.Having | exp.Connector | exp.Paren
    ):
        return node
    says_nothing = type(node.this) is type(node.parent) or not isinstance(node.this, exp.Connector)
    return node.this if says_nothing or isinstance(node.parent, exp.Where | exp.Having | exp.Paren) else node


def _in_order(node: Any) -> Any:
    """Return a node whose parts have no order with them sorted."""
    from sqlglot import exp

    if isinstance(node, exp.And | exp.Or) and not isinstance(node.parent, type(node)):
        parts = sorted((part.copy() for part in node.flatten(unnest=False)), key=_written)
        kind = exp.And if isinstance(node, exp.And) else exp.Or
        joined = parts[0]
        for part in parts[1:]:
            joined = kind(this=joined, expression=part)
        return joined
    if isinstance(node, exp.EQ | exp.NEQ | exp.Add | exp.Mul) and _written(node.this) > _written(node.expression):
        return type(node)(this=node.expression, expression=node.this)
    if isinstance(node, exp.In | exp.Group) and node.expressions:
        node.set("expressions", _sorted(node.expressions))
    if isinstance(node, exp.Select):
        _sort_tables(node)
    return node


def _sort_tables(select: Any) -> None:
    """Sort tables that are joined without a condition."""
    joins = select.args.get("joins") or []
    first = select.args.get("from_") or select.args.get("from")
    if first is None or any(
        set(join.args) - {"this"} and any(v for k, v in join.args.items() if k != "this") for join in joins
    ):
        return
    tables = _sorted([first.this, *(join.this for join in joins)])
    first.set("this", tables[0])
    for join, table in zip(joins, tables[1:], strict=True):
        join.set("this", table)


def _sorted(nodes: Iterable[Any]) -> list[Any]:
    return sorted(nodes, key=_written)


def _written(node: Any) -> str:
    return str(node.sql())
