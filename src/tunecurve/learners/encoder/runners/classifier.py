"""Answers texts with the classifier beside it. pip install numpy onnxruntime tokenizers; python run.py "A text" "Another"."""

import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import tokenizers

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # else the next import writes a device id into the cache folder
import onnxruntime

HERE = Path(__file__).parent
TOLD = json.loads((HERE / "settings.json").read_text(encoding="utf-8"))
TOKENIZER = tokenizers.Tokenizer.from_file(str(HERE / "tokenizer.json"))
MODEL = onnxruntime.InferenceSession(str(HERE / "model.onnx"))


def answer(text: str) -> str:
    """Return the likeliest class, or all labels above their thresholds: by the mean over all pieces, read in windows."""
    encoded = TOKENIZER.encode(text, add_special_tokens=False)
    ids = [piece for piece, (start, end) in zip(encoded.ids, encoded.offsets, strict=True) if text[start:end].strip()]
    found = []
    for first in range(0, max(len(ids) - TOLD["longest_window"], 0) + TOLD["step"], TOLD["step"]) if ids else ():
        pieces = ids[first : first + TOLD["longest_window"]]
        window = np.array([[TOLD["marks"][0], *pieces, TOLD["marks"][1]]], dtype=np.int64)
        found.append(MODEL.run(None, {"input_ids": window, "attention_mask": np.ones_like(window)})[0][0][1:-1])
    scores = np.concatenate(found).mean(axis=0) if found else np.array(TOLD["of_no_text"])
    if TOLD["thresholds"] is None:
        return str(TOLD["classes"][int(scores.argmax())])
    chosen = np.flatnonzero(1 / (1 + np.exp(-scores)) >= np.array(TOLD["thresholds"]))
    labels = sorted(TOLD["classes"][index] for index in chosen)
    return "; ".join(re.sub("[;；؛]", r"\\\g<0>", label) for label in labels) or "none"


if __name__ == "__main__":
    for given in sys.argv[1:]:
        print(answer(given))  # noqa: T201
