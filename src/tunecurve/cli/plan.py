"""`tunecurve plan`: what would run, how many tokens, how long; nothing is trained."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from tunecurve.cli.as_json import print_json
from tunecurve.cli.findings import show_findings, show_rows
from tunecurve.cli.main import echo
from tunecurve.cli.options import study_options

if TYPE_CHECKING:
    from tunecurve.results.records.test_set import TestSetAnswer
    from tunecurve.study.study import Study


@click.command()
@study_options
@click.option("--show-prompts", is_flag=True, help="Print the prompts and one training example, trained tokens marked.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def plan(study: str | None, show_prompts: bool, as_json: bool, **options: Any) -> None:
    """Show the trials of a study with their tokens, times and costs; nothing is trained and nothing is sent."""
    from tunecurve.cli.console import ConsoleProgress
    from tunecurve.cli.options import options_of, study_values
    from tunecurve.cli.plan_json import missing_line, plan_json
    from tunecurve.errors import UsageError
    from tunecurve.report.test_set import rows_lines
    from tunecurve.study.looking import looked_at
    from tunecurve.study.prepare import prepare_study

    if as_json and show_prompts:
        raise UsageError("--show-prompts with --json: prompts are shown as text; give one of them")
    values, origin = study_values(study, options)
    how = options_of(options, origin=origin, progress=ConsoleProgress())
    ready, said = looked_at(lambda out: prepare_study(values, replace(how, out=out)), values, options["out"], origin)
    ready.data.findings.extend(said)
    if as_json:
        print_json(plan_json(ready, _test_set(ready)))
        return
    show_rows(ready.data.facts)
    show_findings(ready.data.findings)
    echo()
    _show_trials(ready)
    for line in rows_lines(_test_set(ready)):
        echo(line)
    if ready.quotes_usd():
        _show_quote(ready)
        missing = missing_line(ready)
        if missing is not None:
            echo(f"Before it can run: {missing}")
    if show_prompts:
        _show_prompts(ready)


def _show_trials(ready: Study) -> None:
    from tunecurve.learners.distilled_names import models_within
    from tunecurve.learners.hosted.prices import money
    from tunecurve.report.tables import text_table
    from tunecurve.spec.durations import duration

    workloads, seconds, quotes = ready.workloads, ready.estimated_seconds(), ready.quotes_usd()
    rows = []
    for item in ready.planned:
        work = workloads[item.trial]
        # Not every provider tells how many steps a job will take.
        steps = "–" if not work.steps and item.trial.strategy == "fine-tune" else f"{work.steps:,}"
        counts = [steps, *(f"{count:,}" for count in ready.tokens(item.trial))]
        calls = f"{ready.n_calls(item.trial):,}" if item.trial in quotes else "–"
        price = [calls, money(quotes[item.trial]) if item.trial in quotes else "–"] if quotes else []
        about = duration(seconds[item.trial])
        rows.append([item.trial.learner, item.trial.label, *counts, about, *price, item.folder.state])
    header = ["learner", "trial", "steps", "tokens trained", "tokens read", "tokens written", "about"]
    echo(text_table([*header, *(["calls", "costs about"] if quotes else []), "state"], rows))
    if any((item.config["recipe"] or {}).get("tried_learning_rates") for item in ready.planned):
        echo(
            "\nSteps with learning_rate: auto are those of the training and a fifth as many at each other rate that is tried; "
            "development rows may end it earlier."
        )
    if "presidio" in models_within(ready.spec.models) and (asked := ready.spec.presidio.in_words()):
        echo(f"\npresidio: {asked}.")
    if any(name.startswith("gliner:") for name in models_within(ready.spec.models)) and ready.spec.gliner.asked():
        echo(f"\ngliner: {ready.spec.gliner.in_words()}.")
    left = sum(seconds[item.trial] for item in ready.planned if not item.folder.is_finished)
    if all(item.trial in quotes or item.trial.strategy == "floor" for item in ready.planned):
        echo(f"\nAbout {duration(left)}, most of it waiting for answers.")
    else:
        echo(
            f"\nAbout {duration(left)} on this machine, estimated from a short matrix-product benchmark. Local models cost nothing."
        )
    if (others := ready.work_beside()) is not None:
        echo(others.sentence())


def _test_set(ready: Study) -> TestSetAnswer:
    """Return what the test rows can show: as the run's answers tell it, where there are any, else what is known before."""
    from tunecurve.errors import StudyStateError
    from tunecurve.report.test_set import rows_lines
    from tunecurve.results.stored import load
    from tunecurve.results.test_set.sources import questions_of, test_set_of_rows

    try:
        measured = load(ready.folder).about_test_set
    except StudyStateError:  # no results yet, or damaged ones, which a run writes anew
        measured = None
    if measured is not None and rows_lines(measured):
        return measured
    return test_set_of_rows(ready.spec, ready.data, questions_of(ready.spec))


def _show_quote(ready: Study) -> None:
    from tunecurve.learners.distilled_names import models_within
    from tunecurve.learners.hosted.prices import money

    left = ready.quote_left_usd()
    spent = ready.account.spending()
    paid = money(spent.total_usd)
    not_told = spent.estimated_usd + spent.estimated_jobs_usd
    parts = [(not_told, "estimated, because the server tells no usable usage"), (spent.doubtful_usd, "in doubt")]
    said = ", ".join(f"{money(usd)} {words}" for usd, words in parts if usd)
    echo(
        f"Left to pay: {'unknown' if left is None else 'about ' + money(left)}; paid so far: {paid}"
        + (f" ({said} included)." if said else ".")
    )
    for name in models_within(ready.spec.asked_models):
        price = ready.account.price_lines(name)
        if price is not None:
            amounts = {what: money(usd) for what, usd in price.items() if what != "source"}
            echo(
                f"{name}, per million tokens: sent {amounts['sent']}, answered {amounts['answered']}; tuned: sent "
                f"{amounts['sent_to_tuned']}, answered {amounts['answered_by_tuned']}, trained {amounts['trained']} "
                f"({price['source']})"
            )
    for learner in ready.learners.values():
        if (line := learner.hosting_line()) is not None:
            echo(line)
    echo(
        "Tokens are counted as earlier calls of the model measured them, else at four characters each. A tuning job whose "
        "provider does not tell its tokens is booked at one a byte, for English text four to eight times what is quoted. A tuning job's "
        "hours are not in the time."
    )


def _show_prompts(ready: Study) -> None:
    from tunecurve.study.chosen_examples import retriever_of
    from tunecurve.study.plan import Trial

    for shots in ready.spec.random_shots:
        echo(f"\n--- prompt with {shots} examples ---")
        for message in ready.data.prompts(shots)[0].messages:
            echo(f"[{message.role}] {message.content}")
    for similar in ready.spec.similar_shots:
        size = next((n for n in similar.sizes(ready.spec.train_sizes) if n >= similar.count), None)
        if size is None:
            continue
        echo(f"\n--- prompt with {similar.count} {similar.choose} examples of {size:,} rows ---")
        row = ready.data.test[0]
        retriever = retriever_of(Trial("", similar.choose, similar.count, size), ready.data)
        [chosen] = retriever.choose([row.source])
        for message in ready.data.renderer.prompt(row.source, retriever.examples(chosen)).messages:
            echo(f"[{message.role}] {message.content}")
    example = ready.data.tuning_examples(1, 0)[0]
    for name, learner in ready.learners.items():
        shown = learner.show_training_example(example)
        if shown is not None:
            echo(f"\n--- training example as {name} reads it; «trained» tokens carry the loss ---")
            echo(shown)
