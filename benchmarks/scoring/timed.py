"""What the peers that answer have in common: prompts in, a warm-up, seconds and answers out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WARM_UP_PROMPTS = 4


def read_prompts(job: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the prompts, each with its token ``ids`` and the ``cap`` on its answer."""
    return json.loads(Path(job["prompts"]).read_text(encoding="utf-8"))


def time_and_print(
    answer: Callable[[list[dict[str, Any]]], list[Any]], prompts: list[dict[str, Any]], key: str
) -> None:
    """Answer a few prompts, then all of them by the clock, and print one JSON object with the answers under `key`."""
    answer(prompts[:WARM_UP_PROMPTS])
    started, processor_started = time.perf_counter(), time.process_time()
    answers = answer(prompts)
    result = {
        "seconds": time.perf_counter() - started,
        "processor_seconds": time.process_time() - processor_started,
        key: answers,
    }
    print("RESULT " + json.dumps(result))
