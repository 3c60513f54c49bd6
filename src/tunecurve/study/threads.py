"""With how many threads a study computes: those of its finished trials, because threads are a part of what names a trial."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from tunecurve.errors import DamagedFile
from tunecurve.learners.cores import usual_threads
from tunecurve.study.options import StudyOptions
from tunecurve.study.trial_folder import TrialFolder, trials_of
from tunecurve.wording import counted


def threads_of_study(folder: Path, options: StudyOptions) -> int | None:
    """Return the threads that are asked for, else those of most finished trials of the folder; None: there are none.

    Tells where these are others than usual, and which finished trials are measured anew because of other threads.
    """
    finished = _threads_by_trial(folder)
    if not finished:
        return options.threads
    count = Counter(threads for several in finished.values() for threads in several)
    wanted = options.threads or max(count, key=lambda threads: (count[threads], threads))
    if options.threads is None and wanted > (os.cpu_count() or wanted):
        options.progress.message(
            f"warning  finished trials of this folder were measured with threads {wanted}, more than this machine has: what is asked "
            f"for is measured anew with its own (--threads {wanted} keeps them, slowly)"
        )
        return None
    if options.threads is None and wanted != usual_threads(options.share):
        options.progress.message(
            f"threads {wanted}, as the finished trials in this folder (--threads names another number)"
        )
    others = Counter(max(several) for several in finished.values() if wanted not in several)
    for threads, n_trials in sorted(others.items()):
        were = f"{counted(n_trials, 'finished trial')} of this folder {'was' if n_trials == 1 else 'were'}"
        options.progress.message(
            f"warning  {were} measured with threads {threads}: --threads {threads} uses what is there, "
            f"with threads {wanted} it is measured anew"
        )
    return wanted


def _threads_by_trial(folder: Path) -> dict[str, set[int]]:
    """Return the threads of finished trials by the trial's name; without learners that have none."""
    found: dict[str, set[int]] = {}
    for trial in trials_of(folder):
        threads = _threads_of(trial) if trial.is_finished else None
        if threads is not None:
            found.setdefault(trial.name.rpartition("-")[0], set()).add(threads)
    return found


def _threads_of(trial: TrialFolder) -> int | None:
    try:
        compute = trial.config()["learner"].get("compute")
    except (DamagedFile, OSError):  # that is told where trials are checked
        return None
    return int(compute["threads"]) if compute else None
