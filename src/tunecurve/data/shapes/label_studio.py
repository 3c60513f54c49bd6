"""Label Studio's JSON: tasks with `data`, `annotations` of one or several people, and predictions, which are no annotations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tunecurve.data.cells import plain_value
from tunecurve.data.shapes.annotated import NO_TEXT, Annotated, AnnotatedShape, list_cell
from tunecurve.data.shapes.base import Asked, Cells, Match, NotReadError, unreadable
from tunecurve.data.shapes.span_offsets import check_offsets
from tunecurve.data.shapes.spans import TEXT_COLUMNS, spans_of
from tunecurve.errors import DataError
from tunecurve.formats.offsets import locate

DATA = "data"
# Completions are what versions before 1.0 called annotations.
_LISTS = ("annotations", "completions")
_SPAN_TYPES = ("labels",)
_OTHER_TEXTS = {
    "hypertextlabels": "labels in HTML (hypertextlabels)",
    "paragraphlabels": "labels in dialogues (paragraphlabels)",
    "timeserieslabels": "labels in time series",
}
_COLUMNS_OF_THEIR_OWN = {
    "choices": ("choices", "classification, or multilabel where several are chosen"),
    "taxonomy": ("choices from a taxonomy", "classification, or multilabel where several are chosen"),
    "rating": ("ratings", "classification"),
    "number": ("numbers", "classification where these are few"),
    "textarea": ("texts that annotators wrote (textarea)", "generation or summarization"),
    "ranker": ("rankings", "generation, with the first of each as target"),
    "pairwise": ("comparisons of two texts (pairwise)", "generation, with the better text as target"),
}
_OF_IMAGES = (
    *("rectanglelabels", "polygonlabels", "brushlabels", "keypointlabels", "ellipselabels", "rectangle", "polygon"),
    "brush",
)

NOT_ANNOTATED = unreadable(
    "not annotated", "nobody has annotated them; predictions are no annotations", "annotate them, or leave them out"
)
SKIPPED = unreadable("skipped", "their annotators skipped them (was_cancelled)", "nothing to do, or annotate them")


class LabelStudio(AnnotatedShape):
    """Tasks as Label Studio exports them in JSON."""

    name = "label-studio"
    title = "spans with offsets of Label Studio"
    beside = (DATA, *_LISTS, "predictions", "cancelled_annotations")
    rules: Mapping[str, str] = {
        "several annotators": "tasks have annotations that differ: the one marked as ground truth is read, else the latest",
        "predictions": "tasks have predictions beside annotations, which are not read",
        "other results": "tasks have results that are no spans (choices, relations, texts), which are not read",
    }

    def matches(self, sample: Sequence[Cells], asked: Asked) -> Sequence[Match]:
        """Return a match for the text in `data` in which the spans stand.

        Raises
        ------
        DataError
            For tasks of images, HTML or dialogues, by their name.
        """
        key = next(
            (key for key in _LISTS if any(isinstance(list_cell(cells.get(key)), list) for cells in sample)), None
        )
        if key is None or not all(isinstance(plain_value(cells.get(DATA)), Mapping) for cells in sample):
            return []
        kinds = Counter(str(result.get("type")) for cells in sample for one in _all(cells) for result in _results(one))
        if not any(kinds[kind] for kind in _SPAN_TYPES):
            _refuse_other_kinds(kinds)
            return []
        texts = [
            name for name in self._texts(sample, asked) if not asked.input_columns or asked.input_columns == (name,)
        ]
        if not texts or (asked.target_columns and asked.target_columns != (key,)) or not self.fits_task(asked):
            return []
        found = [Match(self.name, (text,), (key,), (DATA,)) for text in texts]
        for match in found:
            check_offsets(
                self, sample, Asked(asked.task, match.input_columns, match.target_columns, options=asked.options)
            )
        return found

    def annotation(self, cells: Cells, asked: Asked) -> Annotated:
        """Return the text of a task, and the spans of the annotation that counts."""
        data = plain_value(cells.get(DATA))
        text = plain_value(data.get(asked.input_columns[0])) if isinstance(data, Mapping) else None
        if not isinstance(text, str) or not text.strip():
            raise NotReadError(NO_TEXT)
        given = _all(cells)
        whole = [one for one in given if not one.get("was_cancelled")]
        if not whole:
            raise NotReadError(SKIPPED if given or cells.get("cancelled_annotations") else NOT_ANNOTATED)
        chosen = _chosen(whole)
        results = _results(chosen)
        items = [result for result in results if result.get("type") in _SPAN_TYPES]
        spans, remarks = spans_of(items, asked)
        if len({_written(one) for one in whole}) > 1:
            remarks.append(("several annotators", ""))
        if len(items) < len(results):
            remarks.append(("other results", ""))
        if list_cell(cells.get("predictions")):
            remarks.append(("predictions", ""))
        return Annotated(text, spans, tuple(remarks))

    def _texts(self, sample: Sequence[Cells], asked: Asked) -> list[str]:
        """Return the names in `data` of texts in which the spans stand; the usual name goes before others."""
        names = dict.fromkeys(str(name) for cells in sample for name in plain_value(cells[DATA]))
        fitting = [name for name in names if self._fits(name, sample, asked)]
        usual = [name for name in TEXT_COLUMNS if name in fitting]
        return usual[:1] or fitting

    def _fits(self, name: str, sample: Sequence[Cells], asked: Asked) -> bool:
        with_name = Asked(asked.task, (name,), options=asked.options)
        n_read = n_fitting = 0
        for cells in sample:
            try:
                one = self.annotation(cells, with_name)
            except NotReadError:
                continue
            n_read += 1
            n_fitting += not locate(one.text, one.spans).problem
        return n_read > 0 and 2 * n_fitting >= n_read


def _all(cells: Cells) -> list[Mapping[str, Any]]:
    """Return the annotations of a task."""
    lists = (list_cell(cells.get(key)) for key in _LISTS)
    found = next((items for items in lists if isinstance(items, list)), [])
    return [one for one in found if isinstance(one, Mapping)]


def _results(annotation: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    results = list_cell(annotation.get("result"))
    return [one for one in results if isinstance(one, Mapping)] if isinstance(results, list) else []


def _chosen(annotations: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the annotation that is marked as ground truth, else the latest; of those without a date, the last."""
    marked = [one for one in annotations if one.get("ground_truth")] or list(annotations)
    dates = [str(one.get("updated_at") or one.get("created_at") or "") for one in marked]
    return max(zip(dates, range(len(marked)), marked, strict=True), key=lambda item: item[:2])[2]


def _written(annotation: Mapping[str, Any]) -> str:
    """Return the spans of an annotation, for comparison with another person's."""
    values = [result.get("value") for result in _results(annotation) if result.get("type") in _SPAN_TYPES]
    plain = [
        (value.get("start"), value.get("end"), value.get("labels")) for value in values if isinstance(value, Mapping)
    ]
    return str(sorted(plain, key=str))


def _refuse_other_kinds(kinds: Mapping[str, int]) -> None:
    """Refuse tasks whose results are no spans of plain text, by their name."""
    for kind, what in _OTHER_TEXTS.items():
        if kinds.get(kind):
            raise DataError(
                f"these are Label Studio tasks with {what}, which are not read; expected spans of plain text (type 'labels')"
            )
    images = [kind for kind in _OF_IMAGES if kinds.get(kind)]
    if images:
        raise DataError(
            f"these are Label Studio tasks about images ({', '.join(images)}), which are not read; expected labelled texts"
        )
    for kind, (what, task) in _COLUMNS_OF_THEIR_OWN.items():
        if kinds.get(kind):
            raise DataError(
                f"these are Label Studio tasks with {what}; export them as CSV or JSON-MIN: what was said is then a column of its own, "
                f"for --task {task}"
            )
