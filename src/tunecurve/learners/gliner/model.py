"""A loaded GLiNER model: a text and words of labels become findings, however long the text is.

The package cuts a text after the words, and the tokenizer after the pieces, that the model takes, with a warning at most. Here a text
that is longer is read in windows, so that every word is read.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from safetensors import safe_open

from tunecurve.errors import ModelError
from tunecurve.learners.baselines.masked_text import Finding
from tunecurve.learners.gliner.folder import WEIGHTS
from tunecurve.learners.gliner.windows import Window, cut_into_windows
from tunecurve.learners.model_files import ModelFiles
from tunecurve.learners.telemetry import silence_onnxruntime
from tunecurve.learners.torch.whole_models import loading, why_no_numbers
from tunecurve.wording import first_of

# Windows of a text that are read at once.
BATCH = 8
# Pieces that must be left for the text behind those of the labels.
FEWEST_PIECES = 32
# Tokenizers without a bound say some huge number.
NO_BOUND = 1_000_000


@dataclass(frozen=True)
class WordsOfText:
    """A text's words as GLiNER splits it."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    """Character offsets, end exclusive."""
    n_pieces: tuple[int, ...]
    """The tokenizer's pieces of each word."""


class GlinerModel:
    """A model of a folder.

    Parameters
    ----------
    files : ModelFiles
        From `resolve_gliner`.
    device : torch.device
        Where it computes, in float32.

    Raises
    ------
    ModelError
        When it cannot be loaded, or its weights are not whole.
    """

    def __init__(self, files: ModelFiles, device: torch.device) -> None:
        silence_onnxruntime()  # which the package imports where it is installed
        self.name = files.name
        with loading(files, "GLiNER model"), warnings.catch_warnings():
            # On bi-encoders it warns that it adds no marks, and on folders of earlier versions of what it sets by itself.
            warnings.simplefilter("ignore")
            from gliner import GLiNER

            try:
                self.package = GLiNER.from_pretrained(
                    str(files.folder), local_files_only=True, map_location=str(device), load_tokenizer=True
                )
            except RuntimeError as error:  # torch says which weights have another shape from the second line on
                raise RuntimeError(" ".join(str(error).split())) from None
        _check_weights(files, self.package.model)
        self.tokenizer = self.package.data_processor.transformer_tokenizer

    @property
    def n_weights(self) -> int:
        """How many weights a text is multiplied with; word vectors are looked up."""
        parts = self.package.model.named_parameters()
        return sum(weight.numel() for name, weight in parts if not name.endswith("word_embeddings.weight"))

    def count_pieces(self, words: Sequence[str]) -> int:
        """Return the tokenizer's pieces of words, marks around them left out."""
        if not words:
            return 0
        return len(self.tokenizer(list(words), is_split_into_words=True, add_special_tokens=False)["input_ids"])

    def pieces_of_labels(self, labels: Sequence[str]) -> int:
        """Return the pieces that stand around a text: the words of the labels, where they are read with it, and marks."""
        marks = len(self.tokenizer("")["input_ids"])
        if getattr(self.package.config, "labels_encoder", None):
            return marks
        config = self.package.config
        return marks + self.count_pieces(
            [*(word for label in labels for word in (config.ent_token, label)), config.sep_token]
        )

    def split(self, text: str) -> WordsOfText:
        """Return a text's words."""
        words = list(self.package.data_processor.words_splitter(text))
        counts = [0] * len(words)
        if words:
            read = self.tokenizer(
                [word for word, _, _ in words], is_split_into_words=True, add_special_tokens=False, truncation=False
            )
            for number in read.word_ids(0):
                counts[number] += 1
        return WordsOfText(tuple(word[1] for word in words), tuple(word[2] for word in words), tuple(counts))

    def pieces_of(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the tokenizer's pieces of texts, as the model reads them."""
        words = [[word for word, _, _ in self.package.data_processor.words_splitter(text)] for text in texts]
        read = [row for row in words if row]
        if not read:
            return []
        pieces = self.tokenizer(read, is_split_into_words=True, add_special_tokens=False, truncation=False)["input_ids"]
        return [list(row) for row in pieces]

    @property
    def n_vectors(self) -> int:
        """How many pieces the model has a vector for."""
        return int(getattr(self.package.config.encoder_config, "vocab_size", None) or len(self.tokenizer))

    def most_pieces(self) -> int | None:
        """Return how many pieces are read at once, labels and marks among them; None: any number."""
        config = self.package.config.encoder_config
        bounds = [int(self.tokenizer.model_max_length)]
        is_relative = getattr(config, "relative_attention", False) and not getattr(
            config, "position_biased_input", True
        )
        if not is_relative and getattr(config, "max_position_embeddings", None):
            bounds.append(int(config.max_position_embeddings) - 2)  # two are no places of pieces in RoBERTa's kind
        most = min(bounds)
        return None if most >= NO_BOUND else most

    def room(self, labels: Sequence[str]) -> int | None:
        """Return how many pieces of a text are read at once beside the words of the labels; None: any number.

        Raises
        ------
        ModelError
            When there is no room.
        """
        most, taken = self.most_pieces(), self.pieces_of_labels(labels)
        if most is None:
            return None
        if most - taken < FEWEST_PIECES:
            raise ModelError(
                f"'{self.name}' reads {most} pieces at once, and what labels are asked for with takes {taken} of them, which leaves no "
                "room for a text; give shorter words (gliner.prompts)"
            )
        return most - taken

    def windows(self, words: WordsOfText, room: int | None) -> list[Window]:
        """Return the windows that a text is read in; `room` is for its pieces."""
        return cut_into_windows(words.n_pieces, int(self.package.config.max_len), room)

    def find(self, text: str, labels: Mapping[str, str], threshold: float) -> list[Finding]:
        """Return what is found in a text: `labels` has the kind for all words that are asked for. In a window nothing overlaps."""
        words, asked = self.split(text), list(labels)
        windows = self.windows(words, self.room(asked))
        if not windows:
            return []
        offsets = [words.starts[window.first] for window in windows]
        found = self.package.inference(
            [text[start : words.ends[window.end - 1]] for start, window in zip(offsets, windows, strict=True)],
            asked,
            flat_ner=True,
            threshold=threshold,
            multi_label=False,
            batch_size=BATCH,
        )
        return [
            Finding(one["start"] + offset, one["end"] + offset, labels[one["label"]], float(one["score"]))
            for window, offset, ones in zip(windows, offsets, found, strict=True)
            for one in ones
            if words.starts[window.own_first] <= one["start"] + offset < words.ends[window.own_end - 1]
        ]


def _check_weights(files: ModelFiles, model: Any) -> None:
    """Refuse weights that are not whole: the package leaves random numbers where some are missing."""
    with loading(files, "GLiNER model"), safe_open(files.folder / WEIGHTS, framework="pt") as file:
        stored = set(file.keys()) | (file.metadata() or {}).keys()
    wanted = model.state_dict().keys()
    missing = sorted(wanted - stored)
    if missing:
        raise ModelError(
            f"cannot load the GLiNER model '{files.name}': {WEIGHTS} lacks {len(missing)} of the {len(wanted)} tensors that its "
            f"configuration describes ({first_of(missing, 3)}), and random numbers would stand for them; copy or save the whole model again"
        )
    if why := why_no_numbers(model, ()):
        raise ModelError(f"cannot load the GLiNER model '{files.name}': {why}")
