"""How often a step settles a `cannot tell`, as it is promised and as it comes when the measurement is really forecast from.

    python benchmarks/forecast/step_chances.py

Eight curves of every reason. A step's outcomes are the 19 quantiles of the forecast (of a larger test set, 12 draws of its scores); each
becomes rows of the curve, which is forecast anew. Printed with the rough count and with the judged one (`--chances`): promise, what came,
and the processor time of one forecast.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence

from tunecurve.curve.answer import SettlingStep
from tunecurve.curve.forecast import CurvePoints, Forecast, forecast_curve

SIZES = (50, 100, 200, 400, 800)
Rows = list[tuple[float, list[float]]]
# Runs of one size in points of a hundred, around an imagined mean.
RUN_SD = 0.7
# Two test sets of which one is a part of the other share that much of their luck.
OWN_SHARE = 0.4
FAR_OFF = 0.15


def lone(*scores: float) -> Rows:
    """One run a size."""
    return [(size, [score]) for size, score in zip(SIZES, scores, strict=False)]


CURVES: dict[str, tuple[Rows, int | None, float | None]] = {
    "shapes": (lone(70, 74, 76.5, 78, 79.1), 20_000, None),
    "three sizes": (lone(70, 72, 73.5), 20_000, None),
    "test set": (lone(70, 72, 73, 74, 75), 100, 1.0),
    "noise": ([(50, [70, 74]), (100, [72, 70]), (200, [73, 76]), (400, [74, 75]), (800, [73, 76])], 20_000, 1.0),
    "published": ([(50, [86.38]), (200, [90.97]), (800, [94.30])], None, None),
    "rising, 50 test rows": (lone(50, 60, 68, 74, 79), 50, None),
    "collapse": (lone(50, 60, 68, 74, 40), 5_000, None),
    "flat, then collapse": (lone(80, 80.1, 80, 80.2, 72), 20_000, None),
}


def forecast(
    rows: Rows, n_test: int | None, delta: float | None, at: Sequence[float] = (), *, judged: bool = False
) -> Forecast:
    """Forecast a curve of rows."""
    sizes = [size for size, scores in rows for _ in scores]
    scores = [score for _, scores in rows for score in scores]
    points = CurvePoints(sizes, scores, n_test=n_test)
    return forecast_curve(points, (0.0, 100.0), delta=delta, at=at, backtest=False, judged_steps=judged)


def curves_after(
    step: SettlingStep, rows: Rows, n_test: int | None, outcomes: Sequence[float], dice: random.Random
) -> list[tuple[Rows, int | None]]:
    """Return the curve after each outcome of a step."""
    if step.kind == "size":
        return [([*rows, (step.n, [score])], n_test) for score in outcomes]
    if step.kind == "seeds":
        size, scores = rows[-1]
        runs = [[min(100.0, max(0.0, mean + dice.gauss(0, RUN_SD))) for _ in range(3)] for mean in outcomes]
        return [([*rows[:-1], (size, [*scores, *more])], n_test) for more in runs]
    assert n_test is not None

    def again(score: float) -> float:
        return score + dice.gauss(0, OWN_SHARE * (score * (100.0 - score) / n_test) ** 0.5)

    return [([(size, [again(one) for one in scores]) for size, scores in rows], 4 * n_test) for _ in range(12)]


def measure(*, judged: bool) -> list[tuple[str, str, float, float, float]]:
    """Return curve, step, promise, what came, and the milliseconds of the forecast."""
    found, dice = [], random.Random(8)
    for name, (rows, n_test, delta) in CURVES.items():
        last = rows[-1][0]
        started = time.process_time()
        answer = forecast(rows, n_test, delta, (last, 2 * last, 4 * last), judged=judged)
        spent = 1000.0 * (time.process_time() - started)
        quantiles = {entry.n: list(entry.quantiles.values()) for entry in answer.forecasts}
        for step in answer.verdict.settle if answer.verdict else []:
            later = curves_after(step, rows, n_test, quantiles[step.n], dice)
            verdicts = [forecast(more, tests, delta).verdict for more, tests in later]
            came = sum(one is not None and one.word != "cannot tell" for one in verdicts) / len(verdicts)
            found.append((name, step.what, step.chance, came, spent))
    return found


def main() -> None:
    """Print every step both ways, and how many promises were far off."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    for judged in (False, True):
        rows = measure(judged=judged)
        print("judged" if judged else "counted roughly")
        for name, what, promise, came, spent in rows:
            print(f"  {name}, {what}: promised {promise:.2f}, came {came:.2f} ({spent:.0f} ms)")
        off = [abs(promise - came) for _, _, promise, came, _ in rows]
        print(
            f"  {sum(one > FAR_OFF for one in off)} of {len(off)} off by more than {FAR_OFF:.2f}, at most {max(off):.2f}"
        )


if __name__ == "__main__":
    main()
