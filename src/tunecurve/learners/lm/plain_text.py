"""A tokenizer that makes control tokens of the chat template's words only, never of a row's.

The tokenizer is rebuilt with its control tokens under private names that no text contains. What a template writes is
renamed before encoding; a row's `<|im_end|>` is characters like any others. For all other text the ids are the
tokenizer's own.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, get_args

from tokenizers import Tokenizer

from tunecurve.errors import ModelError
from tunecurve.learners.cleaning import THOUGHT_MARKS

_LOOKS_LIKE_CONTROL = re.compile(r"(?s)<[|｜].*[|｜]>")
_IN_BRACKETS = re.compile(r"(?s)[<\[{|｜].*[>\]}|｜]")
# What SentencePiece writes for a blank; as a character of a text it is written byte by byte.
_BLANK_SIGN = "▁"
TokenizerJson = dict[str, Any]
_COMPONENTS = ("normalizer", "pre_tokenizer", "decoder")
_Form = Literal["NFC", "NFD", "NFKC", "NFKD"]
_UNICODE_FORMS: tuple[_Form, ...] = get_args(_Form)


def control_tokens(tokenizer: Any, template_text: str) -> dict[str, int]:
    """Return the tokens that steer a model, by text.

    Special tokens; and of the other added ones those that the chat template writes, that are marks of thoughts, or that
    look like ``<|this|>``. What remains, such as runs of blanks or HTML tags, is text that has a token of its own.
    """
    marks = {mark for pair in THOUGHT_MARKS for mark in pair}
    found = {}
    for number, token in tokenizer.added_tokens_decoder.items():
        content = token.content
        is_written = bool(_IN_BRACKETS.fullmatch(content)) and content in template_text
        if token.special or is_written or content in marks or _LOOKS_LIKE_CONTROL.fullmatch(content):
            found[content] = number
    return found


class PlainTextTokenizer:
    """Encodes text in which control tokens, as `control_tokens` gives them, are escaped or text.

    Raises
    ------
    ModelError
        When it is no fast tokenizer.
    """

    def __init__(self, tokenizer: Any, control: Mapping[str, int]) -> None:
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise ModelError(
                "the model's tokenizer has no tokenizer.json form; expected one that transformers loads as a fast tokenizer"
            )
        self.control = dict(control)
        self._source = backend.to_str()
        described = json.loads(self._source)
        self._forms = _forms_of(described)
        self._puts_prefix = _without_prefix({name: copy.deepcopy(described[name]) for name in _COMPONENTS})
        nonce = hashlib.sha256(self._source.encode()).hexdigest()[:16]
        self._names = {text: f"\ufdd0{nonce}:{number}\ufdd1" for text, number in self.control.items()}
        self._written = _any_of(self._names)
        self._blank_sign_ids = _ids_of_blank_sign(described)
        self._whole = self._rebuilt(described)

    def rename(self, template_text: str) -> str:
        """Return text of a template with its control tokens under their private names."""
        return self._written.sub(lambda found: self._names[found[0]], template_text) if self._names else template_text

    def encode(self, text: str, *, continues: bool = False) -> list[int]:
        """Return the ids of a text; control tokens are those in private names.

        One that continues another has no blank before it, as some tokenizers put there.
        """
        if self._blank_sign_ids and _BLANK_SIGN in text:
            first, *others = text.split(_BLANK_SIGN)
            ids = self.encode(first, continues=continues) if first else []
            for other in others:
                ids += self._blank_sign_ids + (self.encode(other, continues=True) if other else [])
            return ids
        is_unchanged = all(unicodedata.is_normalized(form, text) for form in self._forms)
        if continues:
            backend = self._continuing if is_unchanged else self._continuing_exact
        else:
            backend = self._whole if is_unchanged else self._whole_exact
        return backend.encode(text, add_special_tokens=False).ids

    def decode(self, token_ids: Sequence[int], *, continues: bool = False) -> str:
        """Return the text of ids that hold no control token, as `encode` was given it."""
        return (self._continuing if continues else self._whole).decode(token_ids, skip_special_tokens=False)

    @cached_property
    def _whole_exact(self) -> Tokenizer:
        return self._build(_keep_unicode)

    @cached_property
    def _continuing(self) -> Tokenizer:
        return self._build(_without_prefix) if self._puts_prefix else self._whole

    @cached_property
    def _continuing_exact(self) -> Tokenizer:
        return self._build(_without_prefix, _keep_unicode) if self._puts_prefix else self._whole_exact

    def _build(self, *changes: Callable[[TokenizerJson], Any]) -> Tokenizer:
        described = json.loads(self._source)
        for change in changes:
            change(described)
        return self._rebuilt(described)

    def _rebuilt(self, described: TokenizerJson) -> Tokenizer:
        described |= {"post_processor": None, "truncation": None, "padding": None}
        for token in described["added_tokens"]:
            token["content"] = self._names.get(token["content"], token["content"])
        _rename_in_model(described["model"], self._names)
        return Tokenizer.from_str(json.dumps(described))


def _any_of(texts: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True)))


def _rename_in_model(model: TokenizerJson, names: Mapping[str, str]) -> None:
    """Rename tokens in a model's vocabulary; nothing merges into them any more."""
    vocabulary = model["vocab"]
    if isinstance(vocabulary, dict):
        model["vocab"] = {names.get(token, token): number for token, number in vocabulary.items()}
    else:
        model["vocab"] = [[names.get(token, token), score] for token, score in vocabulary]
    if model.get("unk_token") in names:
        model["unk_token"] = names[model["unk_token"]]
    if "merges" in model:
        pairs = (tuple(merge) if isinstance(merge, list) else tuple(merge.split(" ")) for merge in model["merges"])
        model["merges"] = [list(pair) for pair in pairs if not ({*pair, "".join(pair)} & names.keys())]


def _parts(part: TokenizerJson | None, kind: str) -> list[TokenizerJson]:
    """Return a component's own parts, or itself as the only one."""
    if part is None:
        return []
    inner = {"normalizers": "normalizers", "pre_tokenizers": "pretokenizers", "decoders": "decoders"}[kind]
    return [leaf for child in part[inner] for leaf in _parts(child, kind)] if part["type"] == "Sequence" else [part]


def _forms_of(described: TokenizerJson) -> tuple[_Form, ...]:
    """Return the Unicode forms that the tokenizer brings a text into; text in another form is encoded as it stands."""
    used = {part["type"] for part in _parts(described["normalizer"], "normalizers")}
    return tuple(form for form in _UNICODE_FORMS if form in used)


def _ids_of_blank_sign(described: TokenizerJson) -> list[int]:
    """Return the tokens of the blank sign's bytes, where the tokenizer would take the sign for a blank; else none."""
    vocabulary = described["model"]["vocab"]
    names = [f"<0x{byte:02X}>" for byte in _BLANK_SIGN.encode()]
    stands_for_blank = _BLANK_SIGN in json.dumps([described[name] for name in _COMPONENTS], ensure_ascii=False)
    if not stands_for_blank or not isinstance(vocabulary, dict) or any(name not in vocabulary for name in names):
        return []
    return [vocabulary[name] for name in names]


def _without_prefix(described: TokenizerJson) -> bool:
    """Take away the blank that is put before a text, and that the decoder takes off again; return whether there is one."""
    before = json.dumps([described[name] for name in _COMPONENTS])
    for part in _parts(described["normalizer"], "normalizers"):
        if part["type"] == "Prepend":
            part["prepend"] = ""
    for part in [*_parts(described["pre_tokenizer"], "pre_tokenizers"), *_parts(described["decoder"], "decoders")]:
        if part["type"] == "Metaspace":
            part["prepend_scheme"] = "never"
        if part["type"] == "Strip":
            part["start"] = 0
    for part in _parts(described["pre_tokenizer"], "pre_tokenizers"):
        if part["type"] == "ByteLevel":
            part["add_prefix_space"] = False
    return json.dumps([described[name] for name in _COMPONENTS]) != before


def _keep_unicode(described: TokenizerJson) -> None:
    """Take away the normalization to a Unicode form."""
    kept = [part for part in _parts(described["normalizer"], "normalizers") if part["type"] not in _UNICODE_FORMS]
    described["normalizer"] = {"type": "Sequence", "normalizers": kept} if kept else None
