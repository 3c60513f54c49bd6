"""Reading a study file: YAML in, a checked study out, and one line for whatever is wrong in it."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tunecurve.data.addresses import is_address
from tunecurve.data.kinds import OTHERS, kind_of
from tunecurve.data.options import with_part
from tunecurve.errors import SpecError, did_you_mean
from tunecurve.spec.expectations import key_at, node_of, words_of
from tunecurve.spec.study import StudySpec

# A study file is small; a .json file that is larger is rows.
MAX_STUDY_BYTES = 100_000


def parse_spec(values: Mapping[str, Any], origin: str = "study") -> StudySpec:
    """Return the study that a mapping describes.

    Raises
    ------
    SpecError
        With the key, the value met, what was expected, and a suggestion for a misspelt key.
    """
    try:
        return StudySpec.model_validate(dict(values))
    except ValidationError as error:
        raise SpecError(f"{origin}: {_explain(error)}") from None


def problems_of(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is wrong with a study: the key with its sections, or a section, or nothing where keys contradict, and why."""
    try:
        StudySpec.model_validate(dict(values))
    except ValidationError as error:
        return [
            (".".join(one.key), one.reason + ("" if isinstance(one.value, dict) else _value_in(one)))
            for one in _problems_in(error)
        ]
    return []


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader; reads ``1e-4`` as a number (YAML 1.2), not as a text (YAML 1.1), and refuses a key that stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse a key that stands twice, of which PyYAML takes the last without a word."""
        first: dict[str, yaml.Mark] = {}
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            before = first.setdefault(key.value, key.start_mark)
            if before is not key.start_mark:
                raise _TwiceError(key.value, before.line + 1, key.start_mark.line + 1)
        return super().construct_mapping(node, deep=deep)


class _TwiceError(Exception):
    """A key of a study file that stands twice, and in which lines."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)

_STUDY_FILES = (".yaml", ".yml")
# Tokens and tags, one a line, end so, too; what else ends so is named where rows are read.
_TEXT_FILE = ".txt"
# A name on the hub, perhaps with a configuration: looked for on no disk and no net before --data says that it is meant.
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(:[\w.-]+)?")


def load_study(source: str | Path) -> dict[str, object]:
    """Read a study file; data in its place are a study of these rows.

    Raises
    ------
    SpecError
        As `load_spec`, and for the folder of a run.
    """
    if not is_data(source):
        return load_spec(Path(source))
    return {"name": name_of_data(str(source)), "data": {"source": str(source)}}


def is_data(source: str | Path) -> bool:
    """Return whether what stands in the place of a study file is rows: by its name, or by its content where that may be either.

    Raises
    ------
    SpecError
        For the folder of a run.
    """
    path = Path(source)
    if is_address(str(source)) or str(source).startswith("builtin:") or with_part(str(source))[1]:
        return True
    if path.suffix.lower() in _STUDY_FILES:
        return False
    if path.is_dir():
        if (path / "study.yaml").exists():
            raise SpecError(
                f"'{path}' is the folder of a run; to continue it, give its study file: {path / 'study.yaml'}"
            )
        return True
    kind = kind_of(path.name)
    if kind != "json" or path.suffix.lower() != ".json":
        return kind is not None or path.suffix.lower() in (*OTHERS, _TEXT_FILE)
    try:
        values = load_spec(path) if path.stat().st_size <= MAX_STUDY_BYTES else {}
    except (SpecError, OSError):
        return True
    return not values or not values.keys() <= StudySpec.model_fields.keys()


def name_of_data(source: str) -> str:
    """Return the name of a study of these rows: that of their file, or of its folder where that says more."""
    path = Path(source)
    stem = path.parent.name if path.stem in ("data", "train", "rows") and path.parent.name else path.stem
    name = "".join(character if character.isalnum() or character in "-_" else "-" for character in stem).strip("-")
    return name or "study"


def _not_there(path: Path) -> str:
    if _HUB_ID.fullmatch(str(path)) and path.suffix.lower() not in _STUDY_FILES:
        return (
            f"'{path}' is no file or folder here; a data set of the Hugging Face hub is given as --data {path}, a study file as a path "
            "that ends in .yaml"
        )
    return f"study file '{path}' does not exist; write one with: tunecurve init {path}"


def load_spec(path: Path) -> dict[str, object]:
    """Read a study file (YAML) into a plain dict; nothing in it is executed.

    Raises
    ------
    SpecError
        When the file is not there, not YAML, or not a mapping.
    """
    try:
        values = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_Loader)  # noqa: S506  (a SafeLoader)
    except FileNotFoundError:
        raise SpecError(_not_there(path)) from None
    except RecursionError:
        raise SpecError(f"{path}: not a study file: brackets are nested hundreds deep") from None
    except UnicodeDecodeError as error:
        raise SpecError(f"cannot read study file '{path}' ({error}); save it as UTF-8 text") from None
    except OSError as error:
        raise SpecError(f"cannot read study file '{path}': {error}") from None
    except _TwiceError as error:
        key, before, line = error.args
        raise SpecError(
            f"{path}, line {line}: '{key[:80]}' stands twice, first in line {before}; leave one, or put their keys together"
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise SpecError(
            f"{path}{place}: not plain YAML ({problem}); only text, numbers, lists and mappings are read"
        ) from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise SpecError(f"{path}: expected 'key: value' lines, got a {type(values).__name__}; see: tunecurve init")
    return values


@dataclass(frozen=True)
class _Problem:
    """What is wrong with a key, in words of the study file."""

    key: tuple[str, ...]
    kind: str
    """Pydantic's name of it."""
    reason: str
    value: object


def _problems_in(error: ValidationError) -> list[_Problem]:
    """Return what is wrong, each key once: of a key with several forms, the one that the value nearly has, or all of them."""
    found: dict[tuple[str, ...], _Problem] = {}
    for one in error.errors(include_url=False):
        key, union, node = key_at(one["loc"])
        if union is not None and key == union and one["type"] not in _OURS:
            node = node_of(union)
        place, known = (key if union is None else union), found.get(key if union is None else union)
        if known is None or len(key) > len(known.key):
            found[place] = _Problem(key, one["type"], _reason_of(one, node), one["input"])
    return list(found.values())


# Said by the sections themselves, and of no single value.
_OURS = ("value_error", "extra_forbidden")


def _reason_of(problem: ErrorDetails, node: Mapping[str, Any]) -> str:
    if problem["type"] in _OURS:
        return problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "invalid_key" or "[key]" in problem["loc"]:
        return "expected names that are text"
    value = problem["input"]
    hint = ""
    if (
        node.get("type") == "string"
        and not {"examples", "enum"} & node.keys()
        and isinstance(value, int | float | datetime.date)
    ):
        hint = ", in quotes if it is meant so"
    words = words_of(node)
    return f"expected {words.replace('a number', 'a finite number') if problem['type'] == 'finite_number' else words}{hint}"


def _explain(error: ValidationError) -> str:
    problems = _problems_in(error)
    first = problems[0]
    place = ".".join(first.key) or "the file"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    path = list(first.key)
    if first.kind == "extra_forbidden":
        known = _fields_at(path[:-1])
        hint = _where_it_stands(path) or did_you_mean(path[-1], known)
        return f"unknown key '{place}'.{hint} Known here: {', '.join(known)}{more}"
    shown = _value_in(first)
    if first.kind == "model_type" and path:
        return f"{place}: expected keys below it, as '{_fields_at(path)[0]}: ...'{shown}{more}"
    return f"{place}: {first.reason}{shown}{more}"


def _value_in(problem: _Problem) -> str:
    """Return the value met, where it is that of a key and the reason does not quote it."""
    value = problem.value
    is_quoted = problem.kind in _OURS and any(
        isinstance(one, str) and f"'{one}'" in problem.reason for one in _as_list(value)
    )
    return "" if not problem.key or is_quoted else f", got {json.dumps(value, default=str, ensure_ascii=False)[:80]}"


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _where_it_stands(path: list[str]) -> str:
    """Say under which section a key of that very name stands: the command line knows it without one."""
    sections = [name for name, field in StudySpec.model_fields.items() if any(_models_in(field.annotation))]
    places = [name for name in sections if path[-1] in _fields_at([name])]
    if path[-1] in StudySpec.model_fields:
        return f" It stands at the top of the file, as '{path[-1]}'."
    return f" It stands under '{places[0]}', as {places[0]}.{path[-1]}." if len(places) == 1 else ""


def _fields_at(path: list[str]) -> list[str]:
    model: type[BaseModel] = StudySpec
    for part in path:
        if part not in model.model_fields:  # a key of the user's own, such as a model's name under hosted.prices
            continue
        model = next(_models_in(model.model_fields[part].annotation))
    return list(model.model_fields)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the sections that a key's value may be made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for item in get_args(annotation):
        yield from _models_in(item)
