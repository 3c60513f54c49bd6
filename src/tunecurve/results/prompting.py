"""From which size on tuning beats the best prompt: against all that was measured without training, in points and in money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from tunecurve.findings import Finding, blocked
from tunecurve.learners.distilled_names import parse_distilled_name
from tunecurve.learners.hosted.prices import money
from tunecurve.results.forecasts import Forecaster
from tunecurve.results.gates import NOT_ABOVE_FLOOR, OF_TUNED_MODELS, gated
from tunecurve.results.points import ScoredPoint, defined, difference, floor_of, tuned_curves
from tunecurve.results.records.advice import LearnerForecast
from tunecurve.results.records.money import ModelPrices
from tunecurve.results.records.points import Difference, MetricResult, best_of
from tunecurve.results.records.prompting import BestPrompt, PromptForecast, TunedAgainstPrompt
from tunecurve.results.records.trials import FinishedTrial
from tunecurve.spec.study import AdviceSpec
from tunecurve.study.plan import PROMPTED, SIMILAR, PointKey, Strategy, Trial

PER_REQUESTS = 1000


class PromptForecaster:
    """Forecasts the curves of similar examples; remembers what it has made, as long as a curve has no new trial."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, Strategy, int], tuple[set[Trial], LearnerForecast]] = {}

    def forecast(
        self,
        forecaster: Forecaster,
        metric: MetricResult,
        advice: AdviceSpec,
        findings: Sequence[Finding],
        level: float = 0.95,
    ) -> list[PromptForecast]:
        """Return the forecast of every curve; no verdict where one is forbidden, or no size is certain to beat the floor.

        What is found of a learner's tuned models says nothing of its prompts.
        """
        findings = [finding for finding in findings if finding.learner is None or finding.code not in OF_TUNED_MODELS]
        curves: dict[tuple[str, Strategy, int], list[ScoredPoint]] = {}
        for point in forecaster.points:
            if point.strategy in SIMILAR:
                curves.setdefault((point.learner, point.strategy, point.shots), []).append(point)
        floor = floor_of(forecaster.points)
        found = []
        for (learner, strategy, shots), own in curves.items():
            forecast = self._forecast_one(forecaster, (learner, strategy, shots), metric, advice)
            forecast = gated({learner: forecast}, findings)[learner]
            refusal = "" if forecast.refusal or floor is None else _not_above(floor, own, metric, level)
            if refusal and forecast.word != "rising":  # one that rises may start below the floor, as tuned curves
                forecast = LearnerForecast(refusal, forecast.points)
            found.append(PromptForecast(learner, strategy, shots, f"{shots} {strategy.replace('-', ' ')}", forecast))
        return found

    def _forecast_one(
        self, forecaster: Forecaster, curve: tuple[str, Strategy, int], metric: MetricResult, advice: AdviceSpec
    ) -> LearnerForecast:
        trials = {
            item.trial
            for item in forecaster.scored
            if (item.trial.learner, item.trial.strategy, item.trial.shots) == curve
        }
        before = self._made.get(curve)
        if before is None or before[0] != trials:
            self._made[curve] = trials, forecaster.forecast_prompt(curve[0], (curve[1], curve[2]), metric, advice)
        return self._made[curve][1]


def _not_above(floor: ScoredPoint, own: Sequence[ScoredPoint], metric: MetricResult, level: float) -> str:
    """Return why there is no verdict where no size is above the floor for certain; empty where one is."""
    gains = [difference(floor, point, metric, level) for point in own]
    if any(gain.is_shown(metric.sign) for gain in gains):
        return ""
    by_chance = any(metric.sign * (gain.difference or 0.0) > 0 for gain in gains)
    named = f"{floor.label}, {fmean(floor.scores[metric.name]):.1f}"
    return f"No verdict: no size is above the floor ({named}){' by more than noise' if by_chance else ''}."


@dataclass(frozen=True)
class PromptJudge:
    """Compares tuned models with the best prompt."""

    points: Sequence[ScoredPoint]
    """All of the study."""
    trials: Sequence[FinishedTrial]
    """All that are done: what their calls took."""
    prices: Mapping[str, ModelPrices]
    """Of paid models, by name."""
    findings: Sequence[Finding]
    """Those that forbid a verdict forbid this one."""
    level: float
    """Of the intervals."""

    def judge(self, metric: MetricResult) -> list[BestPrompt]:
        """Return for every tuned learner what it has to beat, and from which size on it does.

        A curve on the floor is compared, too: that a prompt is better is what its reader has to know.
        """
        unprompted = {trial.key for trial in self.trials if trial.answers_by_label_names}
        prompts = [
            point
            for point in self.points
            if point.strategy in PROMPTED and point.key not in unprompted and self._score(point, metric) is not None
        ]
        best = best_of(prompts, lambda point: self._score(point, metric), metric)
        if best is None or blocked(self.findings, "verdict"):
            return []
        return [self._judge_one(learner, best, len(prompts), metric) for learner in tuned_curves(self.points)]

    @staticmethod
    def _score(point: ScoredPoint, metric: MetricResult) -> float | None:
        return defined(fmean(point.scores[metric.name]))

    def _judge_one(self, learner: str, best: ScoredPoint, n_prompts: int, metric: MetricResult) -> BestPrompt:
        reasons = [one for one in blocked(self.findings, "verdict", learner) if one.code != NOT_ABOVE_FLOOR]
        sizes = [
            TunedAgainstPrompt(
                point.train_size, difference(best, point, metric, self.level), *self._tokens_and_price(point.key)
            )
            for point in (tuned_curves(self.points)[learner] if not reasons else [])
        ]
        score, (tokens, price) = fmean(best.scores[metric.name]), self._tokens_and_price(best.key)
        found = BestPrompt(
            learner=learner,
            prompted=best.learner,
            strategy=best.strategy,
            shots=best.shots,
            train_size=best.train_size,
            label=best.label,
            score=score,
            n_prompts=n_prompts,
            tokens_sent=tokens,
            usd_per_1000=price,
            sizes=sizes,
            from_size=_from_size(sizes, metric),
            sentence="",
        )
        return BestPrompt(**{**vars(found), "sentence": _sentence(found, metric, reasons)})

    def _tokens_and_price(self, key: PointKey) -> tuple[float | None, float | None]:
        """Return the mean tokens of a point's prompts, and what 1,000 requests cost; None where that is not known."""
        answers = [trial.answers for trial in self.trials if trial.key == key]
        n = sum(answer.n for answer in answers)
        sent, written = sum(answer.tokens_in for answer in answers), sum(answer.tokens_out for answer in answers)
        learner, strategy, *_ = key
        parts = parse_distilled_name(learner)
        prices = self.prices.get(parts.student if parts else learner)
        if not n or not sent:
            return None, None
        if prices is None:
            return sent / n, None
        is_tuned = strategy == "fine-tune"
        of_sent = prices.sent_to_tuned if is_tuned else prices.sent
        of_written = prices.answered_by_tuned if is_tuned else prices.answered
        if of_sent is None or of_written is None:
            return sent / n, None
        return sent / n, PER_REQUESTS * (sent * of_sent + written * of_written) / 1e6 / n


def _from_size(sizes: Sequence[TunedAgainstPrompt], metric: MetricResult) -> int | None:
    """Return the smallest size such that it and all larger ones are shown to be better."""
    found = None
    for size in reversed(sizes):
        if not size.difference.is_shown(metric.sign):
            break
        found = size.train_size
    return found


def _sentence(found: BestPrompt, metric: MetricResult, reasons: Sequence[Finding]) -> str:
    whose = f" of {found.prompted}" if found.prompted != found.learner else ""
    among = f" (best of {found.n_prompts} prompts)" if found.n_prompts > 1 else ""
    prompt = f"the best prompt, {found.label}{whose}, {metric.title} {found.score:.1f}{among}"
    if reasons:
        why = "; ".join(reason.text.removeprefix(f"{found.learner}: ") for reason in reasons)
        return f"Tuning {found.learner} is not compared with {prompt}: {why}."
    at = next((size for size in found.sizes if size.train_size == found.from_size), found.sizes[-1])
    change = _difference_words(at.difference, metric)
    if found.from_size is not None:
        said = f"Tuning {found.learner} beats {prompt}, from {at.train_size:,} rows on: {change} there"
    else:
        is_worse = at.difference.is_shown(-metric.sign)
        how = "is worse than" if is_worse else "is not shown to beat"
        said = f"Tuning {found.learner} {how} {prompt}, at {at.train_size:,} rows, the most measured: {change}"
    return f"{said}{_cost_words(found, at)}."


def _difference_words(change: Difference, metric: MetricResult) -> str:
    if change.difference is None:
        return "a difference that is not defined"
    within = "" if change.low is None or change.high is None else f" [{change.low:+.1f}, {change.high:+.1f}]"
    return f"{change.difference:+.1f}{within} points{' (less is better)' if metric.sign < 0 else ''}"


def _cost_words(found: BestPrompt, tuned: TunedAgainstPrompt) -> str:
    prices = [
        (found.usd_per_1000, "with that prompt", "of the prompted model"),
        (tuned.usd_per_1000, "tuned", "of the tuned model"),
    ]
    known = [f"{money(price)} {how}" for price, how, _ in prices if price is not None]
    if known:
        unknown = "".join(f"; no price {whose} is known" for price, _, whose in prices if price is None)
        return f"; 1,000 requests cost about {' and '.join(known)}, calls alone{unknown}"
    if found.tokens_sent is not None and tuned.tokens_sent is not None:
        return f"; a request sends about {found.tokens_sent:,.0f} tokens with that prompt and {tuned.tokens_sent:,.0f} tuned"
    return ""
