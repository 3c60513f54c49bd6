"""`tunecurve init`: write a commented study file."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default="study.yaml")
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
def init(path: Path, force: bool) -> None:
    """Write a study file with every key, its default and what it means."""
    from tunecurve.errors import UsageError
    from tunecurve.spec.docs import commented_study_file
    from tunecurve.storage.files import write_text

    if path.exists() and not force:
        raise UsageError(f"'{path}' exists; choose another name or add --force")
    if not path.parent.is_dir():
        raise UsageError(f"the folder '{path.parent}' does not exist; make it first")
    write_text(path, commented_study_file())
    click.echo(f"Wrote {path}. Edit it, then: tunecurve validate {path}")
