"""How close many calls in flight come to the ideal, beside a plain pool of threads, and how a storm is survived.

    python benchmarks/hosted/throughput.py [--calls 2000] [--latency 0.3] [--concurrency 4 16 64] [--storm]

A provider on this machine (`steady_provider.py`) answers every call after a fixed time; ideal is calls x latency /
concurrency. The peer is a ThreadPoolExecutor of four workers calling the provider's SDK, which is how such studies are
usually written; it keeps no ledger and retries nothing. It is timed on fewer calls. Server and client share this machine.
The storm comes from the tests' provider.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEY = "a-key-for-this-machine"
MODELS = {"gemini": "google/gemini-2.5-flash", "openai": "openai-api/lab/gpt-4.1-mini"}


def start_server(*arguments: str, script: Path | None = None) -> tuple[subprocess.Popen, str]:
    """Start a provider in a process of its own and point the environment at it; by default the tests' one."""
    command = [sys.executable, str(script or ROOT / "tests" / "fakes" / "provider_server.py"), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    url = process.stdout.readline().strip()
    os.environ.update(GOOGLE_API_KEY=KEY, GOOGLE_BASE_URL=url, LAB_API_KEY=KEY, LAB_BASE_URL=url + "/v1")
    return process, url


def make_learner(name: str, ledger: Path, **settings):
    """Return a hosted learner with a ledger of its own."""
    from tunecurve.learners.hosted.account import Account
    from tunecurve.learners.hosted.build import build_hosted_learner
    from tunecurve.learners.hosted.names import parse_hosted_name
    from tunecurve.spec.hosted import HostedSpec
    from tunecurve.spec.prompt import AnswerSpec

    prices = {name: {"input": 1.0, "output": 2.0}}
    account = Account(HostedSpec(**{"prices": prices, "max_cost": 5.0, **settings}), "benchmark", ledger)
    return build_hosted_learner(name, parse_hosted_name(name), AnswerSpec(), account)


def ask_all(learner, texts: list[str]) -> list:
    """Return the answers to all texts."""
    from tunecurve.learners.base import predict
    from tunecurve.prompts import PromptRenderer

    render = PromptRenderer("Mask the names.")
    return predict(learner, [render.prompt(text) for text in texts])


def pool_of_threads(texts: list[str], workers: int) -> float:
    """Return the seconds that a pool of threads takes with the provider's own SDK."""
    from google import genai
    from google.genai import types

    options = types.HttpOptions(base_url=os.environ["GOOGLE_BASE_URL"])
    client = genai.Client(api_key=KEY, http_options=options)
    config = types.GenerateContentConfig(system_instruction="Mask the names.")
    started = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        answers = list(
            pool.map(
                lambda text: client.models.generate_content(model="gemini-2.5-flash", contents=text, config=config),
                texts,
            )
        )
    assert [answer.text for answer in answers] == texts
    return time.perf_counter() - started


def measure_throughput(options: argparse.Namespace) -> None:
    """Print time over ideal for every provider and concurrency, then the peer."""
    process, _ = start_server(str(options.latency), script=Path(__file__).with_name("steady_provider.py"))
    texts = [f"row number {number} of the benchmark" for number in range(options.calls)]
    print(f"{options.calls} calls of {options.latency} s; ideal = calls x latency / concurrency; 1.0 is ideal")
    try:
        for kind, name in MODELS.items():
            for concurrency in options.concurrency:
                with tempfile.TemporaryDirectory() as folder:
                    learner = make_learner(name, Path(folder) / "ledger.sqlite", concurrency=concurrency)
                    ask_all(learner, ["warm up"])
                    started = time.perf_counter()
                    answers = ask_all(learner, texts)
                    seconds = time.perf_counter() - started
                    learner.account.close()
                assert [answer.text for answer in answers] == texts
                ideal = options.calls * options.latency / concurrency
                print(
                    f"{kind:7s} concurrency {concurrency:3d}: {seconds:7.1f} s, {seconds / ideal:.3f} x ideal",
                    flush=True,
                )
        few = texts[: max(40, options.calls // 10)]
        seconds = pool_of_threads(few, 4)
        print(f"ThreadPoolExecutor(4), google-genai: {seconds / (len(few) * options.latency / 4):.3f} x its ideal at 4")
    finally:
        process.kill()


def survive_a_storm(options: argparse.Namespace) -> None:
    """Print what a storm of faults did to the calls."""
    for kind, name in MODELS.items():
        process, url = start_server("--storm", "11")
        texts = [f"storm row {number}" for number in range(options.calls)]
        try:
            with tempfile.TemporaryDirectory() as folder:
                learner = make_learner(
                    name, Path(folder) / "ledger.sqlite", concurrency=64, max_attempts=30, timeout_seconds=2.0
                )
                started = time.perf_counter()
                answers = ask_all(learner, texts)
                seconds = time.perf_counter() - started
                spent = learner.account.spending()
                learner.account.close()
            with urllib.request.urlopen(url + "/__stats") as response:
                told = json.load(response)
        finally:
            process.kill()
        wrong = sum(answer.text not in (text, "") for answer, text in zip(answers, texts, strict=True))
        print(
            f"{kind}: {len(answers)} answers in {seconds:.0f} s, {wrong} at a wrong row, "
            f"{sum(answer.stop_reason == 'error' for answer in answers)} without an answer, "
            f"{sum(answer.text == '' for answer in answers)} empty (provider: {told['storms'].get('empty')}), "
            f"{told['n_attempts']} attempts, at most {told['most_attempts']} a call, faults {told['storms']}, "
            f"spent {spent.total_usd:.4f} of {learner.account.settings.max_cost} USD, of it in doubt {spent.doubtful_usd:.4f}",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--latency", type=float, default=0.3)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[4, 16, 64])
    parser.add_argument("--storm", action="store_true", help="survive a storm instead of timing")
    chosen = parser.parse_args()
    survive_a_storm(chosen) if chosen.storm else measure_throughput(chosen)
