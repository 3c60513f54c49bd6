"""`tunecurve atlas`: measured learning curves of public data sets, for a person who has no data yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tunecurve.cli.as_json import json_line
from tunecurve.tasks.lookup import TASK_NAMES
from tunecurve.wording import counted

if TYPE_CHECKING:
    from tunecurve.atlas.answers import Need, Needed
    from tunecurve.atlas.load import Atlas, Curve


@click.command()
@click.option("--task", help="Kind of task: " + ", ".join(TASK_NAMES) + ".")
@click.option("--metric", help="Metric; with --target the task's main one by default.")
@click.option("--learner", help="Learner, or a part of its name.")
@click.option("--target", type=float, help="Score to reach: what did the curves of --task need?")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def atlas(task: str | None, metric: str | None, learner: str | None, target: float | None, as_json: bool) -> None:
    """List measured learning curves of public data sets, or ask what similar tasks needed.

    \b
    tunecurve atlas --task ner
    tunecurve atlas --task ner --target 85

    Every number has a source: a citation with its address, or the command that measures it again. How to pick a stand-in
    data set is told in docs/similar-data.md.
    """
    from tunecurve.atlas import load_atlas
    from tunecurve.atlas.answers import what_was_needed
    from tunecurve.errors import UsageError
    from tunecurve.tasks.lookup import task_of

    everything = load_atlas()
    if target is not None:
        if task is None:
            raise UsageError(
                f"--target {target:g} needs a kind of task, for example: tunecurve atlas --task ner --target 85"
            )
        headline_metric = (
            task_of(task).metrics[0] if task in TASK_NAMES else ""
        )  # an unknown task is complained about first
        answer = what_was_needed(everything, target, task, metric or headline_metric, learner)
        click.echo(json_line(answer) if as_json else _answer_text(answer))
        return
    curves = everything.select(task, metric, learner)
    click.echo(_json_of(curves) if as_json else _list_text(everything, curves))


def _json_of(curves: list[Curve]) -> str:
    from dataclasses import asdict

    families = {curve.family.name: asdict(curve.family) for curve in curves}
    return json_line({"families": list(families.values()), "curves": [curve.to_dict() for curve in curves]})


def _list_text(everything: Atlas, curves: list[Curve]) -> str:
    """One paragraph a family: what it is, its curves, where the numbers stand."""
    lines = []
    for family in everything.families.values():
        own = [curve for curve in curves if curve.family is family]
        if not own:
            continue
        labels = f", {family.labels} labels" if family.labels else ""
        lines.append(f"{family.name}: {family.dataset} ({family.task}, {family.language}{labels})")
        lines += [f"  {_curve_line(curve)}" for curve in own]
        lines.append(f"  source: {family.source}, {family.year}: {family.locator}")
        lines += [f"  note: {family.notes}; {family.licence}", ""]
    n_families = len({curve.family.name for curve in curves})
    return "\n".join([*lines, f"{len(curves)} curves of {n_families} families; scores by training rows."])


def _curve_line(curve: Curve) -> str:
    sizes, scores = curve.points()
    points = "  ".join(f"{size:,.0f}: {score:.4g}" for size, score in zip(sizes, scores, strict=True))
    rivals = ", ".join(f"{name} {score:.4g}" for name, score in curve.without_tuning.items())
    better = " (less is better)" if curve.sign < 0 else ""
    by = "; ".join(", ".join(values) for values in curve.measured_by.values())
    ends = (f"  [without tuning: {rivals}]" if rivals else "") + (f"  [measured on {by}]" if by else "")
    return f"{curve.metric}{better}, {curve.learner}: {points}{ends}"


def _answer_text(answer: Needed) -> str:
    """Return the range first, then every curve, then how little it proves."""
    lines = [f"{answer.task}, {answer.metric} {answer.target:g}: {_range_text(answer)}"]
    lines += [f"  {need.family}, {need.learner}: {_need_text(need)}" for need in answer.needs]
    return "\n".join([*lines, answer.caution])


def _range_text(answer: Needed) -> str:
    curves = counted(answer.n_curves, "curve")
    never = f"{answer.n_never} of {curves} never reached it within the sizes measured"
    if not answer.n_reached:
        return never + "."
    low, high = f"{answer.smallest:,}", f"{answer.largest:,}"
    sizes = f"{low} rows" if low == high else f"{low} to {high} rows (median {answer.median:,.0f})"
    early = answer.n_at_smallest_size
    fewer = f", {early} of them at the smallest size measured, so that fewer rows may do" if early else ""
    rest = f"; {never}" if answer.n_never else ""
    return f"reached by {answer.n_reached} of {curves}, at {sizes}{fewer}{rest}."


def _need_text(need: Need) -> str:
    if need.reached_at is None:
        text = f"never, up to {need.largest_size:,} rows"
    elif need.missed_at is None:
        text = f"at {need.reached_at:,} rows, the smallest size measured"
    else:
        text = f"between {need.missed_at:,} and {need.reached_at:,} rows"
    if need.fell_back:
        text += ", missed again at a larger size"
    return text + (f"; without tuning too: {', '.join(need.without_tuning)}" if need.without_tuning else "")
