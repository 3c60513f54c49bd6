"""From trial folders to `Results`: everything a study found, built anew whenever a trial ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tunecurve.curve.bootstrap import row_multiplicities
from tunecurve.curve.kinds import kind_of_learner
from tunecurve.errors import StudyStateError
from tunecurve.findings import Finding, in_order
from tunecurve.learners.hosted.account import Account
from tunecurve.metrics.base import Metric
from tunecurve.metrics.catalogue import build_metrics
from tunecurve.metrics.leak_names import LEAKS
from tunecurve.results.best_so_far import headline, leak_sentence
from tunecurve.results.decision import decide_study
from tunecurve.results.diagnosis import diagnose, unsettled
from tunecurve.results.forecasts import Forecaster, disagreements
from tunecurve.results.gates import answer_findings, constant_findings, floor_findings, gated, n_different_answers
from tunecurve.results.labels import LabelAdvisor, LabelScore
from tunecurve.results.loss_points import LossPoints
from tunecurve.results.model import SCHEMA_VERSION, Bootstrap, Floor, Prompt, Results
from tunecurve.results.money import spent_money
from tunecurve.results.points import (
    PointWriter,
    ScoredPoint,
    ScoredTrial,
    best_point,
    combine_points,
    comparisons,
    defined,
    floor_of,
    mean_if_known,
    score_trial,
)
from tunecurve.results.prompting import PromptForecaster, PromptJudge
from tunecurve.results.records.advice import LearnerForecast
from tunecurve.results.records.points import LabelRecall, MetricResult, Point
from tunecurve.results.records.trials import CheckpointResult, FinishedTrial, TrialResult
from tunecurve.results.teaching import MeasuredTrial, cheapest_way, teaching_results
from tunecurve.results.test_set.basis import KnownRows, known_rows
from tunecurve.results.test_set.sources import describe_test_set, questions_of
from tunecurve.results.training_findings import (
    budget_findings,
    memory_findings,
    speed_findings,
    teaching_findings,
    training_findings,
)
from tunecurve.results.version_findings import version_findings
from tunecurve.spec.study import AdviceSpec, StudySpec, stable_hash
from tunecurve.storage.versions import own_version
from tunecurve.study.answer_report import row_statistics
from tunecurve.study.dataset import StudyData
from tunecurve.study.plan import PlannedTrial, PointKey, Trial, is_paid
from tunecurve.study.row_groups import groups_of
from tunecurve.study.trial_folder import TrialFolder
from tunecurve.study.trial_record import (
    TrainingScores,
    signatures_of,
    stored_checkpoints,
    stored_result,
    stored_statistics,
)


@dataclass(frozen=True)
class ReadTrial:
    """A finished trial, read and scored once."""

    item: PlannedTrial
    """Where it lies."""
    scored: ScoredTrial
    """Scores, draws and jackknives."""
    result: FinishedTrial
    """As results.json keeps it."""
    training_scores: TrainingScores | None
    """On rows that it was tuned on."""
    n_different: int
    """Different answers, outer whitespace aside."""
    n_judged: int
    """Documents that the leak metric has judged; 0 without that metric."""
    label_counts: np.ndarray
    """Summed statistics of the recall by label; empty where there is none."""


class ResultsBuilder:
    """Builds the results of a study; remembers the trials that it has read."""

    def __init__(self, spec: StudySpec, data: StudyData, planned: Sequence[PlannedTrial], account: Account) -> None:
        self.spec, self.data, self.planned, self.account = spec, data, planned, account
        self.metrics: list[Metric] = build_metrics(spec.metric_names, data.metric_settings)
        self._signatures = signatures_of(self.metrics, data.test)
        self.described = [describe_metric(metric, self._signatures[metric.name]) for metric in self.metrics]
        self._recall: Any = next((m for m in self.metrics if m.name == spec.kind.recall_metric), None)
        self.groups = groups_of(spec, data)
        self.unit: Literal["groups", "rows"] = "groups" if len(set(self.groups)) < len(self.groups) else "rows"
        self.multiplicities = row_multiplicities(
            len(data.test),
            spec.bootstrap.draws,
            seed=spec.bootstrap.seed,
            groups=[row.group for row in data.test] if self.unit == "groups" else None,
        )
        self._losses = LossPoints(self.groups, spec.bootstrap.level, self.unit)
        self._read: dict[TrialFolder, ReadTrial] = {}
        self._label_advisor = LabelAdvisor()
        self._prompt_forecaster = PromptForecaster()

    def narrow(self, spec: StudySpec) -> None:
        """Describe the study as it is from now on: other trials of it are planned."""
        self.spec = spec

    def build(self, failures: Mapping[Trial, str]) -> Results:
        """Return what the study has found so far."""
        planned = list(self.planned)  # trials end, and plans change, while this goes on in a thread
        finished = [self._trial(item) for item in planned if item.folder.is_finished]
        scored = combine_points(
            [one.scored for one in finished], seed=self.spec.bootstrap.seed, floor_title=self.spec.kind.floor.title
        )
        primary, level = self.described[0], self.spec.bootstrap.level
        second = self._second
        points, found = self._points(scored, finished), comparisons(scored, self.described, level)
        forecaster = self._forecaster(finished, scored, unsettled(points, primary))
        # Target, prices and the gain that matters are in the headline metric's units.
        forecast, other = forecaster.forecast(primary, self.spec.advice), forecaster.forecast(second, AdviceSpec())
        findings = in_order([*self.data.findings, *self._gates(scored, forecast, finished)])
        forecast, other = gated(forecast, findings), gated(other, findings)
        prompts = self._prompt_forecaster.forecast(forecaster, primary, self.spec.advice, findings, level)
        test_set = describe_test_set(
            self._known_rows, scored, self.metrics, forecast, self.spec, questions_of(self.spec)
        )
        money = spent_money(self.account, self.spec) if any(is_paid(item.config) for item in planned) else None
        prices = money.prices_usd_per_million_tokens if money else {}
        measured = [MeasuredTrial(one.result, one.scored.jackknives[primary.name]) for one in finished]
        taught = teaching_results(measured, primary, level)
        best = best_point(points, primary)
        leaks = leak_sentence(best, test_set, findings, self._n_judged_at(best, finished))
        results = Results(
            schema_version=SCHEMA_VERSION,
            tunecurve_version=own_version(),
            signature=self.spec.signature(),
            spec=self.spec.model_dump(mode="json"),
            headline=headline(points, found, primary, leaks if second.name == LEAKS else ""),
            complete=len(finished) == len(planned),
            data=self.data.facts,
            decided=self.data.decisions.to_json(),
            checks=self.data.checks,
            findings=findings,
            prompt=Prompt(self.data.renderer.system_text, self.data.renderer.template),
            metrics=self.described,
            primary_metric=primary.name,
            second_metric=second.name,
            floor=Floor(self.spec.kind.floor.rule, self.spec.kind.floor.title),
            bootstrap=Bootstrap(**self.spec.bootstrap.model_dump(), unit=self.unit),
            points=points,
            comparisons=found,
            labels=self._by_label(points, finished),
            test_set=test_set,
            label_advice=self._label_advisor.advise(self._label_scores(finished)),
            diagnosis=diagnose(points, primary, forecast),
            forecast=forecast,
            second_forecast=other,
            prompt_forecasts=prompts or None,
            best_prompts=PromptJudge(scored, [one.result for one in finished], prices, findings, level).judge(primary)
            or None,
            disagreements=disagreements(forecast, other, (primary.title, second.title)),
            trials=self._describe_trials(planned, finished, failures),
            money=money,
            teaching=taught,
            cheapest_way=cheapest_way(points, [one.result for one in finished], taught, primary, self.spec.advice),
        )
        return replace(results, decision=decide_study(results))

    def _forecaster(
        self, finished: Sequence[ReadTrial], scored: Sequence[ScoredPoint], not_settled: set[str]
    ) -> Forecaster:
        trials, n_test, n_pool = [one.scored for one in finished], len(self.data.test), len(self.data.pool)
        level = self.spec.bootstrap.level
        return Forecaster(trials, scored, n_test, self._kinds(), not_settled, n_pool, level)

    @cached_property
    def _known_rows(self) -> KnownRows:
        return known_rows(self.spec, self.data, self.metrics, self.groups)

    def _kinds(self) -> dict[str, str]:
        """Return what each learner is, as the forecaster names it."""
        learners = {item.trial.learner: item.config["learner"].get("kind") for item in self.planned}
        return {name: kind_of_learner(kind) for name, kind in learners.items()}

    @property
    def _second(self) -> MetricResult:
        return next(metric for metric in self.described if metric.name == self.spec.kind.second_metric)

    def _gates(
        self, points: Sequence[ScoredPoint], forecast: Mapping[str, LearnerForecast], finished: Sequence[ReadTrial]
    ) -> list[Finding]:
        """Return what the measurements show that no verdict may rest on."""
        targets = [row.target.strip() for row in self.data.test]
        words = {learner: one.word for learner, one in forecast.items()}
        trials = [one.result for one in finished]
        n_different = {one.result.folder: one.n_different for one in finished}
        primary, level = self.described[0], self.spec.bootstrap.level
        return [
            *floor_findings(points, primary, level, words, self.spec.kind, self._second),
            *answer_findings(trials, targets.count("")),
            *training_findings(trials),
            *teaching_findings(trials),
            *speed_findings(trials),
            *memory_findings(trials),
            *budget_findings(trials),
            *version_findings(trials),
            *constant_findings(trials, n_different, len(set(targets))),
        ]

    def _n_judged_at(self, point: Point | None, finished: Sequence[ReadTrial]) -> int:
        """Return how many documents the leak metric has judged at a point; of its seeds the fewest."""
        return min((one.n_judged for one in finished if point and one.item.trial.key == point.key), default=0)

    def _trial(self, item: PlannedTrial) -> ReadTrial:
        if item.folder not in self._read:
            self._read[item.folder] = self._read_trial(item)
        return self._read[item.folder]

    def _read_trial(self, item: PlannedTrial) -> ReadTrial:
        lines = item.folder.answers()
        if [line["row_id"] for line in lines] != [row.row_id for row in self.data.test]:
            raise StudyStateError(
                f"the predictions in '{item.folder}' do not belong to this test set; move that folder away and run again"
            )
        predictions = [line["prediction"] for line in lines]
        record = stored_result(item.folder, self._signatures)
        statistics = stored_statistics(item.folder, record, self._signatures)
        statistics = statistics or row_statistics(self.data.test, predictions, self.metrics)
        scored = score_trial(item.trial, statistics, self.metrics, self.multiplicities, self.groups)
        result = FinishedTrial(
            **self._identity(item, None),
            answers=record.answers,
            training=record.training,
            answer_seconds=record.answer_seconds,
            cost_usd=record.cost_usd,
            loss=record.loss,
            checkpoints=[],
            scores={name: defined(score) for name, score in scored.scores.items()},
            optimisation=record.optimisation,
        )
        return ReadTrial(
            item,
            scored,
            result,
            record.training_scores,
            n_different=n_different_answers(predictions),
            n_judged=int(statistics[LEAKS][:, 1].sum()) if LEAKS in statistics else 0,
            label_counts=statistics[self._recall.name].sum(axis=0) if self._recall else np.empty(0),
        )

    def _points(self, scored: Sequence[ScoredPoint], finished: Sequence[ReadTrial]) -> list[Point]:
        floor = floor_of(scored)
        writer = PointWriter(self.described, self.spec.bootstrap.level, self.unit, floor)
        losses = self._losses.of_points([(one.item, one.result.loss) for one in finished])
        return [
            writer.write(point, self._training_scores(point.key, finished), losses.get(point.key)) for point in scored
        ]

    def _training_scores(self, key: PointKey, finished: Sequence[ReadTrial]) -> TrainingScores | None:
        """Return the mean score of a point's trials on rows they were tuned on; None where not all have one."""
        own = [one.training_scores for one in finished if one.item.trial.key == key]
        kept = [one for one in own if one is not None]
        if not kept or len(kept) < len(own):
            return None
        means = {metric.name: mean_if_known([one.scores[metric.name] for one in kept]) for metric in self.metrics}
        return TrainingScores(sum(one.n_rows for one in kept), means)

    def _by_label(self, points: Sequence[Point], finished: Sequence[ReadTrial]) -> dict[str, LabelRecall]:
        """Return the recall of every label at every point, seeds added up."""
        if self._recall is None:
            return {}
        table: dict[str, LabelRecall] = {}
        for point in points:
            own = [one.label_counts for one in finished if one.item.trial.key == point.key]
            for label, (percent, n_gold) in self._recall.by_label(np.sum(own, axis=0)).items():
                row = table.setdefault(label, LabelRecall(n_gold // point.n_seeds, {}))
                row.recall[point.name] = defined(percent)
        return table

    def _label_scores(self, finished: Sequence[ReadTrial]) -> list[LabelScore]:
        """Return every label's recall in every fine-tuned trial."""
        if self._recall is None:
            return []
        return [
            LabelScore(trial.learner, label, trial.train_size, trial.seed, percent, n_gold)
            for one in finished
            if (trial := one.item.trial).strategy == "fine-tune"
            for label, (percent, n_gold) in self._recall.by_label(one.label_counts).items()
        ]

    def _describe_trials(
        self, planned: Sequence[PlannedTrial], finished: Sequence[ReadTrial], failures: Mapping[Trial, str]
    ) -> list[TrialResult]:
        """Return every planned trial; one that has ended since the others were read is still under way here."""
        by_folder = {one.item.folder: one.result for one in finished}
        described: list[TrialResult] = []
        for item in planned:
            failure, result = failures.get(item.trial), by_folder.get(item.folder)
            if result is None:
                trial = TrialResult(**self._identity(item, failure))
                described.append(replace(trial, state="started") if trial.state == "finished" else trial)
                continue
            checkpoints = [CheckpointResult.from_json(one) for one in stored_checkpoints(item.folder, self._signatures)]
            described.append(replace(result, failure=failure, checkpoints=checkpoints))
        return described

    def _identity(self, item: PlannedTrial, failure: str | None) -> dict[str, Any]:
        trial = item.trial
        return {
            **asdict(trial),
            "label": trial.label,
            "folder": folder_name(item.folder.path),
            "config_sha256": stable_hash(item.config, 64),
            "config": item.config,
            "state": item.folder.state,
            "failure": failure,
        }


def describe_metric(metric: Metric, signature: str) -> MetricResult:
    """Return a metric as results.json keeps it."""
    low, high = (defined(end) for end in metric.score_range)
    return MetricResult(metric.name, metric.title, metric.direction, (low, high), signature)


def folder_name(folder: Path) -> str:
    """Return a trial's folder as results.json names it."""
    return f"{folder.parent.name}/{folder.name}"
