"""Greedy decoding in batches over one shared prefix.

The prefix is computed once for all prompts; a batch holds rows of similar length; rows that have finished leave it.
Which rows form a batch depends on the prompts alone, so that a resumed run repeats the very same arithmetic. There are two
decoders: ``packed``, with guesses (`packed`), and transformers' own `generate`, the ``reference``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessor
from transformers.cache_utils import DynamicCache

from tunecurve.learners.base import Completion, StopReason
from tunecurve.learners.lm.attention import may_share_prefix
from tunecurve.learners.lm.cached import expand_cache, prefix_cache
from tunecurve.learners.lm.chat_format import ChatEncoder, common_prefix_length
from tunecurve.learners.lm.decoding.packed import Constraint, DecodingRow, decode_rows, next_token_logits, read_prefix
from tunecurve.learners.lm.forward import Forward, choose_forward
from tunecurve.learners.torch.backend_choice import REFERENCE, Candidate, Choice, NotUsable
from tunecurve.prompts import Prompt

REFERENCE_ROWS = 32
# Most tokens of keys and values held at a time on a CPU in float32, 46 KB each for the built-in model; in fewer bits more.
# Elsewhere they may take this share of the device's memory.
MAX_TOKENS_HELD = 12_000
SHARE_OF_DEVICE_MEMORY = 0.125
# Largest difference of logits between the decoders, as a share of the largest logit.
TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 5e-2, torch.float16: 5e-2}


@dataclass(frozen=True)
class AnswerLimits:
    """How long answers may get and how many are decoded together."""

    max_tokens_per_input_token: float = 1.5
    max_extra_tokens: int = 16
    """An answer is cut at that many tokens for each input token, and this many more."""
    batch_size: int = 256
    """Rows decoded as one piece of work: an interrupted piece is computed again as a whole."""

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
    begun: Constraint | None = None

    def constraint(self) -> Constraint | None:
        """Return the constraint of an answer that is begun now."""
        self.begun = self.constrain(self.prompt) if self.constrain is not None else None
        return self.begun

    def row(self, n_prefix: int, end_id: int) -> DecodingRow:
        """Return the job behind the prefix; the end of the input is guessed to be the end of the answer."""
        source = [*self.source_ids, end_id]
        return DecodingRow(self.prompt_ids[n_prefix:], source, self.cap, end_id, self.constraint())


Decoder = Callable[[Sequence[_Job]], Iterator[tuple[_Job, list[int], float]]]


@dataclass(frozen=True)
class DecodingOptions:
    """How answers are decoded."""

    constrain: Constrain | None = None
    """Returns what the answer to a prompt may be; default: whatever the model writes."""
    only: str | None = None
    """Name of the one decoder to use, ``packed`` or ``reference``; default: the fastest that is exact."""
    on_choice: Callable[[Choice[Decoder]], None] = lambda choice: None
    """Told which decoder it is, before the first answer."""


def decode_stream(
    model: Any,
    encoder: ChatEncoder,
    prompts: Sequence[Prompt],
    limits: AnswerLimits,
    done: Collection[int] = (),
    options: DecodingOptions = DecodingOptions(),
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
    options : DecodingOptions
    """
    jobs = [_job(index, prompt, encoder, limits, options.constrain) for index, prompt in enumerate(prompts)]
    # Longest first: what is left at the end, when passes are no longer full, is short. Examples of a row's own outweigh its answer.
    own = _have_own_turns(jobs)
    jobs.sort(key=lambda job: (-job.cap - own * len(job.prompt_ids), -len(job.prompt_ids), job.index))
    n_prefix = common_prefix_length([job.prompt_ids for job in jobs])
    longest = max((len(job.prompt_ids) for job in jobs), default=0) + max((job.cap for job in jobs), default=0)
    if not may_share_prefix(model, longest):
        n_prefix = 0
    batches = [jobs[start : start + limits.batch_size] for start in range(0, len(jobs), limits.batch_size)]
    batches = [batch for batch in batches if not all(job.index in done for job in batch)]
    if not batches:
        return
    choice = choose_decoder(model, jobs[0], n_prefix, encoder.end_token_id, options.only)
    options.on_choice(choice)
    for batch in batches:
        for job, ids, seconds in choice.chosen(batch):
            if job.index not in done:
                yield job.index, _completion(job, ids, encoder, seconds)


def _have_own_turns(jobs: Sequence[_Job]) -> bool:
    """Return whether prompts differ in more than their last turn: rows have examples of their own."""
    return len({job.prompt.messages[:-1] for job in jobs}) > 1


def _job(
    index: int, prompt: Prompt, encoder: ChatEncoder, limits: AnswerLimits, constrain: Constrain | None = None
) -> _Job:
    source_ids = encoder.token_ids(prompt.source)
    return _Job(
        index,
        encoder.prompt_ids(prompt),
        source_ids,
        prompt.max_tokens or limits.cap(len(source_ids)),
        prompt,
        constrain,
    )


def choose_decoder(model: Any, probe: _Job, n_prefix: int, end_id: int, only: str | None = None) -> Choice[Decoder]:
    """Return the fastest decoder that gives the logits behind the probe's prompt read whole."""
    reference = Candidate(
        REFERENCE, "transformers' generate", lambda: _reference_decoder(model, probe, n_prefix, end_id)
    )

    def packed(forward: Forward) -> Decoder:
        return _packed_decoder(model, forward, probe, n_prefix, end_id)

    return choose_forward(model, "rows packed, guesses checked", packed, reference, compared="logits", only=only)


def _packed_decoder(model: Any, forward: Forward, probe: _Job, n_prefix: int, end_id: int) -> Decoder:
    prefix_ids = (*probe.prompt_ids[:n_prefix],)
    checked = forward.checked  # replaced as a whole: other threads may answer, too
    if prefix_ids not in checked:
        found = read_prefix(forward, prefix_ids) if n_prefix else None
        _check(model, next_token_logits(forward, probe.row(n_prefix, end_id), found, n_prefix), probe)
        checked = forward.checked = {prefix_ids: found}
    prefix = checked[prefix_ids]
    max_tokens = most_tokens_held(model)

    def decode(batch: Sequence[_Job]) -> Iterator[tuple[_Job, list[int], float]]:
        rows = [job.row(n_prefix, end_id) for job in batch]
        n_slots = max(1, max_tokens // max(row.n_places for row in rows))
        last = time.perf_counter()
        for number in decode_rows(forward, rows, prefix, prefix_ids, n_slots=n_slots):
            now = time.perf_counter()
            yield batch[number], rows[number].answer, now - last
            last = now

    return decode


def _check(model: Any, packed: torch.Tensor, probe: _Job) -> None:
    """Raise unless logits behind the probe's prompt are those of the model that reads it whole."""
    with torch.inference_mode():
        ids = torch.tensor([probe.prompt_ids], device=packed.device)
        plain = model(input_ids=ids, use_cache=False, logits_to_keep=1).logits[0, -1]
    apart, size = float((packed - plain).abs().max()), float(plain.abs().max())
    if not apart <= TOLERANCE[plain.dtype] * size:
        raise NotUsable(f"other logits (relative difference {apart / max(size, 1e-12):.1e})")


def most_tokens_held(model: Any) -> int:
    """Return for how many tokens keys and values may be held at a time."""
    if model.device.type != "cuda":
        return MAX_TOKENS_HELD * torch.float32.itemsize // model.dtype.itemsize
    config = model.config.get_text_config()
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    n_heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    bytes_per_token = 2 * config.num_hidden_layers * n_heads * width * model.dtype.itemsize
    memory = torch.cuda.get_device_properties(model.device).total_memory
    return int(SHARE_OF_DEVICE_MEMORY * memory / bytes_per_token)


def _reference_decoder(model: Any, probe: _Job, n_prefix: int, end_id: int) -> Decoder:
    with torch.inference_mode():
        prefix_ids = torch.tensor([probe.prompt_ids[:n_prefix]], dtype=torch.long, device=model.device)
        cache = prefix_cache(model, prefix_ids)
    max_tokens = most_tokens_held(model)

    def decode(batch: Sequence[_Job]) -> Iterator[tuple[_Job, list[int], float]]:
        fewest = 1 if _have_own_turns(batch) else REFERENCE_ROWS  # long prompts of many rows are held together
        n_rows = max(fewest, max_tokens // max(len(job.prompt_ids) + job.cap for job in batch))
        for start in range(0, len(batch), n_rows):
            jobs = batch[start : start + n_rows]
            started = time.perf_counter()
            with torch.inference_mode():
                token_ids = generate_greedily(model, jobs, n_prefix, cache, end_id)
            seconds = (time.perf_counter() - started) / len(jobs)
            yield from ((job, ids, seconds) for job, ids in zip(jobs, token_ids, strict=True))

    return decode


def _completion(job: _Job, ids: list[int], encoder: ChatEncoder, seconds: float) -> Completion:
    ended = bool(ids) and ids[-1] == encoder.end_token_id
    text = encoder.decode(ids[:-1] if ended else ids)
    held = job.begun
    chosen_in, is_closed = (0.0, False) if held is None else (held.seconds, held.is_closed)
    stop_reason: StopReason = "end" if ended or (held is not None and held.is_whole) else "length"
    return Completion(
        text, stop_reason, len(job.prompt_ids), len(ids), seconds, constraint_seconds=chosen_in, is_closed=is_closed
    )


def generate_greedily(
    model: Any, jobs: Sequence[_Job], n_prefix: int, cache: DynamicCache | None, end_id: int
) -> list[list[int]]:
    """Return the greedy answer ids of each job, with the end token where it came, as transformers' `generate` writes them.

    What a model's own generation settings ask for (sampling, penalties) is left aside: every model is asked alike.
    """
    longest = max(len(job.prompt_ids) for job in jobs)
    n_padded = [longest - len(job.prompt_ids) for job in jobs]
    ids = [
        [*j.prompt_ids[:n_prefix], *[end_id] * n, *j.prompt_ids[n_prefix:]] for j, n in zip(jobs, n_padded, strict=True)
    ]
    mask = [[*[1] * n_prefix, *[0] * n, *[1] * (longest - n_prefix - n)] for n in n_padded]
    caps = torch.tensor([job.cap for job in jobs], device=model.device)
    before, model.generation_config = model.generation_config, GenerationConfig()
    try:
        written = model.generate(
            torch.tensor(ids, device=model.device),
            attention_mask=torch.tensor(mask, device=model.device),
            past_key_values=None if cache is None else expand_cache(cache, len(jobs)),
            generation_config=GenerationConfig(
                do_sample=False, max_new_tokens=int(caps.max()), eos_token_id=end_id, pad_token_id=end_id
            ),
            logits_processor=[_Constrained(jobs, longest, end_id)],
            stopping_criteria=[lambda ids, scores: ids.shape[1] - longest >= caps],
        )
    finally:
        model.generation_config = before
    answers = [row[: job.cap] for row, job in zip(written[:, longest:].tolist(), jobs, strict=True)]
    return [row[: row.index(end_id) + 1] if end_id in row else row for row in answers]


class _Constrained(LogitsProcessor):
    """Leaves of every row's scores the one token that its constraint chooses."""

    def __init__(self, jobs: Sequence[_Job], n_prompt: int, end_id: int) -> None:
        self._constraints = {
            number: found for number, job in enumerate(jobs) if (found := job.constraint()) is not None
        }
        self._n_prompt, self._end_id = n_prompt, end_id

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Return the scores of the next tokens."""
        for row, constraint in self._constraints.items():
            if self._end_id not in input_ids[row, self._n_prompt :]:
                [token] = constraint.choose(scores[row : row + 1], [int(scores[row].argmax())], [])
                scores[row] = scores[row].new_full(scores[row].shape, -torch.inf)
                scores[row, token] = 0.0
        return scores
