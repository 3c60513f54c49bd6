"""From prompts and answers to token ids, by the model's own chat template.

Prompt and answer are tokenised apart and joined: generation starts from exactly the prompt's ids, so training must
too. What carries loss is decided by position, never by token id, because many models pad with their end token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jinja2

from tunecurve.errors import ModelError
from tunecurve.prompts import Message, Prompt, TuningExample

_PLAIN_TEMPLATE_ANSWER = "Output:"


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
        With or without a chat template; without one a plain ``Input: ... Output:`` form is used.

    Raises
    ------
    ModelError
        When no token ends an answer: such a model would never learn to stop.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.takes_system = self._takes_system_turn()
        self.end_token_id = self._find_end_token()
        # What stands before every answer, and is taken off again by `decode`.
        self.answer_lead = "" if tokenizer.chat_template is not None else " "

    def prompt_text(self, prompt: Prompt) -> str:
        """Return the text the model reads, up to where its answer starts."""
        if self.tokenizer.chat_template is None:
            return _plain_text(prompt.messages) + _PLAIN_TEMPLATE_ANSWER
        messages = prompt.messages if self.takes_system else _system_into_user(prompt.messages)
        return self.tokenizer.apply_chat_template(_as_dicts(messages), tokenize=False, add_generation_prompt=True)

    def prompt_ids(self, prompt: Prompt) -> list[int]:
        """Return the prompt's token ids."""
        return self._encode(self.prompt_text(prompt))

    def encode_example(self, example: TuningExample) -> EncodedExample:
        """Return the example's ids: prompt, answer, end token.

        Raises
        ------
        ModelError
            When the answer has no token: nothing would be trained.
        """
        answer = self._encode(self.answer_lead + example.answer)
        if not answer:
            raise ModelError(
                f"a tuning example has an empty answer (input {example.prompt.source[:40]!r}); nothing to train on"
            )
        return EncodedExample([*self.prompt_ids(example.prompt), *answer, self.end_token_id], len(answer) + 1)

    def token_ids(self, text: str) -> list[int]:
        """Return the token ids of a bare text."""
        return self._encode(text)

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of a bare text."""
        return len(self._encode(text))

    def decode(self, token_ids: Sequence[int]) -> str:
        """Return the answer's text."""
        text = self.tokenizer.decode(token_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text.removeprefix(self.answer_lead)

    def _encode(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def _takes_system_turn(self) -> bool:
        """Whether the chat template knows a system role; some models' templates raise an error for it."""
        turns = [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]
        try:
            if self.tokenizer.chat_template is not None:
                self.tokenizer.apply_chat_template(turns, tokenize=False)
        except jinja2.TemplateError:
            return False
        return True

    def _find_end_token(self) -> int:
        """The token that the chat template puts behind an answer; else the tokenizer's end-of-sequence token."""
        if self.tokenizer.chat_template is not None:
            turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "ANSWER"}]
            behind = self.tokenizer.apply_chat_template(turns, tokenize=False).rpartition("ANSWER")[2]
            ids = self._encode(behind.strip())
            if ids:
                return ids[0]
        if self.tokenizer.eos_token_id is None:
            raise ModelError(
                "the tokenizer has neither a chat template nor an end token; the model could not learn to stop"
            )
        return self.tokenizer.eos_token_id


def _as_dicts(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in messages]


def _system_into_user(messages: Sequence[Message]) -> list[Message]:
    """Put the instruction in front of the first user turn, for templates without a system role."""
    if not messages or messages[0].role != "system":
        return list(messages)
    system, first, *rest = messages
    return [Message("user", f"{system.content}\n\n{first.content}"), *rest]


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
