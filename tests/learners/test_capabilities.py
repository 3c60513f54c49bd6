"""What a learner can do it says itself: nobody asks for its class, or whether it has an attribute."""

import ast
from pathlib import Path

import pytest

import tunecurve

SOURCE = Path(tunecurve.__file__).parent


def names_in(node):
    """Return the names and attributes in an expression."""
    found = [part for part in ast.walk(node) if isinstance(part, ast.Name | ast.Attribute)]
    return {part.id if isinstance(part, ast.Name) else part.attr for part in found}


def all_learner_classes(trees):
    """Return the names of `Learner` and of everything derived from it, wherever in the package it is."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    bases = [(node.name, set().union(*map(names_in, node.bases))) for node in classes]
    names, n_before = {"Learner"}, 0
    while len(names) > n_before:
        n_before = len(names)
        names |= {name for name, its_bases in bases if its_bases & names}
    return names


def questions_about_learners(tree, classes):
    """Return the lines that ask for a learner's class or look for its attributes."""
    found = []
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
            continue
        asks_class = node.func.id in ("isinstance", "issubclass") and names_in(node) & classes
        asks_attribute = node.func.id in ("getattr", "hasattr") and "learner" in ast.unparse(node.args[0]).lower()
        if asks_class or asks_attribute:
            found.append(node.lineno)
    return found


def test_no_module_outside_the_learners_asks_what_a_learner_is():
    trees = {path.relative_to(SOURCE): ast.parse(path.read_text(encoding="utf-8")) for path in SOURCE.rglob("*.py")}
    classes = all_learner_classes(trees.values())
    assert {"LocalLearner", "EncoderLearner", "TunableHostedLearner", "TfidfLearner"} <= classes
    found = {
        str(path): lines
        for path, tree in trees.items()
        if "learners" not in path.parts and (lines := questions_about_learners(tree, classes))
    }
    assert found == {}


def test_learners_are_no_protocols():
    for path in (SOURCE / "learners").rglob("*.py"):
        assert "runtime_checkable" not in path.read_text(encoding="utf-8"), path


@pytest.mark.parametrize(
    ("line", "is_found"),
    [
        ("isinstance(learner, LocalLearner)", True),
        ("isinstance(x, (str, base.LocalLearner))", True),
        ("isinstance(x, Learner | None)", True),
        ("issubclass(type(x), Learner)", True),
        ("getattr(learner, 'files', None)", True),
        ("hasattr(self.learners[name], 'fine_tune')", True),
        ("isinstance(x, str)", False),
        ("getattr(metric, 'name')", False),
        ("learner.can_fine_tune", False),
    ],
)
def test_the_check_finds_what_it_looks_for(line, is_found):
    assert bool(questions_about_learners(ast.parse(line), {"Learner", "LocalLearner"})) == is_found
