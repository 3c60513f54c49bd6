"""`tunecurve plan`: what would run, how many tokens, how long; nothing is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tunecurve.cli.options import study_options


@click.command()
@study_options
@click.option("--show-prompts", is_flag=True, help="Print the prompts and one training example, trained tokens marked.")
def plan(study: Path | None, show_prompts: bool, **options: Any) -> None:
    """Show the trials of a study with their tokens and estimated times; nothing is trained."""
    from tunecurve.cli.console import ConsoleProgress, duration
    from tunecurve.cli.options import study_values
    from tunecurve.report.tables import text_table
    from tunecurve.run import prepare_study
    from tunecurve.study.executors import state_of_folder
    from tunecurve.study.plan import estimate_workloads

    values, origin = study_values(study, options)
    ready = prepare_study(
        values,
        out=options["out"],
        device=options["device"],
        threads=options["threads"],
        progress=ConsoleProgress(),
        origin=origin,
    )
    workloads = estimate_workloads([(p.trial, p.config) for p in ready.planned], ready.data, ready.learners)
    seconds = ready.estimated_seconds()
    rows = []
    for item in ready.planned:
        work = workloads[item.trial]
        counts = [f"{count:,}" for count in (work.steps, work.tokens_trained, work.tokens_read, work.tokens_written)]
        rows.append(
            [item.trial.learner, item.trial.label, *counts, duration(seconds[item.trial]), state_of_folder(item.folder)]
        )
    header = ["learner", "trial", "steps", "tokens trained", "tokens read", "tokens written", "about", "state"]
    click.echo(text_table(header, rows))
    left = sum(seconds[item.trial] for item in ready.planned if state_of_folder(item.folder) != "finished")
    click.echo(
        f"\nAbout {duration(left)} on this machine, as its matrix speed measured just now says. Local models cost nothing."
    )
    if show_prompts:
        _show_prompts(ready)


def _show_prompts(ready: Any) -> None:
    for shots in ready.spec.shots:
        click.echo(f"\n--- prompt with {shots} examples ---")
        for message in ready.data.prompts(shots)[0].messages:
            click.echo(f"[{message.role}] {message.content}")
    example = ready.data.tuning_examples(1, 0)[0]
    for name, learner in ready.learners.items():
        if hasattr(learner, "show_training_example"):
            click.echo(f"\n--- training example as {name} reads it; «trained» tokens carry the loss ---")
            click.echo(learner.show_training_example(example))
