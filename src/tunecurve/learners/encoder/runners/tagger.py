"""Answers texts with the tagger beside it. pip install numpy onnxruntime tokenizers; python run.py "A text" "Another"."""

import itertools
import json
import os
import re
import sys
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # else the next import writes a device id into the cache folder
import onnxruntime

HERE = Path(__file__).parent
TOLD = json.loads((HERE / "settings.json").read_text(encoding="utf-8"))
TOKENIZER = tokenizers.Tokenizer.from_file(str(HERE / "tokenizer.json"))
GLUED = re.compile("[\u0e00-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\ua4cf\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc]")
MODEL = onnxruntime.InferenceSession(str(HERE / "model.onnx"))


def answer(text: str) -> str:
    """Return the text with its spans replaced, or the list of them."""
    spans = find_spans(text)
    if TOLD["placeholders"] is None:
        found = [f"{label}: {' '.join(text[start:end].split())}" for start, end, label in spans]
        return "; ".join(re.sub("[;；؛]", r"\\\g<0>", one) for one in found) or "none"
    for start, end, label in reversed(spans):
        text = text[:start] + TOLD["placeholders"][label] + text[end:]
    return text.strip() if TOLD["strips_ends"] else text


def find_spans(text: str) -> list[tuple[int, int, str]]:
    """Return start, end and label of every span; tagged words that touch, or go on with a label, are one."""
    words, shares = read(text)
    tags = likeliest(shares)
    inside, touch = np.flatnonzero(tags).tolist(), [a[1] == b[0] for a, b in itertools.pairwise(words)]
    for before, behind in itertools.pairwise(inside):  # gaps without blanks that the training rows have within spans
        gap = [text[words[number][0] : words[number][1]] for number in range(before + 1, behind)]
        if all(touch[before:behind]) and all(fills(word) for word in gap):
            tags[before + 1 : behind] = tags[before] + tags[before] % 2
    runs, spans = list[list[int]](), list[tuple[int, int, str]]()
    for word in np.flatnonzero(tags).tolist():
        goes_on = tags[word] % 2 == 0 and tags[word] - tags[word - 1] in (0, 1)
        if runs and runs[-1][-1] == word - 1 and (goes_on or touch[word - 1]):
            runs[-1].append(word)
        else:
            runs.append([word])
    for run in runs:
        label = TOLD["labels"][int((shares[run, 1::2] + shares[run, 2::2]).sum(axis=0).argmax())]
        start, behind_last = words[run[0]][0], bool(spans) and spans[-1][1] == words[run[0] - 1][1]
        if behind_last and spans[-1][2] == label and label in TOLD["joined"]:
            start = spans.pop()[0]
        spans.append((start, words[run[-1]][1], label))
    return spans


def fills(word: str) -> bool:
    """Return whether a word between two of a span is one with it; letters of scripts without blanks are not."""
    return not GLUED.search(word) and ("" if any(map(str.isalnum, word)) else word) in TOLD["filled"]


def likeliest(shares: Any) -> Any:
    """Return the likeliest sequence of tags in which the second of a label's two tags follows one of them."""
    if not len(shares) or shares.shape[1] == 1:
        return np.zeros(len(shares), dtype=int)
    inside = shares[:, 1:].max(axis=1) > shares[:, 0]
    if TOLD["threshold"] is not None:
        inside = 1 - shares[:, 0].astype(np.float64) >= TOLD["threshold"]
    nats, goes_on, sources = np.log(np.maximum(shares.astype(np.float64), 1e-9)), np.arange(2, shares.shape[1], 2), []
    nats[inside, 0] = nats[~inside, 1:] = nats[0, 2::2] = -np.inf
    score = nats[0]
    for own in nats[1:]:
        sources.append(np.full(len(own), score.argmax()))
        sources[-1][2::2] = goes_on - (score[1::2] > score[2::2])
        score = own + score[sources[-1]]
    tags = [int(score.argmax())]
    for source in reversed(sources):
        tags.append(int(source[tags[-1]]))
    return np.array(tags[::-1])


def read(text: str) -> tuple[list[list[int]], Any]:
    """Return (start, end, first piece, piece behind the last) of every word, and the probabilities of its tags."""
    encoded, ids = TOKENIZER.encode(text, add_special_tokens=False), list[int]()
    starts, found = dict[int, int](), dict[int, list[int]]()
    for piece, (start, end), word in zip(encoded.ids, encoded.offsets, encoded.word_ids, strict=True):
        if word is None or not text[start:end].strip():
            continue
        first = starts.setdefault(word, end - len(text[start:end].lstrip()))
        known = found.setdefault(first, [first, end, len(ids), 0])  # a blank's piece stands where the next begins
        ids.append(piece)
        known[1], known[3] = max(known[1], end), len(ids)
    for known in found.values():  # accents that the tokenizer levels
        while unicodedata.category(text[known[1] : known[1] + 1] or " ").startswith("M"):
            known[1] += 1
    n, words = len(ids), list(found.values())
    means, depth = np.zeros((len(words), 1 + 2 * len(TOLD["labels"])), dtype=np.float32), [-1] * len(words)
    for first in range(0, max(n - TOLD["longest_window"], 0) + TOLD["step"], TOLD["step"]) if ids else ():
        last = min(first + TOLD["longest_window"], n)
        window = np.array([[TOLD["marks"][0], *ids[first:last], TOLD["marks"][1]]], dtype=np.int64)
        logits = MODEL.run(None, {"input_ids": window, "attention_mask": np.ones_like(window)})[0][0][1:-1]
        for number, (_, _, start, end) in enumerate(words):  # a word is read in the window where it is deepest
            begin, stop = max(start, first), min(end, last)
            deep = min(begin - first if first else n, last - stop if last < n else n)
            if begin < stop and deep > depth[number]:
                depth[number], means[number] = deep, logits[begin - first : stop - first].mean(axis=0)
    powers = np.exp(means - means.max(axis=1, keepdims=True))
    return words, powers / powers.sum(axis=1, keepdims=True)


if __name__ == "__main__":
    for given in sys.argv[1:]:
        print(answer(given))  # noqa: T201
