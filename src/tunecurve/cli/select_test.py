"""`tunecurve select-test`: which way of choosing the next rows would have learnt fastest, replayed on labelled rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tunecurve.cli.as_json import findings_json, print_json
from tunecurve.cli.main import echo
from tunecurve.cli.options import data_options
from tunecurve.cli.rights import local_only_option
from tunecurve.cli.spec_options import IntegerList, list_option

if TYPE_CHECKING:
    from tunecurve.selection.vectors import VectorKind

MOST_ROWS = 5000


@click.command("select-test")
@click.argument("source", required=False, type=click.Path(path_type=Path), metavar="[RUN|STUDY.yaml|DATA]")
@data_options
@click.option(
    "--vectors",
    multiple=True,
    type=click.Choice(["tfidf", "encoder"]),
    help="What the cheap learner of whole texts reads: TF-IDF, or a frozen encoder, which takes the extra 'local'; repeatable (tfidf).",
)
@click.option("--replays", type=click.IntRange(min=3, max=50), default=5, help="Seed sets to begin from (5).")
@click.option(
    "--sizes",
    **list_option(IntegerList()),
    help="Seed set, and rows after each choice (50, doubled up to half of the rows); repeatable.",
)
@click.option(
    "--pool-rows",
    type=click.IntRange(min=20, max=MOST_ROWS),
    default=2000,
    help=f"Labelled training rows to choose from, at most {MOST_ROWS:,} (2000).",
)
@click.option("--out", type=click.Path(path_type=Path), help="Run folder (runs/<name>).")
@local_only_option
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def select_test(source: Path | None, out: Path | None, as_json: bool, **options: Any) -> None:
    """Replay ways of choosing the next rows to label: random, stratified, least confident, diverse.

    The labelled training rows of a study stand for rows that wait to be labelled. Each way chooses from them, step by step, what a
    cheap learner is trained on; its scores on the frozen test rows are compared with those of random rows, on the same seed sets. A way
    that does not beat random for certain is not recommended. Classification, multilabel, masking and ner.

    Result and page are written to the folder select-test of the run folder. Killed or interrupted, the same command continues.

    tunecurve select-test runs/intents
    """
    from tunecurve.cli.findings import show_findings
    from tunecurve.cli.study_rows import checked_rows
    from tunecurve.errors import UsageError
    from tunecurve.report.selection import selection_page, selection_text
    from tunecurve.selection.run import FOLDER, SelectionOptions, select_test
    from tunecurve.storage.files import write_text

    if source is None and not options["data"]:
        raise UsageError("nothing given; expected one of: a run folder, a study file, rows, or --data FILE.")
    vectors: tuple[VectorKind, ...] = tuple(dict.fromkeys(options.pop("vectors")))
    asked = SelectionOptions(vectors, options.pop("replays"), options.pop("sizes") or (), options.pop("pool_rows"))
    study, folder = _study_of(source, out, options)
    spec, data, folder = checked_rows(study, options, folder)
    found = select_test(spec, data, folder, asked, _tell)
    page = folder / FOLDER / "select-test.html"
    write_text(page, selection_page(found))
    if as_json:
        print_json({**found.to_json(), "findings": findings_json(data.findings)})
        return
    show_findings(data.findings)
    echo(selection_text(found))
    echo(f"\nReport: {page}   numbers: {page.with_suffix('.json')}")


def _study_of(source: Path | None, out: Path | None, options: Mapping[str, Any]) -> tuple[Path | None, Path | None]:
    """Return the study file or rows, and the run folder where it is given."""
    from tunecurve.errors import UsageError
    from tunecurve.study.study_file import STUDY_FILE, check_study_file

    if source is None or not (source / STUDY_FILE).is_file():
        return source, out
    for name, value in {**options, "out": out}.items():
        if value:
            raise UsageError(
                f"--{name.replace('_', '-')} with the run folder '{source}': its rows are frozen; leave it out."
            )
    check_study_file(source / STUDY_FILE)
    return source / STUDY_FILE, source


def _tell(done: int, total: int, seconds_left: float, last: str) -> None:
    from tunecurve.spec.durations import duration

    left = f"about {duration(seconds_left)} left" if done < total else "done"
    click.echo(f"[{done}/{total}] {last}; {left}", err=True)
