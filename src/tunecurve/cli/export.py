"""`tunecurve export`: predictions, scores, or a tuned model of a run, for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click

from tunecurve.cli.main import echo
from tunecurve.cli.rights import allow_code_option
from tunecurve.learners.converted import FORMATS, ModelFormat


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--to",
    "destination",
    type=click.Path(path_type=Path),
    help="Folder to write into (<run>/export; of a model: <run>/export/FORMAT).",
)
@click.option("--format", "kind", type=click.Choice(["csv", "json"]), default="csv", show_default=True)
@click.option(
    "--as",
    "model_format",
    type=click.Choice(FORMATS),
    help="Write the tuned model instead of tables: a language model as safetensors (adapter merged) or GGUF for llama.cpp and "
    "Ollama; a tagger or classifier as ONNX. It is scored again on the test rows.",
)
@click.option("--merged", is_flag=True, help="The same as --as safetensors, into <run>/export.")
@click.option("--trial", help="With --as: the trial (the best fine-tuned one).")
@click.option("--check-rows", type=click.IntRange(min=1), help="With --as: test rows to score it on again (all).")
@allow_code_option
def export(
    folder: Path,
    destination: Path | None,
    kind: str,
    model_format: str | None,
    merged: bool,
    trial: str | None,
    check_rows: int | None,
) -> None:
    """Write every score and every prediction as tidy CSV or JSON, or a tuned model with a card (docs/export.md)."""
    from tunecurve.errors import UsageError

    if merged and model_format not in (None, "safetensors"):
        raise UsageError(f"--merged writes safetensors, and --as says {model_format}; give one of them")
    if merged or model_format:
        from tunecurve.exporting.model import export_model

        wanted = cast(ModelFormat, model_format or "safetensors")
        target = destination or (folder / "export" if merged else None)
        done = export_model(
            folder, wanted, target, trial=trial, check_rows=check_rows, on_message=lambda line: echo(line, err=True)
        )
        for line in done.lines:
            echo(line)
        return
    if trial or check_rows:
        raise UsageError(f"{'--trial' if trial else '--check-rows'} is for a model; give --as FORMAT with it")
    from tunecurve.report.export import write_tables
    from tunecurve.results.stored import load

    paths = write_tables(folder, load(folder), destination or folder / "export", kind)
    echo("Wrote " + " and ".join(map(str, paths)))
