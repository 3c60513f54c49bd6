"""Logging a run folder to a tracker: once, in a process that is there for this alone."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from pathlib import Path

from tunecurve.privacy.redact import redact
from tunecurve.report.plots import render, study_figure
from tunecurve.report.write import report_page
from tunecurve.results.model import Results
from tunecurve.results.stored import RESULTS, load
from tunecurve.storage.files import make_folder, read_checked_json, write_checked_json
from tunecurve.storage.process_lock import alone
from tunecurve.track.base import FOLDER, Logged, given
from tunecurve.track.content import tracked_study
from tunecurve.track.registry import tracker_of

IDENTITY, LOCK = "study.json", ".lock"
_NOT_LOGGED = "(not logged: it may quote rows; instruction.txt in the trial's folder)"


def log_run(folder: Path, name: str) -> Logged:
    """Log to a tracker what it does not have of a run; changes the environment of this process.

    Raises
    ------
    TunecurveError
        Without results, without the tracker's package.
    Exception
        Whatever the tracker raises.
    """
    tracker = tracker_of(name, folder)
    tracker.check()
    with alone(make_folder(folder / FOLDER) / LOCK):
        results = load(folder)
        study = tracked_study(results, folder, _identity(folder))
        os.environ.update({key: given(key) or value for key, value in tracker.environment.items()})
        for variable in tracker.forgotten:
            os.environ.pop(variable, None)
        with tempfile.TemporaryDirectory() as place:
            return tracker.log(study, lambda: write_artifacts(folder, results, Path(place)))


def write_artifacts(folder: Path, results: Results, place: Path) -> list[Path]:
    """Write curve, report and results for others' eyes: without row texts, without secrets; return the files."""
    figure = study_figure(results)
    picture, page, numbers = place / "curve.png", place / "report.html", place / RESULTS
    picture.write_bytes(render(figure, "png"))
    page.write_text(redact(report_page(folder, results, render(figure, "svg"), with_texts=False)), encoding="utf-8")
    kept = read_checked_json(folder / RESULTS)
    for trial in kept["trials"]:
        if (found := trial.get("optimisation")) and not found["is_given"]:
            found["instruction"] = _NOT_LOGGED  # may quote rows, which the proposer was shown
    write_checked_json(numbers, json.loads(redact(json.dumps(kept, ensure_ascii=False))))
    return [picture, page, numbers]


def _identity(folder: Path) -> str:
    """Return what trackers know the study by, drawn once: folders move, and studies of one name are many."""
    path = folder / FOLDER / IDENTITY
    if not path.exists():
        write_checked_json(path, {"id": secrets.token_hex(8)})
    return str(read_checked_json(path)["id"])
