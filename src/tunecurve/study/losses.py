"""The loss of the right answers of a trial's model: row by row on the test rows, and on rows that it was tuned on.

losses.jsonl holds a line for every row. Beside the scores it is a second signal: it moves before answers change.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tunecurve.data.rows import Row
from tunecurve.errors import ModelError
from tunecurve.learners.base import Learner, TargetLoss
from tunecurve.learners.losses import LossUnit
from tunecurve.prompts import Prompt
from tunecurve.storage.files import AppendLog
from tunecurve.storage.records import LEFT_OUT_IF_NONE, Record
from tunecurve.study.dataset import StudyData
from tunecurve.study.plan import PlannedTrial, Trial, sampled_for_loss
from tunecurve.study.progress import Progress
from tunecurve.study.trial_folder import KeptLoss

NOT_FINITE = "loss is not a finite number"
# What a model raises that cannot be read this way; its scores stand all the same.
_CANNOT = (ModelError, RuntimeError, TypeError, AttributeError, ValueError, KeyError, IndexError)


@dataclass(frozen=True)
class SideLoss(Record):
    """The loss of a trial on test rows, or on rows that it was tuned on."""

    mean: float | None
    """Nats a unit."""
    per_row: float | None
    n_rows: int
    n_units: int
    left_out: dict[str, int]
    """How many rows have no loss, by the reason."""


@dataclass(frozen=True)
class TrialLoss(Record):
    """The loss of the right answers in one trial."""

    unit: LossUnit
    note: str
    """What else a reader must know, such as whose loss it is."""
    failure: str | None
    """Why no loss could be measured."""
    test: SideLoss | None = None
    train: SideLoss | None = None
    loss_seconds: float | None = field(default=None, metadata=LEFT_OUT_IF_NONE)


@dataclass(frozen=True)
class _Asked:
    """Rows of one side with what is asked about them."""

    side: str
    rows: Sequence[Row]
    prompts: Sequence[Prompt]


@dataclass(frozen=True)
class AskedRows:
    """The rows of a study with the prompts of a trial on the test rows."""

    data: StudyData
    prompts: Sequence[Prompt]
    kept_aside: Collection[int] = ()
    """Which of its training rows it was not trained on."""


def measure_losses(
    planned: PlannedTrial, rows: AskedRows, learner: Learner, store: AppendLog, progress: Progress
) -> TrialLoss:
    """Write losses.jsonl and return what is said of it; losses that are in the store are not measured again.

    Raises
    ------
    Interrupted
        When a stop was asked for; what is done is kept.
    """
    trial, started = planned.trial, time.perf_counter()
    described = TrialLoss(learner.loss_unit, learner.loss_note, None)
    sides: dict[str, SideLoss] = {}
    lines = []
    try:
        for asked in _sides(trial, rows):
            losses = _losses_of(asked, learner, store, progress)
            sides[asked.side] = describe_losses(losses)
            ids = [row.row_id for row in asked.rows]
            lines += [
                {"side": asked.side, "row_id": row_id, **asdict(loss)} for row_id, loss in zip(ids, losses, strict=True)
            ]
    except _CANNOT as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        progress.message(f"{trial.learner} {trial.label}: the loss of the right answers cannot be measured ({reason})")
        return replace(described, failure=reason)
    planned.folder.keep_losses(lines)
    seconds = time.perf_counter() - started
    return replace(described, test=sides.get("test"), train=sides.get("train"), loss_seconds=seconds)


def _sides(trial: Trial, asked: AskedRows) -> Iterator[_Asked]:
    data = asked.data
    yield _Asked("test", data.test, asked.prompts)
    if trial.strategy == "fine-tune":
        every = data.training_rows(trial.train_size, trial.seed)
        rows = [every[number] for number in sampled_for_loss(trial) if number not in asked.kept_aside]
        yield _Asked("train", rows, [data.renderer.prompt(row.source) for row in rows])


def _losses_of(asked: _Asked, learner: Learner, store: AppendLog, progress: Progress) -> list[TargetLoss]:
    # By the row's id, too: another version may have drawn other training rows.
    numbers = {(asked.side, index, row.row_id): index for index, row in enumerate(asked.rows)}
    losses = {
        numbers[key]: TargetLoss(**line["loss"])
        for line in store.values
        if (key := (line.get("side"), line.get("index"), line.get("row_id"))) in numbers
    }
    targets = [row.target for row in asked.rows]
    done: Collection[int] = set(losses)
    for index, found in learner.target_losses(asked.prompts, targets, done):
        loss = found if math.isfinite(found.nats) else TargetLoss(left_out=NOT_FINITE)
        store.append({"side": asked.side, "index": index, "row_id": asked.rows[index].row_id, "loss": asdict(loss)})
        losses[index] = loss
        progress.cancellation.check("while losses were measured")
    return [losses[index] for index in range(len(targets))]


def describe_losses(losses: Sequence[TargetLoss]) -> SideLoss:
    """Return means and counts: nats a unit, nats a row, and how many rows were left out, and why."""
    measured = [loss for loss in losses if not loss.left_out]
    nats, n_units = sum(loss.nats for loss in measured), sum(loss.n_units for loss in measured)
    left_out = Counter(loss.left_out for loss in losses if loss.left_out)
    return SideLoss(
        mean=nats / n_units if n_units else None,
        per_row=nats / len(measured) if measured else None,
        n_rows=len(measured),
        n_units=n_units,
        left_out=dict(sorted(left_out.items())),
    )


def loss_statistics(lines: Sequence[KeptLoss]) -> NDArray[np.float64]:
    """Return (nats, units) of every row, shape (rows, 2); 0 and 0 where a row was left out."""
    return np.array([[line["nats"], line["n_units"]] for line in lines], dtype=np.float64).reshape(-1, 2)
