"""`tunecurve testset`: what these test rows can show, and how many rows show more. Needs no model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tunecurve.cli.as_json import findings_json, print_json
from tunecurve.cli.main import complain, echo
from tunecurve.cli.options import data_options
from tunecurve.cli.spec_options import FiniteRange

if TYPE_CHECKING:
    from tunecurve.curve.curve_table import CurveTable
    from tunecurve.results.records.test_set import TestSetAnswer
    from tunecurve.results.test_set.bare_points import AskedOfPoints

# Where curves have other test rows each, no one number is theirs: `noises` of each entry hold them.
NO_ONE_COUNT = {"n_rows": None, "n_groups": None}


@click.command()
@click.argument("source", required=False, type=click.Path(path_type=Path), metavar="[RUN|STUDY.yaml]")
@data_options
@click.option("--points", metavar="FILE|N:SCORE,...", help="Curves file as for forecast, or points typed in.")
@click.option("--test-rows", type=click.IntRange(min=2), help="With --points: test rows (the file's n_test).")
@click.option("--groups", type=click.IntRange(min=2), help="With --points: groups of test rows (each row its own).")
@click.option("--range", "score_range", metavar="LO,HI", help="With --points: range of the metric (0,100).")
@click.option(
    "--difference", type=FiniteRange(min=0, min_open=True), help="Difference of two scores to be told (1 point)."
)
@click.option(
    "--leak-bound",
    type=FiniteRange(min=0, max=100, min_open=True, max_open=True),
    help="Leak rate to be excluded where no leak is found, per cent (1).",
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def testset(source: Path | None, points: str | None, as_json: bool, **options: Any) -> None:
    """Say what a test set can show: differences of two sizes, leaks, and how many rows show more.

    RUN is a run folder: the numbers come from its answers. With a study file or --data they are borrowed from other studies
    and the rows' groups; with --points, from the scores. A difference counts as told where its paired 95 % interval leaves
    out 0 in 4 of 5 cases. A curve of a file that cannot be used is named with its line, the others are answered (exit code 6).

    tunecurve testset runs/pii-quick --difference 2
    """
    from tunecurve.errors import UsageError
    from tunecurve.report.test_set import rows_lines
    from tunecurve.results.test_set.bare_points import refuse_another_unit

    asked = Asked(*(options.pop(name) for name in ("test_rows", "groups", "score_range", "difference", "leak_bound")))
    given = [name for name, value in (("RUN", source), ("--points", points), ("--data", options["data"])) if value]
    if not given or ("--points" in given and len(given) > 1):
        raise UsageError(
            f"{' and '.join(given) or 'nothing'} given; expected one of: a run folder, a study file or --data FILE, or --points."
        )
    if points is not None:
        _show_points(points, asked, as_json=as_json)
        return
    asked.refuse_options_of_points()
    is_run = source is not None and source.is_dir()
    answer = _of_run(source, asked, options) if source and is_run else _of_data(source, asked, options)
    for entry in answer.test_set.differences:
        refuse_another_unit(asked.difference, entry.title, entry.noises[0].width)
    if as_json:
        print_json({**answer.test_set.to_json(), "findings": findings_json(answer.findings), "refused": []})
        return
    for line in rows_lines(answer) or ["Nothing can be said: a finding of this study forbids it (tunecurve status)."]:
        echo(line)


@dataclass(frozen=True)
class Asked:
    """What is asked of the test set, and what is told of it where only points are given."""

    test_rows: int | None
    groups: int | None
    score_range: str | None
    difference: float | None
    leak_bound: float | None

    def refuse_options_of_points(self) -> None:
        """Raise UsageError for options that say what rows would say themselves."""
        from tunecurve.errors import UsageError

        told = {"--test-rows": self.test_rows, "--groups": self.groups, "--range": self.score_range}
        for name, value in told.items():
            if value is not None:
                raise UsageError(f"{name} needs --points: the rows of a run or a data file are counted.")


def _of_run(folder: Path, asked: Asked, options: dict[str, object]) -> TestSetAnswer:
    from tunecurve.errors import UsageError
    from tunecurve.results.stored import load
    from tunecurve.results.test_set.sources import questions_of, test_set_of_run

    for name, value in options.items():
        if value:
            what = "metric and task are those of its study" if name in ("metric", "task") else "its rows are frozen"
            raise UsageError(f"--{name.replace('_', '-')} with the run folder '{folder}': {what}; leave it out.")
    results = load(folder)
    return test_set_of_run(results, questions_of(results.study, asked.difference, asked.leak_bound))


def _of_data(study: Path | None, asked: Asked, options: dict[str, object]) -> TestSetAnswer:
    from tunecurve.cli.study_rows import rows_looked_at
    from tunecurve.results.test_set.sources import questions_of, test_set_of_rows

    spec, data = rows_looked_at(study, options)
    return test_set_of_rows(spec, data, questions_of(spec, asked.difference, asked.leak_bound))


def _show_points(points: str, asked: Asked, *, as_json: bool) -> None:
    """Print what the test rows of every curve can show; a curve that cannot be used is named, and the others are answered."""
    from tunecurve.cli.each_curve import ask_each, problem_line
    from tunecurve.errors import CurvesRefused
    from tunecurve.report.test_set import rows_lines
    from tunecurve.results.test_set.bare_points import test_set_of_points

    tables, question = _question_of(points, asked)
    answers, not_all = [], None
    try:
        for table, found in ask_each(tables, question.ask, verb="answered"):
            answers += [(table, found)] if found is not None else []
    except CurvesRefused as problem:
        not_all = problem
    answer = test_set_of_points(answers)
    refused = {table.curve_id: problem_line(table) for table in tables if table.problem}
    if as_json:
        is_one_count = len({entry.noises[0].n_rows for entry in answer.test_set.differences}) == 1
        said = {**answer.test_set.to_json(), **({} if is_one_count else NO_ONE_COUNT)}
        named = [{"curve_id": name, "error": why} for name, why in refused.items()]
        print_json({**said, "findings": findings_json(answer.findings), "refused": named})
    else:
        for line in rows_lines(answer):
            echo(line)
        for finding in answer.findings:
            echo(f"Note: {finding.line}")
        for why in refused.values():
            complain(why)
    if not_all:
        raise not_all


def _question_of(points: str, asked: Asked) -> tuple[list[CurveTable], AskedOfPoints]:
    """Return the curves, those marked that no answer fits, and what is asked of each."""
    from tunecurve.cli.each_curve import check_each
    from tunecurve.curve.table import parse_points, parse_range, read_curves
    from tunecurve.errors import UsageError
    from tunecurve.results.test_set.bare_points import AskedOfPoints

    if asked.leak_bound is not None:
        raise UsageError("--leak-bound with --points: points say nothing of documents; give a run folder or --data.")
    is_file = Path(points).is_file() or ":" not in points
    tables = read_curves(points) if is_file else parse_points(points)
    question = AskedOfPoints(asked.test_rows, asked.groups, parse_range(asked.score_range), asked.difference)

    def check_range(table: CurveTable) -> None:
        table.check_range(*question.range_of(table)[0], points, among_others=len(tables) > 1)

    if is_file:
        check_each(tables, check_range, is_option=question.ends is not None)
    check_each(tables, question.check_groups, is_option=question.groups is not None)
    check_each(tables, question.check_difference, is_option=True)
    return tables, question
