"""How alike texts are to the built-in encoder: the cosine of their vectors, each the mean over its pieces."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from tunecurve.learners.encoder.model import (
    SegmentClassifier,
    batches_by_length,
    load_backbone,
    longest_window,
    make_segments,
)
from tunecurve.learners.encoder.weights import BUILTIN_ENCODER, ENCODER_WHEEL, resolve_encoder
from tunecurve.learners.encoder.words import Words, split_words, windows_over
from tunecurve.learners.similarity import Similarity
from tunecurve.learners.torch.speed import matmul_flops_per_second

TOKENS_A_BATCH = 4096
# Of the built-in encoder without its embeddings: six layers of 12 times 384 squared; letters a token, as English has them; the share of
# the matrix speed that it reaches; and what loading takes.
WEIGHTS, LETTERS_A_TOKEN, SHARE_OF_PEAK, LOADING_SECONDS = 6 * 12 * 384**2, 4, 0.45, 1.0


# Texts whose vectors are kept, 150 MB: an endpoint is asked for days.
MOST_KEPT = 100_000


class EncoderSimilarity(Similarity):
    """Cosine of vectors of the built-in encoder, on the processor in float32.

    Parameters
    ----------
    on_message : callable
        Told in a line when the encoder is fetched.
    """

    def __init__(self, *, on_message: Callable[[str], None] = lambda line: None) -> None:
        self._on_message = on_message
        self._loaded: tuple[SegmentClassifier, object] | None = None
        self._vectors: dict[str, NDArray[np.float32]] = {}

    def identity(self) -> dict[str, object]:
        """Return the encoder and the hash of its weights."""
        weights = ENCODER_WHEEL.member_sha256
        return {"kind": "encoder", "name": BUILTIN_ENCODER, "weights_sha256": weights, "version": 1}

    def scores(self, texts: Sequence[str], others: Sequence[str]) -> NDArray[np.float64]:
        """Return the cosines; a text is read once."""
        missing = [text for text in dict.fromkeys([*texts, *others]) if text not in self._vectors]
        if missing:
            if len(self._vectors) > MOST_KEPT:
                self._vectors.clear()
                missing = list(dict.fromkeys([*texts, *others]))
            self._vectors.update(zip(missing, self._read(missing), strict=True))
        first, second = (
            np.stack([self._vectors[text] for text in side]).astype(np.float64) for side in (texts, others)
        )
        return first @ second.T

    def estimate_seconds(self, texts: Sequence[str]) -> float:
        """Return it from the letters and the matrix speed measured here; nothing is loaded for it."""
        missing = {text for text in texts if text not in self._vectors}
        if not missing:
            return 0.0
        operations = 2 * WEIGHTS * sum(map(len, missing)) / LETTERS_A_TOKEN
        loading = 0.0 if self._loaded else LOADING_SECONDS
        return loading + operations / (SHARE_OF_PEAK * matmul_flops_per_second("cpu", torch.float32))

    def _read(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the unit vectors of texts; that of a text without a known sign is 0."""
        if self._loaded is None:
            folder = resolve_encoder(BUILTIN_ENCODER, on_message=self._on_message).folder
            backbone, tokenizer = load_backbone(folder, BUILTIN_ENCODER)
            self._loaded = SegmentClassifier(backbone, 1, 0).eval(), tokenizer
        model, tokenizer = self._loaded
        words = split_words(tokenizer, texts, by_character=False)
        vectors = np.zeros((len(texts), model.head.in_features), dtype=np.float32)
        with torch.inference_mode():
            for rows in batches_by_length([len(one.piece_ids) + 2 for one in words], TOKENS_A_BATCH):
                vectors[rows] = _vectors(model, tokenizer, [words[row] for row in rows])
        return vectors


def _vectors(model: SegmentClassifier, tokenizer: object, texts: Sequence[Words]) -> NDArray[np.float32]:
    windows = windows_over(texts, longest_window(model.backbone))
    if not windows:
        return np.zeros((len(texts), model.head.in_features), dtype=np.float32)
    segment_of = [[window.text] * (window.last - window.first) for window in windows]
    batch = make_segments(texts, windows, segment_of, tokenizer, torch.device("cpu"), len(texts))
    means = model.means(batch)
    return (means / means.norm(dim=1, keepdim=True).clamp(min=1e-12)).numpy()
