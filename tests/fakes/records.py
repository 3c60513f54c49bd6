"""Records with the values that a test does not care for."""

from __future__ import annotations

from tunecurve.curve.answer import MeasuredSize, SizeForecast, Spread, Verdict
from tunecurve.data.split import Overlap
from tunecurve.learners.base import TrainingRecord
from tunecurve.results.model import Bootstrap, Floor, Prompt, Results
from tunecurve.results.records.advice import LearnerForecast
from tunecurve.results.records.points import MetricResult, Point, Score
from tunecurve.results.records.test_set import TestSet
from tunecurve.results.records.trials import FinishedTrial
from tunecurve.study.answer_report import AnswerSummary
from tunecurve.study.facts import DataFacts
from tunecurve.study.trial_record import TrainingScores


def answer_summary(n=100, **values):
    whole = {
        "n": n,
        "stop_reasons": {"end": n},
        "n_empty": 0,
        "unanswered": {},
        "n_thoughts_removed": 0,
        "n_thoughts_cut": 0,
    }
    return AnswerSummary(**{**whole, "errors": [], "model_versions": [], "tokens_in": 0, "tokens_out": 0, **values})


def finished_trial(**values):
    usual = {
        "learner": "m", "strategy": "fine-tune", "shots": 0, "train_size": 50, "seed": 0, "label": "n50", "folder": "trials/n50",
        "config_sha256": "", "config": {"learner": {}}, "state": "finished", "failure": None, "answers": answer_summary(),
        "training": None, "answer_seconds": 0.0, "cost_usd": 0.0, "loss": None, "checkpoints": [], "scores": {},
    }  # fmt: skip
    return FinishedTrial(**{**usual, **values})


def training_of_job(job):
    return TrainingRecord(1, 1, 1, [], 0.0, 1, job=job)


def metric_result(name="bleu", title="BLEU", direction="max"):
    return MetricResult(name, title, direction, (0.0, 100.0), name)


def score(estimate, low=None, high=None, bound=None, level=0.95):
    return Score(estimate, low, high, bound, level, "jackknife", [estimate], None, None)


def point(strategy="fine-tune", train_size=50, training=None, **scores):
    """A point with these scores by metric; `training`: scores on training rows, of the same metrics."""
    learner = "floor" if strategy == "floor" else "m"
    kept = {name: value if isinstance(value, Score) else score(value) for name, value in scores.items()}
    on_training = None if training is None else TrainingScores(32, dict.fromkeys(kept, training))
    return Point(learner, strategy, 0, train_size, f"tuned on {train_size}", 1, kept, on_training, None)


def learner_forecast(word=None, gain=0.0, sizes=((400.0, 78.0), (800.0, 80.0)), **values):
    verdict = None if word is None else Verdict(word, f"{word}.", 0.5, gain, [])
    return LearnerForecast(None, [MeasuredSize(n, mean, 1) for n, mean in sizes], verdict=verdict, **values)


def size_forecast(n, median, speculative=False):
    spread = Spread(median, {"0.80": (median, median), "0.90": (median, median)})
    return SizeForecast(n, median, median, {"0.50": median}, spread.intervals, spread, spread, False, speculative)


def results_of(**values):
    """Results of a study of which a test cares for some parts only."""
    facts = DataFacts(1, 1, {}, {}, 1, 1, 0, 0, None, 1, "random", "", "", Overlap(0, 0, "target"), [], False)
    usual = {
        "schema_version": 3, "tunecurve_version": "0", "signature": "", "spec": {"name": "tiny", "task": "masking", "show_texts": False},
        "headline": "", "complete": True, "data": facts, "decided": {}, "checks": [], "findings": [], "prompt": Prompt("", ""),
        "metrics": [metric_result()], "primary_metric": "bleu", "second_metric": "bleu", "floor": Floor("copy", "copying the input"),
        "bootstrap": Bootstrap(100, 0.95, 0, "rows"), "points": [], "comparisons": [], "labels": {},
        "test_set": TestSet(1, 1, 0.95, [], None, []), "label_advice": {}, "diagnosis": [], "forecast": {}, "second_forecast": {},
        "disagreements": [], "trials": [], "money": None,
    }  # fmt: skip
    return Results(**{**usual, **values})
