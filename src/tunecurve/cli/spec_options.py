"""Options that set a key of the study file: type, help and default are those of the key, read from the spec."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import click
from pydantic import BaseModel

from tunecurve.own_code import is_reference
from tunecurve.spec.docs import default_of
from tunecurve.spec.shots import parse_shots
from tunecurve.spec.study import StudySpec
from tunecurve.tasks.lookup import AUTO_TASK, TASK_NAMES

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class IntegerList(click.ParamType):  # type: ignore[type-arg]  # generic in new versions of click only
    """Whole numbers separated by commas, e.g. ``50,200,800``."""

    name = "N,N,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        """Return the numbers."""
        if isinstance(value, list):
            return value
        try:
            return [int(part) for part in str(value).split(",") if part.strip()]
        except ValueError:
            self.fail(f"'{value}' is not a list of whole numbers; expected e.g. 50,200,800", param, ctx)


class FiniteRange(click.FloatRange):
    """A number of a range; click lets nan into every one, and infinity into those without an end."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is no finite number", param, ctx)
        return number


class ShotsList(click.ParamType):  # type: ignore[type-arg]
    """Numbers of examples and ways to choose them, separated by commas, e.g. ``0,3,similar:8``."""

    name = "N,similar:N,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[Any]:
        """Return the entries as a study file has them."""
        if isinstance(value, list):
            return value
        parts = [part.strip() for part in str(value).split(",") if part.strip()]
        try:
            return parse_shots(parts)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def list_option(kind: click.ParamType) -> dict[str, Any]:  # type: ignore[type-arg]
    """Return the settings of an option with a list: given several times, the lists are one."""
    return {"type": kind, "multiple": True, "callback": _joined}


def _joined(ctx: click.Context, param: click.Parameter, value: tuple[list[Any], ...]) -> list[Any] | None:
    return [entry for one in value for entry in one] if value else None


class TaskName(click.Choice[str]):
    """A kind of task, or the reference of one's own."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name."""
        return value if is_reference(value) else super().convert(value, param, ctx)


def help_of(model: type[BaseModel], name: str) -> str:
    """Return what the study file's page says of a key, as a sentence, with its default."""
    field = model.model_fields[name]
    text, default = (field.description or "").rstrip("."), default_of(field)
    if default not in (None, []) and not isinstance(default, bool) and "default: " not in text:
        shown = ",".join(map(str, default)) if isinstance(default, list) else str(default)
        text = f"{text} ({shown})"
    is_word = text.split(" ", 1)[0].strip(",;:").replace("-", "").isalpha()
    return (text[0].upper() + text[1:] if is_word else text) + "."


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def _type_of(model: type[BaseModel], name: str) -> dict[str, Any]:
    """Return how click reads a key; what is given as text or list is given once or several times."""
    schema = _schema(model)["properties"][name]
    schema = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"][-1]
    kind, ranges = schema.get("type"), {"integer": click.IntRange, "number": FiniteRange}
    if "enum" in schema:
        return {"type": click.Choice(schema["enum"])}
    if kind == "array":
        return list_option(IntegerList()) if schema["items"].get("type") == "integer" else {"multiple": True}
    if kind == "boolean":
        return {"is_flag": True, "default": None}
    bounds = {"min": schema.get("minimum", schema.get("exclusiveMinimum")), "min_open": "exclusiveMinimum" in schema}
    bounds |= {"max": schema.get("maximum", schema.get("exclusiveMaximum")), "max_open": "exclusiveMaximum" in schema}
    if kind not in ranges:
        return {"type": str}
    return {
        "type": {"integer": int, "number": float}[kind]
        if bounds["min"] is bounds["max"] is None
        else ranges[kind](**bounds)
    }


# The keys that options set, by the parameters that they fill.
KEYS = {
    "data": "data.source",
    "input_column": "data.input_column",
    "target_column": "data.target_column",
    "shape": "data.shape",
    "group_column": "data.group_column",
    "task": "task",
    "model": "models",
    "train_sizes": "train_sizes",
    "shots": "shots",
    "optimize": "optimize.calls",
    "proposer": "optimize.proposer",
    "seeds": "seeds",
    "time_budget": "time_budget",
    "test_size": "split.test_size",
    "metric": "metrics",
    "recipe": "recipe.name",
    "split": "split.method",
    "sampling": "sampling",
    "limit": "data.limit",
    "first_rows": "data.limit_takes",
    "where": "data.where",
    "test_data": "data.test_source",
    "unlabelled": "data.unlabelled",
    "split_column": "data.split_column",
    "encoding": "data.encoding",
    "sheet": "data.sheet",
    "dev_data": "data.dev_source",
    "target": "advice.target",
    "label_price": "advice.label_price",
    "value_per_point": "advice.value_per_point",
    "max_cost": "hosted.max_cost",
    "concurrency": "hosted.concurrency",
    "batch": "hosted.batch",
    "checkpoints": "hosted.checkpoints",
    "track": "track",
    "show_texts": "show_texts",
}
_SETTINGS: dict[str, dict[str, Any]] = {
    "task": {"type": TaskName((AUTO_TASK, *TASK_NAMES))},
    "shots": list_option(ShotsList()),
    "first_rows": {"flag_value": "first", "type": str},
}
_FLAGS = {"concurrency": ("-j", "--concurrency"), "show_texts": ("--show-texts/--no-texts", " /--no-text")}


# What says which rows there are and how they are scored, for commands that need no model.
OF_ROWS = [
    parameter
    for parameter, key in KEYS.items()
    if key.split(".")[0] in ("data", "task", "split", "metrics") and parameter != "unlabelled"
]


def option_of(parameter: str) -> Decorator:
    """Return the option that fills a parameter of `KEYS`."""
    *sections, name = KEYS[parameter].split(".")
    model: Any = StudySpec
    for section in sections:
        model = model.model_fields[section].annotation
    said = {"help": help_of(model, name), **_type_of(model, name), **_SETTINGS.get(parameter, {})}
    if said.get("multiple"):
        said["help"] = f"{said['help'].removesuffix('.')}; repeatable."
    return click.option(*_flags(parameter), parameter, **said)


def _flags(parameter: str) -> tuple[str, ...]:
    return _FLAGS.get(parameter, (f"--{parameter.replace('_', '-')}",))


def given_keys(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a study file that the options set."""
    values: dict[str, Any] = {}
    for parameter, key in KEYS.items():
        value = options.get(parameter)
        if value is None or value == ():
            continue
        *sections, name = key.split(".")
        target = values
        for section in sections:
            target = target.setdefault(section, {})
        target[name] = list(value) if isinstance(value, tuple) else value
    return values


def check_options(values: Mapping[str, Any], of_file: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Refuse options that a study cannot have, by their own names; what is wrong without them is the study file's.

    Parameters
    ----------
    values : mapping
        The study's values, the options laid over them.
    of_file : mapping
        The values without the options.
    options : mapping
        The parameters of the command.

    Raises
    ------
    UsageError
        With the option as it is typed.
    """
    from tunecurve.errors import SpecError, UsageError
    from tunecurve.spec.reading import problems_of

    given = typed_options(options)
    problems = problems_of(values) if given else []
    for place, reason in problems:
        for key, option in given.items():
            if f"{place}.".startswith(f"{key}."):
                raise UsageError(f"{option}: {reason}")
    try:
        own_metrics = list(filter(is_reference, options.get("metric") or ()))
        if own_metrics:
            from tunecurve.metrics.catalogue import build_metrics  # metrics compute: other options need none

            build_metrics(own_metrics)
    except SpecError as error:
        raise UsageError(f"--metric: {error}") from error
    before = problems_of(of_file) if problems else []
    for place, reason in problems:
        within = {key: option for key, option in given.items() if key.startswith(f"{place}.") or not place}
        named = [option for key, option in within.items() if re.search(rf"\b{key.rpartition('.')[2]}\b", reason)]
        of_place = named or list(within.values())
        if of_place and (place, reason) not in before:
            raise UsageError(f"{' '.join(of_place)}: {reason}")


def typed_options(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the options that were given, as they are typed, by the keys that they set."""
    return {key: _typed(name) for name, key in KEYS.items() if options.get(name) not in (None, ())}


def _typed(parameter: str) -> str:
    """Return an option as it is typed, by the parameter that it fills."""
    return next(flag for flag in _flags(parameter) if flag.startswith("--")).split("/")[0]
