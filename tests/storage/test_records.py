"""Records: attributes for programs, keys in the JSON, and what cannot have been written is told in one line."""

import json
import math
from dataclasses import dataclass, field, replace
from typing import Literal

import jsonschema
import pytest

from tunecurve.errors import StudyStateError
from tunecurve.storage.records import LEFT_OUT_IF_NONE, NOT_KEPT, Record, json_value


@dataclass(frozen=True)
class Part(Record):
    """A part."""

    kind: Literal["a", "b"]
    score: float | None
    """In per cent."""
    line: str = field(init=False, compare=False)

    def __post_init__(self):
        object.__setattr__(self, "line", f"{self.kind}: {self.score}")


@dataclass(frozen=True)
class Whole(Record):
    """A whole."""

    from_: str
    parts: list[Part]
    ends: tuple[float, float]
    note: str | None = None
    extra: dict[str, int] | None = field(default=None, metadata=LEFT_OUT_IF_NONE)
    fitted: object = field(default=None, compare=False, metadata=NOT_KEPT)


WHOLE = Whole("here", [Part("a", 1.5), Part("b", None)], (0.0, 2.0), fitted=object())


def test_a_record_is_the_json_that_it_comes_from():
    written = json.loads(json.dumps(WHOLE.to_json()))
    assert written == {
        "from": "here",
        "parts": [{"kind": "a", "score": 1.5, "line": "a: 1.5"}, {"kind": "b", "score": None, "line": "b: None"}],
        "ends": [0.0, 2.0],
        "note": None,
    }
    again = Whole.from_json(written)
    assert again == WHOLE
    assert again.parts[0].line == "a: 1.5"
    assert again.ends == (0.0, 2.0)
    assert again.fitted is None


def test_keys_are_those_of_the_json_alone():
    assert WHOLE.to_json().keys() == {"from", "parts", "ends", "note"}
    assert replace(WHOLE, extra={"x": 1}).to_json()["extra"] == {"x": 1}
    with pytest.raises(TypeError):
        WHOLE["from"]
    with pytest.raises(TypeError):
        iter(WHOLE)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"from": None}, "from"),
        ({"parts": [{"kind": "c", "score": 1.0}]}, "parts.0.kind"),
        ({"parts": [{"kind": "a", "score": "much"}]}, "parts.0.score"),
        ({"ends": [0.0]}, "ends"),
    ],
)
def test_what_cannot_have_been_written_is_named_in_one_line(change, place):
    with pytest.raises(StudyStateError) as error:
        Whole.from_json({**WHOLE.to_json(), **change}, "'results.json'")
    message = str(error.value)
    assert message.startswith(f"'results.json': {place}")
    assert "start the study again with tunecurve run" in message
    assert "\n" not in message


@pytest.mark.parametrize("missing", ["from", "parts", "ends"])
def test_a_missing_key_is_named(missing):
    values = {key: value for key, value in WHOLE.to_json().items() if key != missing}
    with pytest.raises(StudyStateError, match=f"{missing}.*field required"):
        Whole.from_json(values)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_null(value):
    assert Part("a", value).to_json()["score"] is None
    assert json_value({"x": (value, 1.0)}) == {"x": [None, 1.0]}


def test_the_schema_holds_what_is_written_and_nothing_else():
    schema = Whole.json_schema()
    jsonschema.validate(WHOLE.to_json(), schema)
    jsonschema.validate(replace(WHOLE, extra={"x": 1}).to_json(), schema)
    assert schema["$defs"]["Part"]["properties"]["score"]["description"] == "In per cent."
    for wrong in (WHOLE.to_json() | {"more": 1}, WHOLE.to_json() | {"parts": [{"kind": "a", "score": 1.0}]}, {}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)
