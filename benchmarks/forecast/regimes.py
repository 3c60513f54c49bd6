"""What is set by hand in the prior, with its reasons; `fit_tables.py` writes it into the shipped table.

Each regime is a few numbers: its share, the shares of the families (`tunecurve.curve.families.FAMILIES`), mean and SD of
the midpoint (doublings beyond the largest measured size), centre and factor of one SD of the steepness, and how fast the
prior falls with the share of the error that stays for ever.

The numbers for losses were chosen by hand with both groups of the rectified-scaling-law study in view, and with simulated
losses (exact power laws, power laws with a floor, rectified laws): for losses of these two groups every exam figure is a
development figure. A search of the same numbers by CRPS on one group alone did worse on the other.
"""

from __future__ import annotations

from collections.abc import Mapping

from tunecurve.curve.priors import DRIFT

# Bounded metrics, "adapts late": the score may sit still while data are few and rise steeply later: the midpoint lies
# from the middle of the data to 64 times beyond, and little error stays for ever. LCDB alone would choose a smaller
# share than 0.2: it has no language models.
LATE_SHARE = 0.2
LATE = [
    {
        "share": 1.0,
        "family": [0.6, 0.2, 0.2, 0, 0, 0],
        "midpoint": [1.0, 3.0],
        "steepness": [0.9, 1.8],
        "floor": 1.5,
    }
]

# Losses. The rectified scaling law (Lin et al. 2024) first: flat while the data are few against what the model already
# knows, then a power law with a small exponent, most often ahead of the sizes people measure first. Then the log-log
# line, so that the average can become one; then anything.
_LINE = {
    "family": [0, 0, 0, 0.3, 0.7, 0],
    "midpoint": [0.0, 50.0],
    "steepness": [0.12, 2.2],
    "floor": 6.0,
}
_ANYTHING = {
    "family": [0.25, 0.25, 0.2, 0.2, 0.08, 0.02],
    "midpoint": [0.0, 50.0],
    "steepness": [0.3, 10.0],
    "floor": 0.0,
}
_RECTIFIED = {"family": [0.16, 0.8, 0.04, 0, 0, 0], "midpoint": [2.0, 3.5], "floor": 2.5}
# From three sizes on exponents hardly vary around 0.3: a steeper or flatter curve is one of the other regimes, which get more. One
# size tells neither, so that exponents vary more there, as Lin et al. saw them do: with those of three sizes it was forecast a
# third worse.
LOSS = [
    {"share": 0.34, **_RECTIFIED, "steepness": [0.3, 1.2]},
    {"share": 0.28, **_LINE},
    {"share": 0.38, **_ANYTHING},
]
FEW_LOSSES = [
    {"share": 0.64, **_RECTIFIED, "steepness": [0.28, 1.8]},
    {"share": 0.2, **_LINE},
    {"share": 0.16, **_ANYTHING},
]
# Levels of few sizes: those that fit_coverage.py found for these regimes from three sizes on.
FEW_LOSSES_LEVELS = {"beta": [1.1, 1.2, -0.6], "share": 0.5}
LOSS_NOISE = [-1.8, -0.25, -0.1, -0.95, -2.65, -5.2]  # around two per cent
LOSS_TROUBLE = [0.03, 0.015, 0.03]
LOSS_DISCREPANCY = 0.015
# Spread (constant, per doubling, per size beyond four, up to six): from four sizes both groups were covered too often,
# from six or more too seldom, for more sizes make the forecast surer than curves that bend again allow. Worse outcomes of
# four sizes keep more: there a floor cannot be seen coming.
LOSS_CALIBRATION = {"better": [-0.34, 0.0, 0.31], "worse": [-0.18, 0.0, 0.14]}


def loss_entry() -> Mapping[str, object]:
    """The table's entry for losses: nothing in it is learned."""
    return {
        "contexts": ["constant"],
        "regimes": LOSS,
        "noise_weights": [LOSS_NOISE],
        "trouble": LOSS_TROUBLE,
        "departures": [[0.75, DRIFT, 0.5 * LOSS_DISCREPANCY], [0.25, DRIFT, 1.8 * LOSS_DISCREPANCY]],
        "calibration": LOSS_CALIBRATION,
        "coverage": {"single": 1.0, "replicated": 1.0},
        "learned_from": "set by hand: benchmarks/forecast/regimes.py; levels by fit_coverage.py, from both groups",
    }


def few_losses_entry() -> Mapping[str, object]:
    """The table's entry for losses of fewer than three sizes."""
    by_hand = "set by hand: benchmarks/forecast/regimes.py"
    return {**loss_entry(), "regimes": FEW_LOSSES, "levels": FEW_LOSSES_LEVELS, "learned_from": by_hand}
