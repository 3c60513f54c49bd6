"""Answers texts with the tagger beside it. pip install numpy onnxruntime tokenizers; python run.py "A text" "Another"."""

import json
import re
import sys
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import tokenizers

HERE = Path(__file__).parent
SETTINGS = json.loads((HERE / "settings.json").read_text(encoding="utf-8"))
TOKENIZER = tokenizers.Tokenizer.from_file(str(HERE / "tokenizer.json"))
TOKENIZER.no_truncation()
TOKENIZER.no_padding()
MODEL = onnxruntime.InferenceSession(str(HERE / "model.onnx"))


def answer(text: str) -> str:
    """Return the text with its spans replaced, or the list of them."""
    spans = find_spans(text)
    if SETTINGS["answer"] == "entities":
        parts = [f"{label}: {' '.join(text[start:end].split())}" for start, end, label in spans]
        return "; ".join(re.sub("[;；؛]", r"\\\g<0>", part) for part in parts) or "none"
    for start, end, label in reversed(spans):
        text = text[:start] + SETTINGS["placeholders"][label] + text[end:]
    return text.strip() if SETTINGS["strips_ends"] else text


def find_spans(text: str) -> list[tuple[int, int, str]]:
    """Return start, end and label of every span; words that touch, or go on with a label, are one span."""
    words, ids, word_of = split(text)
    shares = probabilities(ids, word_of, len(words))
    tags = shares.argmax(axis=1) if SETTINGS["threshold"] is None else 1 + shares[:, 1:].argmax(axis=1)
    if SETTINGS["threshold"] is not None:
        tags[1 - shares[:, 0] < SETTINGS["threshold"]] = 0
    runs: list[list[int]] = []
    for number in np.flatnonzero(tags).tolist():
        is_next = bool(runs) and runs[-1][1] == number
        goes_on = is_next and tags[number] % 2 == 0 and (tags[number - 1] - 1) // 2 == (tags[number] - 1) // 2
        if goes_on or (is_next and words[number - 1][1] == words[number][0]):
            runs[-1][1] = number + 1
        else:
            runs.append([number, number + 1])
    spans: list[tuple[int, int, str]] = []
    for first, last in runs:
        label = SETTINGS["labels"][int((shares[first:last, 1::2] + shares[first:last, 2::2]).sum(axis=0).argmax())]
        start, end = words[first][0], words[last - 1][1]
        if spans and spans[-1][1] == words[first - 1][1] and spans[-1][2] == label and label in SETTINGS["joined"]:
            start = spans.pop()[0]
        spans.append((start, end, label))
    return spans


def split(text: str) -> tuple[list[list[int]], list[int], list[int]]:
    """Return start and end of every word, the ids of all pieces, and the number of each piece's word."""
    encoded, words, ids, word_of, last = TOKENIZER.encode(text, add_special_tokens=False), [], [], [], None
    for piece, offsets, word in zip(encoded.ids, encoded.offsets, encoded.word_ids, strict=True):
        start, end = offsets
        while start < end and text[start].isspace():
            start += 1
        if word is None or start >= end:
            continue
        while end < len(text) and unicodedata.category(text[end]).startswith("M"):
            end += 1
        if word != last:
            words.append([start, end])
        words[-1][1], last = max(words[-1][1], end), word
        ids.append(piece)
        word_of.append(len(words) - 1)
    return words, ids, word_of


def probabilities(ids: list[int], word_of: list[int], n_words: int) -> Any:
    """Return the probabilities of every word's tags; a word of a long text is read in the window where it is deepest."""
    found, depth = np.zeros((n_words, 1 + 2 * len(SETTINGS["labels"])), dtype=np.float32), np.full(n_words, -1)
    n, longest = len(ids), SETTINGS["longest_window"]
    step = max(1, longest - longest // 4)
    for first in range(0, max(n - longest, 0) + step, step) if n else ():
        last = min(first + longest, n)
        window = np.array([[SETTINGS["marks"][0], *ids[first:last], SETTINGS["marks"][1]]], dtype=np.int64)
        logits = MODEL.run(None, {"input_ids": window, "attention_mask": np.ones_like(window)})[0][0][1:-1]
        for word in range(word_of[first], word_of[last - 1] + 1):
            pieces = [piece for piece in range(first, last) if word_of[piece] == word]
            deep = min(min(p - first if first else n, last - 1 - p if last < n else n) for p in pieces)
            if deep > depth[word]:
                mean = logits[[piece - first for piece in pieces]].mean(axis=0)
                powers = np.exp(mean - mean.max())
                depth[word], found[word] = deep, powers / powers.sum()
    return found


if __name__ == "__main__":
    for given in sys.argv[1:]:
        print(answer(given))  # noqa: T201
