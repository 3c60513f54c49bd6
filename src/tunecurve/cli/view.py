"""`tunecurve view`: all runs of a folder, live, in a browser on this machine."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from tunecurve.cli.allow_code import allow_code_option
from tunecurve.cli.main import echo


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path("runs"))
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0: any port that is free."
)
@click.option("--allow-runs", is_flag=True, help="Let the page start, stop and continue studies.")
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="cpu",
    show_default=True,
    help="Where models are asked; a GPU may be needed by a study.",
)
@allow_code_option
def view(folder: Path, port: int, allow_runs: bool, device: str) -> None:
    """Show all runs in FOLDER (runs) live in a browser: progress, curves, decisions; ask their tuned models.

    Serves this machine only, to whoever has the address that is printed. Ctrl-C ends it; the studies go on.
    """
    from tunecurve.errors import StudyStateError, needing
    from tunecurve.storage.files import make_folder

    if allow_runs and not folder.exists():
        make_folder(folder)
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
        rights = "studies can be started and stopped" if allow_runs else "read-only"
        echo(f"All runs in '{folder}', {rights}. Open: {address}")
        echo("Whoever has this address sees them, row texts too. End with Ctrl-C; studies go on.", err=True)

    page = Page(folder, may_run=allow_runs, device=device)
    with suppress(KeyboardInterrupt):  # the way to end it
        serve(page, port, tell)
    for path in page.runs.launches.paths():
        launch = page.runs.launches.get(path)
        if launch and launch.at_work:
            echo(f"'{path}' goes on ({launch.at_work}).", err=True)
