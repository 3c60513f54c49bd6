"""What to do next, said first. It reads what verdict, forecast, prices, test set and findings say, and computes no other.

The learner with the best fine-tuned score speaks. What forbids its verdict forbids a decision, and is its reason. With a clear
verdict, prices decide where they are known; without one, nothing is decided, and the step that goes against the reason is named.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from tunecurve.curve.answer import FirstStudy, NextRound, SettlingStep, Stop, Verdict
from tunecurve.curve.decision import labels_missing
from tunecurve.curve.next_sizes import LEAST_STEP, in_words, sizes_in_hand
from tunecurve.curve.plateau import BEST_SCORE, NOTHING_SHOWN, why_another_step
from tunecurve.curve.power import MOST_SEEDS
from tunecurve.curve.targets import TRUSTED_MULTIPLE
from tunecurve.results.diagnosis import last_diagnoses
from tunecurve.results.forecasts import prices_of
from tunecurve.results.model import Results
from tunecurve.results.records.advice import LearnerForecast
from tunecurve.results.records.decision import Action, ExpectedGain, NextStep, StudyDecision
from tunecurve.results.records.test_set import NextRows
from tunecurve.results.risk import greatest_risk
from tunecurve.results.test_set.entries import about
from tunecurve.results.test_set.next_rows import MOST_TIMES, rows_in_question
from tunecurve.wording import chance_in_words

OTHER_MODEL = NextStep("training", "try a larger model, another recipe, or other kinds of rows")


def decision_of(results: Results) -> StudyDecision:
    """Return the decision of a study; made now where its results were put together without one."""
    return results.decision or decide_study(results)


def decide_study(results: Results) -> StudyDecision:
    """Return what the results of a study say should be done next; `Results.decision` is not read."""
    learner = results.about_test_set.best_learner
    forecast = results.forecast.get(learner or "")
    if learner is None or forecast is None:
        return _nothing_tuned(results)
    return _OneLearner(results, learner, forecast).decision()


@dataclass(frozen=True)
class _Choice:
    """What to do, before gain, cost and risk stand beside it; `n`: the size to train on."""

    action: Action
    sentence: str
    reason: str
    step: NextStep | None = None
    n: float | None = None
    is_of_second: bool = False
    cost: float | None = None


def _nothing_tuned(results: Results) -> StudyDecision:
    blocking = results.forbidden("verdict")
    if blocking:
        reason, step = blocking[0].text, NextStep("finding", blocking[0].remedy or "see the checks")
    else:
        is_tuned = any(point.strategy == "fine-tune" for point in results.points)
        reason = "no fine-tuned point has a score that is defined" if is_tuned else "nothing is fine-tuned yet"
        step = NextStep("size", "fine-tune on three or more sizes")
    return StudyDecision(
        action="cannot tell",
        sentence=f"Cannot tell yet: {reason}. Next: {step.what}.",
        reason=reason,
        is_provisional=_is_provisional(results),
        learner=None,
        more_rows=None,
        rows_to_label=None,
        expected=None,
        cost=None,
        unknown_prices=[],
        next_step=step,
        risk=greatest_risk(results, None),
    )


def _is_provisional(results: Results) -> bool:
    return not results.complete or any(trial.failure for trial in results.trials)


@dataclass(frozen=True)
class _OneLearner:
    """The learner that speaks for the study."""

    results: Results
    learner: str
    forecast: LearnerForecast

    @property
    def last(self) -> float:
        """Its largest measured size."""
        return self.forecast.points[-1].n if self.forecast.points else 0.0

    def decision(self) -> StudyDecision:
        """Return what to do, with what it brings, costs, and what speaks against it."""
        choice = self._choice()
        more = None if choice.n is None else max(1, round(choice.n - self.last))
        cost, unknown = self._cost(choice.n) if choice.n is not None else (None, [])
        cost = cost if choice.cost is None or cost is None else choice.cost  # what prices decided by is what is said
        return StudyDecision(
            action=choice.action,
            sentence=choice.sentence,
            reason=choice.reason,
            is_provisional=_is_provisional(self.results),
            learner=self.learner,
            more_rows=more,
            rows_to_label=None if choice.n is None else self._to_label(choice.n),
            expected=self._expected(choice),
            cost=cost,
            unknown_prices=unknown,
            next_step=choice.step,
            risk=greatest_risk(self.results, self.learner),
        )

    def _choice(self) -> _Choice:
        verdict = self.forecast.verdict
        if self.forecast.refusal or verdict is None:
            return self._blocked()
        if verdict.reason == "training not settled":
            step = NextStep("training", f"train longer at the largest size, {self.last:,.0f} rows")
            sentence = f"Change the recipe before labelling more rows: {step.what}."
            return _Choice("change", sentence, self._diagnosis() or verdict.sentence, step)
        if verdict.word in ("cannot tell", NOTHING_SHOWN) and verdict.reason != BEST_SCORE:
            return self._unclear(verdict)
        if self._is_target_reached():
            return _Choice("stop", "Stop labelling: the target is reached.", self._target_words())
        if self.forecast.decision is not None:
            return self._by_prices(self.forecast.decision.best, self.forecast.decision.sentence)
        return self._rising(verdict) if verdict.word == "rising" else self._flat(verdict)

    def _blocked(self) -> _Choice:
        blocking, first = self.results.forbidden("verdict", self.learner), self.forecast.first_study
        reason = self.forecast.refusal or "there is no verdict"
        if blocking:
            step = NextStep("finding", blocking[0].remedy or "see the checks")
        elif first is not None:
            step = self._first_step(first)
        else:
            step = NextStep("size", "measure three or more training sizes")
        return _Choice("cannot tell", f"Cannot tell yet. Next: {step.what}.", reason, step)

    def _first_step(self, first: FirstStudy) -> NextStep:
        """Return the study that narrows the forecast most; where it takes labels, the missing sizes from the rows in hand."""
        to_label = self._to_label(first.rows)
        in_hand = (
            sizes_in_hand([point.n for point in self.forecast.points], self.results.data.n_pool) if to_label else []
        )
        if in_hand:
            return NextStep("size", f"train on {in_words(in_hand)}, which are labelled already", 0, len(in_hand))
        sizes = first.sizes or [first.rows]
        labels = f" ({to_label:,} to label)" if to_label else ", which are labelled already"
        return NextStep("size", f"train on {in_words(sizes)}{labels}", to_label, len(sizes) - 1 + first.seeds)

    def _unclear(self, verdict: Verdict) -> _Choice:
        rows = rows_in_question(self.results.test_set.next_rows, verdict, self.learner)
        if rows is not None:
            step = self._rows_step(rows)
        elif verdict.answer is not None:
            step = self._settling_step(verdict.answer)
            step = replace(step, what=step.what + why_another_step(verdict))
        else:
            step = NextStep("test set", "label more test rows")
        return _Choice("cannot tell", f"Cannot tell yet. Next: {step.what}.", verdict.sentence, step)

    def _settling_step(self, found: SettlingStep) -> NextStep:
        if found.kind == "size":
            cost = prices_of(self.results.advice).measurement(self._to_label(found.n), found.more_runs, found.n)
            return NextStep(
                "size", found.what + self._labelled(found.n), self._to_label(found.n), found.more_runs, cost
            )
        what = found.what
        if found.kind == "test set":
            what += f" ({4 * self.results.test_set.n_rows:,} rows)"
        return NextStep(found.kind, what, found.more_labels, found.more_runs, found.cost)

    def _rows_step(self, found: NextRows) -> NextStep:
        """Return which rows the test set asks for, as a step."""
        if found.better == "neither":
            return self._seeds_step(found)
        if found.better == "test rows":
            return _test_rows_step(found)
        if found.more_training_rows is None:
            return self._one_more_size()
        n = self.last + found.more_training_rows
        rows = about(n) if self._to_label(n) else round(n)
        what = f"train on about {rows:,} rows{self._labelled(n)}, a gain that these test rows can show"
        return NextStep("size", what, self._to_label(n), 1, found.cost_of_training_rows)

    def _seeds_step(self, found: NextRows) -> NextStep:
        """Return how many seeds show the gain; one more size where not even many would, and no realistic number of rows."""
        if found.seeds is None:
            if self._room() < found.wanted:
                score = f"{self.forecast.points[-1].mean_score:.4g}"
                what = f"label harder test rows: a score of {score} leaves no room for a gain of {found.wanted:.2g}"
                return NextStep("test set", what)
            step = self._one_more_size()
            are_seeds_known = all(size.runs > 1 for size in self.forecast.points[-2:])
            seeds = f"{MOST_SEEDS} seeds a size or " if are_seeds_known else ""
            gain = f"a gain of {found.wanted:.2g} between the sizes measured"
            return replace(
                step, what=f"{step.what}; not even {seeds}{MOST_TIMES} times the test rows would show {gain}"
            )
        sizes = self.forecast.points[-2:]
        missing, prices = [max(found.seeds - size.runs, 0) for size in sizes], prices_of(self.results.advice)
        costs = (prices.measurement(0, runs, size.n) for runs, size in zip(missing, sizes, strict=True))
        known, more = [cost for cost in costs if cost is not None], sum(missing)
        names = " and ".join(f"{size.n:,.0f}" for size in sizes)
        what = (
            f"run {found.seeds} seeds a size at {names} training rows ({more} more runs, no more labels), which tell a gain of "
            f"{found.wanted:.2g} on these test rows"
        )
        return NextStep("seeds", what, 0, more, sum(known) if known else None)

    def _room(self) -> float:
        """Return how much better than at the largest size a score can be."""
        best = self.results.metric(self.results.primary_metric).best
        return math.inf if best is None else abs(best - self.forecast.points[-1].mean_score)

    def _one_more_size(self) -> NextStep:
        """Return the next size: within the rows that are labelled already where they are enough more to be one."""
        pool = float(self.results.data.n_pool)
        n = min(2 * self.last, pool) if pool >= LEAST_STEP * self.last else 2 * self.last
        what = f"train on {n:,.0f} rows{self._labelled(n) or f' ({self._to_label(n):,} to label)'}"
        return NextStep("size", what, self._to_label(n), 1, self._cost(n)[0])

    def _by_prices(self, best: NextRound | Stop, sentence: str) -> _Choice:
        if isinstance(best, Stop):
            return _Choice("stop", "Stop labelling: no next round is expected to pay.", sentence)
        return self._more_rows(best.n, sentence, cost=best.cost)

    def _rising(self, verdict: Verdict) -> _Choice:
        target = self.forecast.target
        if target is None:
            return self._more_rows(2 * self.last, verdict.sentence)
        wanted = target.required_size.median
        if wanted is None:
            sentence = "Change the model or the recipe: more rows of this kind will probably not reach the target."
            return _Choice("change", sentence, self._target_words(), OTHER_MODEL)
        return self._more_rows(math.ceil(min(wanted, TRUSTED_MULTIPLE * self.last)), self._target_words())

    def _flat(self, verdict: Verdict) -> _Choice:
        second, name = self.results.second_forecast.get(self.learner), self.results.second_metric
        other = next((item for item in self.results.disagreements if item.learner == self.learner), None)
        if other is not None and second is not None and self.results.may_say(name, self.learner):
            return self._more_rows(2 * self.last, f"{other.sentence}.", is_of_second=True)
        reason = f"{verdict.sentence} {self._diagnosis()}".strip()
        if self.forecast.target is not None:
            sentence = "Change the model or the recipe: the curve is flat below the target."
            return _Choice("change", sentence, f"{reason} {self._target_words()}", OTHER_MODEL)
        step = None if verdict.answer is None else self._settling_step(verdict.answer)
        fell = "" if step is None else f", and its largest size fell. Next: {step.what}"
        what = f"the curve is flat{fell}" if verdict.reason != BEST_SCORE else "no test row is missed"
        return _Choice("stop", f"Stop labelling more rows of this kind: {what}.", reason, step)

    def _more_rows(self, n: float, reason: str, *, is_of_second: bool = False, cost: float | None = None) -> _Choice:
        to_label, in_hand = self._to_label(n), max(round(n), self.results.data.n_pool)
        if to_label == 0:
            sentence = f"Train on about {min(about(n), in_hand):,} rows{self._labelled(n)}."
        elif n - to_label > self.last:
            sentence = f"Label about {about(to_label):,} more rows and train on all {about(n):,}."
        else:
            sentence = f"Label about {about(to_label):,} more rows ({about(n):,} in all) and train on them."
        return _Choice("more rows", sentence, reason, n=n, is_of_second=is_of_second, cost=cost)

    def _to_label(self, n: float) -> int:
        return round(float(labels_missing(n - self.last, self.last, self.results.data.n_pool)))

    def _labelled(self, n: float) -> str:
        return ", which are labelled already" if not self._to_label(n) else ""

    def _expected(self, choice: _Choice) -> ExpectedGain | None:
        """Return the forecast gain at the size to train on, else at twice the rows; None where no verdict is given."""
        name = self.results.second_metric if choice.is_of_second else self.results.primary_metric
        forecast = self.results.second_forecast[self.learner] if choice.is_of_second else self.forecast
        known = [entry for entry in forecast.trusted if entry.gain is not None]
        if forecast.refusal or not known:
            return None
        entry = min(known, key=lambda one: abs(one.n - (choice.n or 2 * self.last)))
        assert entry.gain is not None
        low, high = entry.gain.intervals["0.80"]
        start = entry.median - self.results.metric(name).sign * entry.gain.mean
        return ExpectedGain(name, entry.n, entry.median, entry.gain.mean, low, high, 0.8, start)

    def _cost(self, n: float) -> tuple[float | None, list[str]]:
        """Return what the labels that are missing and one training cost, and what has no price."""
        prices = prices_of(self.results.advice)
        training = prices.training_per_example is not None or prices.training_fixed is not None
        to_label = self._to_label(n)
        priced = {"labels": prices.label is not None or not to_label, "training": training}
        return prices.measurement(to_label, 1, n), [name for name, is_known in priced.items() if not is_known]

    def _is_target_reached(self) -> bool:
        median = self.forecast.target.required_size.median if self.forecast.target else None
        return median is not None and median <= self.last

    def _target_words(self) -> str:
        target = self.forecast.target
        assert target is not None
        size = target.required_size
        if size.median is None:
            return f"The target of {target.target:g} is probably never reached (probability {chance_in_words(size.never_probability)})."
        high = "never" if size.high is None else f"{size.high:,.0f}"
        low = "never" if size.low is None else f"{size.low:,.0f}"
        far = ", speculative" if target.speculative else ""
        return (
            f"The target of {target.target:g} is reached with even odds at about {about(size.median):,} rows "
            f"({100 * size.level:.0f} % interval {low} to {high}{far})."
        )

    def _diagnosis(self) -> str:
        found = next((item for item in last_diagnoses(self.results.diagnosis) if item.learner == self.learner), None)
        return found.sentence if found else ""


def _test_rows_step(found: NextRows) -> NextStep:
    """Return the test rows to add, those first that are labelled and in no training set."""
    more, to_label = found.more_test_rows or 0, found.test_rows_to_label
    to_label = more if to_label is None else to_label
    if to_label == more:
        what = f"label about {about(more):,} more test rows"
    elif to_label:
        what = (
            f"label about {about(to_label):,} more test rows, and take as such the {more - to_label:,} labelled rows that no "
            "training size uses (a new study)"
        )
    else:
        what = f"take about {about(more):,} of the labelled rows that no training size uses as test rows (a new study)"
    return NextStep(
        "test set", f"{what}, which tell a gain of {found.wanted:.2g}", to_label, 0, found.cost_of_test_rows
    )
