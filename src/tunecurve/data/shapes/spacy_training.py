"""spaCy's training format of version 2: documents with `paragraphs`, their `sentences`, and tokens with `orth` and `ner`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tunecurve.data.shapes.annotated import list_cell
from tunecurve.data.shapes.base import Asked, Cells, Match, Plain
from tunecurve.data.shapes.tokens_and_tags import TokensAndTags

PARAGRAPHS = "paragraphs"
_TOKENS, _TAGS, _TEXT = "tokens", "ner", "text"


class SpacyTraining(TokensAndTags):
    """Documents of spaCy 2; a row is a document."""

    name = "spacy-training"
    title = "tokens and tags of spaCy 2"
    option_names = ("joined_by", "target")

    def matches(self, sample: Sequence[Cells], asked: Asked) -> Sequence[Match]:
        """Return the match of documents with paragraphs of sentences of tokens."""
        if not all(any(True for _ in _tokens(cells)) for cells in sample) or not asked.allows(
            [PARAGRAPHS], [PARAGRAPHS]
        ):
            return []
        return [Match(self.name, (PARAGRAPHS,), (PARAGRAPHS,))] if self.fits_task(asked) else []

    def read(self, cells: Cells, asked: Asked) -> Plain:
        """Return the document's text, and what its tags give."""
        tokens = list(_tokens(cells))
        texts = [one.get("raw") for one in _objects(cells.get(PARAGRAPHS))]
        flat: dict[str, object] = {
            _TOKENS: [token["orth"] for token in tokens],
            _TAGS: [token.get("ner", "O") for token in tokens],
        }
        if texts and all(isinstance(text, str) for text in texts):
            flat[_TEXT] = "\n".join(map(str, texts))
        return super().read(flat, replace(asked, input_columns=(_TOKENS,), target_columns=(_TAGS,)))


def _objects(cell: Any) -> Iterator[Mapping[str, Any]]:
    items = list_cell(cell)
    return (item for item in items if isinstance(item, Mapping)) if isinstance(items, list) else iter(())


def _tokens(cells: Cells) -> Iterator[Mapping[str, Any]]:
    for paragraph in _objects(cells.get(PARAGRAPHS)):
        for sentence in _objects(paragraph.get("sentences")):
            yield from (token for token in _objects(sentence.get("tokens")) if isinstance(token.get("orth"), str))
