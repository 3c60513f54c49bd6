"""Answers texts with the classifier beside it. pip install numpy onnxruntime tokenizers; python run.py "A text" "Another"."""

import json
import re
import sys
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
    """Return the likeliest class, or all labels above their thresholds."""
    scores, classes = logits(text), SETTINGS["classes"]
    if SETTINGS["thresholds"] is None:
        return classes[int(scores.argmax())]
    chosen = 1 / (1 + np.exp(-scores)) >= np.array(SETTINGS["thresholds"])
    labels = sorted(label for label, is_in in zip(classes, chosen, strict=True) if is_in)
    return "; ".join(re.sub("[;；؛]", r"\\\g<0>", label) for label in labels) or "none"


def logits(text: str) -> Any:
    """Return the scores of the classes: means over all pieces; long texts are read in windows."""
    encoded = TOKENIZER.encode(text, add_special_tokens=False)
    pairs = zip(encoded.ids, encoded.offsets, strict=True)
    ids = [piece for piece, (start, end) in pairs if text[start:end].strip()]
    longest = SETTINGS["longest_window"]
    step, found = max(1, longest - longest // 4), []
    for first in range(0, max(len(ids) - longest, 0) + step, step) if ids else ():
        window = [[SETTINGS["marks"][0], *ids[first : first + longest], SETTINGS["marks"][1]]]
        tokens = np.array(window, dtype=np.int64)
        found.append(MODEL.run(None, {"input_ids": tokens, "attention_mask": np.ones_like(tokens)})[0][0][1:-1])
    return np.concatenate(found).mean(axis=0) if found else np.array(SETTINGS["of_no_text"])


if __name__ == "__main__":
    for given in sys.argv[1:]:
        print(answer(given))  # noqa: T201
