"""How well suspicious labels find planted errors, beside cleanlab where it is installed.

Run: python benchmarks/data/suspicious_labels.py --set banking77=FILE,source_text,target_text --set ... [--rows 3000] [--share 0.03]

A share of the labels is changed: classes to another class, drawn evenly; in masking (a fourth part of --set: the group column)
a mask of a row is taken away, or gets another label. Reported are the share of planted errors among the first 20 and 50 rows, and
how many of all planted errors are among the suspicious rows. Errors that the data had before count against it. cleanlab (2.9.0,
Apache-2.0, a peer only) gets the probabilities of the same logistic regression; it knows no masking.
"""

import argparse
import json
import random
import time
from types import SimpleNamespace

import numpy as np

from tunecurve.data.rows import Row
from tunecurve.formats.spans import LabelledSpan, MaskFormat
from tunecurve.study.suspicious import classes
from tunecurve.study.suspicious.find import find_suspicious, rows_to_look_at
from tunecurve.tasks.lookup import task_of


def read(path, source, target, group=None):
    """Return (input, target, group) of the rows of a JSON Lines file, in random order, each input once."""
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    random.Random(0).shuffle(rows)
    found = {row[source]: (row[source], row[target], str(row[group]) if group else row[source]) for row in rows}
    return list(found.values())


def plant_classes(rows, share, generator):
    """Return the rows with a share of the classes changed, and the numbers of these rows."""
    labels = sorted({target for _, target, _ in rows})
    planted = {number for number in range(len(rows)) if generator.random() < share}
    return [
        (source, generator.choice([label for label in labels if label != target]) if number in planted else target, group)
        for number, (source, target, group) in enumerate(rows)
    ], planted  # fmt: skip


def plant_masks(rows, share, generator):
    """Return the rows with a mask less, or with another label, in a share of them, and the numbers of these rows."""
    form = MaskFormat.of_targets([(source, target) for source, target, _ in rows])
    spans = [form.derive(source, target) for source, target, _ in rows]
    labels = sorted({span.label for own in spans for span in own or ()})
    planted, found = set(), []
    for number, ((source, target, group), own) in enumerate(zip(rows, spans, strict=True)):
        if own and generator.random() < share:
            one = generator.randrange(len(own))
            others = [label for label in labels if label != own[one].label]
            changed = LabelledSpan(own[one].start, own[one].end, generator.choice(others))
            rest = [*own[:one], *([changed] if generator.random() < 0.4 else []), *own[one + 1 :]]
            planted.add(number)
            found.append((source, form.render(source, rest), group))
        else:
            found.append((source, target, group))
    return found, planted


def judge(name, ranked, planted, seconds):
    """Print a line of figures."""
    first = [np.mean([row in planted for row in ranked[:n]]) if ranked else 0.0 for n in (20, 50)]
    recall = len(planted & set(ranked)) / len(planted)
    shares = [f"{100 * share:.0f} %" for share in [*first, recall]]
    print("|", " | ".join([name, str(len(planted)), str(len(ranked)), *shares, f"{seconds:.1f}"]), "|", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--set", action="append", required=True, metavar="NAME=FILE,INPUT,TARGET[,GROUP]")
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--share", type=float, default=0.03)
    arguments = parser.parse_args()
    print(
        "| data | planted | suspicious | right of 20 | right of 50 | found of all | processor, s |\n|---|---|---|---|---|---|---|"
    )
    for one in arguments.set:
        name, _, rest = one.partition("=")
        parts = rest.split(",")
        rows = read(*parts)[: arguments.rows]
        kind = "masking" if len(parts) == 4 else "classification"
        rows, planted = (plant_masks if kind == "masking" else plant_classes)(rows, arguments.share, random.Random(1))
        kept = [Row(source, target, group, f"line {number}") for number, (source, target, group) in enumerate(rows)]
        task = task_of(kind)
        data = SimpleNamespace(
            test=[],
            pool=kept,
            facts=SimpleNamespace(labels=sorted({row.target for row in kept}) if kind == "classification" else []),
        )
        seen = {}
        learners = classes._learners
        classes._learners = lambda *given, seen=seen, learners=learners: seen.setdefault("found", learners(*given))
        started = time.process_time()
        found = find_suspicious(rows_to_look_at(data, task, None), task)
        classes._learners = learners
        judge(
            f"{name}, {len(kept):,} rows",
            [int(row.place.split()[1]) for row in found.rows],
            planted,
            time.process_time() - started,
        )
        if kind == "classification":
            with_cleanlab(name, kept, seen["found"][0], planted)


def with_cleanlab(name, kept, shares, planted):
    """Let cleanlab rank the rows by the same probabilities."""
    try:
        from cleanlab.filter import find_label_issues
    except ImportError:
        return
    labels = sorted({row.target for row in kept})
    given = np.array([labels.index(row.target) for row in kept])
    shares = shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)
    started = time.process_time()
    ranked = find_label_issues(given, shares, return_indices_ranked_by="normalized_margin", n_jobs=1)
    judge(f"{name}, cleanlab", [int(row) for row in ranked], planted, time.process_time() - started)


if __name__ == "__main__":
    main()
