"""From prompts and answers to token ids, by the model's own chat template.

Prompt and answer are tokenised apart and joined: generation starts from exactly the prompt's ids, so training must
too. What carries loss is decided by position, never by token id, because many models pad with their end token. Control
tokens are made of what the template writes, never of a row's text.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tunecurve.errors import ModelError
from tunecurve.learners.cleaning import THOUGHT_MARKS
from tunecurve.learners.lm.chat_template import ChatTemplate
from tunecurve.learners.lm.plain_text import PlainTextTokenizer, control_tokens
from tunecurve.prompts import Message, Prompt, TuningExample

_PLAIN_TEMPLATE_ANSWER = "Output:"
_PROBE = "ANSWER"


@dataclass(frozen=True)
class EncodedExample:
    """Token ids of a tuning example; the last `n_answer` of them (answer and end token) carry loss."""

    token_ids: list[int]
    n_answer: int


class ChatEncoder:
    """Turns prompts into token ids for one tokenizer.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerBase
        A fast one, with or without a chat template; without one a plain ``Input: ... Output:`` form is used.
    date : datetime.date, optional
        The day that templates write; default: today.

    Attributes
    ----------
    template : ChatTemplate or None
        The chat template, if there is one.
    end_token_id : int
        Token that ends an answer.
    answer_lead : str
        Blanks that stand before every answer, and are taken off again by `decode`.
    lead_ids : list of int
        What the tokenizer itself puts first, such as a token for the beginning; every prompt starts with it, once.

    Raises
    ------
    ModelError
        When no token ends an answer: such a model would never learn to stop.
    """

    def __init__(self, tokenizer: Any, date: datetime.date | None = None) -> None:
        self.tokenizer = tokenizer
        self.date = date or datetime.date.today()
        has_template = tokenizer.chat_template is not None
        control = control_tokens(tokenizer, tokenizer.get_chat_template() if has_template else "")
        self._tokens = PlainTextTokenizer(tokenizer, control)
        self.template = ChatTemplate(tokenizer, self.date, list(control)) if has_template else None
        self.answer_lead = self.template.answer_lead if self.template else " "
        self.lead_ids = self._find_lead()
        self.end_token_id = self._find_end_token()
        marks = {mark for pair in THOUGHT_MARKS for mark in pair}
        self._silent = {number for text, number in control.items() if text not in marks} & _special(tokenizer)
        self._continues = True
        self._continues = self._answers_continue()

    @property
    def takes_system(self) -> bool:
        """Whether the instruction has a turn of its own."""
        return self.template is None or self.template.takes_system

    def identity(self) -> dict[str, object]:
        """Return what determines the prompts that the model reads, rows and instruction aside (JSON-able)."""
        described: dict[str, object] = {"encoding": 2, "first": self.lead_ids}
        return described | {"template": self.template.identity() if self.template else "plain"}

    def prompt_text(self, prompt: Prompt) -> str:
        """Return the text the model reads, up to where its answer starts."""
        return ChatTemplate.unescape(self._render(prompt.messages))

    def prompt_ids(self, prompt: Prompt) -> list[int]:
        """Return the prompt's token ids."""
        return self._with_lead(self._encode_prompt(self._render(prompt.messages)))

    def encode_example(self, example: TuningExample) -> EncodedExample:
        """Return the example's ids: prompt, answer, end token.

        Raises
        ------
        ModelError
            When the answer has no token: nothing would be trained.
        """
        encoded = self.encode_answer(example.prompt, example.answer)
        if encoded.n_answer == 1:
            raise ModelError(
                f"a tuning example has an empty answer (input {example.prompt.source[:40]!r}); nothing to train on"
            )
        return encoded

    def encode_answer(self, prompt: Prompt, answer: str) -> EncodedExample:
        """Return prompt, answer and end token; an empty answer is the end token alone."""
        answer_ids = self.token_ids(answer) if answer else []
        return EncodedExample([*self.prompt_ids(prompt), *answer_ids, self.end_token_id], len(answer_ids) + 1)

    def show_example(self, example: TuningExample) -> str:
        """Return the text of a training example with the tokens that carry loss between « and »."""
        encoded, decode = self.encode_example(example), self.tokenizer.decode
        prompt, trained = encoded.token_ids[: -encoded.n_answer], encoded.token_ids[-encoded.n_answer :]
        return decode(prompt) + "".join(f"«{decode([token])}»" for token in trained)

    def token_ids(self, text: str) -> list[int]:
        """Return the token ids of a text as an answer; `decode` gives the text back."""
        return self._tokens.encode(self.answer_lead + text, continues=self._continues)

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of a text."""
        return len(self.token_ids(text))

    def decode(self, token_ids: Sequence[int]) -> str:
        """Return the answer's text; special tokens that a model has written in it say nothing."""
        written = [number for number in token_ids if number not in self._silent]
        return self._tokens.decode(written, continues=self._continues).removeprefix(self.answer_lead)

    def _render(self, messages: Sequence[Message]) -> str:
        return self.template.render(messages) if self.template else _plain_text(messages) + _PLAIN_TEMPLATE_ANSWER

    def _encode_prompt(self, rendered: str) -> list[int]:
        if self.template is None:
            return self._tokens.encode(rendered)
        return self._tokens.encode(ChatTemplate.unescape(self._tokens.rename(rendered)))

    def _with_lead(self, ids: list[int]) -> list[int]:
        return ids if ids[: len(self.lead_ids)] == self.lead_ids else [*self.lead_ids, *ids]

    def _find_lead(self) -> list[int]:
        bare = self.tokenizer(_PROBE, add_special_tokens=False)["input_ids"]
        dressed = self.tokenizer(_PROBE)["input_ids"]
        for start in range(len(dressed) - len(bare) + 1):
            if dressed[start : start + len(bare)] == bare:
                return list(dressed[:start])
        return []

    def _find_end_token(self) -> int:
        """Return the control token that the chat template puts behind an answer; else the tokenizer's end-of-sequence token."""
        if self.template is not None:
            behind = self._tokens.encode(self._tokens.rename(self.template.behind_answer.strip()), continues=True)
            written = [number for number in behind if number in self._tokens.control.values()]
            if written:
                return written[0]
        if self.tokenizer.eos_token_id is None:
            raise ModelError(
                "the tokenizer has neither a chat template nor an end token; the model could not learn to stop"
            )
        return self.tokenizer.eos_token_id

    def _answers_continue(self) -> bool:
        """Whether an answer's ids are those of a text that goes on, or of a text of its own: as behind a prompt."""
        rendered = self._render([Message("user", "QUESTION")])
        before = self._encode_prompt(rendered)
        whole = self._encode_prompt(rendered + self.answer_lead + _PROBE)
        answer = whole[len(before) :] if whole[: len(before)] == before else []
        going_on, of_its_own = (self._tokens.encode(self.answer_lead + _PROBE, continues=yes) for yes in (True, False))
        return answer == going_on or answer != of_its_own


def _special(tokenizer: Any) -> set[int]:
    return {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}


def _plain_text(messages: Sequence[Message]) -> str:
    headings = {"system": "{}\n\n", "user": "Input: {}\n", "assistant": _PLAIN_TEMPLATE_ANSWER + " {}\n\n"}
    return "".join(headings[message.role].format(message.content) for message in messages)


def common_prefix_length(sequences: Sequence[list[int]]) -> int:
    """Return how many leading tokens all sequences share, leaving at least one token of each outside."""
    if not sequences:
        return 0
    first, last = min(sequences), max(sequences)
    shared = 0
    for left, right in zip(first, last, strict=False):
        if left != right:
            break
        shared += 1
    return min(shared, min(map(len, sequences)) - 1)
