"""Whole texts as an encoder reads them: in batches of similar length, long ones in several windows; and their vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from tunecurve.learners.encoder.model import (
    SegmentClassifier,
    Segments,
    batches_by_length,
    longest_window,
    make_segments,
    precision,
)
from tunecurve.learners.encoder.words import Words, split_words, windows_over
from tunecurve.learners.torch.device import Compute

TOKENS_A_BATCH = 4096


def batches_of_texts(texts: Sequence[Words]) -> Iterator[list[int]]:
    """Yield indices of texts in batches that are read at once."""
    return batches_by_length([len(words.piece_ids) + 2 for words in texts], TOKENS_A_BATCH)


def texts_as_segments(backbone: Any, tokenizer: Any, compute: Compute, texts: Sequence[Words]) -> Segments | None:
    """Return whole texts as segments, those of long ones in several windows; None: no text has a known sign."""
    windows = windows_over(texts, longest_window(backbone))
    if not windows:
        return None
    segment_of = [[window.text] * (window.last - window.first) for window in windows]
    return make_segments(texts, windows, segment_of, tokenizer, compute.device, len(texts))


def text_vectors(model: SegmentClassifier, tokenizer: Any, compute: Compute, sources: Sequence[str]) -> torch.Tensor:
    """Return the mean vector of every text, float32 on the processor; that of a text without a known sign is 0."""
    texts = split_words(tokenizer, sources, by_character=False)
    vectors = torch.zeros(len(texts), model.head.in_features)
    with torch.inference_mode(), precision(compute):
        for rows in batches_of_texts(texts):
            batch = texts_as_segments(model.backbone, tokenizer, compute, [texts[row] for row in rows])
            if batch is not None:
                vectors[rows] = model.means(batch).float().cpu()
    return vectors
