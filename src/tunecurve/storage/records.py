"""Records: frozen dataclasses that are JSON objects in files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from tunecurve.errors import StudyStateError

if TYPE_CHECKING:
    from pydantic import ConfigDict, GetJsonSchemaHandler, TypeAdapter
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema


def _key_of(name: str) -> str:
    """Return the JSON key of a field: a name that Python keeps for itself has an underscore behind it (``from_``)."""
    return name.removesuffix("_")


# Metadata of fields: without a key where it is None; never a part of the JSON.
LEFT_OUT_IF_NONE = {"is_left_out": True}
NOT_KEPT = {"is_not_kept": True}
WRITE_ANEW = "start the study again with tunecurve run, which writes it anew"


class Record:
    """Base of the frozen dataclasses that files are made of; a text below a field describes it in the JSON schema."""

    __pydantic_config__: ClassVar[ConfigDict] = {
        "use_attribute_docstrings": True,
        "alias_generator": _key_of,
        "validate_by_name": True,
    }

    def to_json(self) -> dict[str, Any]:
        """Return the record as values that JSON knows; numbers that are not finite are None."""
        left_out = _left_out(cast(Any, type(self)))
        values = ((key, name, getattr(self, name)) for key, name in _names_by_key(cast(Any, type(self))).items())
        return {key: json_value(value) for key, name, value in values if value is not None or name not in left_out}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], origin: str = "the record", remedy: str = WRITE_ANEW) -> Self:
        """Return the record that `to_json` gave; `origin` and `remedy` are told where it cannot be one.

        Raises
        ------
        StudyStateError
            Naming the first value that cannot be what was written.
        """
        from pydantic import ValidationError

        try:
            return _adapter(cast(Any, cls)).validate_python(values)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            position = ".".join(map(str, first["loc"]))
            raise StudyStateError(
                f"{origin}: {position}: {first['msg'].lower()}; it was changed or written by another version of tunecurve: {remedy}"
            ) from None

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the JSON schema of the record and of all records in it."""
        return _adapter(cast(Any, cls)).json_schema()

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        reference = handler(core_schema)
        schema = handler.resolve_ref_schema(reference)
        schema["description"] = schema.get("description", "").partition("\n\nExamples\n")[0]  # these are for Python
        # Fields that a record computes from its others are sentences.
        schema["properties"] |= {one.name: {"type": "string"} for one in fields(cast(Any, cls)) if not one.init}
        for described in schema["properties"].values():
            described.pop("title", None)
        schema["required"] = [
            key for key, name in _names_by_key(cast(Any, cls)).items() if name not in _left_out(cast(Any, cls))
        ]
        schema["additionalProperties"] = False
        return reference


@cache
def _names_by_key(cls: Any) -> dict[str, str]:
    return {_key_of(one.name): one.name for one in fields(cls) if not one.metadata.get("is_not_kept")}


@cache
def _left_out(cls: Any) -> frozenset[str]:
    """Return the fields that have no key where they are None."""
    return frozenset(one.name for one in fields(cls) if one.metadata.get("is_left_out"))


@cache
def _adapter(cls: type[Record]) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(cls)


def json_value(value: Any) -> Any:
    """Return a value as JSON knows it: mappings, lists, texts, numbers; what is not finite is None."""
    if isinstance(value, Record):
        return value.to_json()
    if isinstance(value, Mapping):
        return {key: json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
