"""`tunecurve report`: write picture and report of a run folder anew."""

from __future__ import annotations

from pathlib import Path

import click

from tunecurve.cli.as_json import print_json
from tunecurve.cli.main import echo
from tunecurve.cli.status import summary_json


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--no-texts", "--no-text", is_flag=True, help="Keep row texts out of the report.")
@click.option("--json", "as_json", is_flag=True, help="Print decision, time, money and the files written as JSON.")
def report(folder: Path, no_texts: bool, as_json: bool) -> None:
    """Write picture and report of a run folder anew, from its results: curve.png, curve.svg, report.html."""
    from tunecurve.report.write import write_report
    from tunecurve.results.stored import load

    results = load(folder)
    write_report(folder, results, with_texts=not no_texts)
    files = [folder / name for name in ("report.html", "curve.png", "curve.svg")]
    if as_json:
        print_json({"files": [str(path) for path in files], **summary_json(results)})
        return
    echo(f"Wrote {files[0]}, {files[1]} and {files[2]}")
