"""Plain columns whose names say which is the input and which the target: ``text`` and ``label``, ``prompt`` and ``completion``, ..."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tunecurve.data.cells import is_missing, list_in_text, plain_value, shape_of
from tunecurve.data.inputs import DEFAULT_COLUMN, DEFAULT_TARGET
from tunecurve.data.parts import DOT, cells_with_parts, is_read_in_part, part_names
from tunecurve.data.shapes.annotated import list_cell
from tunecurve.data.shapes.base import AUTO, COLUMNS, Asked, Cells, Match, Shape, few
from tunecurve.data.unread import holds_offsets

_CLASSES = (
    *("label", "labels", "class", "category", "categories", "intent", "sentiment", "emotion", "emotions", "topic"),
    "topics",
)
_ANSWERS = ("answer", "response", "completion", "output")
_MASKED = (
    *("masked", "masked_text", "redacted", "redacted_text", "anonymized", "anonymized_text", "anonymised"),
    "anonymised_text",
)

_TASKS_OF_MASKED = ("", "masking", "generation")
# Where several columns may be the target, a task that is named leaves those out that have the name of another one's.
_OTHER_TASKS = {
    **dict.fromkeys(_CLASSES, ("ner", "masking", "summarization", "extraction")),
    **dict.fromkeys(("summary", "highlights"), ("classification", "multilabel", "ner", "masking")),
    "entities": ("classification", "multilabel", "summarization", "generation", "masking"),
}


@dataclass(frozen=True)
class Names:
    """Names of columns that go together."""

    inputs: tuple[str, ...]
    """All of them make the input."""
    targets: tuple[str, ...]
    """Any of them is the target."""


NAMES = (
    Names((DEFAULT_COLUMN,), (DEFAULT_TARGET, *_MASKED)),
    Names(("text",), (*_CLASSES, *_MASKED, "target", "output", "summary", "translation", "entities")),
    Names(("sentence",), (*_CLASSES, "target", "translation", "entities")),
    Names(("input",), (*_ANSWERS, *_CLASSES, "target", "expected", "expected_output")),
    Names(("inputs",), ("outputs", "targets", "labels")),
    Names(("input_text",), ("output_text", DEFAULT_TARGET, "label")),
    Names(("source",), ("target", *_MASKED)),
    Names(("src",), ("tgt", "trg")),
    Names(("prompt",), _ANSWERS),
    Names(("text_input",), ("output",)),
    Names(("user",), ("assistant",)),
    Names(("user_message",), ("assistant_message",)),
    Names(("instruction",), _ANSWERS),
    Names(("question",), ("answer", "answers", "response", "query", "sql", *_CLASSES)),
    Names(("query",), ("answer", "response", "sql", *_CLASSES)),
    Names(("utterance",), _CLASSES),
    Names(("document",), ("summary", *_CLASSES)),
    Names(("article",), ("highlights", "summary", *_CLASSES)),
    Names(("dialogue",), ("summary",)),
    Names(("original",), (*_MASKED, "corrected", "target")),
    Names(("original_text",), _MASKED),
    Names(("unmasked",), ("masked",)),
    Names(("unmasked_text",), ("masked_text",)),
    *(
        Names((name,), _CLASSES)
        for name in (
            *("content", "body", "message", "review", "review_text", "tweet", "comment", "comment_text", "headline"),
            *("title", "post"),
        )
    ),
    Names(("premise", "hypothesis"), ("label", "labels", "gold_label")),
    Names(("sentence1", "sentence2"), ("label", "labels", "gold_label")),
    Names(("question1", "question2"), ("label", "is_duplicate")),
    *(Names((name, "question"), ("answer", "answers")) for name in ("context", "passage", "paragraph", "story")),
    # Parts of one input beside a target that is named; what else stands beside them, `Alpaca` knows.
    *(Names(("instruction", name), ()) for name in ("input", "context")),
)
# A column of numbers, and one with their names beside it.
_NAMES_OF_NUMBERS = {"label_text": "label", "label_name": "label", "class_name": "class", "category_name": "category"}
# Columns that are named by languages: which is translated into which, they do not say.
_LANGUAGES = frozenset(
    (
        *("ar", "bg", "bn", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi", "fr", "he", "hi", "hr", "hu"),
        *("it", "ja", "ko"),
        *("lt", "lv", "nb", "nl", "nn", "pl", "pt", "ro", "ru", "sk", "sl", "sr", "sv", "sw", "ta", "th", "tr"),
        *("uk", "ur", "vi", "zh"),
        *("english", "german", "french", "spanish", "italian", "portuguese", "dutch", "swedish", "danish", "norwegian"),
        *("finnish", "polish", "russian", "chinese", "japanese", "korean", "arabic", "turkish"),
    )
)

_TRANSLATIONS = ("translation", "translations")


def level(name: str) -> str:
    """Return a column's name as `NAMES` has it: ``Source Text`` is ``source_text``."""
    return "_".join(name.strip().casefold().replace("-", " ").replace("_", " ").split())


class Columns(Shape):
    """Columns that are read as they are."""

    name = COLUMNS
    title = "plain columns"

    def matches(self, sample: Sequence[Cells], asked: Asked) -> Sequence[Match]:
        """Return a match for all columns that go together by their names, those that are named among them."""
        columns = _by_name(sample)
        if asked.name != AUTO or _is_said(asked, columns):
            return []
        if asked.template_columns:
            found = [_match(columns, (), (target,), also, asked) for target, also in _targets_of(columns, asked)]
            return _fitting(found, sample, asked)
        found = [
            _match(columns, inputs, (target,), also, asked)
            for inputs, target, also in (*_pairs(columns), *_languages(columns))
            if set(asked.input_columns) in (set(), set(inputs)) and set(asked.target_columns) <= {target}
        ]
        return _fitting(found, sample, asked)

    def matches_of_translations(self, sample: Sequence[Cells], asked: Asked) -> Sequence[Match]:
        """Return matches for texts by languages in one object: ``{"translation": {"en": ..., "de": ...}}``."""
        parts = _translations(sample)
        return self.matches([cells_with_parts(cells, parts) for cells in sample], asked) if parts else []

    def matches_beside_named(self, sample: Sequence[Cells], asked: Asked) -> Sequence[Match]:
        """Return matches for columns of one side that are named, whatever their names: the other side has one of the usual names."""
        columns = _by_name(sample)
        if asked.name != AUTO or _is_said(asked, columns):
            return []
        if asked.input_columns or asked.template_columns:
            targets = _targets_of(columns, asked) or _targets_of(columns, asked, of_any_input=True)
            found = [_match(columns, asked.input_columns, (target,), also, asked) for target, also in targets]
        elif asked.target_columns:
            inputs = dict.fromkeys(inputs for names in NAMES for inputs in _inputs(columns, names))
            found = [_match(columns, one, asked.target_columns, (), asked) for one in inputs]
            found = [match for match in found if not set(match.input_columns) & set(asked.target_columns)]
        else:
            found = []
        return _fitting(found, sample, asked)

    def matches_of_lists(self, sample: Sequence[Cells], asked: Asked) -> list[Match]:
        """Return the one match whose target is a list of objects: no task reads it, and it is named as what it is."""
        if asked.name != AUTO or asked.input_columns or asked.target_columns or asked.template_columns:
            return []
        columns = _by_name(sample)
        found = [
            _match(columns, inputs, (target,), also, asked)
            for inputs, target, also in _pairs(columns)
            if all(_holds_text(sample, column) for column in inputs) and _holds_lists(sample, target)
        ]
        return found if len(found) == 1 else []


def _holds_lists(sample: Sequence[Cells], column: str) -> bool:
    """Return whether a column holds nothing but lists of objects, also as text, and empty lists."""
    cells = [list_cell(row[column]) for row in sample if not is_missing(row.get(column))]
    shapes = [shape_of(cell) for cell in cells if cell != []]
    return set(shapes) == {"a list of objects"} and not any(map(holds_offsets, cells))


def _by_name(sample: Sequence[Cells]) -> dict[str, dict[str, None]]:
    """Return the columns of a sample by their levelled names."""
    columns: dict[str, dict[str, None]] = {}
    for name in (str(column) for row in sample for column in row):
        columns.setdefault(level(name), {})[name] = None
    return columns


def _fitting(found: Sequence[Match], sample: Sequence[Cells], asked: Asked) -> list[Match]:
    """Return the matches whose columns hold what their side can, each once; the task leaves out targets of other ones."""
    holding = [match for match in found if _holds(match, sample, asked)]
    fitting = [match for match in holding if asked.task not in _OTHER_TASKS.get(level(match.target_columns[0]), ())]
    return list({(match.input_columns, match.target_columns): match for match in fitting or holding}.values())


def _holds(match: Match, sample: Sequence[Cells], asked: Asked) -> bool:
    if not asked.template_columns and not all(_holds_text(sample, column) for column in match.input_columns):
        return False
    if asked.target_columns:
        return all(_holds_target(sample, column, is_named=True) for column in match.target_columns)
    (target,) = match.target_columns
    return (level(target) not in _MASKED or asked.task in _TASKS_OF_MASKED) and _holds_target(sample, target)


Pair = tuple[tuple[str, ...], str, tuple[str, ...]]
ColumnsByName = Mapping[str, Mapping[str, None]]


def _is_said(asked: Asked, columns: ColumnsByName) -> bool:
    """Return whether both sides are named, or one of them and the other one has the name that is read where nobody names it."""
    names_input = bool(asked.input_columns or asked.template_columns)
    names_target = bool(asked.target_columns)
    if names_input and names_target:
        return True
    return (names_input and DEFAULT_TARGET in columns) or (names_target and DEFAULT_COLUMN in columns)


def _pairs(columns: ColumnsByName) -> list[Pair]:
    """Return inputs, target and what else is accounted for, for all names that are there."""
    return [
        (inputs, target, also)
        for names in NAMES
        for inputs in _inputs(columns, names)
        for target, also in _targets(columns, names)
    ]


def _inputs(columns: ColumnsByName, names: Names) -> Iterator[tuple[str, ...]]:
    return itertools.product(*(columns.get(name, ()) for name in names.inputs))


def _targets(columns: ColumnsByName, names: Names) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the columns that are targets by their names, each with the column of numbers that it names."""
    for name in names.targets:
        yield from ((target, ()) for target in columns.get(name, ()))
    for name, numbers in _NAMES_OF_NUMBERS.items():
        if numbers in names.targets:
            yield from ((target, tuple(columns.get(numbers, ()))) for target in columns.get(name, ()))


def _targets_of(
    columns: ColumnsByName, asked: Asked, *, of_any_input: bool = False
) -> list[tuple[str, tuple[str, ...]]]:
    """Return the targets that go with an input column that is named, or with any; each with what it accounts for."""
    named = {*asked.input_columns, *asked.template_columns}
    levelled = {level(name) for name in named}
    pairs = [
        pair for names in NAMES if of_any_input or levelled & set(names.inputs) for pair in _targets(columns, names)
    ]
    return [pair for pair in dict.fromkeys(pairs) if pair[0] not in named]


def _languages(columns: ColumnsByName) -> list[Pair]:
    named = [column for name in columns if name in _LANGUAGES or _is_translation(name) for column in columns[name]]
    return [((source,), target, ()) for source, target in itertools.permutations(named, 2)]


def _is_translation(name: str) -> bool:
    column, dot, key = name.rpartition(DOT)
    return bool(dot) and (key in _LANGUAGES or column in _TRANSLATIONS)


def _translations(sample: Sequence[Cells]) -> list[str]:
    """Return the names of texts that stand by languages in one object of every row."""
    names = [name for name in part_names(sample[0]) if _is_translation(level(name))]
    return names if len({name.rpartition(DOT)[0] for name in names}) == 1 and len(names) > 1 else []


def _match(
    columns: ColumnsByName, inputs: tuple[str, ...], targets: tuple[str, ...], also: tuple[str, ...], asked: Asked
) -> Match:
    """Return the match for these columns; without inputs, the template's."""
    read = {*inputs, *targets, *also, *asked.template_columns}
    others = [
        name for names in columns.values() for name in names if name not in read and not is_read_in_part(name, read)
    ]
    input_said = f"{_are(inputs)} the input" if inputs else "the template names the input"
    said = f"columns found by their names: {input_said}, {_are(targets)} the target"
    said += f"; not part of them: {few(others)}" if others else ""
    return Match(COLUMNS, inputs or (DEFAULT_COLUMN,), targets, also, said=said)


def _are(columns: tuple[str, ...]) -> str:
    quoted = [f"'{name}'" for name in columns]
    return f"{' and '.join(quoted)} {'are' if len(columns) > 1 else 'is'}"


def _holds_text(sample: Sequence[Cells], column: str) -> bool:
    """Return whether a column holds nothing but plain cells, and at least one."""
    cells = [plain_value(row[column]) for row in sample if not is_missing(row.get(column))]
    return bool(cells) and not any(shape_of(cell) for cell in cells)


def _holds_target(sample: Sequence[Cells], column: str, *, is_named: bool = False) -> bool:
    """Return whether a column holds what some task reads as a target: plain cells, lists of texts, objects.

    One that is named may be empty in the first rows.
    """
    cells = [plain_value(row[column]) for row in sample if not is_missing(row.get(column))]
    cells = [list_in_text(cell, with_scalars=False) if isinstance(cell, str) else cell for cell in cells]
    if any(isinstance(cell, Mapping) and "answer_start" in cell for cell in cells):
        return False
    is_there = any(column in row for row in sample) if is_named else bool(cells)
    return is_there and all(shape_of(cell) in ("", "a list of texts", "an object") for cell in cells)
