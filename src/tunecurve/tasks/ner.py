"""Named entities: the target lists ``type: surface`` pairs that stand in the input."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from tunecurve.data.cells import TargetRule
from tunecurve.data.labels import untidy_labels
from tunecurve.data.rows import Row
from tunecurve.errors import DataError
from tunecurve.findings import Finding
from tunecurve.formats.entities import NO_ENTITY, parse_entities
from tunecurve.formats.folding import compose
from tunecurve.formats.spans import EntityFormat
from tunecurve.tasks.base import LANGUAGE_MODEL, Pairs, Task
from tunecurve.tasks.floors import Nothing

SHARE_OF_LISTS = 0.8
_ENTITY_LIST = re.compile(r"^\s*(none|[\w\- ]{1,30}:\s*\S.*)\s*$", re.IGNORECASE | re.DOTALL)


class Ner(Task):
    """Entities of the text, in its order, with their types."""

    name = "ner"
    description = "a list of 'type: entity', or 'none'"
    order = 20
    instruction = (
        "List the named entities of the text in their order, each as 'type: entity', separated by '; '. Answer 'none' "
        "when there is none. Types: {labels}."
    )
    models = (LANGUAGE_MODEL, "tagger")
    answer = "entities"
    metrics = ("entity_f1", "entity_f1_partial", "entity_precision", "entity_recall", "type_recall")
    second_metric = "entity_f1_partial"
    recall_metric = "type_recall"
    nothing_right = "entity_recall"
    floor = Nothing()
    needs_labels = True
    label_in_words = "'type: entity'"
    targets = TargetRule("entities", empty_is=NO_ENTITY)

    def recognise(self, pairs: Pairs) -> str:
        """Recognise lists of words of the input, each with a type."""
        n_lists = sum(_is_entity_list(source, target) for source, target in pairs)
        if n_lists < SHARE_OF_LISTS * len(pairs) or not any(":" in target for _, target in pairs):
            return ""
        return f"{n_lists} of {len(pairs)} targets are 'none' or lists of 'type: words of the input'"

    def labels_of(self, target: str, source: str = "") -> list[str]:
        """Return the types of the entities."""
        return [kind for kind, _ in parse_entities(target) if kind]

    def check_labels(self, labels: Sequence[str], pairs: Pairs, suggested: tuple[str, str]) -> None:
        """Refuse rows without any entity."""
        if not labels and all(target == NO_ENTITY for _, target in pairs):
            raise DataError(
                f"all {len(pairs)} training targets are empty or '{NO_ENTITY}': there is no entity to learn; check "
                "--target-column, or label entities as 'type: entity'"
            )
        super().check_labels(labels, pairs, suggested)

    def format_findings(self, test: Sequence[Row], pool: Sequence[Row]) -> list[Finding]:
        """Count the targets that a tagger cannot write."""
        odd = sum(EntityFormat().derive(row.source, row.target) is None for row in test)
        text = f"{odd} of {len(test)} test targets are not lists of words that stand in the input; a tagger cannot give them"
        return [Finding("underivable-targets", text)] if odd else []

    def label_findings(self, test: Sequence[Row], pool: Sequence[Row]) -> list[Finding]:
        """Return types that are probably one."""
        counts = Counter(label for row in [*test, *pool] for label in self.labels_of(row.target))
        return untidy_labels(counts, lambda label: compose(label).casefold())


def _is_entity_list(source: str, target: str) -> bool:
    if not _ENTITY_LIST.match(target):
        return False
    return all(kind and surface in source for kind, surface in parse_entities(target))


TASK = Ner()
