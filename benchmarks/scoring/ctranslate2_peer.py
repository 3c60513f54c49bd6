"""CTranslate2's answers, timed: run in an environment with ctranslate2 and transformers by `compare.py`, told what in JSON.

    python ctranslate2_peer.py '{"model": FOLDER, "prompts": FILE, "threads": 2, "at_a_time": 16, "compute_type": "float32"}'

FOLDER holds the merged model as transformers saves it. The tokens that all prompts begin with are its static prompt, kept
in its cache. Prints one JSON object: seconds, and seconds of the processor, for all prompts, and the ids of the answers.
"""

from __future__ import annotations

import json
import sys
from itertools import takewhile
from pathlib import Path
from typing import Any

import ctranslate2
from ctranslate2.converters import TransformersConverter
from timed import read_prompts, time_and_print


def main() -> None:
    """Answer as told."""
    job = json.loads(sys.argv[1])
    prompts = read_prompts(job)
    folder = Path(job["model"]) / ("ct2-" + job["compute_type"])
    if not folder.exists():
        TransformersConverter(job["model"]).convert(str(folder), quantization=job["compute_type"])
    generator = ctranslate2.Generator(
        str(folder), device="cpu", compute_type=job["compute_type"], intra_threads=job["threads"]
    )
    words = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
    place = {word: number for number, word in enumerate(words)}
    columns = zip(*(prompt["ids"] for prompt in prompts), strict=False)
    shared = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))
    beginning = [words[number] for number in prompts[0]["ids"][:shared]]

    def answer(some: list[dict[str, Any]]) -> list[list[int]]:
        order = sorted(range(len(some)), key=lambda index: len(some[index]["ids"]))
        found: list[list[int]] = [[] for _ in some]
        for start in range(0, len(order), job["at_a_time"]):
            batch = order[start : start + job["at_a_time"]]
            results = generator.generate_batch(
                [[words[number] for number in some[index]["ids"][shared:]] for index in batch],
                static_prompt=beginning,
                cache_static_prompt=True,
                include_prompt_in_result=False,
                max_length=max(some[index]["cap"] for index in batch),
                sampling_topk=1,
                end_token=words[job["end"]],
            )
            for index, result in zip(batch, results, strict=True):
                found[index] = [place[word] for word in result.sequences[0]][: some[index]["cap"]]
        return found

    time_and_print(answer, prompts, "answer_ids")


if __name__ == "__main__":
    main()
