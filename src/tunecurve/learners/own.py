"""Learners of a caller's own: objects given in Python, and those that a study file names as ``package.module:name``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tunecurve import own_code
from tunecurve.errors import ModelError, StudyStateError, UsageError
from tunecurve.learners.base import Learner
from tunecurve.learners.baselines.floor import FloorLearner
from tunecurve.learners.baselines.scikit import ScikitLearner, is_classifier

_EXPECTED = (
    "an object of a class derived from tunecurve.learners.base.Learner or a classifier of scikit-learn's interface"
)


def own_learners(learners: Mapping[str, object]) -> dict[str, Learner]:
    """Return a caller's own learners by name, the floor first; a classifier of scikit-learn's interface becomes one.

    Raises
    ------
    UsageError
        For an object that is neither.
    """
    own: dict[str, Learner] = {"floor": FloorLearner()}
    return own | {name: _own_learner(name, learner, "learners: ") for name, learner in learners.items()}


def named_learner(reference: str) -> Learner:
    """Return the learner that ``package.module:name`` names; a class of learners is called without arguments.

    Raises
    ------
    SpecError
        Where code is not allowed or cannot be loaded.
    ModelError
        Where the class needs arguments.
    UsageError
        Where the name is that of something else.
    """
    found = own_code.load_object(reference, "model")
    if isinstance(found, type) and issubclass(found, Learner):
        try:
            found = found()
        except Exception as error:  # what a user's class raises is anything
            raise ModelError(
                f"model '{reference}' cannot be made ({type(error).__name__}: {' '.join(str(error).split())}); name an object, or a class "
                "that needs no arguments"
            ) from error
    return _own_learner(reference, found, "model ")


def check_same(name: str, given: Learner, identity: Mapping[str, Any]) -> None:
    """Refuse a learner of the caller's that is another one than a trial was tuned with.

    Raises
    ------
    StudyStateError
        With the first part of the identity that differs.
    """
    now = json.loads(json.dumps(given.identity(), default=str))
    for key in sorted(now.keys() | identity.keys()):
        if now.get(key) != identity.get(key):
            then, here = _differing(identity.get(key), now.get(key))
            raise StudyStateError(
                f"the learner '{name}' is not the one this run was tuned with ({key}: {here}, expected {then}); give that one, or run "
                "the study again with this one"
            )


def _differing(then: Any, now: Any) -> tuple[str, str]:
    """Return two values shortly: of mappings the first entry that differs."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        key = next(key for key in sorted(then.keys() | now.keys()) if then.get(key) != now.get(key))
        return f"{key} = {_short(then.get(key))}", f"{key} = {_short(now.get(key))}"
    return _short(then), _short(now)


def _short(value: Any) -> str:
    shown = str(value)
    return shown if len(shown) <= 100 else f"{shown[:100]}..."


def _own_learner(name: str, learner: object, place: str) -> Learner:
    if is_classifier(learner):
        return ScikitLearner(name, learner)
    if isinstance(learner, Learner):
        return learner
    kind = f"the class {learner.__name__}" if isinstance(learner, type) else f"a {type(learner).__name__}"
    is_uncalled = isinstance(learner, type) and (issubclass(learner, Learner) or hasattr(learner, "fit"))
    remedy = "call it" if is_uncalled else "derive its class from it"
    raise UsageError(f"{place}'{name}' is {kind}, expected {_EXPECTED}; {remedy} (docs/add-a-learner.md)")
