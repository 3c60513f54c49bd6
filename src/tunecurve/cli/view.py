"""`tunecurve view`: all runs of a folder, live, in a browser on this machine."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from tunecurve.cli.main import echo
from tunecurve.cli.rights import allow_code_option


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), required=False)
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
def view(folder: Path | None, port: int, allow_runs: bool, device: str) -> None:
    """Show all runs in FOLDER (runs) live in a browser: progress, curves, decisions; ask their tuned models.

    Serves this machine only, to whoever has the address that is printed. Ctrl-C ends it; the studies go on.
    """
    from tunecurve.errors import needing
    from tunecurve.storage.files import make_folder

    folder = _existing(folder) if folder and not allow_runs else folder or Path("runs")
    if allow_runs and not folder.exists():
        make_folder(folder)
    _refuse_a_file(folder)
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


def _existing(folder: Path) -> Path:
    """Return a folder that the user named; refuse one that is not there."""
    from tunecurve.errors import StudyStateError, did_you_mean

    if not folder.exists():
        beside = [path.name for path in folder.parent.iterdir() if path.is_dir()] if folder.parent.is_dir() else []
        raise StudyStateError(
            f"there is no folder '{folder}'; name the folder of your runs, or of one run, or leave it out for runs/ (a study is begun by: "
            f"tunecurve run){did_you_mean(folder.name, beside)}"
        )
    return folder


def _refuse_a_file(folder: Path) -> None:
    from tunecurve.errors import StudyStateError

    if folder.exists() and not folder.is_dir():
        raise StudyStateError(
            f"'{folder}' is a file, expected a folder of runs, or a run; name the folder that holds it"
        )
