"""llama.cpp's answers, timed: run in an environment with xllamacpp by `compare.py`, which says what to do in JSON.

    python llama_cpp.py '{"model": "tuned.gguf", "prompts": "prompts.json", "threads": 2, "at_a_time": 1}'

The prompts come as token ids; the shared instruction is kept in llama.cpp's cache between them. Prints one JSON object:
seconds, and seconds of the processor, for all prompts, and the answers.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import xllamacpp
from timed import read_prompts, time_and_print


def server(job: dict[str, Any]) -> xllamacpp.Server:
    """Return llama.cpp's server in this process, with a slot for each answer written at a time."""
    params = xllamacpp.CommonParams()
    params.model.path = job["model"]
    params.n_parallel = job["at_a_time"]
    params.n_ctx = 1024 * job["at_a_time"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = job["threads"]
    params.n_gpu_layers = 0
    params.warmup = True
    return xllamacpp.Server(params)


def main() -> None:
    """Answer as told."""
    job = json.loads(sys.argv[1])
    engine = server(job)

    def answer(prompt: dict[str, Any]) -> str:
        asked = {"prompt": prompt["ids"], "n_predict": prompt["cap"], "temperature": 0.0, "cache_prompt": True}
        return engine.handle_completions(asked)["choices"][0]["text"]

    with ThreadPoolExecutor(job["at_a_time"]) as pool:
        time_and_print(lambda some: list(pool.map(answer, some)), read_prompts(job), "answers")


if __name__ == "__main__":
    main()
