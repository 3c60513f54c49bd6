"""`tunecurve view`: all runs of a folder, live, in a browser on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from tunecurve.cli.main import echo


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path("runs"))
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0: any port that is free."
)
def view(folder: Path, port: int) -> None:
    """Show all runs in FOLDER (runs) live in a browser: progress, curves, decisions.

    Serves this machine only, to whoever has the address that is printed. Ctrl-C ends it; the studies go on.
    """
    from tunecurve.errors import StudyStateError, needing

    if not folder.is_dir():
        raise StudyStateError(
            f"there is no folder '{folder}'; expected one of runs, or a run, e.g. tunecurve view runs"
        )
    with needing("view", "the live page"):
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    from tunecurve.view.app import Page
    from tunecurve.view.server import serve

    def tell(address: str) -> None:
        echo(f"All runs in '{folder}', read-only. Open: {address}")
        echo("Whoever has this address sees them, row texts too. End with Ctrl-C; studies go on.", err=True)

    serve(Page(folder), port, tell)
