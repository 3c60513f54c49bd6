"""What a GPU takes, in one run of less than ten minutes: a whole study by phase, steps of a small and of a large model, peers.

    python benchmarks/gpu/measure.py [--minutes 9.5] [--only study,small,large,peers] [--tokenizer NAME] [--out FILE] [--tiny]

Needs no network but for the tokenizer, that of the built-in model unless a folder is named: models are random weights of known shapes in
folders, so times and memory count and scores mean nothing. Parts, each in a process of its own that is ended when the time is over:

- study: `tunecurve run` on the small shape, seconds by phase (`benchmarks/study/by_phase.py`);
- small: a step of one training, and of fifteen together, of a 135 million shape (batch 8, rows of builtin:pii behind their instruction);
- large: a step of a 1.5 billion shape with all kept, in parts of one row, with layers computed again, with weights in 4 bits (where
  bitsandbytes is installed), and with both: milliseconds, most memory of tensors, and how far losses are from those of the first;
- peers: TRL and the Trainer with PEFT, and Unsloth, each where it is importable here: the same rows, batch, adapters and precision.

`--tiny` takes shapes that a processor computes in seconds: it shows that the script works, not how fast anything is. `--out` writes all
figures as JSON, too.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "training"))

BATCH = 8
# The first use of every kernel, and recordings.
WARM_UP = 6
SMALL = {
    "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3,
    "vocab_size": 49152, "max_position_embeddings": 8192, "tie_word_embeddings": True,
}  # fmt: skip
# That of Qwen2.5-1.5B.
LARGE = {
    "hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28, "num_attention_heads": 12, "num_key_value_heads": 2,
    "vocab_size": 151936, "max_position_embeddings": 32768, "rms_norm_eps": 1e-6, "tie_word_embeddings": True,
}  # fmt: skip
TINY = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "max_position_embeddings": 8192, "tie_word_embeddings": True,
}  # fmt: skip
PARTS = {"study": 240, "small": 150, "large": 240, "peers": 240}  # with the most seconds of each


class Way(NamedTuple):
    """How the large model's steps are computed."""

    name: str
    recomputes: bool = False
    rows_at_once: int | None = None
    four_bit: bool = False


WAYS = [
    Way("all kept"),
    Way("in parts of one row", rows_at_once=1),
    Way("layers computed again", recomputes=True),
    Way("weights in 4 bits", four_bit=True),
    Way("weights in 4 bits, layers computed again", recomputes=True, four_bit=True),
]


class Steps(NamedTuple):
    """What steps took."""

    seconds: list[float]
    """Of every step, of all trainings together."""
    losses: list[float]
    """Of the first training."""
    path: str
    memory: float | None
    """Most bytes that tensors took on a GPU."""


def card() -> str:
    """Return what is computed on, with the versions that matter."""
    import torch
    import transformers

    versions = f"torch {torch.__version__}, transformers {transformers.__version__}"
    if not torch.cuda.is_available():
        return f"NO GPU: a processor, {versions}"
    memory = torch.cuda.get_device_properties(0).total_memory / 1e9
    return f"{torch.cuda.get_device_name()}, {memory:.0f} GB, CUDA {torch.version.cuda}, {versions}"


def save_model(shape: dict[str, Any], tokenizer: Path, folder: Path) -> Path:
    """Write a model with random weights, in bfloat16, and a tokenizer; a shape without a vocabulary has the tokenizer's."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

    if (folder / "config.json").exists():
        return folder
    words = AutoTokenizer.from_pretrained(tokenizer)
    kind, model_class = (Qwen2Config, Qwen2ForCausalLM) if shape is LARGE else (LlamaConfig, LlamaForCausalLM)
    ids = {"pad_token_id": words.eos_token_id, "eos_token_id": words.eos_token_id, "bos_token_id": words.eos_token_id}
    torch.manual_seed(0)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = model_class(kind(**{"vocab_size": len(words), **shape, **ids})).to(torch.bfloat16)
    model.cpu().save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


@contextmanager
def computed_as(way: Way) -> Iterator[None]:
    """Let trainings compute their steps in a way, whatever fits."""
    from tunecurve.learners.lm.training.micro_batches import MicroBatches

    def planned(model: object, step: object) -> MicroBatches:
        return MicroBatches(way.rows_at_once, "as the measurement asks", [], way.recomputes)

    with patch("tunecurve.learners.lm.training.train.planned_parts", planned):
        yield


def measure_steps(folder: Path, n_trainings: int, n_steps: int, way: Way | None = None) -> Steps:
    """Return what steps of so many trainings together take."""
    import torch
    from compare import training_rows

    from tunecurve.learners.base import TrainingJob
    from tunecurve.learners.lm.learner import LocalLearner
    from tunecurve.learners.torch.device import choose_compute
    from tunecurve.learners.torch.weights import resolve_model

    compute = replace(choose_compute("auto"), four_bit=way is not None and way.four_bit)
    learner, rows = LocalLearner(resolve_model(str(folder)), compute), training_rows(BATCH * n_steps)
    recipe = learner.resolve_recipe({"epochs": 1, "batch_size": BATCH}, len(rows))
    times, losses, how = [], [], computed_as(way) if way else nullcontext()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()

    def on_step(number: int, step: Any) -> None:
        if number == n_trainings - 1:
            times.append(time.perf_counter())
        if number == 0:
            losses.append(step.loss)

    with tempfile.TemporaryDirectory() as out, how:
        jobs = [TrainingJob(rows, recipe, seed, Path(out) / str(seed)) for seed in range(n_trainings)]
        for job in jobs:
            job.folder.mkdir()
        records = learner.fine_tune_together(jobs, folder=Path(out), on_step=on_step)
    memory = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
    return Steps([later - earlier for earlier, later in itertools.pairwise(times)], losses, records[0].path, memory)


def told(name: str, steps: Steps, first: Steps | None = None) -> dict[str, Any]:
    """Print a line of a table about steps, and return it."""
    after = steps.seconds[WARM_UP:] or steps.seconds
    found: dict[str, Any] = {
        "name": name,
        "ms": 1000 * statistics.median(after),
        "steps": len(after),
        "path": steps.path,
    }
    found["gigabytes"] = None if steps.memory is None else steps.memory / 1e9
    if first is not None:
        found["loss_apart"] = max(
            abs(a - b) / max(abs(a), 1e-9) for a, b in zip(first.losses, steps.losses, strict=True)
        )
    memory = "" if found["gigabytes"] is None else f"{found['gigabytes']:.1f}"
    apart = f"{found['loss_apart']:.1e}" if "loss_apart" in found else ""
    print(f"| {name} | {found['ms']:.1f} | {found['steps']} | {memory} | {apart} |  <!-- {steps.path} -->", flush=True)
    return found


def head() -> None:
    """Print the head of the table."""
    print(
        "| | ms a step (median) | steps | most memory of tensors, GB | loss apart |\n|---|---|---|---|---|", flush=True
    )


def measure_small(scratch: Path, tokenizer: Path, *, tiny: bool) -> list[dict[str, Any]]:
    """Measure one training, and fifteen together."""
    model = save_model(TINY if tiny else SMALL, tokenizer, scratch / "small")
    n_steps = 3 if tiny else 40
    several = 2 if tiny else 15
    head()
    return [
        told("one training", measure_steps(model, 1, n_steps)),
        told(f"{several} trainings together", measure_steps(model, several, n_steps)),
    ]


def measure_large(scratch: Path, tokenizer: Path, *, tiny: bool) -> list[dict[str, Any]]:
    """Measure the large model in all ways, as far as the time goes."""
    model = save_model(TINY if tiny else LARGE, tokenizer, scratch / "large")
    found, first = [], None
    head()
    for way in WAYS:
        if way.four_bit and importlib.util.find_spec("bitsandbytes") is None:
            print(f"{way.name}: not measured, bitsandbytes is not installed", flush=True)
            continue
        try:
            steps = measure_steps(model, 1, 2 if tiny else 20, way)
        except Exception as error:  # one way's failure is a result, too
            print(f"{way.name}: FAILED, {type(error).__name__}: {str(error)[:200]}", flush=True)
            continue
        found.append(told(way.name, steps, first))
        first = first or steps
    return found


def measure_peers(scratch: Path, tokenizer: Path, *, tiny: bool) -> list[dict[str, Any]]:
    """Measure the peers that can be imported here, on the small and the large shape."""
    import torch
    from compare import CONTESTANTS, training_rows

    from tunecurve.learners.torch.device import choose_compute

    packages = {"trl": "trl", "trainer": "peft", "unsloth": "unsloth"}
    compute, found, n_steps = choose_compute("auto"), [], 1 if tiny else 16
    rows = scratch / "rows.jsonl"
    with rows.open("w", encoding="utf-8") as file:
        for example in training_rows(BATCH * n_steps):
            messages = [{"role": one.role, "content": one.content} for one in example.prompt.messages]
            file.write(json.dumps({"messages": [*messages, {"role": "assistant", "content": example.answer}]}) + "\n")
    for name, shape in ({"small": TINY} if tiny else {"small": SMALL, "large": LARGE}).items():
        model = save_model(shape, tokenizer, scratch / name)
        for one in CONTESTANTS:
            if one.peer is None:
                continue
            if importlib.util.find_spec(packages[one.peer]) is None:
                print(f"{name}, {one.name}: not measured, {packages[one.peer]} cannot be imported here", flush=True)
                continue
            job = {
                "peer": one.peer, "expert": one.expert, "model": str(model), "rows": str(rows), "steps": n_steps, "batch_size": BATCH,
                "threads": compute.threads, "dtype": str(compute.dtype).removeprefix("torch."), "folder": str(scratch / "peer"),
                "use_cpu": not torch.cuda.is_available(),
            }  # fmt: skip
            command = [sys.executable, str(HERE.parent / "training" / one.script), json.dumps(job)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            results = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
            if done.returncode or not results:
                print(f"{name}, {one.name}: FAILED, {(done.stderr.splitlines() or ['no word'])[-1][:200]}", flush=True)
                continue
            seconds = json.loads(results[-1].removeprefix("RESULT "))["seconds"]
            found.append(told(f"{name}, {one.name}", Steps(seconds, [], one.name, None)))
    return found


def measure_study(scratch: Path, tokenizer: Path, *, tiny: bool) -> list[dict[str, Any]]:
    """Run a whole study by phase."""
    model = save_model(TINY if tiny else SMALL, tokenizer, scratch / "small")
    sizes, tests = ("[8]", 8) if tiny else ("[24,72,192]", 200)
    settings = [
        f"models=[{json.dumps(str(model))}]", f"train_sizes={sizes}", f'split={{"test_size": {tests}}}', "shots=[0]",
        f"recipe={json.dumps({'epochs': 1} if tiny else {})}",
    ]  # fmt: skip
    command = [sys.executable, str(HERE.parent / "study" / "by_phase.py"), "--set", *settings]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            lines.append(line.rstrip())
            print(lines[-1], flush=True)
    if running.returncode:
        raise SystemExit(f"by_phase.py ended with {running.returncode}")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| ")]
    return [{"name": row[0], "seconds": float(row[1])} for row in rows if row[1] != "s"]


MEASURES: dict[str, Callable[..., list[dict[str, Any]]]] = {
    "study": measure_study, "small": measure_small, "large": measure_large, "peers": measure_peers,
}  # fmt: skip


def run_part(name: str, options: argparse.Namespace, scratch: Path, seconds: float) -> str:
    """Run a part in a process of its own, and return how it ended."""
    command = [sys.executable, __file__, "--part", name, "--scratch", str(scratch), "--tokenizer", options.tokenizer]
    command += ["--tiny"] if options.tiny else []
    print(f"\n## {name} (at most {seconds:.0f} s)\n", flush=True)
    with subprocess.Popen(command) as running:
        try:
            code = running.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            running.kill()
            return f"ended after {seconds:.0f} s"
    return "done" if code == 0 else f"FAILED with {code}"


def main() -> None:
    """Measure all parts within the time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=9.5)
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--tokenizer", default="smollm2-135m-instruct")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--scratch", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        from tunecurve.learners.torch.weights import resolve_model

        found = MEASURES[options.part](options.scratch, resolve_model(options.tokenizer).folder, tiny=options.tiny)
        (options.scratch / f"{options.part}.json").write_text(json.dumps(found))
        return
    wanted = options.only.split(",")
    if unknown := set(wanted) - set(PARTS):
        parser.error(f"--only {','.join(sorted(unknown))}: expected some of {','.join(PARTS)}")
    began, machine = time.perf_counter(), card()
    print(machine)
    if options.tiny:
        print("TINY SHAPES: this shows that the script works, and no speed")
    ended, figures = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        for name in wanted:
            left = 60 * options.minutes - (time.perf_counter() - began)
            ended[name] = (
                run_part(name, options, scratch, min(PARTS[name], left)) if left > 20 else "not begun: no time left"
            )
            kept = scratch / f"{name}.json"
            figures[name] = json.loads(kept.read_text()) if kept.exists() else []
    print(f"\n{machine}: " + "; ".join(f"{name} {how}" for name, how in ended.items()))
    if options.out:
        options.out.write_text(
            json.dumps({"machine": machine, "tiny": options.tiny, "ended": ended, "figures": figures}, indent=1)
        )
    if any(how != "done" for how in ended.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
