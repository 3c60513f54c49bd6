"""Greedy decoding in batches over one shared prefix.

The prefix is computed once per learner; a batch holds rows of similar length; rows that have finished leave it. Which
rows form a batch depends on the prompts alone, so that a resumed run repeats the very same arithmetic.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers.cache_utils import DynamicCache

from tunecurve.learners.base import Completion
from tunecurve.learners.local.encoding import ChatEncoder, common_prefix_length
from tunecurve.learners.local.prefix import expand_cache, pad_rows, prefix_cache
from tunecurve.prompts import Prompt

COMPACT_BELOW = 0.75


@dataclass(frozen=True)
class AnswerLimits:
    """How long answers may get and how many are decoded together."""

    max_tokens_per_input_token: float = 1.5
    max_extra_tokens: int = 16
    batch_size: int = 32

    def cap(self, n_input_tokens: int) -> int:
        """Return the most tokens an answer may have, its end token not counted."""
        return math.ceil(self.max_tokens_per_input_token * n_input_tokens) + self.max_extra_tokens


@dataclass
class _Job:
    index: int
    prompt_ids: list[int]
    cap: int


def decode_stream(
    model: Any, encoder: ChatEncoder, prompts: Sequence[Prompt], limits: AnswerLimits, done: Collection[int] = ()
) -> Iterator[tuple[int, Completion]]:
    """Yield (index, answer) for every prompt not in `done`, batch by batch, shortest inputs first.

    Parameters
    ----------
    model : transformers causal language model
        In evaluation mode.
    encoder : ChatEncoder
        Of the model's tokenizer.
    prompts : sequence of Prompt
        All prompts, also those done: they decide what the batches are.
    limits : AnswerLimits
        Caps and batch size.
    done : collection of int
        Indices that need no answer; a batch with any other is decoded whole.
    """
    jobs = [
        _Job(index, encoder.prompt_ids(prompt), limits.cap(encoder.count_tokens(prompt.source)))
        for index, prompt in enumerate(prompts)
    ]
    n_prefix = common_prefix_length([job.prompt_ids for job in jobs])
    jobs.sort(key=lambda job: (job.cap, len(job.prompt_ids), job.index))
    cache = None
    for start in range(0, len(jobs), limits.batch_size):
        batch = jobs[start : start + limits.batch_size]
        if all(job.index in done for job in batch):
            continue
        started = time.perf_counter()
        with torch.inference_mode():
            if n_prefix and cache is None:
                cache = prefix_cache(model, batch[0].prompt_ids[:n_prefix])
            token_ids = _decode_batch(model, batch, n_prefix, cache, encoder.end_token_id)
        share = (time.perf_counter() - started) / len(batch)
        for job, ids in zip(batch, token_ids, strict=True):
            if job.index not in done:
                yield job.index, _completion(job, ids, encoder, share)


def _completion(job: _Job, ids: list[int], encoder: ChatEncoder, seconds: float) -> Completion:
    ended = bool(ids) and ids[-1] == encoder.end_token_id
    text = encoder.decode(ids[:-1] if ended else ids)
    return Completion(text, "end" if ended else "length", len(job.prompt_ids), len(ids), seconds)


def _decode_batch(
    model: Any, jobs: Sequence[_Job], n_prefix: int, cache: DynamicCache | None, end_id: int
) -> list[list[int]]:
    """Return the greedy answer ids of each job, with the end token where it came."""
    device = next(model.parameters()).device
    rows = pad_rows([job.prompt_ids for job in jobs], n_prefix, end_id, device)
    past = expand_cache(cache, len(jobs)) if cache is not None else DynamicCache(config=model.config)
    mask, positions, step_ids = rows.attention_mask, rows.position_ids, rows.token_ids
    answers: list[list[int]] = [[] for _ in jobs]
    active = list(range(len(jobs)))
    finished: set[int] = set()
    while True:
        output = model(
            input_ids=step_ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=past,
            use_cache=True,
            logits_to_keep=1,
        )
        next_ids = output.logits[:, -1].argmax(dim=-1)
        for slot, token_id in zip(active, next_ids.tolist(), strict=True):
            if slot in finished:
                continue
            answers[slot].append(token_id)
            if token_id == end_id or len(answers[slot]) >= jobs[slot].cap:
                finished.add(slot)
        if finished.issuperset(active):
            return answers
        positions = positions[:, -1:] + 1
        step_ids = next_ids[:, None]
        mask = torch.cat([mask, mask.new_ones(len(active), 1)], dim=1)
        keep = [place for place, slot in enumerate(active) if slot not in finished]
        if len(keep) < COMPACT_BELOW * len(active):
            kept = torch.tensor(keep, device=device)
            past.batch_select_indices(kept)
            positions, step_ids, mask = positions[kept], step_ids[kept], mask[kept]
            active = [active[place] for place in keep]
