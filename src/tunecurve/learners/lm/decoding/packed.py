"""Greedy decoding of many rows behind one shared prefix, several tokens of each row in a pass.

A pass computes each row's last certain token and the guesses that follow it (`prompt_lookup`); the guesses that the model
would have written itself are kept, and the token after them is certain too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import torch

from tunecurve.learners.lm.decoding.prompt_lookup import PromptLookup, SeenContinuations
from tunecurve.learners.lm.forward import Forward
from tunecurve.learners.lm.kv_cache import PrefixCache, SlotCache

# Tokens of all rows in a pass: enough to keep the processor busy, few enough to stay in its caches. A GPU takes more
# in the time that it takes to start its kernels.
PASS_TOKENS, PASS_TOKENS_OF_GPU = 512, 8192
# Up to so many tokens guesses fill a pass on a processor: a wider one takes as long as its tokens, and some guesses are wrong.
GUESSING_TOKENS = 64


class Constraint(Protocol):
    """What an answer may be; asked once for every pass, in the order of the answer.

    Attributes
    ----------
    seconds : float
        What the choices took so far.
    is_closed : bool
        Whether a token was refused only because the answer cap was near.
    """

    seconds: float
    is_closed: bool

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing where the token that ends the answer is."""
        ...

    def choose(self, logits: torch.Tensor, likeliest: Sequence[int], guesses: Sequence[int]) -> list[int]:
        """Return the token before each guess and after the last one; behind the first wrong guess, or the end, any.

        Parameters
        ----------
        logits : torch.Tensor
            Shape (guesses + 1, vocabulary).
        likeliest : sequence of int
            Their largest, one a position.
        guesses : sequence of int
            What was guessed.
        """
        ...


class DecodingRow:
    """One answer being written.

    Parameters
    ----------
    prompt : list of int
        Ids behind the shared prefix; at least one.
    source : list of int
        Ids of the input text, which the guesses come from.
    cap : int
        Most answer tokens, the end token not counted.
    end_id : int
        Token that ends the answer.
    constraint : Constraint, optional
        What the answer may be; default: whatever the model writes.

    Attributes
    ----------
    answer : list of int
        Ids so far, with the end token where it came.
    """

    def __init__(
        self, prompt: list[int], source: list[int], cap: int, end_id: int, constraint: Constraint | None = None
    ) -> None:
        self.prompt, self.source, self.cap, self.end_id = prompt, source, cap, end_id
        self.constraint = constraint
        self.answer: list[int] = []
        self.n_cached = 0

    @property
    def n_places(self) -> int:
        """Most tokens the row can come to behind the prefix."""
        return len(self.prompt) + self.cap + 1

    @property
    def is_finished(self) -> bool:
        """Whether the answer has ended or reached its cap."""
        return bool(self.answer) and (self.answer[-1] == self.end_id or len(self.answer) >= self.cap)

    def pending(self) -> list[int]:
        """Return the tokens that are certain but not in the cache yet."""
        if self.n_cached >= len(self.prompt):
            return self.answer[self.n_cached - len(self.prompt) :]
        return (self.prompt + self.answer)[self.n_cached :]

    def accept(self, guesses: Sequence[int], predicted: Sequence[int]) -> int:
        """Add the guesses that were right and the token after them, and return how many tokens that are.

        Parameters
        ----------
        guesses : sequence of int
            What was guessed; the pass has cached them, and the tokens pending before them.
        predicted : sequence of int
            What the model writes before each guess and after the last one.
        """
        before = len(self.answer)
        for guess, token in zip([*guesses, None], predicted, strict=True):
            self.answer.append(token)
            if token != guess or self.is_finished:
                break
            self.n_cached += 1
        return len(self.answer) - before


def read_prefix(forward: Forward, token_ids: Sequence[int]) -> PrefixCache:
    """Return the keys and values of a prefix."""
    view = PrefixCache()
    forward(list(token_ids), list(range(len(token_ids))), [len(token_ids) - 1], view)
    return view


def next_token_logits(forward: Forward, row: DecodingRow, prefix: PrefixCache | None, n_prefix: int) -> torch.Tensor:
    """Return the logits after a row's prompt, shape (vocabulary,)."""
    view = SlotCache(prefix, 1)
    offsets = range(len(row.prompt))
    view.start_pass([offsets], forward.device, forward.dtype)
    return forward(row.prompt, [n_prefix + offset for offset in offsets], [len(offsets) - 1], view)[0]


def decode_rows(
    forward: Forward,
    rows: Sequence[DecodingRow],
    prefix: PrefixCache | None,
    prefix_ids: Sequence[int] = (),
    *,
    n_slots: int,
) -> Iterator[int]:
    """Write the greedy answers of the rows into them, so many at a time, and yield each row's number when it is finished."""
    seen = SeenContinuations()
    seen.learn(prefix_ids)
    drafts = [PromptLookup(row.source, seen) for row in rows]
    view = SlotCache(prefix, min(n_slots, len(rows)))
    on_processor = forward.device.type == "cpu"
    pass_tokens = PASS_TOKENS if on_processor else PASS_TOKENS_OF_GPU
    held: list[int] = []  # the number of the row in every slot
    n_started = 0
    while n_started < len(rows) or held:
        is_filling = n_started < len(rows) and len(held) < view.n_slots
        most = pass_tokens
        if on_processor:
            most = 0 if is_filling else GUESSING_TOKENS // len(held) - 1
        guesses = [_guess(rows[number], drafts[number], most) for number in held]
        room = pass_tokens - sum(
            len(rows[number].pending()) + len(guessed) for number, guessed in zip(held, guesses, strict=True)
        )
        while n_started < len(rows) and len(held) < view.n_slots:
            room -= len(rows[n_started].prompt)
            if room < 0 and held:
                break
            held.append(n_started)
            guesses.append([])
            n_started += 1
        predicted = _take_pass(forward, [rows[number] for number in held], guesses, view, len(prefix_ids))
        finished: list[int] = []
        for slot, number in enumerate(held):
            row, guessed = rows[number], guesses[slot]
            drafts[number].follow(row.answer, row.accept(guessed, predicted[slot]), len(guessed))
            if row.is_finished:
                seen.learn(row.answer)
                finished.append(slot)
        done = [held[slot] for slot in finished]
        for slot in reversed(finished):  # the last row moves into the slot that is free
            last = held.pop()
            if slot < len(held):
                view.move(len(held), slot)
                held[slot] = last
        yield from done


def _guess(row: DecodingRow, draft: PromptLookup, most: int) -> list[int]:
    return draft.propose(row.answer)[: max(0, min(most, row.cap - len(row.answer)))]


def _take_pass(
    forward: Forward, rows: Sequence[DecodingRow], guesses: Sequence[list[int]], view: SlotCache, n_prefix: int
) -> list[list[int]]:
    """Return for every row the token it writes before each guess and after the last one."""
    token_ids: list[int] = []
    wanted: list[int] = []
    offsets: list[range] = []
    for row, guessed in zip(rows, guesses, strict=True):
        tokens = row.pending() + guessed
        wanted += range(len(token_ids) + len(tokens) - len(guessed) - 1, len(token_ids) + len(tokens))
        token_ids += tokens
        offsets.append(range(row.n_cached, row.n_cached + len(tokens)))
        row.n_cached += len(tokens) - len(guessed)
    view.start_pass(offsets, forward.device, forward.dtype)
    positions = [n_prefix + offset for row_offsets in offsets for offset in row_offsets]
    return _written(forward(token_ids, positions, wanted, view), rows, guesses)


def _written(logits: torch.Tensor, rows: Sequence[DecodingRow], guesses: Sequence[list[int]]) -> list[list[int]]:
    """Return what `_take_pass` does from the logits of the wanted positions of all rows."""
    best = logits.max(dim=-1).indices.tolist()  # the first of equals, as argmax, which takes four times as long
    written: list[list[int]] = []
    start = 0
    for row, guessed in zip(rows, guesses, strict=True):
        offsets = slice(start, start + len(guessed) + 1)
        start = offsets.stop
        tokens = best[offsets]
        written.append(tokens if row.constraint is None else row.constraint.choose(logits[offsets], tokens, guessed))
    return written
