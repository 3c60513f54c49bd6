"""`tunecurve compare`: two or more studies side by side, paired where they share test rows."""

from __future__ import annotations

from pathlib import Path

import click

from tunecurve.cli.as_json import print_json
from tunecurve.cli.main import echo


@click.command()
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path), metavar="RUN RUN...")
@click.option("--metric", help="Metric to compare by (the first run's headline metric).")
@click.option(
    "--html", "page", type=click.Path(path_type=Path, dir_okay=False), help="Write chart and tables to this HTML file."
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def compare(runs: tuple[Path, ...], metric: str | None, page: Path | None, as_json: bool) -> None:
    """Compare run folders: another prompt, another model, cleaned data. The first is what the others are compared with.

    Differences are paired on the test rows that two runs share, by the hash of input and target; where they share none, none is
    tested, and that is said.

    tunecurve compare runs/short-prompt runs/long-prompt --html compare.html
    """
    from tunecurve.report.compare import comparison_page, comparison_text
    from tunecurve.results.compare import compare_runs
    from tunecurve.results.stored import load
    from tunecurve.storage.files import write_text

    compared = compare_runs(runs, metric)
    if page is not None:
        write_text(page, comparison_page(compared, [load(folder) for folder in runs]))
    if as_json:
        print_json(compared)
        return
    echo(comparison_text(compared))
    echo(f"\nWrote {page}" if page else "\nOn one chart: --html compare.html")
