"""Objects out of texts: the target is a JSON object."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tunecurve.data.cells import TargetRule
from tunecurve.data.labels import lonely_labels
from tunecurve.data.rows import Row
from tunecurve.findings import Finding
from tunecurve.formats.json_objects import fields_of, object_within, paths_of, read_object, write_object
from tunecurve.formats.json_shapes import JsonShape, shape_of_paths, shape_of_targets
from tunecurve.tasks.base import Pairs, Task
from tunecurve.tasks.floors import Floor, most_frequent
from tunecurve.wording import first_of

SHARE_OF_OBJECTS = 0.9
# A field that fewer rows have is left out by the floor: that it is not there is then its most frequent value.
SHARE_OF_USUAL = 0.5
MOST_FIELDS_SHOWN = 12


class UsualFields(Floor):
    """Always the same object: every field that most training targets have, with its most frequent value."""

    rule = "usual fields"
    title = "most frequent value of every field"

    def learn(self, targets: Sequence[str]) -> str:
        """Return the object."""
        values: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
        objects = [value for target in targets if (value := read_object(target)) is not None]
        for value in objects:
            for path, leaf in _values(value, ()):
                values[path].append(json.dumps(leaf, ensure_ascii=False, sort_keys=True))
        usual: dict[str, Any] = {}
        for path, found in values.items():
            if len(found) >= SHARE_OF_USUAL * len(objects):
                place = usual
                for key in path[:-1]:
                    place = place.setdefault(key, {})
                place[path[-1]] = json.loads(most_frequent(found))
        return write_object(usual)

    def answer(self, source: str, learnt: str) -> str:
        """Return the object."""
        return learnt


def _values(value: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield what stands under the keys of an object, and of objects in it; a list is one value."""
    for key, item in value.items():
        if isinstance(item, Mapping) and item:
            yield from _values(item, (*path, key))
        elif item is not None:
            yield (*path, key), item


class Extraction(Task):
    """The target is a JSON object; its labels are the paths of its fields."""

    name = "extraction"
    description = "a JSON object"
    order = 5
    answer = "object"
    instruction = (
        "Extract the fields from the text. Answer with one JSON object and nothing else; leave out what the text does not say. "
        "Fields, dots between nested keys: {labels}."
    )
    metrics = (
        "field_f1",
        "exact_object",
        "field_macro_f1",
        "field_precision",
        "field_recall",
        "valid_json",
        "recall_of_fields",
    )
    second_metric = "exact_object"
    recall_metric = "recall_of_fields"
    nothing_right = "exact_object"
    floor = UsualFields()
    needs_labels = True
    label_in_words = "field of a JSON object"
    targets = TargetRule("object")
    # Keys and quotes make an object longer than what it says.
    max_extra_tokens = 256

    def recognise(self, pairs: Pairs) -> str:
        """Recognise JSON objects, where inputs are none: else parts of them may be masked. A list of objects is none."""
        targets = [target for source, target in pairs if read_object(source) is None]
        found = [object_within(target) for target in targets if not target.lstrip().startswith("[")]
        objects = [(value, how) for value, how in found if value is not None]
        if not any(value for value, _ in objects) or len(objects) < SHARE_OF_OBJECTS * len(pairs):
            return ""
        wrapped = Counter(how for _, how in objects if how)
        more = "".join(f", {count} of them {how}" for how, count in wrapped.items())
        return f"{len(objects)} of {len(pairs)} targets are JSON objects{more}"

    def arranged(self, rows: list[Row], separator: str | None) -> tuple[list[Row], list[Finding]]:
        """Return the rows with objects written with the same blanks, their keys in the order of the data."""
        objects = [read_object(row.target) for row in rows]
        arranged = [
            row if value is None else replace(row, target=write_object(value))
            for row, value in zip(rows, objects, strict=True)
        ]
        counts = Counter(path for value in objects if value is not None for path in paths_of(value))
        names = first_of([f"{path} ({count})" for path, count in counts.most_common()], MOST_FIELDS_SHOWN)
        text = f"targets are read as JSON objects with {len(counts)} fields: {names}"
        return arranged, [Finding("objects-read", text, is_note=True)] if counts else []

    def labels_of(self, target: str, source: str = "") -> list[str]:
        """Return the paths of the object's fields."""
        return paths_of(read_object(target) or {})

    def answer_shape(self, pairs: Pairs, labels: Sequence[str]) -> JsonShape:
        """Return the shape of the targets; without rows, that of objects with these fields and any values."""
        return shape_of_targets((target, source) for source, target in pairs) if pairs else shape_of_paths(labels)

    def format_findings(self, test: Sequence[Row], pool: Sequence[Row]) -> list[Finding]:
        """Return the targets that are no objects: no answer to them can be right."""
        odd = [row for row in [*test, *pool] if read_object(row.target) is None]
        if not odd:
            return []
        text = f"{len(odd)} of {len(test) + len(pool)} targets are no JSON objects: no answer to them can be right"
        places = tuple(row.place for row in odd[:5] if row.place)
        return [Finding("underivable-targets", text, "write them as objects, or leave them out", places)]

    def label_findings(self, test: Sequence[Row], pool: Sequence[Row]) -> list[Finding]:
        """Return fields of a single row to train on, and those whose values have several types."""
        lonely = lonely_labels(Counter(path for row in pool for path in self.labels_of(row.target)), "fields")
        return [*lonely, *_mixed_types([*test, *pool])]


def _mixed_types(rows: Sequence[Row]) -> list[Finding]:
    """Return the fields that are a number in some rows and a text in others."""
    types: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        for path, value in fields_of(read_object(row.target) or {}):
            if value[0] != "[":
                types[path][
                    {'"': "text", "t": "true or false", "f": "true or false", "n": "null"}.get(value[0], "a number")
                ] += 1
    for counts in types.values():
        del counts["null"]
    mixed = {path: counts for path, counts in types.items() if len(counts) > 1}
    if not mixed:
        return []
    said = [
        f"{path} ({', '.join(f'{kind} in {n}' for kind, n in counts.most_common())})" for path, counts in mixed.items()
    ]
    text = f'fields whose values are of several types: {first_of(said, 4, "; ")}; 5 and "5" are different answers'
    return [Finding("mixed-types", text, "write the values of a field alike")]


TASK = Extraction()
