"""A study that is planned for a time: its trials are chosen once, kept with the frozen rows, and what is left out is said.

The time is for what is left to do when the plan is made: finished trials cost nothing, and the same command goes on with the same
plan, however long it took so far. Another time, other sizes, seeds, shots or models make a new plan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from typing import Any

from tunecurve.curve.kinds import kind_of_learner
from tunecurve.curve.unmeasured import UnmeasuredCurve
from tunecurve.errors import UsageError
from tunecurve.learners.base import Learner, Workload
from tunecurve.spec.durations import seconds_of
from tunecurve.spec.study import StudySpec
from tunecurve.study.dataset import StudyData
from tunecurve.study.plan import PlannedTrial, Trial, is_paid, list_trials
from tunecurve.study.time_plan import Planner, ShareTold, TooShort
from tunecurve.study.time_words import RESERVE, busy_now, time_findings, too_short, wanted_of
from tunecurve.study.workloads import estimate_workloads, proposals_workloads

# Under this name the plan stands among what a study has decided.
DECISION = "time_budget"
# What is chosen from where a study names no sizes or no seeds.
LADDER, MOST_SEEDS = (50, 100, 200, 400, 800, 1600, 3200, 6400), 3

Clock = Callable[[], float]


def with_choice(asked: StudySpec) -> StudySpec:
    """Return a study that is planned for a time with sizes and seeds to choose from, where it names none itself."""
    if asked.time_budget is None:
        return asked
    named = asked.model_fields_set
    sizes = {} if "train_sizes" in named else {"train_sizes": list(LADDER)}
    seeds = {} if "seeds" in named else {"seeds": MOST_SEEDS}
    return asked.model_copy(update={**sizes, **seeds})


def asked_of(asked: StudySpec) -> dict[str, Any]:
    """Return what a study asks to choose from, JSON-able; None: nothing is named."""
    named = asked.model_fields_set
    return {
        "models": list(asked.models),
        "shots": asked.model_dump(mode="json")["shots"],
        "train_sizes": list(asked.train_sizes) if "train_sizes" in named else None,
        "seeds": asked.seeds if "seeds" in named else None,
        **({"optimize": asked.model_dump(mode="json")["optimize"]} if asked.optimized_sizes else {}),
    }


def has_plan(spec: StudySpec, data: StudyData) -> bool:
    """Return whether a plan for a time is kept, which may have left out some of what is asked for."""
    return spec.time_budget is not None and data.decisions.has(DECISION)


def without_bought(
    planned: Sequence[PlannedTrial],
    own: StudySpec,
    data: StudyData,
    learners: Mapping[str, Learner],
    *,
    is_own_file: bool,
) -> list[PlannedTrial]:
    """Return what there is to choose from without paid trials that the study would not have without a time: a time buys none.

    Parameters
    ----------
    planned, data, learners
        All trials, with the sizes and seeds that are added for a choice; frozen rows; all that are measured.
    own : StudySpec
        The study as its user asks for it.
    is_own_file : bool
        Whether that is the run's own study file: its sizes and seeds are those that were chosen, so that what it asked of paid
        models is kept with the plan.
    """
    if own.time_budget is None:
        return list(planned)
    kept: Mapping[str, Any] = data.decisions.once(DECISION, dict) if data.decisions.has(DECISION) else {}
    if is_own_file and "paid" in kept and asked_of(own) in (kept["became"], kept.get("was")):
        wanted = {Trial(**trial) for trial in kept["paid"]}
    else:
        wanted = set(list_trials(own, {name: learners[name] for name in own.models if name in learners}))
    return [item for item in planned if item.trial in wanted or item.folder.is_finished or not is_paid(item.config)]


def within_time(
    asked: Mapping[str, Any],
    spec: StudySpec,
    data: StudyData,
    models: tuple[Mapping[str, Learner], Learner | None],
    planned: Sequence[PlannedTrial],
    clock: Clock,
) -> tuple[StudySpec, list[PlannedTrial]]:
    """Return the study and its trials without those for which there is no time; adds to the findings what that leaves out.

    Parameters
    ----------
    asked : mapping
        What `asked_of` returns for the study as it is asked for now.
    spec, data, planned
        The study with all trials to choose from.
    models : (mapping of str to Learner, Learner or None)
        All that are measured, and who proposes instructions where models do not propose their own.
    clock : callable
        How many seconds have passed since the study began to be prepared: they are part of its time.

    Raises
    ------
    UsageError
        Where the time is too short for anything whole.
    """
    if spec.time_budget is None:
        return spec, list(planned)
    decided = _kept_plan(asked, spec, data)
    if decided is None:
        decided = _new_plan(asked, spec, data, models, planned, clock)
        data.decisions.anew(DECISION, decided)
    chosen = {Trial(**trial) for trial in decided["trials"]}
    planned = [item for item in planned if item.trial in chosen or item.folder.is_finished]
    shorter = narrowed(spec, [item.trial for item in planned])
    decided["became"] = asked_of(shorter)
    data.findings.extend(time_findings(spec.time_budget, decided, models[0]))
    return shorter, planned


def _kept_plan(asked: Mapping[str, Any], spec: StudySpec, data: StudyData) -> dict[str, Any] | None:
    """Return the plan that was made for this time and this choice; the study file of the run names what it has become."""
    if not data.decisions.has(DECISION):
        return None
    kept: dict[str, Any] = data.decisions.once(DECISION, dict)
    asked_as = (kept["asked"], kept["became"], kept.get("was"))
    return kept if kept["budget_seconds"] == seconds_of(spec.time_budget or "") and asked in asked_as else None


def _new_plan(
    asked: Mapping[str, Any],
    spec: StudySpec,
    data: StudyData,
    models: tuple[Mapping[str, Learner], Learner | None],
    planned: Sequence[PlannedTrial],
    clock: Clock,
) -> dict[str, Any]:
    budget = seconds_of(spec.time_budget or "")
    seconds = seconds_by_trial(spec, data, models, planned)
    preparation = {name: learner.preparation_seconds() for name, learner in models[0].items()}
    finished = [item.trial for item in planned if item.folder.is_finished]
    planner = Planner(seconds, preparation, share_told(planned), finished)
    try:
        plan = planner.plan((1.0 - RESERVE) * budget - (before := clock()))
    except TooShort as short:
        raise UsageError(too_short(spec.time_budget or "", short, before)) from None
    return {
        "budget_seconds": budget,
        "seconds_before": before,
        "asked": dict(asked),
        "seconds": plan.seconds,
        "seconds_of_everything": planner.cost({*plan.planned, *wanted_of(seconds, asked)}),
        "trials": [asdict(trial) for trial in plan.planned],
        "paid": [asdict(item.trial) for item in planned if is_paid(item.config)],
        "left_out": [[asdict(trial), seconds[trial]] for trial in plan.left_out],
        "given": [asdict(trial) for trial in finished],
        "busy": busy_now() if plan.left_out else None,
        "not_estimated": sorted({trial.learner for trial in plan.planned if trial.strategy != "floor"}
                                - {trial.learner for trial, takes in seconds.items() if takes}),
    }  # fmt: skip


def seconds_by_trial(
    spec: StudySpec,
    data: StudyData,
    models: tuple[Mapping[str, Learner], Learner | None],
    planned: Sequence[PlannedTrial],
) -> dict[Trial, float]:
    """Return about how long each trial takes by itself: a training that two learners share counts for both."""
    learners, proposer = models
    work: dict[Trial, Workload] = {}
    for name in dict.fromkeys(item.trial.learner for item in planned):
        own = [(item.trial, item.config) for item in planned if item.trial.learner == name]
        work |= estimate_workloads(own, data, learners, training_score_rows=spec.training_score_rows)
    seconds = {item.trial: learners[item.trial.learner].estimate_seconds(work[item.trial]) for item in planned}
    for trial, proposals in proposals_workloads(
        [(item.trial, item.config) for item in planned], data, proposer
    ).items():
        assert proposer is not None
        seconds[trial] += proposer.estimate_seconds(proposals)
    return seconds


def share_told(planned: Sequence[PlannedTrial]) -> ShareTold:
    """Return what runs of a learner by size would tell, by the forecaster's prior for its kind."""
    curves = {}
    for name in {item.trial.learner for item in planned}:
        own = [item for item in planned if item.trial.learner == name and item.trial.strategy == "fine-tune"]
        if own:
            kind = kind_of_learner(own[0].config["learner"].get("kind"))
            curves[name] = UnmeasuredCurve([item.trial.train_size for item in own], kind)

    @cache
    def told(name: str, runs: frozenset[tuple[int, int]]) -> float:
        return curves[name].share_told(dict(runs))

    return lambda name, runs: told(name, frozenset(runs.items()))


def narrowed(spec: StudySpec, trials: Sequence[Trial]) -> StudySpec:
    """Return the study with the sizes, shots and seeds that its trials have; the untrained prompt stays among the shots."""
    pools = [similar.choose for similar in spec.similar_shots if similar.of is None]
    sizes = {trial.train_size for trial in trials if trial.strategy in ("fine-tune", *pools)}
    prompts = {(trial.strategy, trial.shots) for trial in trials}
    shots = [
        entry
        for entry in spec.shots
        if entry == 0
        or (("few-shot", entry) in prompts if isinstance(entry, int) else (entry.choose, entry.count) in prompts)
    ]
    searched = sorted({trial.train_size for trial in trials if trial.strategy == "optimized"})
    calls = spec.optimize.calls if searched else None
    return spec.model_copy(
        update={
            "optimize": spec.optimize.model_copy(update={"calls": calls, "sizes": searched or spec.optimize.sizes}),
            "train_sizes": sorted(sizes) or spec.train_sizes,
            "shots": shots,
            "seeds": 1 + max((trial.seed for trial in trials), default=0),
        }
    )
