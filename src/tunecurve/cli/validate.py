"""`tunecurve validate`: check the study file and the data; nothing is trained, no model is loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tunecurve.cli.main import echo
from tunecurve.cli.options import study_options

MIN_TEST_ROWS = 100


@click.command()
@study_options
def validate(study: Path | None, **options: Any) -> None:
    """Check a study file and its data: counts, what would be dropped, and what could mislead.

    Needs no model; rows that are over-long for the model are counted by `plan` and `run`.
    """
    from tunecurve.cli.options import study_values
    from tunecurve.prepare import split_as_asked
    from tunecurve.spec import parse_spec
    from tunecurve.study.dataset import read_clean_rows

    values, origin = study_values(study, options)
    spec = parse_spec(values, origin)
    rows, cleaning = read_clean_rows(spec)
    folder = Path(options["out"] or Path("runs") / spec.name)
    spec, data = split_as_asked(spec, rows, cleaning, folder, sizes_are_defaults="train_sizes" not in values)
    facts = data.facts
    echo(f"study    {spec.name} ({spec.task}), signature {spec.signature()}")
    echo(f"rows     {cleaning.summary()}")
    for reason, places in cleaning.places.items():
        echo(f"         {reason}: {', '.join(places)}{', ...' if cleaning.dropped[reason] > len(places) else ''}")
    echo(f"split    {facts['split_method']}: {facts['n_test']} test rows in {facts['groups_in_test']} groups, "
               f"{facts['n_pool']} to train on, {facts['n_set_aside']} set aside")  # fmt: skip
    echo(
        f"sizes    {', '.join(map(str, spec.train_sizes)) or 'none'}; shots {', '.join(map(str, spec.shots)) or 'none'}"
    )
    if facts["labels"]:
        echo(f"labels   {len(facts['labels'])}: {', '.join(facts['labels'])}")
    warnings = [*_task_warnings(spec.task, data), *_warnings(data)]
    for warning in warnings:
        echo(f"warning  {warning}")
    echo("ok" if not warnings else f"ok, with {len(warnings)} warning(s)")


def _task_warnings(task: str, data: Any) -> list[str]:
    """Return what in the labels could mislead, and whether the data look like another kind of task."""
    from collections import Counter

    from tunecurve.learners.spans import EntityFormat
    from tunecurve.metrics.alignment import align_exactly
    from tunecurve.tasks import labels_of, suggest_task

    found = []
    suggested, why = suggest_task([(row.source, row.target) for row in data.pool[:500]])
    if suggested != task:
        found.append(f"this looks like a {suggested} task rather than {task}: {why}; if so, give --task {suggested}")
    n_test = data.facts["n_test"]
    format_of: dict[str, Callable[[str, str], object]] = {"masking": align_exactly, "ner": EntityFormat().derive}
    if task in format_of:
        odd = sum(format_of[task](row.source, row.target) is None for row in data.test)
        what = {"masking": "the input with stretches replaced", "ner": "lists of words that stand in the input"}[task]
        if odd:
            found.append(f"{odd} of {n_test} test targets are not {what} (noisy labels); a tagger cannot give them")
    unseen = {label for row in data.test for label in labels_of(task, row.target)} - set(data.facts["labels"])
    if unseen:
        found.append(f"labels only in the test set, which nothing can learn: {', '.join(sorted(unseen))}")
    if task == "classification":
        counts = Counter(row.target.strip() for row in data.pool)
        lonely = sorted(name for name, count in counts.items() if count == 1)
        if lonely:
            found.append(
                f"classes with a single row to train on: {', '.join(lonely[:8])}{', ...' if lonely[8:] else ''}"
            )
    return found


def _warnings(data: Any) -> list[str]:
    facts = data.facts
    found = []
    n_same = facts["overlap"]["test_rows_with_input_in_pool"]
    n_twins = facts["overlap"]["test_rows_with_skeleton_in_pool"]
    if n_same:
        found.append(f"{n_same} test rows have the same input as a training row: scores will be too good")
    if n_twins > 0.1 * facts["n_test"]:
        found.append(
            f"{n_twins} of {facts['n_test']} test rows have a template twin among the training rows: the curve will show "
            "memorising; name the template with --group-column, or use --split group"
        )
    if facts["n_test"] < MIN_TEST_ROWS:
        found.append(f"{facts['n_test']} test rows give wide intervals; {MIN_TEST_ROWS} or more tell sizes apart")
    return found
