"""`tunecurve export`: predictions, scores, or a merged model of a run, for other tools."""

from __future__ import annotations

from pathlib import Path

import click

from tunecurve.cli.allow_code import allow_code_option
from tunecurve.cli.main import echo


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--to", "destination", type=click.Path(path_type=Path), help="Folder to write into (<run>/export).")
@click.option("--format", "kind", type=click.Choice(["csv", "json"]), default="csv", show_default=True)
@click.option("--merged", is_flag=True, help="Write the fine-tuned model with its adapter merged instead of tables.")
@click.option("--trial", help="With --merged: the trial (the best fine-tuned one).")
@allow_code_option
def export(folder: Path, destination: Path | None, kind: str, merged: bool, trial: str | None) -> None:
    """Write every score and every prediction as tidy CSV or JSON, or a merged model."""
    from tunecurve.report.export import write_tables
    from tunecurve.results.stored import load

    target = destination or folder / "export"
    if merged:
        from tunecurve.predictor import export_merged

        label = export_merged(folder, target, trial=trial)
        echo(f"Wrote {label} as a merged model to {target}")
        return
    paths = write_tables(folder, load(folder), target, kind)
    echo("Wrote " + " and ".join(map(str, paths)))
