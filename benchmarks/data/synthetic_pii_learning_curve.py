"""Does the curve of `builtin:pii` keep rising on unseen templates? Measured with a small tagger, in minutes, no model.

    python benchmarks/data/synthetic_pii_learning_curve.py [--out FOLDER]

The tagger is an averaged perceptron over words, shapes and neighbours (Collins 2002): cheap enough for 6,400 rows on
one core, good enough to show whether the data saturates. It runs through the same study, split and metrics as a
language model, as a learner of one's own.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import tempfile
from collections import defaultdict

from tunecurve.formats.alignment import align_exactly
from tunecurve.learners.base import Completion, Learner, TrainingProgress, TrainingRecord, Tuned
from tunecurve.report.tables import default_columns, point_table, text_table
from tunecurve.run import run_study

TOKEN = re.compile(r"\w+|[^\w\s]")
N_PASSES = 4


def features(words: list[str], index: int, previous: str) -> list[str]:
    """Return the features of a word in its sentence."""

    def word(offset: int) -> str:
        place = index + offset
        return words[place].casefold() if 0 <= place < len(words) else "^"

    shape = re.sub(r"[a-z]+", "a", re.sub(r"[A-Z]", "A", re.sub(r"\d", "0", words[index])))[:8]
    return [
        f"w {word(0)}", f"s {shape}", f"p {previous}", f"l {word(-1)}", f"r {word(1)}", f"ll {word(-2)} {word(-1)}",
        f"sp {shape} {previous}", f"sl {shape} {word(-1)}", f"sr {shape} {word(1)}", f"e {words[index][-3:].casefold()}",
    ]  # fmt: skip


class PerceptronTagger(Learner):
    """A learner: tuned, it labels every word and replaces labelled stretches by their label."""

    name = "perceptron"

    def __init__(self, weights: dict[str, dict[str, float]] | None = None) -> None:
        self.weights = weights or {}

    def identity(self) -> dict[str, object]:
        """Return name and version."""
        return {"kind": "averaged perceptron tagger", "epochs": N_PASSES, "version": 1}

    def resolve_recipe(self, recipe: dict[str, object], n_examples: int) -> dict[str, object]:
        """Return the recipe: epochs over the rows."""
        return {"name": "perceptron", "epochs": N_PASSES, "n_steps": N_PASSES * n_examples, "learning_rate": 1.0,
                "batch_size": 1, "lora_rank": 0}  # fmt: skip

    def fine_tune(self, job, on_step):
        """Train on the spans that aligning input and answer gives."""
        data = [labelled_words(example.prompt.source, example.answer) for example in job.examples]
        weights = train(data, job.seed, lambda step: on_step(TrainingProgress(step, N_PASSES, 0.0, 0.0)))
        (job.folder / "weights.json").write_text(json.dumps(weights))
        record = TrainingRecord(N_PASSES * len(data), N_PASSES, len(data), recipe=job.recipe)
        return Tuned(self.load_tuned(job.folder), record)

    def load_tuned(self, folder):
        """Return the tagger with its weights."""
        return PerceptronTagger(json.loads((folder / "weights.json").read_text()))

    def predict_stream(self, prompts, done=()):
        """Yield the masked texts."""
        for index, prompt in enumerate(prompts):
            if index not in done:
                yield index, Completion(mask(prompt.source, self.weights), "end")


def labelled_words(source: str, target: str) -> tuple[list[str], list[str]]:
    """Return the words of an input and the label of each."""
    spans = align_exactly(source, target) or []
    words, labels = [], []
    for match in TOKEN.finditer(source):
        words.append(match[0])
        labels.append(next((span.labels[0] for span in spans if span.start <= match.start() < span.end), "O"))
    return words, labels


def best_label(found: list[str], weights) -> str:
    """Return the label with the highest score."""
    scores: dict[str, float] = defaultdict(float)
    for feature in found:
        for label, weight in weights.get(feature, {}).items():
            scores[label] += weight
    return max(scores, key=lambda label: (scores[label], label)) if scores else "O"


def train(data, seed, after_pass):
    """Return averaged weights by feature and label."""
    weights: dict = defaultdict(lambda: defaultdict(float))
    totals: dict = defaultdict(lambda: defaultdict(float))
    order, count = random.Random(seed), 1
    data = list(data)
    for number in range(N_PASSES):
        order.shuffle(data)
        for words, labels in data:
            previous = "^"
            for index, label in enumerate(labels):
                found = features(words, index, previous)
                guess = previous = best_label(found, weights)
                if guess != label:
                    for feature in found:
                        for name, step in ((label, 1.0), (guess, -1.0)):
                            weights[feature][name] += step
                            totals[feature][name] += step * count
                count += 1
        after_pass(number + 1)
    return {
        feature: {label: weight - totals[feature][label] / count for label, weight in row.items()}
        for feature, row in weights.items()
    }


def mask(source: str, weights) -> str:
    """Return the text with every stretch of equally labelled words replaced."""
    matches = list(TOKEN.finditer(source))
    words = [match[0] for match in matches]
    out, position, previous = "", 0, "^"
    for index, match in enumerate(matches):
        label = best_label(features(words, index, previous), weights)
        if label != "O":
            if label != previous:
                out += source[position : match.start()] + f"[{label}]"
            position = match.end()
        previous = label
    return out + source[position:]


def main() -> None:
    """Run the study and print its table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default=None)
    folder = parser.parse_args().out or tempfile.mkdtemp()
    study = {
        "name": "builtin-pii",
        "data": {"source": "builtin:pii", "limit": 10_000},
        "split": {"test_size": 300},
        "models": ["perceptron"],
        "shots": [],
    }
    results = run_study(study, out=folder, learners={"perceptron": PerceptronTagger()}).results
    print(text_table(*point_table(results, default_columns(results))))
    print(results.headline)


if __name__ == "__main__":
    main()
