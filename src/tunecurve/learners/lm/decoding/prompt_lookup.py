"""Guesses at the next answer tokens: the rest of the input, from a pointer into it.

Where an answer is nearly a copy of its input, the guess is right most of the time, and checking several guessed
tokens in one pass costs little more than computing one. Wrong guesses cost time, never a token of the answer.
The idea is that of speculative decoding with the prompt as the draft (Saxena 2023, "prompt lookup decoding"; Yang et
al. 2023, "LLMA", arXiv:2304.04487); the pointer makes it follow one copy, label by label.
"""

from __future__ import annotations

from collections.abc import Sequence

# With right answers to 200 rows of builtin:pii these lengths compute the fewest tokens.
LONGEST_DRAFT = 16
FIRST_DRAFT = 4
SHORT_DRAFT = 2
SEEN_DRAFT = 3
SEARCH_AHEAD = 48


class SeenContinuations:
    """What followed two tokens where they last occurred: in the prompt, and in answers of the same batch."""

    def __init__(self) -> None:
        self._followers: dict[tuple[int, int], tuple[int, ...]] = {}

    def learn(self, token_ids: Sequence[int]) -> None:
        """Remember every pair of tokens with the few that follow it."""
        for position in range(len(token_ids) - 2):
            after = token_ids[position + 2 : position + 2 + SEEN_DRAFT]
            self._followers[token_ids[position], token_ids[position + 1]] = tuple(after)

    def after(self, answer: Sequence[int]) -> list[int]:
        """Return what followed the answer's last two tokens; empty when they were never seen."""
        return list(self._followers.get((answer[-2], answer[-1]), ())) if len(answer) >= 2 else []


class PromptLookup:
    """The guesses for one row: from its input, else from what the batch has seen."""

    def __init__(self, source: Sequence[int], seen: SeenContinuations) -> None:
        self._source = list(source)
        self._seen = seen
        self._next: int = 0  # where in the source the answer is expected to go on
        self._in_step = True
        self._length = FIRST_DRAFT
        self._own: dict[tuple[int, int], int] = {}  # pairs of the answer, and where it went on after them

    def propose(self, answer: Sequence[int]) -> list[int]:
        """Return guessed next tokens, possibly none, for an answer so far."""
        if self._in_step:
            return self._source[self._next : self._next + self._length]
        if len(answer) >= 2 and (answer[-2], answer[-1]) in self._own:
            position = self._own[answer[-2], answer[-1]]
            again = list(answer[position : position + self._length])
            period = len(answer) - position  # a loop goes on as it went
            return (again * (1 + self._length // period))[: self._length] if again else []
        return self._seen.after(answer)

    def follow(self, answer: Sequence[int], n_new: int, n_proposed: int) -> None:
        """Move the pointer over the `n_new` last tokens of the answer, of which all but one were guessed."""
        if n_proposed:
            n_right = n_new - 1
            is_all = n_right == n_proposed
            self._length = min(2 * self._length, LONGEST_DRAFT) if is_all else max(SHORT_DRAFT, n_right)
        for position in range(len(answer) - n_new, len(answer)):
            if position >= 2:
                self._own[answer[position - 2], answer[position - 1]] = position
            self._step_over(answer, position)

    def _step_over(self, answer: Sequence[int], position: int) -> None:
        token = answer[position]
        if self._in_step and self._next < len(self._source) and self._source[self._next] == token:
            self._next += 1
            return
        self._in_step = False
        found = self._find_after(answer, position)
        if found is not None:
            self._next, self._in_step, self._length = found, True, SHORT_DRAFT

    def _find_after(self, answer: Sequence[int], position: int) -> int | None:
        """Return where the source goes on after the answer's tokens up to `position`: two in a row, else a rare one."""
        window = range(self._next, min(self._next + SEARCH_AHEAD, len(self._source)))
        if position:
            for start in window:
                if (
                    self._source[start] == answer[position]
                    and start
                    and self._source[start - 1] == answer[position - 1]
                ):
                    return start + 1
        positions = [start for start in window if self._source[start] == answer[position]]
        return positions[0] + 1 if len(positions) == 1 else None
