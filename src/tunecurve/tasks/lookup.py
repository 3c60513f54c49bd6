"""The kinds of task by name: those of this package, one a file, and tasks of a user's own."""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from tunecurve.errors import SpecError, did_you_mean
from tunecurve.own_code import is_reference, load_object
from tunecurve.tasks.told import NOTHING_TOLD, Told

if TYPE_CHECKING:
    from tunecurve.tasks.base import Pairs, Task

_NO_TASKS = {"base", "floors", "lookup", "told"}
# A task's name is the name of its file, so that names are known without importing what tasks need.
TASK_NAMES = tuple(sorted(name for _, name, _ in iter_modules([str(Path(__file__).parent)]) if name not in _NO_TASKS))
AUTO_TASK = "auto"  # the task is found from the rows
_own: dict[str, Task] = {}


@cache
def all_tasks() -> tuple[Task, ...]:
    """Return the tasks of this package, those first that are recognised by more."""
    found = [import_module(f"{__package__}.{name}").TASK for name in TASK_NAMES]
    return tuple(sorted(found, key=lambda task: task.order))


def task_of(name: str) -> Task:
    """Return the task with a name, or the task of one's own that ``package.module:name`` stands for.

    Raises
    ------
    SpecError
        For an unknown name, and for code that is no task or may not be loaded.
    """
    if name in _own:
        return _own[name]
    if is_reference(name):
        return _own.setdefault(name, _checked(load_object(name, "task"), name))
    for task in all_tasks():
        if task.name == name:
            return task
    raise SpecError(
        f"unknown task '{name}'; expected one of {', '.join(TASK_NAMES)}, or package.module:name for one of your own."
        f"{did_you_mean(name, TASK_NAMES)}"
    )


def use_task(task: Task) -> str:
    """Let studies of this process use a task object; return the name under which they know it, as in a study file."""
    for known in all_tasks():
        if task is known:
            return known.name
    kind = type(task)
    module = sys.modules.get(kind.__module__)
    name = next((name for name, value in vars(module).items() if value is task), kind.__qualname__)
    reference = f"{kind.__module__}:{name}"
    _own[reference] = _checked(task, reference)
    return reference


def is_own(task: Task) -> bool:
    """Return whether a task is a user's own."""
    return type(task) not in map(type, all_tasks())


def suggest_task(pairs: Pairs, asked: Task | None = None, told: Told = NOTHING_TOLD) -> tuple[str, str]:
    """Return the kind of task that (input, target) pairs look like, and why, in a sentence.

    Parameters
    ----------
    pairs : sequence of (str, str)
        Inputs and targets; a few hundred are enough. At least one.
    asked : Task, optional
        The study's task, which knows how its targets are written.
    told : Told, optional
        What the study tells of its rows beside them.
    """
    readers = [asked if asked is not None and type(asked) is type(task) else task for task in all_tasks()]
    *some, last = readers
    for reader in some:
        if why := reader.recognise_told(pairs, told):
            return reader.name, why
    for reader in some:
        if (asked is None or reader is asked) and (why := reader.recognise_at_last(pairs)):
            return reader.name, why
    return last.name, last.recognise_told(pairs, told)


def _checked(found: Any, reference: str) -> Task:
    """Return a user's task, complete and consistent; a class stands for its object without parameters."""
    from tunecurve.metrics.catalogue import METRIC_NAMES
    from tunecurve.tasks.base import Task

    task = found() if isinstance(found, type) and issubclass(found, Task) else found
    if not isinstance(task, Task):
        raise SpecError(
            f"task '{reference}' is a {type(task).__name__}; expected an object or a subclass of tunecurve.tasks.base.Task"
        )
    for name in task.metrics:
        if name not in METRIC_NAMES and not is_reference(name):
            raise SpecError(f"task '{reference}': unknown metric '{name}'.{did_you_mean(name, METRIC_NAMES)}")
    wrong = {
        "metrics": len(task.metrics) < 2 and "two metrics or more, the headline metric first",
        "second_metric": task.second_metric not in task.metrics[1:] and f"one of {', '.join(task.metrics[1:])}",
        "recall_metric": task.recall_metric not in ("", *task.metrics) and f"'' or one of {', '.join(task.metrics)}",
        "models": not task.models and "one model or more",
    }
    for attribute, expected in wrong.items():
        if expected:
            raise SpecError(f"task '{reference}': {attribute} is {getattr(task, attribute)!r}; expected {expected}")
    return task
