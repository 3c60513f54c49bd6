"""What a training did, as a cell of a table: steps, epochs, where it ended, and what else its rows and steps went to."""

from __future__ import annotations

from tunecurve.learners.training import TrainingRecord


def training_in_words(training: TrainingRecord) -> str:
    """Return steps and passes of a training, where it ended early, and what its rows and other steps went to.

    ``33 × 11``, or ``5 of 6 × 2.5, model of step 2, 4 more steps at other learning rates, 8 development rows, learning rate 0.001``.
    Steps on pairs of rows have no passes: ``20 × 16 pairs``.
    """
    kept, planned = training.development, training.recipe.get("n_steps")
    steps, passes = str(training.steps or "–"), str(training.epochs)  # not every provider tells steps
    parts = []
    if kept and planned and training.steps < planned:
        steps = f"{steps} of {planned}"
        passes = _passes(training.recipe["epochs"] * training.steps / planned)
    if training.recipe.get("name") == "setfit":
        passes = f"{training.recipe['batch_size']} pairs"
    if kept and kept.best_step < training.steps:
        parts.append(f"model of step {kept.best_step}")
    if kept and kept.steps_of_others:
        parts.append(f"{kept.steps_of_others} more steps at other learning rates")
    if kept:
        parts += [f"{kept.rows} development rows", f"learning rate {kept.learning_rate:g}"]
    n_others = len(training.kept_aside or ()) - (kept.rows if kept else 0)
    if n_others > 0:
        parts.append(f"{n_others} rows for thresholds")
    return ", ".join([f"{steps} × {passes}", *parts])


def _passes(n: float) -> str:
    return f"{n:.0f}" if n >= 10 or abs(n - round(n)) < 0.05 else f"{n:.1f}"
