"""Seconds of a whole study by phase, on this machine: loading, training, answering, scoring, results and report.

    python benchmarks/study/by_phase.py [--study FILE] [--set KEY=VALUE ...] [--device auto] [--out FOLDER]
        [--random SHAPE]

Runs the study (default: the built-in one) into a new folder and prints a table. Phases are exclusive: what loads weights
while it answers counts as loading. On a GPU also the most memory that tensors took. `--set` takes any key of a study file, its
value as YAML. `--random SHAPE` runs it with random weights of a known shape behind the built-in model's tokenizer: time
and memory of a model that need not be fetched; its answers are as long as they may be, and its scores mean nothing.
"""

from __future__ import annotations

import argparse
import functools
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
import yaml
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from tunecurve.learners.torch.weights import resolve_model
from tunecurve.run import run_study
from tunecurve.study.progress import Progress

# What is called where, and the phase that it stands for.
PHASES = {
    "tunecurve.run.prepare_study": "data and models",
    "tunecurve.learners.lm.learner.read_weights": "load weights",
    "tunecurve.learners.lm.learner.LocalLearner._load_for_scoring": "merge and move weights",
    "tunecurve.learners.lm.learner.LocalLearner.fine_tune": "train",
    "tunecurve.learners.encoder.learner.EncoderLearner.fine_tune": "train",
    "tunecurve.run.train_together": "train",
    "tunecurve.study.trial.answer_all": "answer rows",
    "tunecurve.study.trial._measure_losses": "losses of right answers",
    "tunecurve.study.trial.score_answers": "score",
    "tunecurve.study.trial_folder.TrialFolder.keep_training": "store models",
    "tunecurve.run.LiveReport.after_a_trial": "results and report",
    "tunecurve.run.LiveReport.write": "results and report",
}
SHAPES = {
    "llama-3.2-1b": {
        "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32,
        "num_key_value_heads": 8, "head_dim": 64, "vocab_size": 128256, "max_position_embeddings": 131072,
        "rope_theta": 500000.0, "rms_norm_eps": 1e-5, "tie_word_embeddings": True,
    },
    "smollm2-135m": {
        "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9,
        "num_key_value_heads": 3, "vocab_size": 49152, "max_position_embeddings": 8192, "rope_theta": 100000.0,
        "rms_norm_eps": 1e-5, "tie_word_embeddings": True,
    },
    "tiny": {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "vocab_size": 49152, "max_position_embeddings": 8192, "tie_word_embeddings": True,
    },
}  # fmt: skip


class Phases:
    """Exclusive seconds by phase: a phase that begins inside another one takes its time from it."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.times: Counter[str] = Counter()
        self._open: list[str] = ["everything else"]
        self._since = time.perf_counter()

    def _switch(self) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        now = time.perf_counter()
        self.seconds[self._open[-1]] += now - self._since
        self._since = now

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count what is inside as this phase."""
        self._switch()
        self._open.append(name)
        self.times[name] += 1
        try:
            yield
        finally:
            self._switch()
            self._open.pop()

    def timed(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        """Return the function, which counts as a phase."""

        @functools.wraps(function)
        def timed(*arguments: Any, **options: Any) -> Any:
            with self.phase(name):
                return function(*arguments, **options)

        return timed


class Said(Progress):
    """Prints what a run says, with the time."""

    def __init__(self) -> None:
        super().__init__()
        self._began = time.perf_counter()

    def message(self, text: str) -> None:
        """Print a line."""
        print(f"[{time.perf_counter() - self._began:6.1f}] {text[:200]}", flush=True)

    def trial_started(self, trial: Any) -> None:
        """Print which trial begins."""
        self.message(f"{trial.learner} {trial.label}")


def save_random_model(shape: str, folder: Path) -> None:
    """Write a model of a known shape with random weights, in bfloat16, and the built-in model's tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(resolve_model("smollm2-135m-instruct").folder)
    config = LlamaConfig(**SHAPES[shape], pad_token_id=2, eos_token_id=2, bos_token_id=1)
    torch.manual_seed(0)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = LlamaForCausalLM(config).to(torch.bfloat16)
    model.cpu().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    print(f"{shape}: {sum(part.numel() for part in model.parameters()) / 1e6:.0f} million random weights")


def find(path: str) -> tuple[Any, str]:
    """Return what holds the last name of a dotted path, and that name."""
    parts = path.split(".")
    for n_module in range(len(parts) - 1, 0, -1):
        try:
            holder = __import__(".".join(parts[:n_module]), fromlist=["_"])
        except ImportError:
            continue
        for name in parts[n_module:-1]:
            holder = getattr(holder, name)
        return holder, parts[-1]
    raise ImportError(path)


def main() -> None:
    """Run the study and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", type=Path)
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--random", choices=SHAPES)
    options = parser.parse_args()
    overrides = {key: yaml.safe_load(value) for key, _, value in (item.partition("=") for item in options.set)}
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as patches:
        if options.random:
            model = Path(scratch) / options.random
            save_random_model(options.random, model)
            overrides["models"] = [str(model)]
        phases = Phases()
        for path, name in PHASES.items():
            holder, attribute = find(path)
            patches.enter_context(patch.object(holder, attribute, phases.timed(getattr(holder, attribute), name)))
        out = options.out or Path(scratch) / "run"
        began = time.perf_counter()
        with phases.phase("everything else"):
            run = run_study(options.study, out=out, device=options.device, progress=Said(), **overrides)
        total = time.perf_counter() - began
        trained = [json.loads(path.read_text()) for path in sorted(out.glob("trials/*/training.json"))]
    for failure in run.outcome.failures:
        print(f"failed: {failure}")
    print("| phase | s | times | share |\n|---|---|---|---|")
    for name, seconds in phases.seconds.most_common():
        print(f"| {name} | {seconds:.1f} | {phases.times[name] or ''} | {100 * seconds / total:.0f} % |")
    print(f"| the whole | {total:.1f} | | |")
    for stored in trained:
        record = stored.get("record", stored)
        took = 1000 * record["train_seconds"] / max(1, record["steps"])
        print(f"{record['steps']} steps, {took:.1f} ms each, loss {record['losses'][-1]:.3f}; {record['path'][:100]}")
    if torch.cuda.is_available():
        peak = torch.cuda.max_memory_allocated() / 1e9
        print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}; most memory of tensors {peak:.1f} GB")


if __name__ == "__main__":
    main()
