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
    from tunecurve.report.write import write_report
    from tunecurve.results.stored import load

    write_report(folder, load(folder), with_texts=not no_texts)
    echo(f"Wrote {folder / 'report.html'}, {folder / 'curve.png'} and {folder / 'curve.svg'}")
