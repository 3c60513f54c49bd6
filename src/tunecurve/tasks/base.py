"""The kinds of task, and what each brings along: instruction, floor, models, how its rows are grouped.

A study names its kind; every setting can still be overridden. Metrics by task stand in `metrics.catalogue`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from tunecurve.data.cells import TargetRule
from tunecurve.formats.alignment import align_exactly, placeholders
from tunecurve.formats.entities import NO_ENTITY, parse_entities
from tunecurve.formats.placeholder_discovery import find_form
from tunecurve.formats.placeholders import CLASSIC, PlaceholderForm
from tunecurve.prompts import MASKING_SYSTEM

TaskName = Literal["masking", "classification", "ner", "summarization", "generation"]
FloorRule = Literal["copy", "majority", "none", "first sentence"]
TASK_NAMES: tuple[str, ...] = get_args(TaskName)

# A closed set is small against the data, and its names are short.
MAX_CLASSES = 300
MAX_CLASS_LENGTH = 60
_ENTITY_LIST = re.compile(r"^\s*(none|[\w\- ]{1,30}:\s*\S.*)\s*$", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Task:
    """One kind of task.

    Attributes
    ----------
    name : str
        As in the study file.
    instruction : str
        The system message; ``{labels}`` stands for the label list.
    models : tuple of str
        Models that are measured when a study names none.
    floor : {"copy", "majority", "none", "first sentence"}
        What doing nothing means.
    floor_title : str
        The same in words, for charts and tables.
    group_by : {"target", "input"}
        The text whose skeleton groups rows where no column does.
    needs_labels : bool
        Whether the targets must show a label set.
    targets : TargetRule
        What a list and an empty cell mean as a target.
    """

    name: str
    instruction: str
    models: tuple[str, ...]
    floor: FloorRule
    floor_title: str
    group_by: Literal["target", "input"] = "input"
    needs_labels: bool = True
    targets: TargetRule = field(default_factory=TargetRule)


_LANGUAGE_MODEL = "smollm2-135m-instruct"
TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task(
            "masking",
            MASKING_SYSTEM,
            (_LANGUAGE_MODEL, "tagger"),
            "copy",
            "copying the input",
            group_by="target",
        ),
        Task(
            "classification",
            "Which class does the text belong to? Answer with exactly one of these classes, and nothing else: {labels}.",
            ("classifier", "tfidf"),
            "majority",
            "most frequent class",
            targets=TargetRule("classes"),
        ),
        Task(
            "ner",
            "List the named entities of the text in their order, each as 'type: entity', separated by '; '. Answer 'none' "
            "when there is none. Types: {labels}.",
            (_LANGUAGE_MODEL, "tagger"),
            "none",
            "always 'none'",
            targets=TargetRule("entities", empty_is=NO_ENTITY),
        ),
        Task(
            "summarization",
            "Summarize the text in one sentence. Answer with the summary only.",
            (_LANGUAGE_MODEL,),
            "first sentence",
            "first sentence",
            needs_labels=False,
            targets=TargetRule("references"),
        ),
        Task(
            "generation",
            "Answer with the output for the input, and nothing else.",
            (_LANGUAGE_MODEL,),
            "copy",
            "copying the input",
            needs_labels=False,
            targets=TargetRule("references"),
        ),
    )
}


def labels_of(task: str, target: str, form: PlaceholderForm = CLASSIC, source: str = "") -> list[str]:
    """Return the labels that stand in a target: placeholders, the class, or the types of its entities.

    Parameters
    ----------
    task, target : str
        The kind of task, and the text that should come out.
    form : PlaceholderForm, default `[LABEL]`
        How placeholders are written.
    source : str, optional
        The input: what it has of placeholders itself is text.
    """
    if task == "masking":
        return placeholders(target, form, source)
    if task == "classification":
        return [target.strip()]
    if task == "ner":
        return [kind for kind, _ in parse_entities(target) if kind]
    return []


def find_labels(task: str, pairs: Sequence[tuple[str, str]], form: PlaceholderForm = CLASSIC) -> tuple[str, ...]:
    """Return the label set of a task as its (input, target) pairs show it, sorted."""
    return tuple(sorted({label for source, target in pairs for label in labels_of(task, target, form, source)}))


def suggest_task(pairs: Sequence[tuple[str, str]], form: PlaceholderForm | None = None) -> tuple[str, str]:
    """Return the kind of task that (input, target) pairs look like, and why, in a sentence.

    Parameters
    ----------
    pairs : sequence of (str, str)
        Inputs and targets; a few hundred are enough. At least one.
    form : PlaceholderForm, optional
        How placeholders would be written; default: as the pairs show it.
    """
    n_pairs = len(pairs)
    form = form or find_form(pairs)
    n_masked = sum(
        bool(placeholders(target, form, source)) and align_exactly(source, target, form) is not None
        for source, target in pairs
    )
    # A row of which nothing is masked looks like any task.
    n_changed = sum(source.strip() != target.strip() for source, target in pairs)
    if n_masked >= 0.3 * n_changed and n_masked:
        return "masking", f"{n_masked} of {n_pairs} targets are the input with {form.example}s in it"
    n_lists = sum(_is_entity_list(source, target) for source, target in pairs)
    if n_lists >= 0.8 * n_pairs and any(":" in target for _, target in pairs):
        return "ner", f"{n_lists} of {n_pairs} targets are 'none' or lists of 'type: words of the input'"
    classes = Counter(target.strip() for _, target in pairs)
    if len(classes) <= min(MAX_CLASSES, max(2, n_pairs // 3)) and max(map(len, classes)) <= MAX_CLASS_LENGTH:
        return "classification", f"{n_pairs} targets are only {len(classes)} different short texts"
    n_short = sum(len(source) >= 200 and len(target) <= 0.4 * len(source) for source, target in pairs)
    if n_short >= 0.7 * n_pairs:
        return "summarization", f"{n_short} of {n_pairs} targets are much shorter than their long inputs"
    return "generation", "targets are neither masked inputs nor classes, entities or summaries"


def _is_entity_list(source: str, target: str) -> bool:
    if not _ENTITY_LIST.match(target):
        return False
    return all(kind and surface in source for kind, surface in parse_entities(target))
