"""`tunecurve report`: write picture and report of a run folder anew."""

from __future__ import annotations

from pathlib import Path

import click

from tunecurve.cli.main import echo


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--no-texts", "--no-text", is_flag=True, help="Keep row texts out of the report.")
def report(folder: Path, no_texts: bool) -> None:
    """Write curve.png, curve.svg and report.html of a run folder anew, from its results.json."""
    from tunecurve.report.learning_curve import load_study
    from tunecurve.report.write import write_report

    results = dict(load_study(folder).results)
    if no_texts:
        results["spec"] = {**results["spec"], "show_texts": False}
    write_report(folder, results)
    echo(f"Wrote {folder / 'report.html'}, {folder / 'curve.png'} and {folder / 'curve.svg'}")
