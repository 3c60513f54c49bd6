"""What to do next, in money: stop, or label and train up to the size with the best expected gain.

Two questions are answered. With a value per point: expected value gained minus labels, training and serving. With a
target and a penalty for missing it: cost plus penalty x P(miss), the rule of Learn-Optimize-Collect (Mahmood et al.
2022). Only sizes up to eight times the data are proposed: further out the forecast is speculative, and a round in
between is cheap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tunecurve.curve.answer import Decision, NextRound, Stop
from tunecurve.curve.points import Floats
from tunecurve.curve.predictive import Predictive
from tunecurve.curve.targets import TRUSTED_MULTIPLE
from tunecurve.errors import UsageError
from tunecurve.wording import chance_in_words

AT_THE_BEST = "Stop here: the largest size has the best score that there is, and a gain above it cannot be shown."

# Sums and products of larger prices overflow, and nobody pays them.
MOST_PRICE = 1e15


@dataclass(frozen=True)
class Prices:
    """What things cost, all in one currency; None means unknown and is left out of the sum."""

    label: float | None = None
    """One more labelled example."""
    value_per_point: float | None = None
    """Worth of one unit of the metric, over the life of the model."""
    training_per_example: float | None = None
    """Training on one example once, all epochs."""
    training_fixed: float | None = None
    """One training run, whatever its size."""
    serving_difference: float | None = None
    """Serving the fine-tuned model instead of today's choice, over the life of the model."""
    miss_penalty: float | None = None
    """Price of not reaching the target."""
    labelled: float = 0.0
    """Rows that are labelled already: those of them beyond the largest size cost no label."""

    def __post_init__(self) -> None:
        for name, price in vars(self).items():
            if price is not None and not (abs(price) <= MOST_PRICE and (price >= 0 or name == "serving_difference")):
                raise UsageError(f"price {name}={price}: expected a number from 0 to {MOST_PRICE:g}.")

    def measurement(self, more_labels: float, runs: int, size: float) -> float | None:
        """Price of `runs` more training runs at a size with that many more labels; None when none of it has a price."""
        training_known = self.training_per_example is not None or self.training_fixed is not None
        if not (training_known and runs) and not (self.label is not None and more_labels):
            return None
        one_run = size * (self.training_per_example or 0.0) + (self.training_fixed or 0.0)
        return more_labels * (self.label or 0.0) + runs * one_run


def labels_missing(more_rows: float | Floats, last_size: float, labelled: float) -> Floats:
    """Return how many labels are missing for so many rows that are not trained on at the largest measured size."""
    return np.maximum(0.0, more_rows - max(0.0, labelled - last_size))


def candidate_sizes(last_size: float, doublings: int = int(np.log2(TRUSTED_MULTIPLE))) -> Floats:
    """Sizes for the next round: two a doubling, by default up to eight times the data; whole rows, where the last size is one."""
    sizes = last_size * 2.0 ** (np.arange(1, 2 * doublings + 1) / 2.0)
    if last_size % 1.0:
        return sizes
    whole = np.unique(np.rint(sizes))
    return whole[whole > last_size]


def _cost(size: Floats, labels: Floats, prices: Prices) -> Floats:
    training = size * (prices.training_per_example or 0.0) + (prices.training_fixed or 0.0)
    return labels * (prices.label or 0.0) + training + (prices.serving_difference or 0.0)


def decide(predictive: Predictive, prices: Prices, target: float | None = None) -> Decision | None:
    """Return the best next step and its expected gain, or None when nothing has a price.

    Parameters
    ----------
    predictive : Predictive
    prices : Prices
    target : float, optional
        Needed for the miss penalty.

    Returns
    -------
    Decision or None
        ``best`` (the option with the largest expected net gain; stopping is an option with gain 0), ``options`` (all
        sizes with cost, expected score, expected gain, net gain, gain per money, chance that the step pays),
        ``unknown`` (prices left out).
    """
    if prices.value_per_point is None and (prices.miss_penalty is None or target is None):
        return None
    last = predictive.last_size
    sizes = np.append(last, candidate_sizes(last))
    sign = predictive.curve.scale.sign
    scores = predictive.curve_scores(sizes)
    gain = sign * (scores - scores[:, :1])
    worth = gain * (prices.value_per_point or 0.0)
    if prices.miss_penalty is not None and target is not None:
        missed = sign * scores < sign * target
        worth = worth + prices.miss_penalty * (missed[:, :1].astype(float) - missed)
    labels = labels_missing(sizes - last, last, prices.labelled)
    cost = _cost(sizes, labels, prices)
    options = []
    for index in range(1, len(sizes)):
        net = worth[:, index] - cost[index]
        options.append(
            NextRound(
                n=float(sizes[index]),
                more_labels=float(labels[index]),
                cost=float(cost[index]),
                expected_score=float(scores[:, index].mean()),
                expected_gain=float(gain[:, index].mean()),
                net_gain=float(net.mean()),
                gain_per_money=float(worth[:, index].mean() / cost[index]) if cost[index] > 0 else None,
                chance_it_pays=float(np.mean(net > 0)),
            )
        )
    best = max(options, key=lambda option: option.net_gain)
    chosen = best if best.net_gain > 0 and not predictive.curve.is_at_best else Stop(last)
    sentence = _sentence(chosen, best) if best.net_gain <= 0 or chosen is best else AT_THE_BEST
    unknown = [name for name, price in vars(prices).items() if price is None and name != "miss_penalty"]
    return Decision(chosen, sentence, options, unknown)


def _sentence(chosen: NextRound | Stop, best: NextRound) -> str:
    if isinstance(chosen, Stop):
        return (
            f"Stop here: even the best next round ({best.n:g} examples) is expected to cost {best.cost:.4g}, to be worth "
            f"{best.net_gain + best.cost:.4g}, and so to return {best.net_gain:.4g} net."
        )
    return (
        f"Go to {chosen.n:g} examples: expected worth {chosen.net_gain + chosen.cost:.4g} less cost {chosen.cost:.4g} is a net gain "
        f"of {chosen.net_gain:.4g}; "
        f"it pays with probability {chance_in_words(chosen.chance_it_pays)}."
    )
