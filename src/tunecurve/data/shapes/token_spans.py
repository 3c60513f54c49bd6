"""Tokens and spans that count tokens, as SpERT and GLiNER write them: `{"tokens": [...], "entities": [{"start": 0, "end": 2, ...}]}`."""

from __future__ import annotations

from collections.abc import Sequence

from tunecurve.data.cells import plain_value
from tunecurve.data.shapes.annotated import Annotated, AnnotatedShape, list_cell
from tunecurve.data.shapes.base import Asked, Cells, Match, Met, NotReadError, unreadable
from tunecurve.data.shapes.spans import span_columns, span_items, spans_of, text_columns
from tunecurve.errors import DataError
from tunecurve.formats.offsets import Counting, RawSpan
from tunecurve.formats.tags import join_tokens

_TOKENS = "tokens"
_INCLUSIVE = "tokens inclusive"
# In GLiNER's files the end is the last token.
_GLINER = ("tokenized_text", "ner")

NO_TOKENS = unreadable("no tokens", "they have no tokens, or no list of spans", "leave these rows out, or label them")
OUTSIDE = unreadable(
    "spans outside the tokens",
    "spans reach beyond the tokens of their row",
    "mend them, or see data.shape_options.offsets in docs/data.md",
)


class TokenSpans(AnnotatedShape):
    """A column of tokens and a column of spans over them."""

    name = "token-spans"
    title = "tokens and spans over them"
    option_names = ("offsets", "tag_names", "joined_by", "target")

    def matches(self, sample: Sequence[Cells], asked: Asked) -> Sequence[Match]:
        """Return the match of tokens and spans where no text stands beside them.

        Raises
        ------
        DataError
            Where nothing shows whether ends are the last token or the one behind it.
        """
        pairs = [
            (tokens, spans)
            for spans in span_columns(sample)
            for tokens in dict.fromkeys(str(name) for cells in sample for name in cells)
            if tokens != spans
            and all(_tokens(cells, tokens) is not None for cells in sample)
            and asked.allows([tokens], [spans])
        ]
        pairs = [
            (tokens, spans) for tokens, spans in pairs if asked.input_columns or not list(text_columns(sample, spans))
        ]
        if not pairs or not self.fits_task(asked):
            return []
        return [
            Match(self.name, (tokens,), (spans,), options={"offsets": _counting(sample, tokens, spans, asked)})
            for tokens, spans in pairs
        ]

    def counting(self, asked: Asked) -> Counting:
        """Return that `annotation` counts characters."""
        return Counting()

    def annotation(self, cells: Cells, asked: Asked) -> Annotated:
        """Return the tokens joined, and the spans in characters."""
        tokens, items = _tokens(cells, asked.input_columns[0]), span_items(cells.get(asked.target_columns[0]))
        if not tokens or items is None:
            raise NotReadError(NO_TOKENS)
        raw, remarks = spans_of(items, asked)
        text, places = join_tokens(tokens, str(asked.options.get("joined_by", " ")))
        spans = []
        for span in raw:
            last = span.end - (asked.options.get("offsets") != _INCLUSIVE)
            if not 0 <= span.start <= last < len(tokens):
                raise NotReadError(OUTSIDE)
            spans.append(RawSpan(places[span.start][0], places[last][1], span.label))
        return Annotated(text, spans, tuple(remarks))

    def said(self, met: Met, asked: Asked) -> str:
        """Return how tokens became a text, and how spans count."""
        joined = {" ": "blanks", "": "nothing"}.get(asked.options.get("joined_by", " "), "what the study file says")
        end = "in the span" if asked.options.get("offsets") == _INCLUSIVE else "behind it"
        return f"tokens joined by {joined}, spans count tokens, the end {end}; {super().said(met, asked)}"


def _tokens(cells: Cells, column: str) -> list[str] | None:
    cell = list_cell(plain_value(cells.get(column)))
    return cell if isinstance(cell, list) and all(isinstance(item, str) for item in cell) else None


def _counting(sample: Sequence[Cells], tokens: str, spans: str, asked: Asked) -> str:
    """Return how ends count, as the study file or the rows say."""
    said = asked.options.get("offsets")
    if said in (_TOKENS, _INCLUSIVE):
        return str(said)
    if said is not None:
        raise DataError(
            f"data.shape_options: offsets is '{said}', expected '{_TOKENS}' or '{_INCLUSIVE}' for spans over tokens"
        )
    n_same = n_at_end = 0
    for cells in sample:
        for span in spans_of(span_items(cells.get(spans)) or [], asked)[0]:
            n_same += span.start == span.end
            n_at_end += span.end == len(_tokens(cells, tokens) or ())
    if bool(n_same) != bool(n_at_end):
        return _INCLUSIVE if n_same else _TOKENS
    if (tokens, spans) == _GLINER:
        return _INCLUSIVE
    raise DataError(
        f"nothing in the first {len(sample)} rows shows whether ends in '{spans}' are the last token of a span or the one behind it; say "
        f"in the study file (tunecurve init): data.shape_options: {{offsets: {_INCLUSIVE}}}, or {{offsets: {_TOKENS}}}"
    )
