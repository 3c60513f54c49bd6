"""The package gliner as its documents describe it: small rules in place of the model, its limits and its warnings as they are."""

import json
import re
import sys
import types
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer

# What words ask for, and what is found then.
RULES = {
    "first name": (r"Anna|Bob|Carl", 0.9),
    "person": (r"(?:Anna|Bob|Carl)(?: Berg)?", 0.8),
    "last name": (r"Berg|Dahl", 0.7),
    "phone number": (r"\d{3}-\d{4}", 0.6),
    "number": (r"\d+", 0.4),
}


class GLiNER:
    """A loaded model."""

    texts_read: ClassVar[list[str]] = []
    config: types.SimpleNamespace
    data_processor: types.SimpleNamespace
    model: torch.nn.Module

    @classmethod
    def from_pretrained(
        cls,
        model_id: str,
        *,
        local_files_only: bool = False,
        map_location: str = "cpu",
        load_tokenizer: bool | None = None,
    ) -> Self:
        """Load a folder as the package does: weights that are missing stay random."""
        assert local_files_only, "the hub would be asked"
        self, folder = cls(), Path(model_id)
        settings = json.loads((folder / "gliner_config.json").read_text())
        encoder = types.SimpleNamespace(**settings.pop("encoder_config"))
        self.config = types.SimpleNamespace(
            **settings, encoder_config=encoder, ent_token="<<ENT>>", sep_token="<<SEP>>"
        )
        self.model = torch.nn.Linear(4, 4)
        self.model.load_state_dict(load_file(folder / "model.safetensors"), strict=False)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.data_processor = types.SimpleNamespace(transformer_tokenizer=tokenizer, words_splitter=self._words)
        return self

    @staticmethod
    def _words(text: str) -> Iterator[tuple[str, int, int]]:
        for match in re.finditer(r"\w+(?:[-_]\w+)*|\S", text):
            yield match.group(), match.start(), match.end()

    def inference(
        self,
        texts: Sequence[str],
        labels: Sequence[str],
        flat_ner: bool = True,
        threshold: float = 0.5,
        multi_label: bool = False,
        batch_size: int = 8,
    ) -> list[list[dict[str, Any]]]:
        """Find by rules; words that are too many are cut off, and so are pieces, which the package's tokenizer does silently."""
        assert flat_ner
        assert not multi_label
        return [self._found(text, labels, threshold) for text in texts]

    def _found(self, text: str, labels: Sequence[str], threshold: float) -> list[dict[str, Any]]:
        type(self).texts_read.append(text)
        words = list(self._words(text))
        if len(words) > self.config.max_len:
            warnings.warn(f"Sentence of length {len(words)} has been truncated to {self.config.max_len}", stacklevel=2)
            words = words[: self.config.max_len]
        prompt = [part for label in labels for part in ("<<ENT>>", label)] + ["<<SEP>>"]
        tokenizer = self.data_processor.transformer_tokenizer
        read = tokenizer([*prompt, *(word for word, _, _ in words)], is_split_into_words=True, truncation=True)
        last = max(number for number in read.word_ids(0) if number is not None)
        words = words[: max(0, last + 1 - len(prompt))]
        starts, ends = {start for _, start, _ in words}, {end for _, _, end in words}
        found: list[dict[str, Any]] = [
            {
                "start": match.start(),
                "end": match.end(),
                "text": match.group(),
                "label": label,
                "score": RULES[label][1],
            }
            for label in labels
            if label in RULES and RULES[label][1] > threshold
            for match in re.finditer(RULES[label][0], text)
            if match.start() in starts and match.end() in ends
        ]
        taken: list[dict[str, Any]] = []
        for one in sorted(found, key=lambda one: -one["score"]):
            if all(one["end"] <= other["start"] or one["start"] >= other["end"] for other in taken):
                taken.append(one)
        return sorted(taken, key=lambda one: one["start"])


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be imported as gliner; the model answers by rules."""
    package = types.ModuleType("gliner")
    vars(package).update(GLiNER=GLiNER)
    monkeypatch.setitem(sys.modules, "gliner", package)
    monkeypatch.setattr(GLiNER, "texts_read", [])
