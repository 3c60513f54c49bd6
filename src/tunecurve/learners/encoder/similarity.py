"""How alike texts are to the built-in encoder: the cosine of their vectors, each the mean over its pieces."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from tunecurve.learners.encoder.model import SegmentClassifier, load_backbone
from tunecurve.learners.encoder.weights import BUILTIN_ENCODER, ENCODER_WHEEL, resolve_encoder
from tunecurve.learners.encoder.whole_texts import text_vectors
from tunecurve.learners.similarity import Similarity
from tunecurve.learners.torch.device import Compute
from tunecurve.learners.torch.speed import matmul_flops_per_second

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
            backbone, tokenizer = load_backbone(resolve_encoder(BUILTIN_ENCODER, on_message=self._on_message))
            self._loaded = SegmentClassifier(backbone, 1, 0).eval(), tokenizer
        model, tokenizer = self._loaded
        compute = Compute(torch.device("cpu"), torch.float32, torch.get_num_threads())
        means = text_vectors(model, tokenizer, compute, texts)
        return (means / means.norm(dim=1, keepdim=True).clamp(min=1e-12)).numpy()
