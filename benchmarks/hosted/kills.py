"""Random kills: while answers come in, and around the creation of tuning jobs. What is lost, what is paid twice?

    python benchmarks/hosted/kills.py [--kills 100] [--job-kills 50]

Processes are killed with SIGKILL at random moments against a provider on this machine, then let finish. Nothing may be
lost or answered twice but what was in flight at a kill, and no job may be made twice; any breach is an assertion.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])

from benchmarks.hosted.throughput import KEY, MODELS, start_server
from tests.learners.hosted.test_jobs import kill_around_creation
from tests.learners.hosted.test_ledger import kill_while_answering


def told_by(url: str) -> dict:
    """Return the provider's own count."""
    with urllib.request.urlopen(url + "/__stats") as response:
        return json.load(response)


def kill_answers(n_kills: int) -> None:
    """Kill processes that ask for answers, at concurrency 1 and 8."""
    for kind, concurrency in (("gemini", 1), ("openai", 1), ("gemini", 8), ("openai", 8)):
        n_rows = 60 + n_kills * 4 * max(1, concurrency * 3 // 4)
        process, url = start_server("--delay", "0.02")
        try:
            with tempfile.TemporaryDirectory() as folder:
                doubts, new = kill_while_answering(
                    MODELS[kind], Path(folder) / "ledger.sqlite",
                    n_rows=n_rows, concurrency=concurrency, n_kills=n_kills, seed=concurrency,
                )  # fmt: skip
            told = told_by(url)
        finally:
            process.kill()
        again = told["n_answers"] - n_rows
        assert max(new) <= concurrency
        assert again <= doubts
        print(
            f"{kind}, concurrency {concurrency}: {n_kills} kills, {n_rows} rows all answered; calls in doubt {doubts} "
            f"(at most {max(new)} a kill), answered twice by the provider {again}",
            flush=True,
        )


def kill_jobs(n_kills: int, kills_a_job: int = 5) -> None:
    """Kill processes that make tuning jobs."""
    for name in ("google/vertex/gemini-2.5-flash", MODELS["openai"]):
        process, url = start_server("--delay", "0.05", "--polls", "3")
        os.environ.update(
            GOOGLE_CLOUD_PROJECT="p",
            GOOGLE_OAUTH_ACCESS_TOKEN=KEY,
            GOOGLE_VERTEX_BASE_URL=url,
            STORAGE_EMULATOR_HOST=url,
        )
        died = 0
        try:
            for number in range(n_kills // kills_a_job):
                before = sum(told_by(url)["creates"].values())
                with tempfile.TemporaryDirectory() as folder:
                    os.environ["GOOGLE_CLOUD_PROJECT"] = f"p{number}"  # another place, so another job
                    os.environ["LAB_BASE_URL"] = f"{url}/place{number}/v1"
                    died += kill_around_creation(name, Path(folder), kills_a_job, seed=number)
                made = sum(told_by(url)["creates"].values()) - before
                assert made == 1, made
        finally:
            process.kill()
        print(
            f"{name}: {died} of {n_kills} processes died around the creation; one job each, no second one", flush=True
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--job-kills", type=int, default=50)
    chosen = parser.parse_args()
    kill_jobs(chosen.job_kills)
    kill_answers(chosen.kills)
