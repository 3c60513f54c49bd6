"""results.json: everything a study found, rebuilt from the trial folders whenever a trial ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tunecurve.curve.bootstrap import row_multiplicities
from tunecurve.curve.priors import LANGUAGE_MODEL
from tunecurve.data.rows import Row
from tunecurve.errors import StudyStateError
from tunecurve.findings import Finding, in_order
from tunecurve.learners.hosted.account import Account
from tunecurve.metrics.base import Metric, signature_for, statistics_matrix
from tunecurve.metrics.catalogue import build_metrics
from tunecurve.results.diagnosis import diagnose, unsettled
from tunecurve.results.forecasts import disagreements, forecast_study
from tunecurve.results.gates import (
    answer_findings,
    constant_findings,
    floor_findings,
    gated,
    judged_documents,
    n_different_answers,
    verdict_words,
)
from tunecurve.results.labels import LabelAdvisor, LabelScore
from tunecurve.results.loss_points import LossPoints
from tunecurve.results.points import (
    Point,
    ScoredTrial,
    best_point,
    combine_points,
    comparisons,
    describe_point,
    headline,
    leak_sentence,
    score_trial,
)
from tunecurve.results.test_set.basis import KnownRows, groups_of, known_rows
from tunecurve.results.test_set.sources import describe_test_set, questions_of
from tunecurve.results.training_findings import training_findings
from tunecurve.results.version_findings import version_findings
from tunecurve.spec.study import AdviceSpec, StudySpec, stable_hash
from tunecurve.storage.files import read_sealed_json
from tunecurve.storage.versions import own_version
from tunecurve.study.dataset import StudyData
from tunecurve.study.plan import PlannedTrial, Trial
from tunecurve.study.provider_checkpoints import scored_checkpoints
from tunecurve.study.trial import RESULT, is_finished, stored_predictions
from tunecurve.study.trial_folder import state_of_folder

SCHEMA_VERSION = 3
RESULTS = "results.json"
# The only values that may differ between two runs of one study: how long things took.
# Calls in doubt are what a kill left behind; the seal is the file's checksum, times included; the date is that of the first run,
# and changes answers only where a model's own chat template asks for it. What was forecast on the way depends on when results were
# written, and in which order sizes were measured.
TIME_KEYS = frozenset(
    {"train_seconds", "answer_seconds", "loss_seconds", "in_doubt", "seal", "date", "forecast_history"}
)


class Collector:
    """Builds the results of a study; remembers the scores of trials that it has read.

    Parameters
    ----------
    spec, data : StudySpec, StudyData
        The study.
    planned : sequence of PlannedTrial
        All its trials.
    account : Account
        What paid models cost so far.
    """

    def __init__(self, spec: StudySpec, data: StudyData, planned: Sequence[PlannedTrial], account: Account) -> None:
        self.spec, self.data, self.planned, self.account = spec, data, planned, account
        self.metrics: list[Metric] = build_metrics(spec.metric_names, data.metric_settings)
        self._recall: Any = next((m for m in self.metrics if m.name == spec.kind.recall_metric), None)
        self.groups = groups_of(spec, data)
        self.unit = "groups" if len(set(self.groups)) < len(self.groups) else "rows"
        self.multiplicities = row_multiplicities(
            len(data.test),
            spec.bootstrap.draws,
            seed=spec.bootstrap.seed,
            groups=[row.group for row in data.test] if self.unit == "groups" else None,
        )
        self._losses = LossPoints(self.groups, spec.bootstrap.level, self.unit)
        self._scored: dict[Path, ScoredTrial] = {}
        self._label_counts: dict[Path, np.ndarray] = {}
        self._label_advisor = LabelAdvisor()
        self._n_different: dict[str, int] = {}
        self._n_judged: dict[Path, int | None] = {}

    def collect(self, failures: Mapping[Trial, str]) -> dict[str, Any]:
        """Return results.json as a dict."""
        finished = [item for item in self.planned if is_finished(item.folder)]
        scored = [self._score(item) for item in finished]
        points = combine_points(scored, seed=self.spec.bootstrap.seed, floor_title=self.spec.kind.floor.title)
        floor = next((point for point in points if point.strategy == "floor"), None)
        level = self.spec.bootstrap.level
        described = [describe_point(point, self.metrics, floor, level, self.unit) for point in points]
        self._add_training_scores(described)
        self._losses.add_to(described, finished)
        found = comparisons(points, self.metrics, level)
        second = next(m for m in self.metrics if m.name == self.spec.kind.second_metric)
        n_test = len(self.data.test)
        kinds, low = self._kinds(), unsettled(described, self.metrics[0])
        forecast = forecast_study(scored, points, self.metrics[0], n_test, self.spec.advice, kinds, low)
        # Target, prices and the gain that matters are in the headline metric's units.
        second_forecast = forecast_study(scored, points, second, n_test, AdviceSpec(), kinds, low)
        trials = [self._describe_trial(item, failures) for item in self.planned]
        findings = [*self.data.findings, *self._gates(points, forecast, trials)]
        forecast, second_forecast = gated(forecast, findings), gated(second_forecast, findings)
        best = best_point(described, self.metrics[0])
        test_set = describe_test_set(
            self._known_rows, points, self.metrics, second.name, forecast, self.spec.advice, questions_of(self.spec)
        )
        bound_of_groups = test_set["leaks"]["bound_of_groups"] if test_set["leaks"] and self.unit == "groups" else None
        n_judged = self._n_judged_at(best)
        leaks = leak_sentence(best, second.name, findings, n_judged, level, bound_of_groups)
        return {
            "schema_version": SCHEMA_VERSION,
            "tunecurve_version": own_version(),
            "signature": self.spec.signature(),
            "spec": self.spec.model_dump(mode="json"),
            "headline": headline(described, found, self.metrics, leaks),
            "complete": len(finished) == len(self.planned),
            "data": self.data.facts,
            "decided": self.data.decisions.to_json(),
            "checks": self.data.checks,
            "findings": [finding.to_json() for finding in in_order(findings)],
            "prompt": {"system": self.data.renderer.system_text, "template": self.data.renderer.template},
            "metrics": [_describe_metric(metric, self.data.test) for metric in self.metrics],
            "primary_metric": self.metrics[0].name,
            "second_metric": second.name,
            "floor": {"rule": self.spec.kind.floor.rule, "title": self.spec.kind.floor.title},
            "bootstrap": {**self.spec.bootstrap.model_dump(), "unit": self.unit},
            "points": described,
            "comparisons": found,
            "labels": self._by_label(described),
            "test_set": test_set,
            "label_advice": self._label_advisor.advise(self._label_scores(finished)),
            "diagnosis": diagnose(described, self.metrics[0], forecast),
            "forecast": forecast,
            "second_forecast": second_forecast,
            "disagreements": disagreements(forecast, second_forecast, self.metrics[0], second),
            "trials": trials,
            "money": self._money(),
        }

    @cached_property
    def _known_rows(self) -> KnownRows:
        return known_rows(self.spec, self.data, self.metrics, self.groups)

    def _kinds(self) -> dict[str, str]:
        """What each learner is, as the forecaster names it.

        TF-IDF is left open: the curves of classical learners are of tables, not of texts with many labels.
        """
        learners = {item.trial.learner: item.config["learner"].get("kind") for item in self.planned}
        return {name: LANGUAGE_MODEL for name, kind in learners.items() if kind != "tfidf"}

    def _gates(
        self, points: Sequence[Point], forecast: Mapping[str, Any], trials: Sequence[Mapping[str, Any]]
    ) -> list[Finding]:
        """Return what the measurements show that no verdict may rest on."""
        targets = [row.target.strip() for row in self.data.test]
        words = verdict_words(forecast)
        return [
            *floor_findings(points, self.metrics[0], self.spec.bootstrap.level, words, self.spec.kind),
            *answer_findings(trials, targets.count("")),
            *training_findings(trials),
            *version_findings(trials),
            *constant_findings(trials, self._n_different, len(set(targets))),
        ]

    def _n_judged_at(self, point: Mapping[str, Any] | None) -> int | None:
        """Return how many documents the leak metric has judged at a point; of its seeds the fewest."""
        if point is None:
            return None
        judged = [
            self._n_judged[item.folder]
            for item in self.planned
            if item.folder in self._n_judged and _belongs(item.trial, point)
        ]
        return min((count for count in judged if count is not None), default=None)

    def _money(self) -> dict[str, Any] | None:
        """Return what the study has spent; None when none of its models is paid for."""
        if not any(item.config["learner"].get("kind") == "hosted" for item in self.planned):
            return None
        spent = self.account.spending()
        prices = {name: self.account.price_lines(name) for name in self.spec.models}
        return {
            "currency": "USD",
            "answers_usd": round(spent.answers_usd, 8),
            "jobs_usd": round(spent.jobs_usd, 8),
            "hosting_usd": round(spent.hosting_usd, 8),
            "n_standing": spent.n_standing,
            "n_unpriced": spent.n_unpriced,
            "estimated": {
                "n_answers": spent.n_estimated,
                "n_jobs": spent.n_estimated_jobs,
                "usd": round(spent.estimated_usd + spent.estimated_jobs_usd, 8),
            },
            "n_unpriced_deployments": spent.n_unpriced_deployments,
            "max_cost": self.spec.hosted.max_cost,
            "prices_usd_per_million_tokens": {name: lines for name, lines in prices.items() if lines},
            "in_doubt": {
                "n_calls": spent.n_doubtful,
                "n_jobs": spent.n_doubtful_jobs,
                "n_deployments": spent.n_doubtful_deployments,
                "at_most_usd": round(spent.doubtful_usd, 8),
            },
        }

    def _score(self, item: PlannedTrial) -> ScoredTrial:
        if item.folder not in self._scored:
            lines = stored_predictions(item.folder)
            if [line["row_id"] for line in lines] != [row.row_id for row in self.data.test]:
                raise StudyStateError(
                    f"the predictions in '{item.folder}' do not belong to this test set; move that folder away and run again"
                )
            predictions = [line["prediction"] for line in lines]
            references, sources = [row.references for row in self.data.test], [row.source for row in self.data.test]
            statistics = {
                metric.name: statistics_matrix(metric, predictions, references, sources) for metric in self.metrics
            }
            self._n_different[folder_name(item.folder)] = n_different_answers(predictions)
            self._n_judged[item.folder] = judged_documents(statistics)
            self._scored[item.folder] = score_trial(
                item.trial, statistics, self.metrics, self.multiplicities, self.groups
            )
            if self._recall is not None:
                self._label_counts[item.folder] = statistics[self._recall.name].sum(axis=0)
        return self._scored[item.folder]

    def _by_label(self, described: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Return the recall of every label at every point, seeds added up."""
        if self._recall is None:
            return {}
        table: dict[str, Any] = {}
        for point in described:
            counts = sum(
                self._label_counts[item.folder]
                for item in self.planned
                if item.folder in self._label_counts and _belongs(item.trial, point)
            )
            for label, (percent, n_gold) in self._recall.by_label(np.asarray(counts)).items():
                row = table.setdefault(label, {"n_gold": n_gold // point["n_seeds"], "recall": {}})
                row["recall"][f"{point['learner']}: {point['label']}"] = percent
        return table

    def _label_scores(self, finished: Sequence[PlannedTrial]) -> list[LabelScore]:
        """Return every label's recall in every fine-tuned trial."""
        if self._recall is None:
            return []
        return [
            LabelScore(item.trial.learner, label, item.trial.train_size, item.trial.seed, percent, n_gold)
            for item in finished
            if item.trial.strategy == "fine-tune"
            for label, (percent, n_gold) in self._recall.by_label(self._label_counts[item.folder]).items()
        ]

    def _add_training_scores(self, described: Sequence[dict[str, Any]]) -> None:
        """Give every fine-tuned point the mean score of its trials on rows they were tuned on; None where not taken."""
        for point in described:
            kept: list[Any] = [
                read_sealed_json(item.folder / RESULT).get("training_scores")
                for item in self.planned
                if item.folder in self._scored and _belongs(item.trial, point)
            ]
            if point["strategy"] != "fine-tune" or not kept or not all(kept):
                point["training_scores"] = None
                continue
            means = {
                name: _mean([one["scores"][name] for one in kept]) for name in (metric.name for metric in self.metrics)
            }
            point["training_scores"] = {"n_rows": sum(one["n_rows"] for one in kept), "scores": means}

    def _describe_trial(self, item: PlannedTrial, failures: Mapping[Trial, str]) -> dict[str, Any]:
        trial = item.trial
        described: dict[str, Any] = {
            "learner": trial.learner,
            "strategy": trial.strategy,
            "shots": trial.shots,
            "train_size": trial.train_size,
            "seed": trial.seed,
            "label": trial.label,
            "folder": folder_name(item.folder),
            "config_sha256": stable_hash(item.config, 64),
            "config": item.config,
            "state": state_of_folder(item.folder),
            "failure": failures.get(trial),
        }
        if is_finished(item.folder):
            result = read_sealed_json(item.folder / RESULT)
            described |= {key: result[key] for key in ("answers", "training", "answer_seconds")}
            described["cost_usd"] = result.get("cost_usd", 0.0)
            described["loss"] = result.get("loss")
            described["checkpoints"] = scored_checkpoints(item.folder)
            described["scores"] = self._score(item).scores
        return described


def folder_name(folder: Path) -> str:
    """Return a trial's folder as results.json names it."""
    return f"{folder.parent.name}/{folder.name}"


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None


def _belongs(trial: Trial, point: Mapping[str, Any]) -> bool:
    return all(getattr(trial, key) == point[key] for key in ("learner", "strategy", "shots", "train_size"))


def _describe_metric(metric: Metric, rows: Sequence[Row]) -> dict[str, Any]:
    return {
        "name": metric.name,
        "title": metric.title,
        "direction": metric.direction,
        "range": list(metric.score_range),
        "signature": signature_for(metric, [row.references for row in rows]),
    }


def without_times(results: Any) -> Any:
    """Return the results without durations: what two runs of one study must agree on."""
    if isinstance(results, dict):
        return {key: without_times(value) for key, value in results.items() if key not in TIME_KEYS}
    if isinstance(results, list):
        return [without_times(value) for value in results]
    return results
