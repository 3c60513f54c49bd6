"""results.json as classes: what a study found. The JSON schema in docs/ is generated from them.

None stands for an undefined number. Fields in seconds, and the date of the first run, may differ between two runs of one study;
nothing else does. `collect` makes them, `load` reads them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tunecurve.findings import Claim, Finding, blocked
from tunecurve.metrics.leak_names import LEAKS, counts_leaks
from tunecurve.results.records.advice import Diagnosis, Disagreement, JudgedForecast, LabelAdvice, LearnerForecast
from tunecurve.results.records.decision import StudyDecision
from tunecurve.results.records.money import Money
from tunecurve.results.records.points import Comparison, LabelRecall, MetricResult, Point, best_of
from tunecurve.results.records.prompting import BestPrompt, PromptForecast
from tunecurve.results.records.teaching import CheapestWay, TeachingResult
from tunecurve.results.records.test_set import TestSet, TestSetAnswer
from tunecurve.results.records.trials import FinishedTrial, TrialResult
from tunecurve.spec.advice import AdviceSpec
from tunecurve.storage.records import LEFT_OUT_IF_NONE, NOT_KEPT, Record
from tunecurve.study.facts import DataFacts
from tunecurve.study.known_answers import Check

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

    from tunecurve.spec.study import StudySpec

SCHEMA_VERSION: Literal[3] = 3


@dataclass(frozen=True)
class Prompt(Record):
    """What the models were told."""

    system: str
    template: str


@dataclass(frozen=True)
class Floor(Record):
    """What doing nothing means in this task."""

    rule: str
    title: str


@dataclass(frozen=True)
class Bootstrap(Record):
    """How sure scores are said to be."""

    draws: int
    level: float
    seed: int
    unit: Literal["rows", "groups"]
    """What is left out in turn."""


@dataclass(frozen=True, repr=False)
class Results(Record):
    """Everything a study found, as results.json keeps it; with a table and a plot for notebooks.

    Examples
    --------
    >>> import tempfile, tunecurve
    >>> words = {"weather": ("rain", "wind", "snow"), "food": ("bread", "butter", "cheese")}
    >>> rows = [(f"{word} {number}", label) for label in words for word in words[label] for number in range(9)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     results = tunecurve.run(
    ...         rows, out=folder, task="classification", models=["tfidf"], train_sizes=[20],
    ...         split={"method": "random", "test_size": 20},
    ...     )
    >>> results.complete, results.primary_metric
    (True, 'accuracy')
    >>> [(point.learner, point.label) for point in results.points]
    [('floor', 'most frequent class'), ('tfidf', 'tuned on 20')]
    >>> results.points[1].scores["accuracy"].estimate > results.points[0].scores["accuracy"].estimate
    True
    """

    decision: StudyDecision | None = field(default=None, kw_only=True)
    """What to do next; null in the results of earlier versions."""
    schema_version: Literal[3]
    tunecurve_version: str
    signature: str
    """Hash of data, split, prompt, answers, bootstrap and metrics settings."""
    spec: dict[str, object]
    """The study file with every default written out."""
    headline: str
    complete: bool
    data: DataFacts
    decided: dict[str, object]
    """What was decided once from the rows and frozen with them, by name."""
    checks: list[Check]
    """Known answers scored on the test rows before anything was trained."""
    findings: list[Finding]
    prompt: Prompt
    metrics: list[MetricResult]
    primary_metric: str
    second_metric: str
    floor: Floor
    bootstrap: Bootstrap
    points: list[Point]
    comparisons: list[Comparison]
    labels: dict[str, LabelRecall]
    test_set: TestSet
    label_advice: dict[str, list[LabelAdvice]]
    """By learner: every label's own curve, the one to label next first."""
    diagnosis: list[Diagnosis]
    forecast: dict[str, LearnerForecast]
    """By learner: the forecast of the headline metric."""
    second_forecast: dict[str, LearnerForecast]
    """By learner: the forecast of the second metric."""
    prompt_forecasts: list[PromptForecast] | None = field(default=None, kw_only=True, metadata=LEFT_OUT_IF_NONE)
    """The curves of similar examples; left out where there are none."""
    best_prompts: list[BestPrompt] | None = field(default=None, kw_only=True, metadata=LEFT_OUT_IF_NONE)
    """From which size on tuning beats the best prompt, by tuned learner; left out where nothing can be compared."""
    disagreements: list[Disagreement]
    trials: list[FinishedTrial | TrialResult]
    money: Money | None
    """None when none of the models is paid for."""
    forecast_history: list[JudgedForecast] = field(default_factory=list)
    """What had been forecast for sizes that were measured later: of each size and metric the latest forecast from smaller sizes
    alone, while the trials behind it are still the study's; depends on the order of measuring."""
    teaching: list[TeachingResult] = field(default_factory=list)
    """What rows that a teacher has answered are worth, by learner with a teacher."""
    cheapest_way: CheapestWay | None = None
    """With teachers, a target and a price of labels: the cheapest measured way to the target."""
    folder: Path | None = field(default=None, compare=False, repr=False, metadata=NOT_KEPT)

    @property
    def name(self) -> str:
        """The study's name."""
        return str(self.spec["name"])

    @property
    def task(self) -> str:
        """The kind of task."""
        return str(self.spec["task"])

    @property
    def shows_texts(self) -> bool:
        """Whether the report may show row texts."""
        return bool(self.spec["show_texts"])

    @cached_property
    def study(self) -> StudySpec:
        """The study file, checked."""
        from tunecurve.spec.reading import parse_spec

        return parse_spec(self.spec, str(self.folder or self.name))

    @cached_property
    def advice(self) -> AdviceSpec:
        """Target, prices and the gain that matters, as the study file has them."""
        return AdviceSpec.model_validate(self.spec.get("advice") or {})

    @property
    def are_classes(self) -> bool:
        """Whether targets are classes."""
        return any(metric.name == "class_recall" for metric in self.metrics)

    def metric(self, name: str | None = None) -> MetricResult:
        """Return a metric by name; default: the headline metric."""
        return next(metric for metric in self.metrics if metric.name == (name or self.primary_metric))

    def forbidden(self, claim: Claim, learner: str | None = None) -> list[Finding]:
        """Return the findings that forbid a claim about a learner; without a learner, about all."""
        return blocked(self.findings, claim, learner)

    def may_say(self, metric_name: str, learner: str) -> bool:
        """Return whether a metric may be shown for a learner: one of leaks may be blind."""
        return not counts_leaks(metric_name) or not self.forbidden("leaks", learner)

    @property
    def history_shown(self) -> list[JudgedForecast]:
        """What had been forecast, without metrics that may not be shown."""
        return [item for item in self.forecast_history if self.may_say(item.metric, item.learner)]

    @property
    def about_test_set(self) -> TestSetAnswer:
        """What can be said of the test set."""
        name = self.primary_metric
        tuned = [point for point in self.points if point.strategy == "fine-tune"]
        best = best_of(tuned, lambda point: point.scores[name].estimate, self.metric())
        leaks = best.scores[LEAKS].estimate if best is not None and LEAKS in best.scores else None
        return TestSetAnswer(self.test_set, self.findings, name, best.learner if best else None, leaks)

    @property
    def finished(self) -> list[FinishedTrial]:
        """The trials that are done."""
        return [trial for trial in self.trials if isinstance(trial, FinishedTrial)]

    def best_trial(self, *, tuned_only: bool = False) -> FinishedTrial | None:
        """Return the finished trial with the best score of the headline metric, the floor aside; of equals the first."""
        wanted = [
            trial
            for trial in self.finished
            if (trial.strategy == "fine-tune" if tuned_only else trial.strategy != "floor")
        ]
        return best_of(wanted, lambda trial: trial.scores[self.primary_metric], self.metric())

    @property
    def rows(self) -> list[dict[str, object]]:
        """Raw scores: one row for every finished trial and metric, losses among them; the long form that data frames like."""
        return [row for trial in self.finished for row in trial.tidy_rows()]

    def to_frame(self) -> pandas.DataFrame:
        """Return `rows` as a data frame (needs pandas)."""
        import pandas

        return pandas.DataFrame(self.rows)

    def plot(self, ax: Axes | None = None, *, metric: str | None = None) -> Axes:
        """Draw the curve of one metric (default: the headline metric) and return the axes."""
        import tunecurve

        return tunecurve.plot(self, ax, metric=metric)

    def __repr__(self) -> str:
        import tunecurve

        return tunecurve.table(self)

    def _repr_html_(self) -> str:
        import tunecurve

        return tunecurve.html_table(self)


def results_schema() -> dict[str, object]:
    """Return the JSON schema of results.json."""
    schema = Results.json_schema()
    schema["title"] = f"results.json of a tunecurve study, version {SCHEMA_VERSION}"
    schema["properties"]["seal"] = {
        "type": "string",
        "pattern": "^[0-9a-f]{64}$",
        "description": "SHA-256 of this file's text with 64 zeros in its place",
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
