"""Which bytes the tokens of a byte-level tokenizer write."""

from __future__ import annotations

import json
from typing import Any

from transformers.convert_slow_tokenizer import bytes_to_unicode

from tunecurve.errors import ModelError


class TokenBytes:
    """The bytes that every token of a byte-level tokenizer writes, as GPT-2, Llama 3, Qwen and SmolLM have.

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
        self._by_first_byte: dict[int, list[int]] = {}
        for number, written in self._bytes.items():
            self._by_first_byte.setdefault(written[0], []).append(number)

    def __getitem__(self, token_id: int) -> bytes:
        """Return the token's bytes; empty where it writes nothing of its own (special tokens, padded vocabularies)."""
        return self._bytes.get(token_id, b"")

    def beginning_with(self, first: bytes) -> list[int]:
        """Return the tokens that begin with one of these bytes."""
        return [number for byte in first for number in self._by_first_byte.get(byte, ())]

    def longest_at(self, text: bytes, position: int) -> int | None:
        """Return the token that copies most of the text from a place on; None where no token has its first byte."""
        for length in range(min(self._longest, len(text) - position), 0, -1):
            found = self._ids.get(text[position : position + length])
            if found is not None:
                return found
        return None


def _is_byte_level(tokenizer: Any) -> bool:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    decoder = json.loads(backend.to_str()).get("decoder") if backend is not None else None
    parts = [decoder, *decoder.get("decoders", [])] if decoder else []
    return any(part.get("type") == "ByteLevel" for part in parts)
