"""The instruction of a trial: searched once, kept in its folder, and the same one whenever the trial goes on."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import nlargest
from itertools import chain
from typing import Any

from tunecurve.errors import DamagedFile
from tunecurve.learners.base import Learner
from tunecurve.learners.cleaning import Cleaning
from tunecurve.metrics.base import Metric
from tunecurve.study.dataset import StudyData
from tunecurve.study.found_instruction import Optimisation
from tunecurve.study.optimising.calls import SearchCalls
from tunecurve.study.optimising.search import Search, SearchRows
from tunecurve.study.plan import PlannedTrial, shape_in
from tunecurve.study.progress import Progress
from tunecurve.study.trial_folder import CALLS_SO_FAR

# The longest inputs, by characters, of which an instruction has to leave all enough room.
N_LONGEST = 3


def found_instruction(
    planned: PlannedTrial,
    data: StudyData,
    models: tuple[Learner, Learner],
    metric: Metric,
    cleaning: Cleaning,
    progress: Progress,
) -> Optimisation:
    """Return what an earlier start of the trial has found, else search; what was answered before is not asked again.

    Raises
    ------
    Interrupted, MoneyError
        What is answered is kept.
    """
    kept = _kept(planned, progress)
    if kept is not None:
        return Optimisation.from_json(kept, f"'{planned.folder}'")
    trial, calls = planned.trial, planned.config["optimize"]["calls"]
    rows = SearchRows.of(data.training_rows(trial.train_size, trial.seed), calls)
    progress.message(
        f"{planned.name}: looks for a better instruction, with {calls:,} calls at most, on {trial.train_size:,} labelled rows"
    )
    log, said = planned.folder.open_log(CALLS_SO_FAR)
    for line in said:
        progress.message(f"{planned.name}: {line}")
    learner, proposer = models
    longest = nlargest(N_LONGEST, (row.source for row in chain(data.pool, data.test)), key=len)
    try:
        search = Search(
            learner,
            proposer,
            data.renderer,
            shape_in(planned.config),
            rows,
            metric,
            SearchCalls(calls, log, cleaning, progress.cancellation),
            longest,
        )
        found = search.run(trial.seed)
    finally:
        log.close()
    planned.folder.keep_instruction(found.instruction, found, search.candidates)
    progress.message(f"{planned.name}: {found.sentence}")
    return found


def _kept(planned: PlannedTrial, progress: Progress) -> Mapping[str, Any] | None:
    folder = planned.folder
    try:
        return folder.found_instruction()
    except DamagedFile as damaged:
        moved = folder.quarantine(damaged.path)
        progress.message(
            f"{planned.name}: '{damaged.path}' is damaged ({damaged.reason}); moved to '{moved}'; the instruction is looked for again"
        )
        return None
