"""What a kind of task is: one object that knows everything that differs from kind to kind.

Studies, learners and reports ask the object and compare no names. A task of one's own derives from `Task`, or from the kind
that is nearest to it, and overrides what differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

from tunecurve.data.cells import TargetRule, is_json_text
from tunecurve.data.labels import MOST_LABELS
from tunecurve.data.rows import Row
from tunecurve.errors import DataError
from tunecurve.findings import Finding
from tunecurve.formats.answer_shapes import AnswerShape
from tunecurve.formats.placeholders import CLASSIC, PlaceholderForm
from tunecurve.tasks.floors import Floor
from tunecurve.tasks.told import Told

LANGUAGE_MODEL = "smollm2-135m-instruct"
# From this share of targets that are JSON on, they are meant to be.
MOST_JSON = 0.5

Pairs = Sequence[tuple[str, str]]
AnswerKind = Literal["text", "class", "labels", "mask", "entities", "object"]


class Task:
    """One kind of task, as it is where nothing else is said: any text as target, no labels.

    Attributes
    ----------
    name : str
        As in the study file.
    description : str
        What its targets are, in a few words.
    order : int
        Place among the kinds when data are recognised: what is recognised by more comes first.
    instruction : str
        The system message; ``{labels}`` stands for the label list.
    models : tuple of str
        Models that are measured when a study names none.
    answer : {"text", "class", "labels", "mask", "entities", "object"}
        What an answer is made of. It decides which learners can give one that are no language models, or held to it: a
        class, a set of labels, spans that are replaced, spans that are listed, an object of known shape.
    metrics : tuple of str
        Names of its metrics, the headline metric first.
    second_metric : str
        The metric drawn under the headline metric: the side of the task that it can hide.
    recall_metric : str
        The metric that says which label is missed, a `RecallByLabel`; empty without labels.
    nothing_right : str
        The metric by which a copied input must have nothing right; empty where it may.
    leak_metric : str
        The metric by which a copied input must leak; empty where nothing can.
    floor : Floor
        What doing nothing means.
    floor_remedy : str
        What else helps a learner that does not get above the floor.
    group_by : {"target", "input"}
        The text whose skeleton groups rows where no column does.
    needs_labels : bool
        Whether the targets must show a label set.
    label_in_words : str
        What a label looks like in a target, for messages.
    is_closed : bool
        Whether labels are a closed set, which is not large.
    labels_in_words, closed_set_remedy : str
        What a set that is too large is made of, and what else helps; for messages.
    targets : TargetRule
        What a list and an empty cell mean as a target.
    max_extra_tokens : int, optional
        Tokens that answers may have beside their share of the input, where a study does not say.
    decision : str
        Name of what is decided once from the rows and frozen with them; empty where nothing is.
    form : PlaceholderForm
        How targets write placeholders.
    """

    name = ""
    description = ""
    order = 100
    instruction = "Answer with the output for the input, and nothing else."
    models: tuple[str, ...] = (LANGUAGE_MODEL,)
    answer: AnswerKind = "text"
    metrics: tuple[str, ...] = ("bleu", "chrf", "exact_match")
    second_metric = "exact_match"
    recall_metric = ""
    nothing_right = ""
    leak_metric = ""
    floor = Floor()
    floor_remedy = ""
    group_by: Literal["target", "input"] = "input"
    needs_labels = False
    label_in_words = "label"
    is_closed = False
    labels_in_words = "labels"
    closed_set_remedy = ""
    targets = TargetRule("references")
    max_extra_tokens: int | None = None
    decision = ""
    form: PlaceholderForm = CLASSIC

    @property
    def system(self) -> str:
        """The instruction for targets as they are written in these rows."""
        return self.instruction

    # What is read from the rows

    def recognise(self, pairs: Pairs) -> str:
        """Return why (input, target) pairs look like this kind of task, in a few words; empty where they do not."""
        return ""

    def recognise_told(self, pairs: Pairs, told: Told) -> str:
        """Return the same where a study tells of its rows, too; `told` may show what pairs alone do not, or speak against them."""
        return self.recognise(pairs)

    def recognise_at_last(self, pairs: Pairs) -> str:
        """Return why pairs that look like nothing else may be this kind of task; empty where they may not."""
        return ""

    def arranged(self, rows: list[Row], separator: str | None) -> tuple[list[Row], list[Finding]]:
        """Return the rows with their targets written alike, and how they were read.

        Parameters
        ----------
        rows : list of Row
            As they were read, of all sides.
        separator : str, optional
            What stands between labels, where the study file says so.
        """
        return rows, []

    def decide(self, pairs: Pairs, written: Sequence[str] | None, labels: Sequence[str]) -> Any:
        """Return what is decided once from the rows (JSON-able): how their targets are written.

        Parameters
        ----------
        pairs : sequence of (str, str)
            All inputs and targets.
        written : sequence of str, optional
            How placeholders are written, as the study file says.
        labels : sequence of str
            The label list of the study file; empty without one.
        """
        return None

    def as_decided(self, decided: Any) -> Self:
        """Return the task for rows whose targets are written as `decide` has found."""
        return self

    def labels_of(self, target: str, source: str = "") -> list[str]:
        """Return the labels that stand in a target; of the input, what it has of them itself is text."""
        return []

    def find_labels(self, pairs: Pairs) -> tuple[str, ...]:
        """Return the label set that (input, target) pairs show, sorted."""
        return tuple(sorted({label for source, target in pairs for label in self.labels_of(target, source)}))

    def answer_shape(self, pairs: Pairs, labels: Sequence[str]) -> AnswerShape | None:
        """Return what answers may be as these training rows show it; without rows, as the label list does."""
        return None

    def class_of(self, target: str) -> str:
        """Return the class that a target is; empty where targets are no classes."""
        return ""

    def are_numbered(self, pairs: Pairs) -> bool:
        """Return whether a label in the targets carries a number."""
        return False

    def grouped(self, rows: list[Row]) -> list[Row]:
        """Return the rows, grouped as targets that are written as decided show it."""
        return rows

    # What is wrong with the rows, or odd

    def check_rows(self, test: Sequence[Row], pool: Sequence[Row], *, are_first_rows: bool) -> None:
        """Refuse rows that are no such task, with a DataError.

        Parameters
        ----------
        test, pool : sequence of Row
            The two sides.
        are_first_rows : bool
            Whether they are the first rows of a longer file.
        """

    def check_labels(self, labels: Sequence[str], pairs: Pairs, suggested: tuple[str, str]) -> None:
        """Refuse labels that make no such task, with a DataError.

        Parameters
        ----------
        labels : sequence of str
            Those of the study.
        pairs : sequence of (str, str)
            Inputs and targets to train on.
        suggested : (str, str)
            The kind of task that they look like, and why.
        """
        name, why = suggested
        if self.needs_labels and not labels:
            raise DataError(
                f"no {self.label_in_words} in any training target, so this is no {self.name} task; this looks like --task {name} "
                f"({why}); or check --target-column"
            )
        if self.is_closed and len(labels) > MOST_LABELS:
            raise DataError(
                f"{len(labels)} different {self.labels_in_words}, so this is not a {self.name} task (at most {MOST_LABELS}); this looks "
                f"like --task {name} ({why}); or {self.closed_set_remedy}check --target-column"
            )

    def format_findings(self, test: Sequence[Row], pool: Sequence[Row]) -> list[Finding]:
        """Return how targets were understood, and which of them the task's format cannot write."""
        return []

    def label_findings(self, test: Sequence[Row], pool: Sequence[Row]) -> list[Finding]:
        """Return what is odd about the labels; without labels, about targets that an exact match compares by characters."""
        rows = [*test, *pool]
        n_json = sum(is_json_text(row.target) for row in rows)
        if n_json < MOST_JSON * len(rows):
            return []
        text = f"{n_json} of {len(rows)} targets are JSON text: exact match compares characters, so that blanks and the order of keys count"
        return [Finding("json-targets", text, "write all with the same json.dumps(..., sort_keys=True)", is_note=True)]
