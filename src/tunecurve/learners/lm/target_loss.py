"""How probable right answers are to a language model: one pass over prompts and answers, nothing is written.

The model reads the same prompt as when it answers, then the right answer and the end token (teacher forcing). What all rows
start with is read once, as in decoding. There are the same backends: the forwards over packed tokens, and transformers' own cache,
the ``reference``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import torch
from transformers.cache_utils import DynamicCache

from tunecurve.learners.base import TargetLoss
from tunecurve.learners.lm.attention import may_share_prefix
from tunecurve.learners.lm.cached import answer_logits, cached_step, prefix_cache
from tunecurve.learners.lm.chat_format import ChatEncoder, EncodedExample, common_prefix_length
from tunecurve.learners.lm.decoding.generate import most_tokens_held
from tunecurve.learners.lm.decoding.packed import read_prefix
from tunecurve.learners.lm.forward import Forward, choose_forward
from tunecurve.learners.lm.kv_cache import PrefixCache, SlotCache
from tunecurve.learners.torch.backend_choice import REFERENCE, Candidate, Choice, NotUsable
from tunecurve.prompts import Prompt

TOO_LONG = "does not fit into the context"
# Tokens of all rows in a pass, and values of their logits that exist together.
PASS_TOKENS, PASS_TOKENS_OF_GPU, LOGITS_HELD = 1024, 8192, 2**27
# Answer tokens whose shares are computed at a time: in the cache.
_ROWS_IN_CACHE = 8
# Largest relative difference of a row's loss between the two backends.
TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 3e-2, torch.float16: 3e-2}

Measure = Callable[[Sequence[EncodedExample]], list[float]]


def loss_stream(
    model: Any,
    encoder: ChatEncoder,
    pairs: Sequence[tuple[Prompt, str]],
    context_length: int,
    done: Collection[int] = (),
    only: str | None = None,
) -> Iterator[tuple[int, TargetLoss]]:
    """Yield (index, loss of the target) for every prompt not in `done`, batch by batch, longest rows first.

    Parameters
    ----------
    model : transformers causal language model
        In evaluation mode.
    encoder : ChatEncoder
        Of the model's tokenizer.
    pairs : sequence of (Prompt, str)
        All prompts with their targets, also those done: they decide what the batches are. An empty target is its end token
        alone.
    context_length : int
        Rows with more tokens are left out.
    done : collection of int
        Indices that need no loss; a batch with any other is computed whole.
    only : str, optional
        Name of the one backend to use, ``packed`` or ``reference``; default: the fastest that is exact.
    """
    rows = [encoder.encode_answer(prompt, target) for prompt, target in pairs]
    fitting = [index for index, row in enumerate(rows) if len(row.token_ids) <= context_length]
    yield from (
        (index, TargetLoss(left_out=TOO_LONG))
        for index in sorted({*range(len(rows))} - {*fitting})
        if index not in done
    )
    fitting.sort(key=lambda index: (-len(rows[index].token_ids), index))
    if all(index in done for index in fitting):
        return
    n_prefix = 0
    if may_share_prefix(model, len(rows[fitting[0]].token_ids)):
        n_prefix = common_prefix_length([rows[index].token_ids[: -rows[index].n_answer] for index in fitting])
    probe = rows[fitting[-1]]
    measure = _choose(model, probe, n_prefix, encoder.end_token_id, only).chosen
    for batch in _batches(model, rows, fitting, n_prefix):
        if all(index in done for index in batch):
            continue
        with torch.inference_mode():
            losses = measure([rows[index] for index in batch])
        for index, nats in zip(batch, losses, strict=True):
            if index not in done:
                yield index, TargetLoss(nats, rows[index].n_answer)


def _batches(model: Any, rows: Sequence[EncodedExample], order: Sequence[int], n_prefix: int) -> Iterator[list[int]]:
    """Yield the indices of the rows of each pass."""
    most_tokens = PASS_TOKENS if model.device.type == "cpu" else PASS_TOKENS_OF_GPU
    most_answers = max(1, LOGITS_HELD // model.config.get_text_config().vocab_size)
    most_places = most_tokens_held(model)
    batch: list[int] = []
    n_tokens = n_answers = 0
    for index in order:
        own, answer = len(rows[index].token_ids) - n_prefix, rows[index].n_answer
        # Every row has as many places as the first, the longest.
        n_places = (len(batch) + 1) * (len(rows[batch[0]].token_ids) - n_prefix) if batch else 0
        if batch and (n_tokens + own > most_tokens or n_answers + answer > most_answers or n_places > most_places):
            yield batch
            batch, n_tokens, n_answers = [], 0, 0
        batch.append(index)
        n_tokens, n_answers = n_tokens + own, n_answers + answer
    if batch:
        yield batch


def _choose(model: Any, probe: EncodedExample, n_prefix: int, pad_id: int, only: str | None) -> Choice[Measure]:
    """Return the fastest backend that gives the loss of the probe read whole."""
    prefix_ids = probe.token_ids[:n_prefix]

    def packed(forward: Forward) -> Measure:
        measure = _packed(forward, prefix_ids)
        with torch.inference_mode():
            [found], [whole] = measure([probe]), _measure_reference(model, [probe], None, 0, pad_id)
        if not abs(found - whole) <= TOLERANCE[model.dtype] * max(abs(whole), 1.0):
            raise NotUsable(f"another loss (relative difference {abs(found - whole) / max(abs(whole), 1.0):.1e})")
        return measure

    reference = Candidate(REFERENCE, "rows in transformers' cache", lambda: _reference(model, prefix_ids, pad_id))
    what = "rows packed behind their shared prefix"
    return choose_forward(model, what, packed, reference, compared="the loss of a row", only=only)


def _packed(forward: Forward, prefix_ids: Sequence[int]) -> Measure:
    prefix = read_prefix(forward, prefix_ids) if prefix_ids else None
    return lambda rows: _measure_packed(forward, rows, prefix, len(prefix_ids))


def _measure_packed(
    forward: Forward, rows: Sequence[EncodedExample], prefix: PrefixCache | None, n_prefix: int
) -> list[float]:
    # The last token of a row says nothing of what comes before it.
    own = [row.token_ids[n_prefix:-1] for row in rows]
    view = SlotCache(prefix, len(rows))
    places = [range(len(tokens)) for tokens in own]
    view.start_pass(places, forward.device, forward.dtype)
    wanted: list[int] = []
    n_before = 0
    for row, tokens in zip(rows, own, strict=True):
        n_before += len(tokens)
        wanted += range(n_before - row.n_answer, n_before)
    positions = [n_prefix + place for row_places in places for place in row_places]
    logits = forward([token for tokens in own for token in tokens], positions, wanted, view)
    labels = torch.tensor([token for row in rows for token in row.token_ids[-row.n_answer :]], device=forward.device)
    return _sums_by_row(_token_losses(logits, labels), rows)


def _reference(model: Any, prefix_ids: Sequence[int], pad_id: int) -> Measure:
    with torch.inference_mode():
        prefix = prefix_cache(model, torch.tensor([prefix_ids], dtype=torch.long, device=model.device))

    def measure(rows: Sequence[EncodedExample]) -> list[float]:
        n_rows = max(1, most_tokens_held(model) // max(len(row.token_ids) for row in rows))
        parts = [rows[start : start + n_rows] for start in range(0, len(rows), n_rows)]
        return [nats for part in parts for nats in _measure_reference(model, part, prefix, len(prefix_ids), pad_id)]

    return measure


def _measure_reference(
    model: Any, rows: Sequence[EncodedExample], prefix: DynamicCache | None, n_prefix: int, pad_id: int
) -> list[float]:
    step = cached_step([rows], n_prefix, pad_id).to(model.device)
    logits, [labels] = answer_logits(model, step, prefix), step.labels
    is_answer = labels != -100
    return _sums_by_row(_token_losses(logits[is_answer], labels[is_answer]), rows)


def _token_losses(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the loss of every label, shape (tokens,), in float32, a few at a time."""
    parts = zip(logits.split(_ROWS_IN_CACHE), labels.split(_ROWS_IN_CACHE), strict=True)
    if logits.device.type != "cpu":
        parts = zip(logits.split(256), labels.split(256), strict=True)
    return torch.cat(
        [torch.nn.functional.cross_entropy(few.float(), wanted, reduction="none") for few, wanted in parts]
    )


def _sums_by_row(losses: torch.Tensor, rows: Sequence[EncodedExample]) -> list[float]:
    return [
        float(part)
        for part in torch.stack([p.double().sum() for p in losses.cpu().split([row.n_answer for row in rows])])
    ]
