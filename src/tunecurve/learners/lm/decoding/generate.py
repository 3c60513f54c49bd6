"""Greedy decoding in batches over one shared prefix.

The prefix is computed once for all prompts; a batch holds rows of similar length; rows that have finished leave it.
Which rows form a batch depends on the prompts alone, so that a resumed run repeats the very same arithmetic. Models
that allow it decode the packed way with guesses (`packed_decoding`), all others with transformers' own cache.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers.cache_utils import DynamicCache

from tunecurve.learners.base import Completion
from tunecurve.learners.lm.attention import packed_attention
from tunecurve.learners.lm.chat_format import ChatEncoder, common_prefix_length
from tunecurve.learners.lm.decoding.packed import (
    Constraint,
    DecodingRow,
    decode_rows,
    next_token_logits,
    read_prefix,
)
from tunecurve.learners.lm.prefix import expand_cache, pad_rows, prefix_cache
from tunecurve.prompts import Prompt

COMPACT_BELOW = 0.75
CACHED_ROWS = 32
# Most tokens of keys and values held at a time on a CPU: 46 KB each in float32 for the built-in model. Elsewhere they
# may take this share of the device's memory.
MAX_TOKENS_HELD = 12_000
SHARE_OF_DEVICE_MEMORY = 0.125
# Largest difference of logits between two ways, as a share of the largest logit.
TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 5e-2, torch.float16: 5e-2}


@dataclass(frozen=True)
class AnswerLimits:
    """How long answers may get and how many are decoded together.

    Attributes
    ----------
    max_tokens_per_input_token : float
    max_extra_tokens : int
        An answer is cut at that many tokens for each input token, and this many more.
    batch_size : int
        Rows decoded as one piece of work: an interrupted piece is computed again as a whole.
    """

    max_tokens_per_input_token: float = 1.5
    max_extra_tokens: int = 16
    batch_size: int = 256

    def cap(self, n_input_tokens: int) -> int:
        """Return the most tokens an answer may have, its end token not counted."""
        return math.ceil(self.max_tokens_per_input_token * n_input_tokens) + self.max_extra_tokens


Constrain = Callable[[Prompt], Constraint | None]


@dataclass
class _Job:
    index: int
    prompt_ids: list[int]
    source_ids: list[int]
    cap: int
    prompt: Prompt
    constrain: Constrain | None = None

    def constraint(self) -> Constraint | None:
        """Return the constraint of an answer that is begun now."""
        return self.constrain(self.prompt) if self.constrain is not None else None

    def row(self, n_prefix: int, end_id: int) -> DecodingRow:
        """Return the job behind the prefix; the end of the input is guessed to be the end of the answer."""
        source = [*self.source_ids, end_id]
        return DecodingRow(self.prompt_ids[n_prefix:], source, self.cap, end_id, self.constraint())


def decode_stream(
    model: Any,
    encoder: ChatEncoder,
    prompts: Sequence[Prompt],
    limits: AnswerLimits,
    done: Collection[int] = (),
    *,
    use_packed: bool = True,
    constrain: Constrain | None = None,
) -> Iterator[tuple[int, Completion]]:
    """Yield (index, answer) for every prompt not in `done`, batch by batch, longest inputs first.

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
    use_packed : bool, default True
        False: the way of transformers' own cache, the reference that the packed way is tested against.
    constrain : callable, optional
        Returns what the answer to a prompt may be; default: whatever the model writes.
    """
    jobs = [_job(index, prompt, encoder, limits, constrain) for index, prompt in enumerate(prompts)]
    # Longest first: what is left at the end, when passes are no longer full, is short.
    jobs.sort(key=lambda job: (-job.cap, -len(job.prompt_ids), job.index))
    n_prefix = common_prefix_length([job.prompt_ids for job in jobs])
    batches = [jobs[start : start + limits.batch_size] for start in range(0, len(jobs), limits.batch_size)]
    batches = [batch for batch in batches if not all(job.index in done for job in batch)]
    if not batches:
        return
    decode = (use_packed and _packed_decoder(model, jobs[0], n_prefix, encoder.end_token_id)) or _cached_decoder(
        model, jobs[0], n_prefix, encoder.end_token_id
    )
    for batch in batches:
        for job, ids, seconds in decode(batch):
            if job.index not in done:
                yield job.index, _completion(job, ids, encoder, seconds)


def _job(
    index: int, prompt: Prompt, encoder: ChatEncoder, limits: AnswerLimits, constrain: Constrain | None = None
) -> _Job:
    source_ids = encoder.token_ids(prompt.source)
    return _Job(index, encoder.prompt_ids(prompt), source_ids, limits.cap(len(source_ids)), prompt, constrain)


Decoder = Callable[[Sequence[_Job]], Iterator[tuple[_Job, list[int], float]]]


def _packed_decoder(model: Any, probe: _Job, n_prefix: int, end_id: int) -> Decoder | None:
    """Return the packed way, or None where it does not give the plain way's logits for the probe."""
    prefix_ids = probe.prompt_ids[:n_prefix]
    try:
        with torch.inference_mode(), packed_attention(model):
            prefix = read_prefix(model, prefix_ids) if n_prefix else None
            packed = next_token_logits(model, probe.row(n_prefix, end_id), prefix, n_prefix)
    except (RuntimeError, TypeError, AttributeError, ValueError, KeyError):
        return None
    with torch.inference_mode():
        ids = torch.tensor([probe.prompt_ids], device=packed.device)
        plain = model(input_ids=ids, use_cache=False, logits_to_keep=1).logits[0, -1]
    if not float((packed - plain).abs().max()) <= TOLERANCE[plain.dtype] * float(plain.abs().max()):
        return None
    max_tokens = most_tokens_held(model)

    def decode(batch: Sequence[_Job]) -> Iterator[tuple[_Job, list[int], float]]:
        rows = [job.row(n_prefix, end_id) for job in batch]
        n_slots = max(1, max_tokens // max(row.n_places for row in rows))
        last = time.perf_counter()
        finished = decode_rows(model, rows, prefix, prefix_ids, n_slots=n_slots)
        while True:
            # Entered anew for every row: between two rows the caller may do anything with the model.
            with torch.inference_mode(), packed_attention(model):
                number = next(finished, None)
            if number is None:
                return
            now = time.perf_counter()
            yield batch[number], rows[number].answer, now - last
            last = now

    return decode


def most_tokens_held(model: Any) -> int:
    """Return for how many tokens keys and values may be held at a time."""
    if model.device.type != "cuda":
        return MAX_TOKENS_HELD
    config = model.config.get_text_config()
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    n_heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    bytes_per_token = 2 * config.num_hidden_layers * n_heads * width * model.dtype.itemsize
    memory = torch.cuda.get_device_properties(model.device).total_memory
    return int(SHARE_OF_DEVICE_MEMORY * memory / bytes_per_token)


def _cached_decoder(model: Any, probe: _Job, n_prefix: int, end_id: int) -> Decoder:
    """Return the way of transformers' own cache, one token of every row a pass."""
    with torch.inference_mode():
        cache = prefix_cache(model, probe.prompt_ids[:n_prefix]) if n_prefix else None
    max_tokens = most_tokens_held(model)

    def decode(batch: Sequence[_Job]) -> Iterator[tuple[_Job, list[int], float]]:
        n_rows = max(CACHED_ROWS, max_tokens // max(len(job.prompt_ids) + job.cap for job in batch))
        for start in range(0, len(batch), n_rows):
            jobs = batch[start : start + n_rows]
            started = time.perf_counter()
            with torch.inference_mode():
                token_ids = _decode_batch(model, jobs, n_prefix, cache, end_id)
            seconds = (time.perf_counter() - started) / len(jobs)
            yield from ((job, ids, seconds) for job, ids in zip(jobs, token_ids, strict=True))

    return decode


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
    constraints = [job.constraint() for job in jobs]
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
        for place, (slot, token_id) in enumerate(zip(active, next_ids.tolist(), strict=True)):
            if slot in finished:
                continue
            constraint = constraints[slot]
            if constraint is not None:
                token_id = constraint.choose(output.logits[place, -1:], [token_id], [])[0]
                next_ids[place] = token_id
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
