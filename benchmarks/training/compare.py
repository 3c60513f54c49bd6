"""Seconds a row of fine-tuning: tunecurve against TRL and transformers' Trainer with PEFT, on this machine, in one run.

    python benchmarks/training/compare.py [--steps 6] [--repeats 2] [--threads N] [--warm-up 2] [--only trl]
        [--unsloth PYTHON]

Everybody trains the built-in model on the same rows of builtin:pii behind the same instruction: LoRA of rank 16 on all
linear layers, batch 8, the same precision and threads. Peers live in an environment of their own (`build/peers`, made
at the first run: pip install trl peft), and contestants take turns, so that a slow minute of the machine hits all alike.
Unsloth, which needs older versions of them, takes part where an interpreter that has it is named (build/peers-unsloth/bin/pip
install torch==2.13.0 unsloth; it starts where torchvision and xformers, which come along, are uninstalled again). The
first two steps of every run are warm-up and left out. Printed: median seconds a row with their range, the ratio to
tunecurve, the same in seconds of the processor (which others on the machine change little), and the share of the
machine's matrix speed, measured in the same run, that the arithmetic tunecurve needs makes of its time.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PEERS = Path("build/peers")
PEER_PACKAGES = ["trl==1.16.0", "peft"]
BATCH = 8


@dataclass(frozen=True)
class Contestant:
    """A way to train, in a script of its own; `peer` None is tunecurve itself."""

    name: str
    peer: str | None
    expert: bool = False
    script: str = "peers.py"


CONTESTANTS = [
    Contestant("tunecurve", None),
    Contestant("TRL SFTTrainer, its defaults", "trl"),
    Contestant("TRL SFTTrainer, no gradient checkpointing, answer-only loss", "trl", expert=True),
    Contestant("transformers Trainer + PEFT, answer-only loss", "trainer"),
    Contestant("Unsloth, no gradient checkpointing, answer-only loss", "unsloth", script="unsloth_peer.py"),
]


def training_rows(n_rows: int) -> list:
    """The tuning examples of a builtin:pii study."""
    from tunecurve.data.synthetic_pii import generate_rows
    from tunecurve.data.synthetic_pii.labels import LABELS
    from tunecurve.prompts import MASKING_SYSTEM, PromptRenderer

    renderer = PromptRenderer(MASKING_SYSTEM, labels=tuple(LABELS))
    rows = generate_rows(n_rows, seed=1)
    return [renderer.tuning_example(row["source_text"], row["target_text"]) for row in rows]


def peak_of_a_processor(dtype: object, rounds: int = 40) -> float:
    """Return the operations of a 1024 x 1024 product for a second of the processor, all threads' seconds together."""
    import torch

    matrix = torch.randn(1024, 1024).to(dtype)
    float((matrix @ matrix)[0, 0])
    started = time.process_time()
    for _ in range(rounds):
        float((matrix @ matrix)[0, 0])
    return rounds * 2 * 1024**3 / (time.process_time() - started)


def run_ours(steps: int, threads: int) -> dict:
    """Train with tunecurve in this process and return its step times, tokens and peak memory."""
    from tunecurve.learners.base import TrainingJob
    from tunecurve.learners.lm.learner import LocalLearner
    from tunecurve.learners.lm.training.backends import shared_prefix_length
    from tunecurve.learners.torch.device import choose_compute
    from tunecurve.learners.torch.speed import matmul_flops_per_second
    from tunecurve.learners.torch.weights import count_parameters, resolve_model

    compute = choose_compute("cpu", threads)
    learner = LocalLearner(resolve_model("smollm2-135m-instruct"), compute)
    examples = training_rows(BATCH * steps)
    encoded = [learner.encoder.encode_example(example) for example in examples]
    n_prefix = shared_prefix_length(encoded)
    times, processor_times = [0.0], [0.0]

    def on_step(progress: object) -> None:
        times.append(time.perf_counter() - started)
        processor_times.append(time.process_time() - processor_started)

    with tempfile.TemporaryDirectory() as folder:
        started, processor_started = time.perf_counter(), time.process_time()
        recipe = learner.resolve_recipe({"epochs": 1, "batch_size": BATCH}, len(examples))
        record = learner.fine_tune(TrainingJob(examples, recipe, 0, Path(folder)), on_step).record
    config = learner.config
    head = config.vocab_size * config.hidden_size
    body = count_parameters(learner.files.folder) - head
    tokens = n_prefix * steps + sum(len(example.token_ids) - n_prefix for example in encoded)
    answers = sum(example.n_answer for example in encoded)
    return {
        "seconds": [later - earlier for earlier, later in itertools.pairwise(times)],
        "processor_seconds": [later - earlier for earlier, later in itertools.pairwise(processor_times)],
        "operations_per_step": 4 * (body * tokens + head * answers) / steps,
        "peak_gflops": matmul_flops_per_second("cpu", compute.dtype) / 1e9,
        "operations_per_processor_second": peak_of_a_processor(compute.dtype),
        "path": record.path,
        "prefix_tokens": n_prefix,
        "row_tokens": sum(len(example.token_ids) - n_prefix for example in encoded) / len(encoded),
        "dtype": str(compute.dtype).removeprefix("torch."),
        "peak_memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }


def peer_python(folder: Path = PEERS, packages: Sequence[str] = PEER_PACKAGES) -> Path:
    """Return the interpreter of the peers' environment, made at the first run."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "-c", "constraints.txt", *packages, "torch"]
        subprocess.run(install, check=True)
    return python


def run_process(command: list[str]) -> dict:
    """Run a contestant and return what it printed as its result."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode or not lines:
        raise SystemExit(f"{' '.join(command)[:200]} failed:\n{done.stderr[-2000:]}")
    return json.loads(lines[-1].removeprefix("RESULT "))


def print_table(
    seconds: Mapping[str, Sequence[float]],
    processor_seconds: Mapping[str, Sequence[float]],
    unit: str = "s",
    digits: int = 2,
) -> None:
    """Print what a row took each contestant, by the clock and of the processor, and as a ratio to tunecurve."""
    print(
        f"| | {unit} a row (range) | times tunecurve | processor {unit} a row | times tunecurve |\n|---|---|---|---|---|"
    )
    base, busy_base = (statistics.median(found["tunecurve"]) for found in (seconds, processor_seconds))
    for name, values in seconds.items():
        middle = statistics.median(values)
        busy_middle = statistics.median(processor_seconds[name])
        print(
            f"| {name} | {middle:.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f}) | {middle / base:.1f} "
            f"| {busy_middle:.{digits}f} | {busy_middle / busy_base:.1f} |"
        )


def main() -> None:
    """Let the contestants take turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--warm-up", type=int, default=2, help="steps of every run that are left out")
    parser.add_argument("--only", nargs="*", help="peers to run: trl, trainer, unsloth (default: all)")
    parser.add_argument("--unsloth", help="interpreter of an environment with unsloth")
    parser.add_argument("--ours", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    from tunecurve.learners.cores import physical_cores

    threads = options.threads or physical_cores()
    if options.ours:
        print("RESULT " + json.dumps(run_ours(options.steps, threads)))
        return
    from tunecurve.learners.torch.weights import resolve_model

    model = resolve_model("smollm2-135m-instruct").folder
    wanted = options.only
    if wanted is None:
        wanted = ["trl", "trainer", *(["unsloth"] if options.unsloth else [])]
    if "unsloth" in wanted and not options.unsloth:
        parser.error("--only unsloth: name the interpreter that has it, --unsloth PYTHON")
    contestants = [one for one in CONTESTANTS if one.peer in (None, *wanted)]
    seconds: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}
    processor_seconds: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}
    ours: list[dict] = []
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.jsonl"
        with rows.open("w", encoding="utf-8") as file:
            for example in training_rows(BATCH * options.steps):
                messages = [{"role": m.role, "content": m.content} for m in example.prompt.messages]
                messages.append({"role": "assistant", "content": example.answer})
                file.write(json.dumps({"messages": messages}) + "\n")
        interpreters = {
            one.script: options.unsloth if one.peer == "unsloth" else peer_python() for one in contestants if one.peer
        }
        for repeat in range(options.repeats):
            for contestant in contestants:
                if contestant.peer is None:
                    again = [sys.executable, __file__, "--ours", "--steps", str(options.steps)]
                    result = run_process([*again, "--threads", str(threads)])
                    ours.append(result)
                else:
                    job = {
                        "peer": contestant.peer,
                        "expert": contestant.expert,
                        "model": str(model),
                        "rows": str(rows),
                        "steps": options.steps,
                        "batch_size": BATCH,
                        "threads": threads,
                        "dtype": ours[0]["dtype"],
                        "folder": folder,
                    }
                    python = interpreters[contestant.script]
                    result = run_process([str(python), str(HERE / contestant.script), json.dumps(job)])
                per_row = [step / BATCH for step in result["seconds"][options.warm_up :]]
                seconds[contestant.name] += per_row
                busy = [step / BATCH for step in result["processor_seconds"][options.warm_up :]]
                processor_seconds[contestant.name] += busy
                print(
                    f"  repeat {repeat + 1}, {contestant.name}: {statistics.median(per_row):.3f} s a row, "
                    f"{statistics.median(busy):.3f} of the processor",
                    flush=True,
                )
    first = ours[0]
    print(
        f"\n{first['dtype']}, {threads} threads, prefix of {first['prefix_tokens']} tokens, "
        f"{first['row_tokens']:.0f} tokens a row behind it, batch {BATCH}; {first['path']}\n"
    )
    print_table(seconds, processor_seconds)
    shares = [
        r["operations_per_step"]
        / statistics.median(r["processor_seconds"][options.warm_up :])
        / r["operations_per_processor_second"]
        for r in ours
    ]
    peaks = ", ".join(f"{r['peak_gflops']:.0f}" for r in ours)
    print(
        f"\ntunecurve needs {first['operations_per_step'] / 1e9:.0f} GFLOP a step: {min(shares):.0%} to "
        f"{max(shares):.0%} of the matrix speed measured beside it, in seconds of the processor ({peaks} GFLOP/s). "
        f"Peak memory of its process: {max(r['peak_memory_gb'] for r in ours):.2f} GB."
    )


if __name__ == "__main__":
    main()
