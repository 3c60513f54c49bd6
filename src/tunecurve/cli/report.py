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
@click.option(
    "--memo",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the curve as one small panel for a memo, with the decision as its title: a .png or .svg.",
)
@click.option("--dark", is_flag=True, help="The memo's panel light on dark.")
@click.option("--json", "as_json", is_flag=True, help="Print decision, time, money and the files written as JSON.")
def report(folder: Path, no_texts: bool, memo: Path | None, dark: bool, as_json: bool) -> None:
    """Write picture and report of a run folder anew, from its results: curve.png, curve.svg, report.html."""
    from tunecurve.report.write import check_memo, write_memo, write_report
    from tunecurve.results.stored import load

    check_memo(memo, dark=dark)
    results = load(folder)
    write_report(folder, results, with_texts=not no_texts)
    files = [folder / name for name in ("report.html", "curve.png", "curve.svg")]
    if memo is not None:
        write_memo(memo, results, dark=dark)
        files.append(memo)
    if as_json:
        print_json({"files": [str(path) for path in files], **summary_json(results)})
        return
    echo(f"Wrote {', '.join(map(str, files[:-1]))} and {files[-1]}")
