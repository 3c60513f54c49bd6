"""What a plan for a time says: what is planned, what is left out and how long that would take, and how the plan has changed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tunecurve.findings import Finding
from tunecurve.learners.base import Learner
from tunecurve.learners.busy import OtherWork, other_work
from tunecurve.spec.durations import duration
from tunecurve.study.plan import Trial
from tunecurve.study.time_plan import TooShort

# Share of the time for reading rows, results and reports, and for what the estimates miss.
RESERVE = 0.1
# A start that takes so long is worth a word.
WORTH_SAYING_SECONDS = 5.0
PLANNED, LEFT_OUT, BUSY = "time-budget", "time-budget-left-out", "time-budget-busy"
ADDED, DROPPED = "time-budget-faster", "time-budget-slower"
LONGER = "the same command with a longer --time-budget runs them"
FINDINGS = (PLANNED, LEFT_OUT, BUSY, ADDED, DROPPED)


def wanted_of(trials: Iterable[Trial], asked: Mapping[str, Any]) -> list[Trial]:
    """Return the trials without seeds that nobody has asked for."""
    return [trial for trial in trials if trial.seed < (asked["seeds"] or 1)]


def too_short(budget: str, short: TooShort, before: float) -> str:
    """Return that a time is too short, for what, and what would do."""
    needed = (short.seconds + before) / (1.0 - RESERVE)
    enough = f"{math.ceil(needed / 60)}m" if needed > 60 else f"{max(1, math.ceil(needed))}s"
    sizes = [f"{trial.train_size:,}" for trial in short.trials if trial.train_size]
    what = f"{short.trials[0].learner}" + (f" tuned on {', '.join(sizes)} rows" if sizes else "")
    return (
        f"time budget {budget}: the smallest whole study, {what} and scored, takes about {duration(needed)} here; expected "
        f"{enough} or more, or a smaller model, or fewer test rows{_why_slow(before)}"
    )


def _why_slow(before: float) -> str:
    """Return what else makes a time too short: the start, and other programs."""
    start = f". The start alone took {duration(before)}" if before >= WORTH_SAYING_SECONDS else ""
    work = _work_in_the_way()
    return start + (f". {work.sentence().removesuffix('.')}" if work is not None else "")


def busy_now() -> str | None:
    """Return what other programs take of this machine, where that leaves too little; None: it does not, or is not known."""
    work = _work_in_the_way()
    return None if work is None else work.taken()


def _work_in_the_way() -> OtherWork | None:
    work = other_work()
    return work if work is not None and work.leaves_too_little(work.n_processors) else None


def time_findings(budget: str, decided: Mapping[str, Any], learners: Mapping[str, Learner]) -> list[Finding]:
    """Return what is planned and what is left out, in words."""
    planned = [Trial(**trial) for trial in decided["trials"]]
    is_slower, is_faster = bool(decided.get("no_longer_planned")), bool(decided.get("added"))
    by = "the speed so far" if is_slower or is_faster else "estimate"
    said = f"time budget {budget}: {in_words(planned)}; about {duration(decided['seconds'])} by {by}"
    tuned_elsewhere = any(
        trial.strategy == "fine-tune" and not learners[trial.learner].trains_here for trial in planned
    )
    said += "; the hours of tuning jobs at providers are not counted" if tuned_elsewhere else ""
    unknown = ", ".join(decided["not_estimated"])
    said += f"; no time is counted for {unknown}, which tells none before its first trial" if unknown else ""
    found = [Finding(PLANNED, said, is_note=True)]
    takes_each = {Trial(**trial): seconds for trial, seconds in decided["left_out"]}
    if left_out := wanted_of(takes_each, decided["asked"]):
        text = f"left out by the time budget: {in_words(left_out, takes_each)} by {by}"
        left = decided["budget_seconds"] - decided["seconds"] - decided.get("seconds_before", 0.0)
        if not is_slower:  # else the time is short by itself
            text += (
                f"; {duration(left)} would be left for it, of which {duration(RESERVE * decided['budget_seconds'])} are kept for "
                "reports and what estimates miss"
            )
        found.append(Finding(LEFT_OUT, text, _everything(decided)))
    if decided.get("busy") and takes_each:
        text = f"time budget {budget}: planned on a busy machine, which decides what is left out: {decided['busy']}"
        found.append(
            Finding(BUSY, text, "without them more may fit: another time budget, or folder (--out), plans anew")
        )
    if is_faster:
        found.append(
            Finding(
                ADDED, changed_line(budget, decided, [Trial(**one) for one in decided["added"]], ADDED), is_note=True
            )
        )
    if is_slower:
        dropped = [Trial(**one) for one in decided["no_longer_planned"]]
        found.append(Finding(DROPPED, changed_line(budget, decided, dropped, DROPPED), LONGER))
    return found


def _everything(decided: Mapping[str, Any]) -> str:
    """Return how long all takes that is asked for, so that a time budget of it has room for all."""
    before = decided.get("seconds_before", 0.0)
    takes = (decided["seconds_of_everything"] + before) / (1.0 - RESERVE)
    start = f" and {duration(before)} for the start" if before >= WORTH_SAYING_SECONDS else ""
    return f"everything takes about {duration(takes)}, with {duration(RESERVE * takes)} for reports and what estimates miss{start}"


def changed_line(budget: str, decided: Mapping[str, Any], trials: Sequence[Trial], code: str) -> str:
    """Return that trials are planned in addition (`ADDED`) or no longer (`DROPPED`), and why."""
    is_slower = code == DROPPED
    times = _speeds(decided, is_slower=is_slower)
    why = "; ".join(times) or ("trials take longer than estimated" if is_slower else "time is left")
    return f"time budget {budget}: {why}; {'no longer planned' if is_slower else 'planned in addition'}: {in_words(trials)}"


def _speeds(decided: Mapping[str, Any], *, is_slower: bool) -> list[str]:
    """Return how many times as long as estimated the trials of each learner take, of those that are slower, or faster."""
    factors: Mapping[str, float] = decided.get("times_as_long", {})
    return [
        f"trials of {learner} take {factor:.1f} times as long as estimated"
        for learner, factor in factors.items()
        if (factor > 1.0) == is_slower
    ]


def in_words(trials: Sequence[Trial], takes: Mapping[Trial, float] | None = None) -> str:
    """Return trials by learner: sizes with their seeds, and prompts; with the time of each where that is given."""
    parts: dict[str, list[str]] = {trial.learner: [] for trial in trials if trial.strategy != "floor"}
    trials = sorted(trials, key=lambda one: (one.strategy == "fine-tune", one.train_size, one.shots, one.seed))
    for trial in trials:
        if trial.strategy == "floor":
            continue
        same = [other for other in trials if other.key == trial.key]
        if trial != same[0]:
            continue
        said = _name(trial)
        notes = []
        if trial.seed > 0:
            notes.append("1 more seed" if len(same) == 1 else f"{len(same)} more seeds")
        elif len(same) > 1:
            notes.append(f"{len(same)} seeds")
        if takes:
            notes.append(duration(sum(takes[other] for other in same)))
        parts[trial.learner].append(said + (f" ({', '.join(notes)})" if notes else ""))
    return "; ".join(f"{learner}: {', '.join(said)}" for learner, said in parts.items())


def _name(trial: Trial) -> str:
    if trial.strategy == "fine-tune":
        return f"{trial.train_size:,} rows"
    if trial.strategy == "few-shot":
        return f"{trial.shots} examples"
    if trial.strategy == "optimized":
        return f"an instruction looked for on {trial.train_size:,} rows"
    if trial.chooses_examples:
        return f"{trial.shots} {trial.strategy} examples of {trial.train_size:,} rows"
    return "untrained"
