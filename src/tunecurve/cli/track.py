"""`tunecurve track`: log a run to an experiment tracker, what is there already aside."""

from __future__ import annotations

from pathlib import Path

import click

from tunecurve.cli.as_json import print_json
from tunecurve.cli.main import echo
from tunecurve.cli.rights import local_only_option
from tunecurve.spec.study import TRACKERS

_LONGEST_REASON = 300


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--to", "name", type=click.Choice(TRACKERS), required=True, help="The tracker.")
@local_only_option
@click.option("--json", "as_json", is_flag=True, help="Print what was logged, and where, as JSON.")
def track(folder: Path, name: str, as_json: bool) -> None:
    """Log a run folder to an experiment tracker: one run a trial, one for the study with its curves.

    What it has already is not logged again. Without the tracker's own settings (MLFLOW_TRACKING_URI, ...) all stays in the run's folder.
    """
    from tunecurve.errors import EnvironmentProblem, TunecurveError
    from tunecurve.track.live import GOES_ON
    from tunecurve.track.log import log_run

    try:
        logged = log_run(folder, name)
    except TunecurveError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        reason = reason if len(reason) <= _LONGEST_REASON else f"{reason[:_LONGEST_REASON]}..."
        raise EnvironmentProblem(f"{name} could not be told of '{folder}' ({reason}){GOES_ON}") from None
    if as_json:
        print_json(logged)
        return
    echo(
        f"{name}: {logged.new} trials logged, {logged.before} were there before; store: {logged.where}; look: {logged.look}"
    )
