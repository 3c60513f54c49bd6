"""Four ways to lose money or rows at a provider, each as a user would meet it, with the server's own count beside the ledger's.

    python benchmarks/hosted/scenarios.py

Two studies at once, a redirect, a server that tells no usage, a tuning job whose creation gets no answer. The servers are
those of the tests, written from the providers' protocols.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.fakes.faulty_jobs import FaultyJobs
from tests.fakes.faulty_server import FaultyServer

ROOT = Path(__file__).parents[2]
MODELS = {"OpenAI's format": "openai-api/lab/gpt-4.1-mini", "Gemini": "google/gemini-3.5-flash"}
N_ROWS = 40
NAMES = ("Ada", "Bo", "Cleo", "Dai", "Eve", "Finn", "Gus", "Hal", "Ida", "Jo", "Kim", "Lea", "Mo", "Nia", "Ole", "Pia")


def environment(folder: Path, url: str) -> dict[str, str]:
    """Return the environment of a process that asks the server."""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    return {**os.environ, "LAB_API_KEY": "k", "LAB_BASE_URL": url + "/v1", "GOOGLE_API_KEY": "k", "GOOGLE_BASE_URL": url,
            "TUNECURVE_LEDGER": str(folder / "ledger.sqlite"), "PYTHONPATH": path}  # fmt: skip


def start_study(folder: Path, url: str, model: str, out: str, **hosted) -> subprocess.Popen:
    """Start `tunecurve run` on 40 test rows."""
    rows = [{"source_text": f"{NAMES[i % 16]} told me {i} things of which {i * 7} are new.",
             "target_text": f"[NAME] told me {i} things of which {i * 7} are new."} for i in range(N_ROWS + 6)]  # fmt: skip
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    prices = {model: {"input": 1.0, "output": 2.0}}
    study = {"name": "s", "data": {"source": str(folder / "rows.jsonl")}, "models": [model], "shots": [0], "train_sizes": [],
             "split": {"test_size": N_ROWS, "method": "random"},
             "hosted": {"tuning": "none", "prices": prices, **hosted}}  # fmt: skip
    (folder / f"{out}.yaml").write_text(json.dumps(study))
    command = [sys.executable, "-m", "tunecurve", "run", f"{out}.yaml", "--out", out, "--yes"]
    return subprocess.Popen(command, cwd=folder, env=environment(folder, url), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True)  # fmt: skip


def spent(folder: Path, *studies: str) -> float:
    """Return what the ledger holds for studies."""
    from tunecurve.learners.hosted.ledger.calls import Ledger

    ledger = Ledger(folder / "ledger.sqlite")
    try:
        return sum(ledger.spending(str((folder / study).absolute())).total_usd for study in studies)
    finally:
        ledger.close()


def two_studies() -> None:
    for kind, model in MODELS.items():
        with tempfile.TemporaryDirectory() as name:
            folder, server = Path(name), FaultyServer("slow 0.3")
            both = [start_study(folder, server.url, model, out) for out in ("a", "b")]
            said = [process.communicate()[0] for process in both]
            waited = sum("waits for answers to the same calls" in text for text in said)
            print(f"two studies at once, {kind}: {N_ROWS} different calls, {server.n_answers} billed, ${server.bill_usd:.6f} at the "
                  f"server, ${spent(folder, 'a', 'b'):.6f} in the ledger; exit codes {[p.returncode for p in both]}, "
                  f"{waited} said that they wait")  # fmt: skip


def redirect() -> None:
    for kind, model in MODELS.items():
        with tempfile.TemporaryDirectory() as name:
            folder, other = Path(name), FaultyServer()
            server = FaultyServer("redirect 307 other", elsewhere=other.url)
            process = start_study(folder, server.url, model, "a")
            said = process.communicate()[0]
            line = re.search(r"http\S+ sends calls on to [^;]*", said)
            print(f"redirect, {kind}: {other.n_requests} requests at the other host, {server.n_requests} at the asked one; exit "
                  f"code {process.returncode}: {line.group() if line else said}")  # fmt: skip


def no_usage() -> None:
    for kind, model in MODELS.items():
        with tempfile.TemporaryDirectory() as name:
            folder, server, cap = Path(name), FaultyServer("usage-missing"), 0.02
            process = start_study(folder, server.url, model, "a", max_cost=cap)
            process.communicate()
            print(f"no usage told, {kind}: cap ${cap:.4f}, ${server.bill_usd:.6f} at the server, ${spent(folder, 'a'):.6f} in the "
                  f"ledger, {server.n_answers} of {N_ROWS} answered; exit code {process.returncode}")  # fmt: skip


def lost_creation() -> None:
    from tests.learners.hosted.test_job_faults import FAST, follow
    from tunecurve.learners.hosted.account import Account
    from tunecurve.learners.hosted.build import build_hosted_learner
    from tunecurve.learners.hosted.names import parse_hosted_name
    from tunecurve.spec.hosted import HostedSpec
    from tunecurve.spec.prompt import AnswerSpec

    model = MODELS["OpenAI's format"]
    for shown in ("time", "hidden"):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            server = FaultyJobs("made 500", echo="time", look="hidden" if shown == "hidden" else "")
            os.environ.update(LAB_API_KEY="k", LAB_BASE_URL=server.url + "/v1")
            settings = HostedSpec(**FAST, prices={model: {"input": 1.0, "output": 2.0, "training": 3.0}})
            account = Account(settings, "study", folder / "ledger.sqlite")
            learner = build_hosted_learner(model, parse_hosted_name(model), AnswerSpec(), account)
            started = time.monotonic()
            end = follow(learner, folder, seconds=9.0)
            seconds = time.monotonic() - started
            books = account.spending()
            print(f"creation answered 500 though made, jobs {'in' if shown == 'time' else 'not in'} the list: {len(server.jobs)} "
                  f"made after {seconds:.1f} s, ${server.bill_usd:.6f} at the server, ${books.total_usd:.6f} in the ledger, "
                  f"{books.n_doubtful_jobs} in doubt; {end if isinstance(end, str) else 'trained'}")  # fmt: skip
            account.close()


if __name__ == "__main__":
    for scenario in (two_studies, redirect, no_usage, lost_creation):
        scenario()
