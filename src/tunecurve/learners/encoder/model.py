"""An encoder with one linear head over segments: words for a tagger, whole texts for a classifier.

A segment's vector is the mean of its pieces' last hidden states, so that taggers and classifiers are one model: only
what counts as a segment differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoModel

from tunecurve.errors import ModelError
from tunecurve.learners.encoder.packed import PackedEncoder
from tunecurve.learners.encoder.words import Window, Words
from tunecurve.learners.model_files import ModelFiles
from tunecurve.learners.torch.device import Compute
from tunecurve.learners.torch.whole_models import POOLER, check_vocabulary, load_tokenizer, load_weights

LONGEST_WINDOW = 256


@dataclass(frozen=True)
class Segments:
    """Windows as tensors, and which piece belongs to which segment."""

    token_ids: torch.Tensor
    mask: torch.Tensor
    """With the encoder's own marks at both ends; padded. Shape (windows, longest)."""
    rows: torch.Tensor
    columns: torch.Tensor
    segments: torch.Tensor
    """Where each piece stands, and the number of its segment, shape (pieces,)."""
    n_segments: int
    """Segments in all."""


class SegmentClassifier(torch.nn.Module):
    """The encoder and its head.

    Parameters
    ----------
    backbone : transformers encoder
        From `load_backbone`.
    n_classes : int
        Outputs of the head.
    seed : int
        Of the head's first weights.
    """

    def __init__(self, backbone: Any, n_classes: int, seed: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.packed: PackedEncoder | None = None  # computes training steps, where there is one
        hidden = backbone.config.hidden_size
        self.head = torch.nn.Linear(hidden, n_classes)
        self.dropout = torch.nn.Dropout(0.1)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            self.head.weight.copy_(0.02 * torch.randn(n_classes, hidden, generator=generator))
            self.head.bias.zero_()

    def forward(self, batch: Segments) -> torch.Tensor:
        """Return the logits of all segments, shape (segments, classes), float32."""
        return torch.nn.functional.linear(self.dropout(self.means(batch)), self.head.weight, self.head.bias)

    def means(self, batch: Segments) -> torch.Tensor:
        """Return the vectors of all segments, shape (segments, width): means over their pieces, float32."""
        pieces = self._pieces(batch).float()
        sums = pieces.new_zeros(batch.n_segments, pieces.shape[1]).index_add_(0, batch.segments, pieces)
        counts = pieces.new_zeros(batch.n_segments).index_add_(0, batch.segments, pieces.new_ones(len(pieces)))
        return sums / counts.clamp(min=1)[:, None]

    def _pieces(self, batch: Segments) -> torch.Tensor:
        """Return the last hidden states of all pieces, shape (pieces, width)."""
        if self.packed is not None and torch.is_grad_enabled():
            packed, rows = self.packed.hidden(batch.token_ids, batch.mask)
            return packed.index_select(0, rows.tokens[batch.rows * rows.longest + batch.columns])
        hidden = self.backbone(input_ids=batch.token_ids, attention_mask=batch.mask).last_hidden_state
        return hidden[batch.rows, batch.columns]


def load_backbone(files: ModelFiles) -> tuple[Any, Any]:
    """Return (encoder, fast tokenizer) of a model's folder.

    Raises
    ------
    ModelError
        When the folder holds no whole encoder, or its tokenizer is missing, does not fit it or does not know offsets.
    """
    name = files.name
    tokenizer = load_tokenizer(files, "encoder")
    backbone = load_weights(AutoModel, files, torch.float32, "encoder", may_lack=POOLER)
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError(f"the encoder '{name}' has a tokenizer without offsets; expected one with a tokenizer.json")
    if getattr(backbone.config, "is_decoder", False) or backbone.config.model_type in ("llama", "gpt2", "qwen3"):
        raise ModelError(
            f"'{name}' is a language model that reads from left to right; expected an encoder, e.g. a BERT"
        )
    first, last, pad = marks_of(tokenizer)
    if first is None or last is None:
        raise ModelError(
            f"the encoder '{name}' has a tokenizer without marks for the beginning and the end of a text; expected cls_token and sep_token "
            "in its tokenizer_config.json"
        )
    n_vectors = int(backbone.get_input_embeddings().weight.shape[0])
    check_vocabulary(files, tokenizer, n_vectors, (first, last, pad, tokenizer.unk_token_id), "encoder")
    if getattr(backbone, "pooler", None) is not None:
        backbone.pooler = None  # reads the first mark alone; no segment does
    return backbone, tokenizer


def longest_window(backbone: Any) -> int:
    """Return how many pieces a window may have, the marks at its ends not counted."""
    return min(LONGEST_WINDOW, int(backbone.config.max_position_embeddings) - 2) - 2


def precision(compute: Compute) -> AbstractContextManager[Any]:
    """Return the context in which the encoder computes: bfloat16 products where the hardware has them."""
    if compute.dtype == torch.float32:
        return nullcontext()
    return torch.autocast(compute.device.type, dtype=compute.dtype)


def marks_of(tokenizer: Any) -> tuple[int, int, int]:
    """Return what stands at the beginning and the end of every window, and behind short ones."""
    return tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id or 0


def make_segments(
    texts: Sequence[Words],
    windows: Sequence[Window],
    segment_of: Sequence[Sequence[int]],
    tokenizer: Any,
    device: torch.device,
    n_segments: int,
) -> Segments:
    """Return windows as one batch.

    Parameters
    ----------
    texts : sequence of Words
        The texts that the windows' numbers refer to.
    windows : sequence of Window
        What is read together.
    segment_of : sequence of sequences of int
        For every window, the segment number of each of its pieces.
    tokenizer : transformers tokenizer
        Gives the marks at the ends and the padding.
    device : torch.device
    n_segments : int
    """
    first, last, pad = marks_of(tokenizer)
    rows_of_ids = [[first, *texts[w.text].piece_ids[w.first : w.last], last] for w in windows]
    longest = max(map(len, rows_of_ids))
    lengths = torch.tensor([len(ids) for ids in rows_of_ids])
    token_ids = torch.tensor([ids + [pad] * (longest - len(ids)) for ids in rows_of_ids])
    mask = (torch.arange(longest)[None, :] < lengths[:, None]).long()
    rows = [row for row, window in enumerate(windows) for _ in range(window.last - window.first)]
    columns = [1 + offset for window in windows for offset in range(window.last - window.first)]
    segments = [segment for numbers in segment_of for segment in numbers]
    indices = torch.tensor([rows, columns, segments], dtype=torch.long).to(device)
    return Segments(token_ids.to(device), mask.to(device), indices[0], indices[1], indices[2], n_segments)


def batches_by_length(lengths: Sequence[int], most_tokens: int) -> Iterator[list[int]]:
    """Yield indices in batches of similar length that hold at most `most_tokens` tokens with their padding."""
    order = sorted(range(len(lengths)), key=lambda index: (lengths[index], index))
    batch: list[int] = []
    for index in order:
        if batch and (len(batch) + 1) * lengths[index] > most_tokens:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
