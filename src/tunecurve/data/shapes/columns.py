"""Plain columns whose names say which is the input and which the target: ``text`` and ``label``, ``prompt`` and ``completion``, ..."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tunecurve.data.cells import is_missing, list_in_text, plain_value, shape_of
from tunecurve.data.inputs import DEFAULT_COLUMN, DEFAULT_TARGET
from tunecurve.data.shapes.base import AUTO, COLUMNS, Asked, Cells, Match, Shape

_CLASSES = (
    "label",
    "labels",
    "class",
    "category",
    "categories",
    "intent",
    "sentiment",
    "emotion",
    "emotions",
    "topic",
    "topics",
)
_ANSWERS = ("answer", "response", "completion", "output")
_MASKED = (
    "masked",
    "masked_text",
    "redacted",
    "redacted_text",
    "anonymized",
    "anonymized_text",
    "anonymised",
    "anonymised_text",
)

_TASKS_OF_MASKED = ("", "masking", "generation")
# Where several columns may be the target, a task that is named leaves those out that have the name of another one's.
_OTHER_TASKS = {
    **dict.fromkeys(_CLASSES, ("ner", "masking", "summarization", "extraction")),
    **dict.fromkeys(("summary", "highlights"), ("classification", "multilabel", "ner", "masking")),
    "entities": ("classification", "multilabel", "summarization", "generation", "masking"),
}

MOST_OTHERS_NAMED = 6


@dataclass(frozen=True)
class Names:
    """Names of columns that go together.

    Attributes
    ----------
    inputs : tuple of str
        All of them make the input.
    targets : tuple of str
        Any of them is the target.
    """

    inputs: tuple[str, ...]
    targets: tuple[str, ...]


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
        for name in ("content", "body", "message", "review", "tweet", "comment", "headline", "title", "post")
    ),
    Names(("premise", "hypothesis"), ("label", "labels")),
    Names(("sentence1", "sentence2"), ("label", "labels")),
    Names(("question1", "question2"), ("label", "is_duplicate")),
    *(Names((name, "question"), ("answer", "answers")) for name in ("context", "passage", "paragraph", "story")),
)
# A column of numbers, and one with their names beside it.
_NAMES_OF_NUMBERS = {"label_text": "label", "label_name": "label", "class_name": "class", "category_name": "category"}
# Columns that are named by languages: which is translated into which, they do not say.
_LANGUAGES = frozenset(
    (
        *(
            "ar",
            "bg",
            "bn",
            "cs",
            "da",
            "de",
            "el",
            "en",
            "es",
            "et",
            "fa",
            "fi",
            "fr",
            "he",
            "hi",
            "hr",
            "hu",
            "it",
            "ja",
            "ko",
        ),
        *(
            "lt",
            "lv",
            "nb",
            "nl",
            "nn",
            "pl",
            "pt",
            "ro",
            "ru",
            "sk",
            "sl",
            "sr",
            "sv",
            "sw",
            "ta",
            "th",
            "tr",
            "uk",
            "ur",
            "vi",
            "zh",
        ),
        *("english", "german", "french", "spanish", "italian", "portuguese", "dutch", "swedish", "danish", "norwegian"),
        *("finnish", "polish", "russian", "chinese", "japanese", "korean", "arabic", "turkish"),
    )
)


def level(name: str) -> str:
    """Return a column's name as `NAMES` has it: ``Source Text`` is ``source_text``."""
    return "_".join(name.strip().casefold().replace("-", " ").replace("_", " ").split())


class Columns(Shape):
    """Columns that are read as they are."""

    name = COLUMNS
    title = "plain columns"

    def matches(self, sample: Sequence[Cells], asked: Asked) -> Sequence[Match]:
        """Return a match for all columns that go together by their names, those that are named among them."""
        columns: dict[str, dict[str, None]] = {}
        for name in (str(column) for row in sample for column in row):
            columns.setdefault(level(name), {})[name] = None
        if asked.name != AUTO or _is_said(asked, columns):
            return []
        pairs = [*_pairs(columns), *_languages(columns)]
        if asked.template_columns:
            targets = dict.fromkeys(target for inputs, target, _ in pairs if set(inputs) & set(asked.template_columns))
            pairs = [((), target, ()) for target in targets if target not in asked.template_columns]
        found = [
            _match(
                inputs or (DEFAULT_COLUMN,),
                target,
                also,
                _others(columns, {*inputs, target, *also, *asked.template_columns}),
            )
            for inputs, target, also in pairs
            if (not inputs or asked.allows(inputs, (target,)))
            and all(_holds_text(sample, column) for column in inputs)
            and (level(target) not in _MASKED or asked.task in _TASKS_OF_MASKED)
            and _holds_target(sample, target)
        ]
        fitting = [match for match in found if asked.task not in _OTHER_TASKS.get(level(match.target_columns[0]), ())]
        found = fitting or found
        return list({(match.input_columns, match.target_columns): match for match in found}.values())


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
    found: list[Pair] = []
    for names in NAMES:
        for inputs in itertools.product(*(columns.get(name, ()) for name in names.inputs)):
            found += [(inputs, target, ()) for name in names.targets for target in columns.get(name, ())]
            for name, numbers in _NAMES_OF_NUMBERS.items():
                if numbers in names.targets:
                    found += [(inputs, target, tuple(columns.get(numbers, ()))) for target in columns.get(name, ())]
    return found


def _languages(columns: ColumnsByName) -> list[Pair]:
    named = [column for name in columns if name in _LANGUAGES for column in columns[name]]
    return [((source,), target, ()) for source, target in itertools.permutations(named, 2)]


def _others(columns: ColumnsByName, read: set[str]) -> list[str]:
    return [name for names in columns.values() for name in names if name not in read]


def _match(inputs: tuple[str, ...], target: str, also: tuple[str, ...], others: Sequence[str]) -> Match:
    names = " and ".join(f"'{name}'" for name in inputs)
    said = f"columns found by their names: {names} {'are' if len(inputs) > 1 else 'is'} the input, '{target}' is the target"
    more = ", ..." if len(others) > MOST_OTHERS_NAMED else ""
    said += f"; not part of them: {', '.join(others[:MOST_OTHERS_NAMED])}{more}" if others else ""
    return Match(COLUMNS, inputs, (target,), also, said=said)


def _holds_text(sample: Sequence[Cells], column: str) -> bool:
    """Return whether a column holds nothing but plain cells, and at least one."""
    cells = [plain_value(row[column]) for row in sample if not is_missing(row.get(column))]
    return bool(cells) and not any(shape_of(cell) for cell in cells)


def _holds_target(sample: Sequence[Cells], column: str) -> bool:
    """Return whether a column holds what some task reads as a target: plain cells, lists of texts, objects."""
    cells = [plain_value(row[column]) for row in sample if not is_missing(row.get(column))]
    cells = [list_in_text(cell, with_scalars=False) if isinstance(cell, str) else cell for cell in cells]
    if any(isinstance(cell, Mapping) and "answer_start" in cell for cell in cells):
        return False
    return bool(cells) and all(shape_of(cell) in ("", "a list of texts", "an object") for cell in cells)
