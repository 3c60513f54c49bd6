"""What keeps the code readable, counted: short modules and functions, values with types, learners that are asked and not told apart."""

import ast
import re
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "tunecurve"
LONGEST_MODULE, LONGEST_FUNCTION, MOST_OBJECTS_WITHOUT_TYPES = 350, 60, 80


@cache
def modules():
    return {str(path.relative_to(SOURCE)): path.read_text(encoding="utf-8") for path in sorted(SOURCE.rglob("*.py"))}


@cache
def nodes():
    """Return every function, class and call; read once, since it takes seconds."""
    kept = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Call)
    trees = {name: ast.parse(text) for name, text in modules().items()}
    return [(name, node) for name, tree in trees.items() for node in ast.walk(tree) if isinstance(node, kept)]


def of_kind(*kinds):
    return [(name, node) for name, node in nodes() if isinstance(node, kinds)]


def lines_without_docstring(function):
    docstring = function.body[0] if ast.get_docstring(function) is not None else None
    n_docstring = 0 if docstring is None else docstring.end_lineno - docstring.lineno + 1
    return function.end_lineno - function.lineno + 1 - n_docstring


def test_modules_are_short():
    lengths = {name: len(text.splitlines()) for name, text in modules().items()}
    assert len(lengths) > 400
    assert {name: n for name, n in lengths.items() if n > LONGEST_MODULE} == {}


def test_functions_are_short():
    functions = of_kind(ast.FunctionDef, ast.AsyncFunctionDef)
    lengths = {f"{name}:{function.name}": lines_without_docstring(function) for name, function in functions}
    assert {name: n for name, n in lengths.items() if n > LONGEST_FUNCTION} == {}


def test_few_objects_have_no_types():
    assert sum(text.count("dict[str, Any]") for text in modules().values()) < MOST_OBJECTS_WITHOUT_TYPES


def test_learners_are_asked_what_they_can_and_not_told_apart():
    kinds, n_known = {"Learner"}, 0
    while len(kinds) > n_known:
        n_known = len(kinds)
        classes = [node for _, node in of_kind(ast.ClassDef)]
        kinds |= {one.name for one in classes for base in one.bases if isinstance(base, ast.Name) and base.id in kinds}
    assert n_known > 10
    told_apart = [
        f"{name}: {ast.unparse(call)}"
        for name, call in of_kind(ast.Call)
        if isinstance(call.func, ast.Name)
        and call.func.id in ("isinstance", "issubclass")
        and set(re.findall(r"\w+", ast.unparse(call.args[1]))) & (kinds - {"Learner"})
    ]
    assert told_apart == []
    assert not [name for name, text in modules().items() if "runtime_checkable" in text]
