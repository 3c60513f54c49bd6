"""Whether a tokenizer knows the rows of a study: where (nearly) all pieces are its unknown token, all texts look alike to the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tunecurve.errors import ModelError
from tunecurve.findings import Finding
from tunecurve.prompts import TuningExample

# Rows looked at, evenly spread over all; the share of unknown pieces from which it is said, and from which nothing can be learnt.
MOST_ROWS = 500
MANY, NEARLY_ALL = 0.1, 0.9
# An encoder that knows many scripts.
MULTILINGUAL = "multilingual-e5-small-4bit"


def piece_findings(
    name: str,
    tokenizer: Any,
    pieces_of: Callable[[Sequence[str]], Sequence[Sequence[int]]],
    n_vectors: int,
    examples: Sequence[TuningExample],
    such_as: str = MULTILINGUAL,
) -> list[Finding]:
    """Return that many pieces of a study's inputs are unknown to a tokenizer.

    Parameters
    ----------
    name : str
        The learner's.
    tokenizer : transformers tokenizer
        Has the unknown token.
    pieces_of : callable
        Gives the pieces of texts as the model reads them.
    n_vectors : int
        How many pieces the model has a vector for.
    examples : sequence of TuningExample
        The rows, test rows among them.
    such_as : str, optional
        A model that knows many scripts.

    Raises
    ------
    ModelError
        When (nearly) all are unknown, a text has no piece at all, or a piece has no vector.
    """
    every = max(1, -(-len(examples) // MOST_ROWS))
    texts = [example.prompt.source for example in examples[::every]]
    read = [text for text in texts if text.strip()]
    if not read:
        return []
    pieces = [piece for row in pieces_of(read) for piece in row]
    largest = max(pieces, default=0)
    if largest >= n_vectors:
        raise ModelError(
            f"{name}: its tokenizer cuts a row into a piece of number {largest:,}, and the model has vectors for {n_vectors:,} pieces; "
            "take the tokenizer that belongs to these weights"
        )
    unknown = sum(piece == tokenizer.unk_token_id for piece in pieces)
    remedy = "check that its tokenizer belongs to these weights, or take a model that knows this script"
    remedy += f", such as {such_as}" if such_as else ""
    if not pieces or unknown >= NEARLY_ALL * len(pieces):
        what = (
            f"{unknown:,} of {len(pieces):,} pieces are unknown ({tokenizer.unk_token})"
            if pieces
            else "none has a piece"
        )
        raise ModelError(f"{name}: its tokenizer knows next to nothing of {len(read):,} rows: {what}; {remedy}")
    if unknown < MANY * len(pieces):
        return []
    text = (
        f"{name}: {unknown:,} of {len(pieces):,} pieces of {len(read):,} rows ({100 * unknown / len(pieces):.0f} %) are unknown to its "
        f"tokenizer ({tokenizer.unk_token}): words that differ there look alike to it"
    )
    return [Finding("unknown-pieces", text, remedy)]
