"""Tokens and their tags: token classification of Hugging Face, CoNLL files, a text and its tags with blanks between them.

The text is the row's own where it has one in which the tokens stand; else the tokens joined by a blank, or as `joined_by` says. How a text
was written before it was cut into tokens (`don't`, `.` behind its word, scripts without blanks) is not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tunecurve.data.cells import is_missing, plain_value
from tunecurve.data.shapes.annotated import (
    AnnotatedShape,
    list_cell,
    tag_names,
    target_kind,
    written_target,
)
from tunecurve.data.shapes.base import Asked, Cells, Match, Met, Plain, unreadable
from tunecurve.data.shapes.spans import TEXT_COLUMNS, span_columns, text_columns
from tunecurve.errors import DataError
from tunecurve.findings import Finding
from tunecurve.formats.segmentation import count_letters
from tunecurve.formats.spans import LabelledSpan
from tunecurve.formats.tags import (
    CHUNK_LABELS,
    are_pieces,
    entities_of_tags,
    find_tokens,
    have_prefixes,
    have_suffixes,
    is_outside,
    is_prefixed,
    join_tokens,
)

_TAG_NAMES = re.compile(r"tag|label|ner|entit|bio|iob", re.IGNORECASE)
_DOCUMENT, _DOCUMENT_NAME = "document", re.compile(r"document \d+")
_ONE_TOKEN = re.compile(r"words?|tokens?", re.IGNORECASE)
_ONE_TAG = re.compile(r"(?:ner[_ ]?|bio[_ ]?|iob[_ ]?)?(?:tags?|labels?)|ner", re.IGNORECASE)
MIN_ROWS_OF_TOKENS = 5
_BETWEEN_TAGS = re.compile(r"[\s,]+")
SHARE_WITHOUT_BLANKS = 0.5

NO_TOKENS = unreadable("no tokens", "they have no tokens, or no tags", "leave these rows out, or tag them")


@dataclass(frozen=True)
class _Columns:
    """Columns of a reading: tokens (or their text), tags, and whether tags have prefixes."""

    tokens: str
    tags: str
    scheme: str


class TokensAndTags(AnnotatedShape):
    """A column of tokens and a column of tags, one for each."""

    name = "tokens-and-tags"
    title = "tokens and tags"
    option_names: tuple[str, ...] = ("tag_names", "joined_by", "scheme", "tokens", "target")
    beside: tuple[str, ...] = (*TEXT_COLUMNS, _DOCUMENT)

    def matches(self, sample: Sequence[Cells], asked: Asked) -> Sequence[Match]:
        """Return a match for every column of tags that may be meant."""
        has_spans = any(True for column in span_columns(sample) for _ in text_columns(sample, column))
        if has_spans and not asked.target_columns:
            return []
        _refuse_single_tokens(sample)
        found = [
            one for one in self._columns(sample, asked) if asked.allows([one.tokens, *_own_texts(sample)], [one.tags])
        ]
        if not found or not self.fits_task(asked):
            return []
        documents = [plain_value(cells.get(_DOCUMENT)) for cells in sample]
        group = _DOCUMENT if all(isinstance(one, str) and _DOCUMENT_NAME.fullmatch(one) for one in documents) else None
        return [
            Match(
                self.name,
                (one.tokens,),
                (one.tags,),
                options={"scheme": one.scheme, "tokens": one.tokens},
                group_column=group,
            )
            for one in found
        ]

    def _columns(self, sample: Sequence[Cells], asked: Asked) -> list[_Columns]:
        names = dict.fromkeys(str(column) for cells in sample for column in cells)
        named = asked.target_columns
        found: list[_Columns] = []
        for tags in [name for name in names if not named or name in named]:
            tokens = next((name for name in names if name != tags and _fit(sample, name, tags)), None)
            scheme = tokens and self._scheme(sample, tags, asked)
            if not tokens or not scheme:
                continue
            if are_pieces([token for cells in sample for token in _tokens_in(cells.get(tokens))]):
                if named:
                    raise DataError(
                        f"the tokens of column '{tokens}' are pieces of a model's vocabulary (##ing): joined, they are no text; name "
                        "a column of whole words with --input-column, or take the text and its spans"
                    )
                continue
            if named or not any(_are_alike(sample, one.tags, tags) for one in found):
                found.append(_Columns(tokens, tags, scheme))
        return found if len(found) < 2 else _without_chunks(found, sample)

    def _scheme(self, sample: Sequence[Cells], column: str, asked: Asked) -> str:
        """Return how the tags of a column are written; empty where they are no tags."""
        is_named, known = column in asked.target_columns, tag_names(asked)
        values = [tag for cells in sample for tag in _tags_in(cells.get(column))]
        if any(isinstance(value, int) for value in values):
            if not (is_named or _TAG_NAMES.search(column)):
                return ""
            values = [_named(value, known, column) for value in values]
        try:
            if have_prefixes(map(str, filter(None, values))):
                has_labels = any(not is_outside(value) for value in values)
                are_lists = any(isinstance(list_cell(cells.get(column)), list) for cells in sample)
                return "prefixes" if has_labels or (are_lists and (is_named or _TAG_NAMES.search(column))) else ""
        except ValueError as error:
            raise DataError(
                f"the tags of column '{column}' are written in two ways: {error}; write all in one way"
            ) from None
        if have_suffixes(map(str, filter(None, values))):
            raise DataError(
                f"the tags of column '{column}' have the label first (such as PER-B); write the place in the entity first: B-PER"
            )
        are_labels = _TAG_NAMES.search(column) is not None and any(is_outside(value) for value in values)
        return "labels" if is_named or are_labels else ""

    def read(self, cells: Cells, asked: Asked) -> Plain:
        """Return the text, and the masked text or the list of entities."""
        column = asked.target_columns[0]
        tokens = _tokens_in(cells.get(asked.options.get("tokens", asked.input_columns[0])))
        tags = [_named(tag, tag_names(asked), column) for tag in _tags_in(cells.get(column))]
        if not tokens or not tags:
            return Plain(NO_TOKENS, NO_TOKENS)
        if len(tokens) != len(tags):
            raise DataError(
                f"{len(tokens)} tokens and {len(tags)} tags ('{' '.join(tokens)[:40]}'); expected one tag for each token: mend or leave "
                "out this row"
            )
        try:
            found = entities_of_tags(tags, prefixed=asked.options.get("scheme") != "labels")
        except ValueError as error:
            raise DataError(f"tag {error}, and the tags of the first rows have; write all in one way") from None
        text, places, remarks = _text_of(cells, tokens, asked)
        spans = [LabelledSpan(places[span.first][0], places[span.behind - 1][1], span.label) for span in found.spans]
        counts = {"begun inside": found.n_begun_inside, "begun": found.n_begun, "ended": found.n_ended}
        counts |= {"not ended": found.n_not_ended, "nothing": not spans}
        remarks += [(kind, "") for kind, count in counts.items() for _ in range(count)]
        remarks += [("label", span.label) for span in spans]
        remarks += [("no tag", "") for tag in _tags_in(cells.get(column)) if isinstance(tag, int) and tag < 0]
        return Plain(text, written_target(text, spans, asked), tuple(remarks))

    def said(self, met: Met, asked: Asked) -> str:
        """Return how tokens became a text, and tags a target."""
        separator = asked.options.get("joined_by", " ")
        joined = {" ": "blanks", "": "nothing"}.get(separator, repr(separator))
        parts = [
            f"tokens joined by {joined} are the input"
            if met.counts["joined"]
            else "the text of the tokens is the input"
        ]
        if met.counts["joined"] and met.counts["own text"]:
            parts = [
                f"the text of the tokens is the input, in {met.counts['joined']} rows the tokens joined by {joined}"
            ]
        is_mask = target_kind(asked) == "masking"
        parts.append(
            f"the tags of '{asked.target_columns[0]}' give "
            + ("[LABEL]s in their place" if is_mask else "the list of entities")
        )
        if met.counts["nothing"]:
            parts.append(
                f"{met.counts['nothing']} rows have no entity: their target is {'the text itself' if is_mask else repr('none')}"
            )
        return "; ".join(parts)

    def findings(self, met: Met, asked: Asked) -> list[Finding]:
        """Return what was mended, and what joining says nothing about."""
        found = super().findings(met, asked)
        if met.counts["begun inside"] and not met.counts["begun"]:
            text = "tags are IOB1: B- only parts two neighbours of one label, and I- begins all other entities"
            found.append(Finding("tags-iob1", text, is_note=True))
        elif met.counts["begun inside"]:
            text = f"{met.counts['begun inside']} entities begin with I-, E-, L- or M-; each is read as if it began with B-"
            found.append(Finding("tags-mended", text, "", tuple(met.places["begun inside"]), is_note=True))
        if met.counts["ended"] and met.counts["not ended"]:
            text = f"{met.counts['not ended']} entities have no end (E-, L-), and end before the next one"
            found.append(Finding("tags-not-ended", text, "", tuple(met.places["not ended"]), is_note=True))
        if met.counts["no tag"]:
            text = f"{met.counts['no tag']} tokens have no tag (a negative number, such as -100), and are read as part of no entity"
            remedy = "tag them where they are words: what belongs to an entity would stay unlabelled"
            found.append(Finding("tokens-without-tag", text, remedy, tuple(met.places["no tag"])))
        if met.counts["without blanks"]:
            text = f"{met.counts['without blanks']} texts are in a script without blanks, and their tokens are joined by blanks still"
            remedy = "for texts as they are written, say in the study file (tunecurve init): data.shape_options: {joined_by: ''}"
            found.append(Finding("tokens-without-blanks", text, remedy, tuple(met.places["without blanks"])))
        return found


def _refuse_single_tokens(sample: Sequence[Cells]) -> None:
    """Refuse rows that are single tokens, each with its tag: which of them make a text is in no row.

    Raises
    ------
    DataError
        With the way to a file whose rows are sentences.
    """
    names = [str(name) for name in sample[0]]
    token, tag = ([name for name in names if pattern.fullmatch(name)] for pattern in (_ONE_TOKEN, _ONE_TAG))
    if not token or not tag or len(sample) < MIN_ROWS_OF_TOKENS:
        return
    words, tags = ([str(cells.get(name) or "") for cells in sample] for name in (token[0], tag[0]))
    has_tags = all(is_outside(one) or is_prefixed(one) for one in tags) and any(map(is_prefixed, tags))
    if has_tags and all(len(word.split()) < 2 for word in words):
        raise DataError(
            f"rows are single tokens (column '{token[0]}') with their tags ('{tag[0]}'), not texts; write a CoNLL file, a token and its "
            "tag in each line and a blank line behind each sentence: docs/data.md has the lines of Python"
        )


def _fit(sample: Sequence[Cells], tokens: str, tags: str) -> bool:
    """Return whether two columns hold as many tokens as tags in most rows."""
    n_both = n_fitting = 0
    for cells in sample:
        words, marks = _tokens_in(cells.get(tokens)), _tags_in(cells.get(tags))
        if (
            not words
            or not marks
            or (isinstance(plain_value(cells[tags]), list) != isinstance(plain_value(cells[tokens]), list))
        ):
            continue
        n_both, n_fitting = n_both + 1, n_fitting + (len(words) == len(marks))
    all_words = [word for cells in sample[:50] for word in _tokens_in(cells.get(tokens))]
    are_words = not any(map(is_prefixed, all_words)) and 2 * sum(" " in word.strip() for word in all_words) <= len(
        all_words
    )
    return are_words and 2 * n_both > len(sample) and 2 * n_fitting > n_both


def _tokens_in(cell: Any) -> list[str]:
    """Return the tokens of a list, or the words of a text; none where the cell is something else."""
    cell = list_cell(cell)
    if isinstance(cell, str):
        return cell.split()
    if isinstance(cell, list) and all(isinstance(item, str) for item in cell):
        return cell
    return []


def _tags_in(cell: Any) -> list[Any]:
    """Return the tags of a list, names or numbers, or those that a text lists; none where the cell is something else."""
    cell = list_cell(cell)
    if isinstance(cell, str):
        parts = _BETWEEN_TAGS.split(cell.strip())
        return parts if all(is_outside(part) or is_prefixed(part) for part in parts) else []
    if isinstance(cell, list):
        items = [None if is_missing(item) else item for item in cell]
        if all(item is None or (isinstance(item, str | int) and not isinstance(item, bool)) for item in items):
            return items
    return []


def _named(tag: Any, names: Sequence[str], column: str) -> str | None:
    """Return a tag's name; a negative number, as -100, stands for no tag."""
    if not isinstance(tag, int):
        return None if tag is None else str(tag)
    if tag < 0:
        return None
    if tag >= len(names):
        raise DataError(
            f"the tags of column '{column}' are numbers ({tag}) without names: numbers are no labels; say in the study file "
            "what they stand for, from 0 on: data.shape_options: {tag_names: [O, B-PER, I-PER]}"
        )
    return names[tag]


def _without_chunks(found: Sequence[_Columns], sample: Sequence[Cells]) -> list[_Columns]:
    """Return the columns of tags without those of phrases, which stand beside those of entities in CoNLL data."""

    def is_chunks(column: str) -> bool:
        labels = {
            tag[2:]
            for cells in sample
            for tag in _tags_in(cells.get(column))
            if isinstance(tag, str) and is_prefixed(tag)
        }
        return bool(labels) and labels <= CHUNK_LABELS

    return [one for one in found if not is_chunks(one.tags)] or list(found)


def _are_alike(sample: Sequence[Cells], column: str, other: str) -> bool:
    """Return whether two columns hold the same, as one that is named by its number in a CoNLL file, too."""
    return all(plain_value(cells.get(column)) == plain_value(cells.get(other)) for cells in sample)


def _own_texts(sample: Sequence[Cells]) -> Iterator[str]:
    """Yield the columns that may hold the text of the tokens."""
    return (name for name in TEXT_COLUMNS if any(isinstance(plain_value(cells.get(name)), str) for cells in sample))


def _text_of(
    cells: Cells, tokens: Sequence[str], asked: Asked
) -> tuple[str, list[tuple[int, int]], list[tuple[str, str]]]:
    """Return the text of the tokens, where each stands in it, and what was done for it."""
    column = asked.options.get("tokens", asked.input_columns[0])
    own = [plain_value(cells.get(name)) for name in (column, *_own_texts([cells]))]
    for text in own:
        places = find_tokens(text, tokens) if isinstance(text, str) and not isinstance(list_cell(text), list) else None
        if places is not None:
            return text, places, [("own text", "")]
    separator = asked.options.get("joined_by", " ")
    text, places = join_tokens(tokens, str(separator))
    remarks = [("joined", "")]
    if separator and not text.isascii():
        counts = count_letters([text])
        remarks += [("without blanks", "")] if counts.share(counts.without_blanks) > SHARE_WITHOUT_BLANKS else []
    return text, places, remarks
