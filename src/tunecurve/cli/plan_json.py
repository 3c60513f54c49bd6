"""`tunecurve plan --json`: the trials with their work, times and money, as one object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tunecurve.cli.as_json import findings_json
from tunecurve.study.time_budget import DECISION

if TYPE_CHECKING:
    from tunecurve.results.records.test_set import TestSetAnswer
    from tunecurve.study.plan import PlannedTrial, Trial
    from tunecurve.study.study import Study


def plan_json(ready: Study, test_set: TestSetAnswer) -> dict[str, object]:
    """Return what `plan` says of a study; a price that is unknown is null, and so is a sum with it."""
    seconds, is_paid = ready.estimated_seconds(), bool(ready.quotes_usd())
    spent = ready.account.spending()
    return {
        "study": ready.spec.name,
        "task": ready.spec.task,
        "folder": str(ready.folder),
        "data": ready.data.facts,
        "findings": findings_json(ready.data.findings),
        "trials": [_trial_json(ready, item, seconds) for item in ready.planned],
        "seconds_left": sum(seconds[item.trial] for item in ready.planned if not item.folder.is_finished),
        "time_budget": ready.data.decisions.to_json().get(DECISION) if ready.spec.time_budget else None,
        "busy": None if (others := ready.work_beside()) is None else others.sentence(),
        "is_paid": is_paid,
        "usd_left": ready.quote_left_usd() if is_paid else 0.0,
        "usd_spent": spent.total_usd,
        "usd_spent_in_doubt": spent.doubtful_usd,
        "max_cost_usd": ready.spec.hosted.max_cost,
        "ask_above_usd": ready.spec.hosted.ask_above,
        "missing": missing_line(ready),
        "test_set": {**test_set.test_set.to_json(), "findings": findings_json(test_set.findings)},
    }


def missing_line(ready: Study) -> str | None:
    """Return the line on a key, a login or an address without which the study cannot run; None: nothing is missing."""
    from tunecurve.errors import EnvironmentProblem, MoneyError

    try:
        ready.check_access()
    except (EnvironmentProblem, MoneyError) as missing:
        return str(missing)
    return None


def _trial_json(ready: Study, item: PlannedTrial, seconds: Mapping[Trial, float]) -> dict[str, object]:
    trial, work = item.trial, ready.workloads[item.trial]
    quotes, tokens = ready.quotes_usd(), ready.tokens(trial)
    return {
        "learner": trial.learner,
        "trial": trial.label,
        "strategy": trial.strategy,
        "shots": trial.shots,
        "train_size": trial.train_size,
        "seed": trial.seed,
        "state": item.folder.state,
        "steps": work.steps if work.steps or trial.strategy != "fine-tune" else None,
        "tokens_trained": tokens.trained,
        "tokens_read": tokens.read,
        "tokens_written": tokens.written,
        "calls": ready.n_calls(trial),
        "seconds": seconds[trial],
        "is_paid": trial in quotes,
        "usd": quotes.get(trial, 0.0),
    }
