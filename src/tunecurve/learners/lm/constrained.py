"""Greedy decoding that can write nothing but a masking: the likeliest token that the input and the labels allow.

Where the model's own likeliest token is allowed at every step, the answer is the unconstrained one. (Choosing among the
tokens that an automaton lets through: Willard and Louf 2023, arXiv:2307.09702; here the automaton is that of the row's
own input, so nothing is compiled ahead.) Training is that of the unconstrained model, and is shared with it.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers.convert_slow_tokenizer import bytes_to_unicode

from tunecurve.errors import ModelError
from tunecurve.learners.base import TrainingJob, TrainingProgress, Tuned
from tunecurve.learners.lm.decoding.masking_automaton import KnownLabels, MaskingAutomaton
from tunecurve.learners.lm.decoding.packed import Constraint
from tunecurve.learners.lm.learner import LocalLearner
from tunecurve.prompts import Prompt
from tunecurve.spec.study import CONSTRAINED

# A token further down is no choice of the model's any more; where the place is known, copying on is the better answer.
N_TRIED = 64


class TokenBytes:
    """The bytes that every token of a byte-level tokenizer writes.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerBase
        With byte-level tokens, as those of GPT-2, Llama 3, Qwen and SmolLM.
    model_name : str
        For the message.

    Raises
    ------
    ModelError
        When the tokens are not byte-level.
    """

    def __init__(self, tokenizer: Any, model_name: str) -> None:
        if not _is_byte_level(tokenizer):
            raise ModelError(
                f"'{model_name}' cannot be constrained: its tokenizer is not byte-level, expected one like those of GPT-2, "
                "Llama 3, Qwen or SmolLM; name the model without 'constrained:', or choose another one"
            )
        byte_of = {character: byte for byte, character in bytes_to_unicode().items()}
        special = set(tokenizer.all_special_ids)
        special |= {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
        self._bytes: dict[int, bytes] = {}
        self._ids: dict[bytes, int] = {}
        for token, number in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1]):
            if token and number not in special:
                # As the decoder does: a token with a character that stands for no byte is text.
                known = all(character in byte_of for character in token)
                written = bytes(byte_of[character] for character in token) if known else token.encode()
                self._bytes[number] = written
                self._ids.setdefault(written, number)
        self._longest = max(map(len, self._ids))

    def __getitem__(self, token_id: int) -> bytes:
        """Return the token's bytes; empty where it writes nothing of its own (special tokens, padded vocabularies)."""
        return self._bytes.get(token_id, b"")

    def longest_at(self, text: bytes, place: int) -> int | None:
        """Return the token that copies most of the text from a place on; None where no token has its first byte."""
        for length in range(min(self._longest, len(text) - place), 0, -1):
            found = self._ids.get(text[place : place + length])
            if found is not None:
                return found
        return None


def _is_byte_level(tokenizer: Any) -> bool:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    decoder = json.loads(backend.to_str()).get("decoder") if backend is not None else None
    parts = [decoder, *decoder.get("decoders", [])] if decoder else []
    return any(part.get("type") == "ByteLevel" for part in parts)


class MaskingConstraint:
    """Chooses the tokens of one answer, in their order.

    Parameters
    ----------
    automaton : MaskingAutomaton
        Of the row's input.
    tokens : TokenBytes
        Of the model's tokenizer.
    end_id : int
        Token that ends the answer.
    """

    def __init__(self, automaton: MaskingAutomaton, tokens: TokenBytes, end_id: int) -> None:
        self._automaton, self._tokens, self._end_id = automaton, tokens, end_id
        self._standing = automaton.start

    def choose(self, logits: torch.Tensor, likeliest: Sequence[int], guesses: Sequence[int]) -> list[int]:
        """Return the allowed token before each guess and after the last one; see `decoding.packed.Constraint`."""
        chosen: list[int] = []
        for place, token in enumerate(likeliest):
            chosen.append(token if self._take(token) else self._take_another(logits[place]))
            if chosen[-1] == self._end_id or (place < len(guesses) and chosen[-1] != guesses[place]):
                break
        return [*chosen, *likeliest[len(chosen) :]]

    def _take(self, token: int) -> bool:
        """Note the token as written, if it is allowed, and return whether it is."""
        if token == self._end_id:
            return self._automaton.may_end(self._standing)
        written = self._tokens[token]
        standing = self._automaton.follow(self._standing, written) if written else None
        if standing is None:
            return False
        self._standing = standing
        return True

    def _take_another(self, logits: torch.Tensor) -> int:
        for token in logits.topk(min(N_TRIED, logits.numel())).indices.tolist():
            if self._take(token):
                return token
        place = self._automaton.only_place(self._standing)
        if place is not None:
            copied = self._tokens.longest_at(self._automaton.text, place)
            if copied is not None and self._take(copied):
                return copied
        # Within a label, or where the input goes on in many places: what comes next is the model's choice alone.
        for token in logits.argsort(descending=True).tolist():
            if self._take(token):
                return token
        raise ModelError(
            f"no token of the model goes on with a masking of {self._automaton.text.decode()[:40]!r}; name the model "
            "without 'constrained:'"
        )


class ConstrainedLearner(LocalLearner):
    """A local model whose answers are maskings of their inputs, whatever it would rather write.

    Parameters
    ----------
    *arguments, **options
        Those of `LocalLearner`.

    Raises
    ------
    ModelError
        When the model's tokenizer is not byte-level; at work, when a prompt has no labels.
    """

    loss_note = "of the model without its constraint"

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.name = CONSTRAINED + self.files.name
        self._tokens = TokenBytes(self.encoder.tokenizer, self.files.name)
        self._known_labels = functools.lru_cache(maxsize=8)(KnownLabels)

    def identity(self) -> dict[str, object]:
        """Return what determines the answers."""
        return super().identity() | {"decoding": "greedy, constrained to maskings, v1", "tokens_tried": N_TRIED}

    def fine_tune(self, job: TrainingJob, on_step: Callable[[TrainingProgress], None]) -> Tuned:
        """Fine-tune as the unconstrained model does, after looking whether there are labels to answer with."""
        for example in job.examples:
            self._labels_of(example.prompt)
        return super().fine_tune(job, on_step)

    def constraint(self, prompt: Prompt) -> Constraint:
        """Return the constraint of the answer to a prompt."""
        automaton = MaskingAutomaton(prompt.source, self._labels_of(prompt), lead=self.encoder.answer_lead)
        return MaskingConstraint(automaton, self._tokens, self.encoder.end_token_id)

    def _labels_of(self, prompt: Prompt) -> KnownLabels:
        return self._known_labels(prompt.labels, prompt.numbered, prompt.form)
