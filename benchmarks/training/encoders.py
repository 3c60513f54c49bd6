"""Seconds a row of training an encoder: tunecurve's tagger, classifier and setfit against transformers' Trainer and SetFit's.

    python benchmarks/training/encoders.py [--steps 40] [--repeats 2] [--threads N] [--warm-up 5]
        [--only tagger classifier setfit]

Everybody trains all weights of the built-in encoder (MiniLM-L6) on the same rows of builtin:pii, 16 a step, with the same
precision and threads: the tagger on its spans, one tag a word; the classifier on the language of a row; setfit on 16 pairs
of rows a step, 8 rows of each of four languages (milliseconds a pair). The Trainer draws batches of its own by default, and
takes tunecurve's, of rows of like lengths, in another run. SetFit's trainer draws pairs of its own, of like and unlike rows,
of which there are as many. Peers live in environments of their own (`build/peers`, `build/peers-setfit`, made at the first
run), contestants take turns, and the first steps of every run are left out. Printed: median milliseconds a row with their
range, of the clock and of the processor, and the ratio to tunecurve.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compare import HERE, peer_python, print_table, run_process

BATCH = 16
SETFIT = Path("build/peers-setfit")
SETFIT_PACKAGES = ["setfit", "sentence-transformers", "accelerate"]
ROWS_A_CLASS = 8
KINDS = ("tagger", "classifier", "setfit")


@dataclass(frozen=True)
class Contestant:
    """A way to train; `peer` False is tunecurve itself."""

    name: str
    peer: bool = True
    expert: bool = False


def contestants_of(kind: str) -> list[Contestant]:
    """Return who trains this kind of model."""
    if kind == "setfit":
        return [
            Contestant("tunecurve", peer=False),
            Contestant("SetFit's trainer, its default precision (float32)"),
            Contestant("SetFit's trainer, tunecurve's precision", expert=True),
        ]
    return [
        Contestant("tunecurve", peer=False),
        Contestant("transformers Trainer, its defaults"),
        Contestant("transformers Trainer, tunecurve's batches", expert=True),
    ]


def examples_of(kind: str, steps: int) -> list[Any]:
    """Return the tuning examples: masked rows in English, or rows with their language."""
    from tunecurve.data.synthetic_pii import LANGUAGES, generate_rows
    from tunecurve.data.synthetic_pii.labels import LABELS
    from tunecurve.prompts import MASKING_SYSTEM, PromptRenderer

    renderer = PromptRenderer(MASKING_SYSTEM, labels=tuple(LABELS))
    if kind == "tagger":
        rows = generate_rows(BATCH * steps, seed=1)
        return [renderer.tuning_example(row["source_text"], row["target_text"]) for row in rows]
    rows = generate_rows(BATCH * steps, seed=1, language=LANGUAGES)
    if kind == "setfit":
        rows = [row for name in LANGUAGES for row in [one for one in rows if one["language"] == name][:ROWS_A_CLASS]]
    return [renderer.tuning_example(row["source_text"], row["language"]) for row in rows]


def learner_of(kind: str, steps: int, threads: int) -> Any:
    """Return tunecurve's learner, told to take so many steps."""
    from tunecurve.learners.encoder.classifier import ClassifierLearner
    from tunecurve.learners.encoder.setfit import SetFitLearner
    from tunecurve.learners.encoder.tagger import TaggerLearner
    from tunecurve.learners.encoder.weights import resolve_encoder
    from tunecurve.learners.torch.device import choose_compute
    from tunecurve.spec.training import EncoderSpec

    made = {"tagger": TaggerLearner, "classifier": ClassifierLearner, "setfit": SetFitLearner}[kind]
    settings = EncoderSpec(min_steps=steps) if kind == "setfit" else EncoderSpec(epochs=1)
    return made(kind, resolve_encoder("all-minilm-l6-v2"), choose_compute("cpu", threads), settings)


def run_ours(kind: str, steps: int, threads: int) -> dict[str, Any]:
    """Train with tunecurve in this process and return its step times."""
    from tunecurve.learners.base import TrainingJob

    learner, examples = learner_of(kind, steps, threads), examples_of(kind, steps)
    times: list[float] = []
    processor_times: list[float] = []

    def on_step(progress: object) -> None:
        times.append(time.perf_counter())
        processor_times.append(time.process_time())

    with tempfile.TemporaryDirectory() as folder:
        recipe = learner.resolve_recipe({}, len(examples))
        record = learner.fine_tune(TrainingJob(examples, recipe, 0, Path(folder)), on_step).record
    assert record.steps == steps, (record.steps, steps)
    return {
        "seconds": [later - earlier for earlier, later in itertools.pairwise(times)],
        "processor_seconds": [later - earlier for earlier, later in itertools.pairwise(processor_times)],
        "dtype": str(learner.compute.dtype).removeprefix("torch."),
        "path": record.path,
    }


def in_our_order(kind: str, steps: int) -> list[Any]:
    """Return the examples in the order in which tunecurve's steps take them: rows of like lengths together."""
    from tunecurve.learners.torch.batches import all_batches

    learner, examples = learner_of(kind, steps, 1), examples_of(kind, steps)
    if kind == "setfit":
        return examples
    lengths = learner.training_task(None, examples, learner.prepare(examples)).lengths
    assert len(lengths) == len(examples), "every row is read in one window"
    return [examples[row] for batch in all_batches(lengths, BATCH, 1, seed=0) for row in batch]


def rows_for_peers(kind: str, steps: int) -> tuple[list[dict[str, Any]], int]:
    """Return the rows as peers read them, in tunecurve's order, and how many tags or classes there are."""
    from tunecurve.learners.encoder.tags import tags_of
    from tunecurve.learners.encoder.words import split_words

    examples = in_our_order(kind, steps)
    if kind != "tagger":
        classes = sorted({example.answer for example in examples})
        rows = [{"text": e.prompt.source, "label": classes.index(e.answer)} for e in examples]
        return rows, len(classes)
    learner = learner_of(kind, steps, 1)
    head = learner.prepare(examples)
    numbers = {label: index for index, label in enumerate(head.known_labels)}
    rows = []
    for example, words in zip(
        examples, split_words(learner.tokenizer, [e.prompt.source for e in examples]), strict=True
    ):
        spans = head.span_format.derive(example.prompt.source, example.answer)
        if spans is not None:
            said = [example.prompt.source[start:end] for start, end in zip(words.starts, words.ends, strict=True)]
            rows.append({"words": said, "tags": tags_of(words, spans, numbers)})
    return rows, len(head.classes)


def compare(kind: str, steps: int, repeats: int, warm_up: int, threads: int) -> None:
    """Let the contestants of a kind take turns and print their table."""
    from tunecurve.learners.encoder.weights import resolve_encoder

    python = peer_python(SETFIT, SETFIT_PACKAGES) if kind == "setfit" else peer_python()
    found = contestants_of(kind)
    seconds: dict[str, list[float]] = {one.name: [] for one in found}
    processor_seconds: dict[str, list[float]] = {one.name: [] for one in found}
    ours: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        rows, n_classes = rows_for_peers(kind, steps)
        path = Path(folder) / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        for repeat, one in itertools.product(range(repeats), found):
            if one.peer:
                job = {
                    "kind": kind, "expert": one.expert, "model": str(resolve_encoder("all-minilm-l6-v2").folder),
                    "rows": str(path), "n_classes": n_classes, "steps": steps, "batch_size": BATCH, "threads": threads,
                    "dtype": ours["dtype"], "folder": folder,
                }  # fmt: skip
                result = run_process([str(python), str(HERE / "encoder_peers.py"), json.dumps(job)])
            else:
                again = [sys.executable, __file__, "--ours", "--only", kind, "--steps", str(steps)]
                result = ours = run_process([*again, "--threads", str(threads)])
            for all_found, name in ((seconds, "seconds"), (processor_seconds, "processor_seconds")):
                all_found[one.name] += [1e3 * step / BATCH for step in result[name][warm_up:]]
            middle = statistics.median(processor_seconds[one.name])
            print(f"  {kind}, repeat {repeat + 1}, {one.name}: {middle:.1f} ms of the processor a row", flush=True)
    print(f"\n{kind}, {ours['dtype']}, {threads} threads, batch {BATCH}; {ours['path']}\n")
    print_table(seconds, processor_seconds, "ms", 1)
    print(flush=True)


def main() -> None:
    """Compare the kinds that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--warm-up", type=int, default=5, help="steps of every run that are left out")
    parser.add_argument("--only", nargs="*", default=list(KINDS), choices=KINDS)
    parser.add_argument("--ours", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    from tunecurve.learners.cores import physical_cores

    threads = options.threads or physical_cores()
    if options.ours:
        print("RESULT " + json.dumps(run_ours(options.only[0], options.steps, threads)))
        return
    for kind in options.only:
        compare(kind, options.steps, options.repeats, options.warm_up, threads)


if __name__ == "__main__":
    main()
