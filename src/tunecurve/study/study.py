"""A study that is ready to run: its rows, learners and trials, and what they will take in time and money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from tunecurve.errors import needing
from tunecurve.learners.base import Learner, Workload
from tunecurve.learners.busy import OtherWork, other_work
from tunecurve.learners.hosted.account import Account
from tunecurve.spec.study import StudySpec
from tunecurve.study.dataset import StudyData
from tunecurve.study.plan import PlannedTrial, Trial, training_job
from tunecurve.study.progress import Progress
from tunecurve.study.workloads import estimate_workloads, proposals_workloads, teachers_workloads

# Whether the machine does other work, too, is worth a word where so many seconds of it are estimated.
WORTH_A_WORD = 60.0


class Tokens(NamedTuple):
    """Tokens through training steps, of prompts, and of answers."""

    trained: int
    read: int
    written: int


@dataclass(frozen=True)
class TimeChoice:
    """The study with all trials to choose from, of which a time has room for some."""

    spec: StudySpec
    """As it would be with all of them."""
    planned: list[PlannedTrial]
    """All of them, in the order of tables."""


@dataclass(frozen=True)
class Study:
    """A study that is ready to run.

    Examples
    --------
    >>> import json, tempfile
    >>> from pathlib import Path
    >>> from tunecurve.study.prepare import prepare_study
    >>> rows = [{"text": f"{word} {number}", "label": word} for word in ("rain", "wind") for number in range(20)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "rows.jsonl"
    ...     _ = path.write_text(chr(10).join(map(json.dumps, rows)))
    ...     study = prepare_study({"name": "small", "task": "classification", "data": {"source": str(path)}, "models": ["tfidf"],
    ...                            "train_sizes": [10], "split": {"method": "random", "test_size": 20}})
    >>> [item.trial.label for item in study.planned]
    ['floor', 'fine-tune-n10-seed0']
    >>> len(study.data.test), len(study.data.pool)
    (20, 20)
    """

    spec: StudySpec
    """With everything resolved."""
    folder: Path
    """Where it is kept."""
    data: StudyData
    """Frozen rows and prompts."""
    learners: dict[str, Learner]
    """By name."""
    planned: list[PlannedTrial]
    """In the order of tables."""
    account: Account
    """Ledger and budget for paid models; untouched where there are none."""
    progress: Progress
    """Told what happens."""
    proposer: Learner | None = None
    """Who proposes instructions, where models do not propose their own."""
    choice: TimeChoice | None = None
    """What a study that is planned for a time was chosen from."""

    @cached_property
    def proposals(self) -> dict[Trial, Workload]:
        """What a model that only proposes instructions is asked in each trial."""
        planned = [(item.trial, item.config) for item in self.planned]
        return proposals_workloads(planned, self.data, self.proposer)

    @cached_property
    def workloads(self) -> dict[Trial, Workload]:
        """What each trial computes or sends, in tokens."""
        return estimate_workloads(
            [(item.trial, item.config) for item in self.planned],
            self.data,
            self.learners,
            training_score_rows=self.spec.training_score_rows,
        )

    def tokens(self, trial: Trial) -> Tokens:
        """Return the tokens of a trial, those of its teacher and of a model that only proposes instructions among them."""
        work = [self.workloads[trial]]
        work += [others[trial] for others in (self._of_teachers, self.proposals) if trial in others]
        return Tokens(
            sum(one.tokens_trained for one in work),
            sum(one.tokens_read for one in work),
            sum(one.tokens_written for one in work),
        )

    @cached_property
    def _of_teachers(self) -> dict[Trial, Workload]:
        return teachers_workloads(self.workloads, self.learners)

    def estimated_seconds(self) -> dict[Trial, float]:
        """Return about how long each trial takes on this machine, the floor aside.

        What a learner needs once counts at the first of its trials that is not finished, and reading the rows that examples are
        chosen from at the first trial that chooses.
        """
        seconds = {trial: self.learners[trial.learner].estimate_seconds(work) for trial, work in self.workloads.items()}
        for trial, work in self.proposals.items():
            assert self.proposer is not None
            seconds[trial] += self.proposer.estimate_seconds(work)
        for name, trials in self._unfinished().items():
            seconds[trials[0].trial] += self.learners[name].preparation_seconds()
        choosing = [item.trial for item in self.planned if item.trial.chooses_examples and not item.folder.is_finished]
        if choosing and self.data.similarity is not None:
            seconds[choosing[0]] += self.data.similarity.estimate_seconds(self._texts_compared(choosing))
        return seconds

    def _texts_compared(self, trials: Sequence[Trial]) -> list[str]:
        """Return the inputs that are read to choose examples: of the test rows, and of all that can be chosen, each once."""
        chosen_from = {(trial.train_size, trial.seed) for trial in trials}
        rows = [row for size, seed in sorted(chosen_from) for row in self.data.training_rows(size, seed)]
        return list(dict.fromkeys(row.source for row in [*self.data.test, *rows]))

    def work_beside(self) -> OtherWork | None:
        """Return what other programs do on this machine, if that leaves too little for what the study has yet to compute here.

        The speed that times are estimated from is measured beside them.
        """
        seconds = self.estimated_seconds()
        threads = 0
        for name, trials in self._unfinished().items():
            learner = self.learners[name]
            takes = sum(seconds[item.trial] for item in trials)
            if takes >= WORTH_A_WORD and not learner.is_paid and not learner.resources.is_on_cuda:
                threads = max(threads, learner.resources.threads)
        others = other_work() if threads else None
        return others if others is not None and others.leaves_too_little(threads) else None

    def quotes_usd(self) -> dict[Trial, float | None]:
        """Return about what each trial of a paid model costs, whether it is finished or not; None: unknown."""
        quotes: dict[Trial, float | None] = {}
        for trial, work in self.workloads.items():
            learner = self.learners[trial.learner]
            if learner.is_paid:
                quotes[trial] = learner.quote_usd(work, is_tuned=trial.strategy == "fine-tune")
        if self.proposer is not None and self.proposer.is_paid:
            for trial, work in self.proposals.items():
                answers, proposals = quotes.get(trial, 0.0), self.proposer.quote_usd(work, is_tuned=False)
                quotes[trial] = None if answers is None or proposals is None else answers + proposals
        return quotes

    def n_calls(self, trial: Trial) -> int:
        """Return how many calls of a trial are paid for."""
        own = self.learners[trial.learner].n_calls(self.workloads[trial])
        more = self.proposals.get(trial)
        return own if more is None or self.proposer is None else own + self.proposer.n_calls(more)

    def known_failures(self) -> dict[Trial, str]:
        """Return why trials failed that are not finished, in this run or an earlier one."""
        failures = {item.trial: item.folder.failure() for item in self.planned}
        return {trial: line for trial, line in failures.items() if line is not None}

    def check_access(self) -> None:
        """Raise EnvironmentProblem when an unfinished trial lacks a key, a login, an address; makes no network call.

        Found here it is one line before anything begins; found later it would be the failure of every trial.
        """
        for name, trials in self._unfinished().items():
            self.learners[name].check_access(will_tune=any(item.trial.strategy == "fine-tune" for item in trials))
        searches = [
            item for items in self._unfinished().values() for item in items if item.trial.strategy == "optimized"
        ]
        if searches:
            with needing("optimize", "looking for a better instruction"):
                import gepa  # noqa: F401
        if self.proposer is not None and any(item.trial in self.proposals for item in searches):
            self.proposer.check_access()

    @cached_property
    def tuning_obstacles(self) -> dict[str, str]:
        """Why models cannot be tuned by this account or on these rows, by name; asked before any money goes."""
        found = {}
        for name, trials in self._unfinished().items():
            untrained = [item for item in trials if item.trial.strategy == "fine-tune" and not item.folder.is_trained]
            jobs = (training_job(item, self.data) for item in untrained)
            reason = self.learners[name].tuning_obstacle(jobs) if untrained else None
            if reason is not None:
                found[name] = reason
        return found

    def obstacle_lines(self) -> list[str]:
        """Return the tuning obstacles in words."""
        return [
            f"'{name}' cannot be tuned{', only prompted' if self.learners[name].is_asked_untrained else ''}: {reason}"
            for name, reason in self.tuning_obstacles.items()
        ]

    def _unfinished(self) -> dict[str, list[PlannedTrial]]:
        """Return the unfinished trials by learner."""
        found: dict[str, list[PlannedTrial]] = {}
        for item in self.planned:
            if not item.folder.is_finished:
                found.setdefault(item.trial.learner, []).append(item)
        return found

    def quote_left_usd(self) -> float | None:
        """Return about what the unfinished trials cost; None: the price of one of them is unknown."""
        quotes = self.quotes_usd()
        left = [quotes[item.trial] for item in self.planned if item.trial in quotes and not item.folder.is_finished]
        return None if any(quote is None for quote in left) else sum(quote for quote in left if quote is not None)
