"""What a study leaves open, settled from its first rows: the shape of the rows, their columns, the kind of task.

A study that has begun is read as it began: what is open is taken from what was frozen then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tunecurve.data.inputs import DEFAULT_COLUMN, DEFAULT_TARGET
from tunecurve.data.more_answers import more_answers
from tunecurve.data.parts import with_parts
from tunecurve.data.shapes.base import AUTO, COLUMNS, Match
from tunecurve.data.shapes.registry import SAMPLE_ROWS, recognise
from tunecurve.errors import SpecError
from tunecurve.findings import Finding
from tunecurve.metrics.catalogue import build_metrics
from tunecurve.spec.reading import parse_spec
from tunecurve.spec.study import StudySpec
from tunecurve.study.first_rows import first_rows_of, task_of_rows
from tunecurve.study.folder_sides import with_sides_of_folder
from tunecurve.study.frozen import check_comparable, frozen_settings
from tunecurve.study.reading import asked_of, columns_named
from tunecurve.tasks.lookup import AUTO_TASK

_PLAIN = {"shape": COLUMNS, "input_column": DEFAULT_COLUMN, "target_column": DEFAULT_TARGET}


@dataclass(frozen=True)
class Settled:
    """A study with nothing left open."""

    spec: StudySpec
    """With the shape, columns and task of its rows."""
    folder: Path
    """The run's folder."""
    findings: tuple[Finding, ...] = field(default=())
    """How that was found out, where the study file does not say."""


def settled_study(values: Mapping[str, Any], out: str | Path | None = None, origin: str = "study") -> Settled:
    """Return the study that a study file describes, settled from its rows or as it began.

    Raises
    ------
    DataError
        Where rows can be read in several ways, or not at all.
    StudyStateError
        Where the folder holds a study with other settings.
    """
    values, sides = with_sides_of_folder(values)
    spec = parse_spec(values, origin)
    folder = Path(out) if out is not None else Path("runs") / spec.name
    try:
        build_metrics(
            spec.metric_names
        )  # code that may not be loaded, or is no metric, is said before anything is read
    except SpecError as error:
        raise SpecError(f"{origin}: metrics: {error}") from error
    settled = _settled(values, spec, folder, origin)
    check_comparable(settled.spec, folder)
    return replace(settled, findings=(*sides, *settled.findings))


def _settled(values: Mapping[str, Any], spec: StudySpec, folder: Path, origin: str) -> Settled:
    if spec.data.source.startswith("builtin:"):
        return Settled(_filled(values, {"data": _PLAIN}, origin), folder)
    before = frozen_settings(folder)
    if before is not None:
        return Settled(_filled(values, _as_it_began(before), origin), folder)
    rows = first_rows_of(spec, is_for_task=spec.task == AUTO_TASK)
    match = recognise([cells for _, cells in rows[:SAMPLE_ROWS]], asked_of(spec))
    spec = _filled(values, {"data": _PLAIN} if match is None else _settings_of(match), origin)
    rows = list(with_parts(rows, columns_named(spec)))
    found = [Finding("columns-found", match.said, is_note=True)] if match is not None and match.said else []
    if spec.task == AUTO_TASK:
        task, why = task_of_rows(spec, rows)
        said = f"no task is named, and {task} is found: {why}; --task names another one"
        found.append(Finding("task-found", said, is_note=True))
        values = {**values, "task": task}
        spec = _filled(values, {"data": _PLAIN} if match is None else _settings_of(match), origin)
    if spec.data.shape == COLUMNS and len(spec.data.target_columns) == 1 and spec.kind.targets.list_is == "references":
        cells = [one for _, one in rows[:SAMPLE_ROWS]]
        found += more_answers(cells, spec.data.target_columns[0], spec.data.input_columns)
    return Settled(spec, folder, tuple(found))


def _as_it_began(before: Mapping[str, Any]) -> dict[str, object]:
    """Return what a study leaves open, as it was when it began."""
    data = {key: before["data"].get(key, default) for key, default in _PLAIN.items()}
    data["shape_options"] = before["data"].get("shape_options", {})
    if data["shape"] != COLUMNS:
        data["group_column"] = before["data"].get("group_column")
    return {"task": before["task"], "data": data, "prompt": {"system": before["prompt"]["system"]}}


def _settings_of(match: Match) -> dict[str, object]:
    data: dict[str, object] = {"shape": match.shape}
    data |= {"input_column": list(match.input_columns), "target_column": list(match.target_columns)}
    data |= {"group_column": match.group_column, "shape_options": dict(match.options)}
    return {"data": data, "prompt": {"system": match.instruction}}


def _filled(values: Mapping[str, Any], found: Mapping[str, Any], origin: str) -> StudySpec:
    """Return the study with what it leaves open filled in; what its file says stays."""
    filled = dict(values)
    if filled.get("task", AUTO_TASK) == AUTO_TASK and "task" in found:
        filled["task"] = found["task"]
    for section in ("data", "prompt"):
        filled[section] = _beneath(filled.get(section), found.get(section, {}))
    return parse_spec(filled, origin)


def _beneath(said: Any, found: Mapping[str, Any]) -> dict[str, object]:
    given = {key: value for key, value in (said or {}).items() if value is not None}
    if given.get("shape") == AUTO:
        del given["shape"]
    if "shape_options" in found and "shape_options" in given:
        given["shape_options"] = {**found["shape_options"], **given["shape_options"]}
    return {**{key: value for key, value in found.items() if value is not None}, **given}
