"""One process that runs hosted studies one after the other against a provider with constant faults, and watches itself.

    python -m tests.hardening.soak MINUTES FOLDER

Every study asks new rows of two models, tunes one of them, draws its report, and is deleted. After each one, memory,
open files, connections and threads are counted. Prints one line a study and, last, one JSON object.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from tests.conftest import simple_rows

ROOT = Path(__file__).parents[2]
VERTEX, LAB = "google/vertex/gemini-2.5-flash", "openai-api/lab/gpt-4.1-mini"
KEY = "canary-key-5f0d7a"


def start_provider() -> subprocess.Popen:
    """Start the provider with a storm of faults and point the environment at it."""
    script = ROOT / "tests" / "fakes" / "provider_server.py"
    command = [sys.executable, str(script), "--storm", "7", "--delay", "0.1", "--polls", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    url = process.stdout.readline().strip()
    os.environ.update(
        GOOGLE_CLOUD_PROJECT="p",
        GOOGLE_OAUTH_ACCESS_TOKEN=KEY,
        GOOGLE_VERTEX_BASE_URL=url,
        STORAGE_EMULATOR_HOST=url,
        LAB_API_KEY=KEY,
        LAB_BASE_URL=url + "/v1",
    )
    return process


def study_of(number: int, folder: Path) -> dict:
    """Return a study of rows that no other one has."""
    end = f" Number {number}."
    rows = [
        {"source_text": row["source_text"] + end, "target_text": row["target_text"] + end} for row in simple_rows(150)
    ]
    source = folder / "rows.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return {
        "name": f"soak{number}",
        "data": {"source": str(source)},
        "split": {"test_size": 40, "method": "random"},
        "models": [VERTEX, LAB],
        "shots": [0, 2],
        "train_sizes": [12, 60],
        "recipe": {"epochs": 2},
        "bootstrap": {"draws": 100},
        "hosted": {
            "tuning": "auto",
            "concurrency": 8,
            "max_attempts": 30,
            "timeout_seconds": 5.0,
            "poll_seconds": 0.05,
            "adopt_wait_seconds": 0.2,
            "vertex": {"bucket": "b"},
            "prices": {LAB: {"input": 0.4, "output": 1.6, "training": 5}},
        },
    }


def watch_oneself() -> dict[str, float]:
    """Return memory in MB, open files, connections among them, threads."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    links = [os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if _is_open(name)]
    return {
        "megabytes": int(status["VmRSS"].split()[0]) / 1024,
        "files": len(links),
        "connections": sum(link.startswith("socket:") for link in links),
        "threads": int(status["Threads"]),
    }


def _is_open(name: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{name}")


def soak(minutes: float, folder: Path) -> dict:
    """Run studies until the time is over; return what was counted after each."""
    from tunecurve.run import run_study

    os.environ["TUNECURVE_LEDGER"] = str(folder / "ledger.sqlite")
    provider, end, seen, failures = start_provider(), time.monotonic() + 60 * minutes, [], []
    try:
        while time.monotonic() < end or len(seen) < 6:
            out = folder / "run"
            done = run_study(study_of(len(seen), folder), out=out)
            failures += list(done.outcome.failures.values())
            assert (out / "report.html").exists()
            shutil.rmtree(out)
            seen.append(watch_oneself())
            print(len(seen), seen[-1], flush=True)
    finally:
        provider.kill()
    # What is loaded once (SDKs, fonts, caches that fill) is there after the first third, at most ten studies.
    begin = seen[min(10, len(seen) // 3) :]
    part = max(1, len(begin) // 5)
    growth = {
        key: statistics.median(one[key] for one in begin[-part:]) - statistics.median(one[key] for one in begin[:part])
        for key in begin[0]
    }
    return {"studies": len(seen), "failures": failures, "growth": growth, "last": seen[-1]}


if __name__ == "__main__":
    print(json.dumps(soak(float(sys.argv[1]), Path(sys.argv[2]))))
