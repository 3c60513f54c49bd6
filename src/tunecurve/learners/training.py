"""What is asked of a learner that is fine-tuned, and what it tells: its job, its steps, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunecurve.learners.teaching import Teaching
from tunecurve.prompts import TuningExample
from tunecurve.storage.records import LEFT_OUT_IF_NONE, Record


@dataclass(frozen=True)
class TrainingJob:
    """One training."""

    examples: Sequence[TuningExample]
    """What is learnt."""
    recipe: dict[str, Any]
    """From `Learner.resolve_recipe`."""
    seed: int
    """Of everything random."""
    folder: Path
    """Where the tuned model goes; it also holds what an interrupted training continues from."""
    groups: Sequence[str] = ()
    """The group of every example: those of one stay together; default: each is one of its own."""
    n_taught: int = 0
    """Of the examples, those that a teacher has answered: the last ones."""

    def groups_of(self, n_examples: int) -> list[str]:
        """Return the groups of the first examples."""
        return list(self.groups[:n_examples] or map(str, range(n_examples)))


@dataclass(frozen=True)
class PlannedTraining:
    """What trainings on this machine will need, told before they begin."""

    memory: str
    """In words; empty where it is not known."""
    is_large: bool
    """Whether that is more than half of what is there."""
    to_fit: str
    """What is done so that it fits into what is there, in words; empty where nothing is needed."""
    times_as_long: float
    """How many times as long a step takes for that."""
    why_not_together: str
    """Why several are not computed as one where the study leaves that open; empty: they are."""


@dataclass(frozen=True)
class TrainingProgress:
    """Where a fine-tuning run stands; sent after every optimizer step."""

    step: int
    n_steps: int
    """Steps done, of how many."""
    loss: float
    """Of the last step."""
    tokens_per_second: float
    phase: str = ""
    """What of the training it is, where it has parts; empty: the study's rows."""


@dataclass(frozen=True)
class TriedRate(Record):
    """A learning rate that was tried: for how many steps, and the loss of the development rows after them."""

    learning_rate: float
    steps: int
    development_loss: float


@dataclass
class DevelopmentRecord(Record):
    """What development rows, which are counted in n, were used for."""

    rows: int
    """How many they are; they were not trained on."""
    losses: list[float]
    """Their mean loss at every look."""
    steps_between: int
    """Steps between two looks."""
    best_step: int
    """The step whose parameters the model has; later ones were taken, and brought nothing."""
    learning_rate: float
    """Peak that was trained with."""
    tried: list[TriedRate] = field(default_factory=list)
    """Learning rates that it was chosen from; empty: it was not chosen. The steps of the chosen one were gone on from and are among those
    of the training; those of the others are not."""

    @property
    def steps_of_others(self) -> int:
        """Steps at learning rates that were tried and left: time was spent on them, and the model has none of them."""
        return sum(one.steps for one in self.tried if one.learning_rate != self.learning_rate)


@dataclass(frozen=True)
class OverMaskingBudget(Record):
    """What a tagger's threshold rests on where over-masking has a budget: the rows that were kept for it."""

    per_cent: float
    """The budget, of the public text."""
    rows: int
    words: int
    """Rows that could be used, and their words that should stay."""
    masked: float | None
    masked_without: float | None
    """Per cent of these rows' public text that is masked with the threshold, and would be without a budget; None: they have none, and no
    threshold was chosen."""


@dataclass
class TrainingRecord(Record):
    """What a fine-tuning run did."""

    steps: int = 1
    epochs: int = 1
    examples_seen: int = 0
    """Optimizer steps that were taken, up to the end or to where development rows ended it (the model may be that of an earlier one,
    `development.best_step`); epochs that were begun, a part of one counts as one; rows seen over all of them: windows of long rows count
    each, and setfit sees pairs of rows, once. Steps at learning rates
    that were tried and left are in none of these but in `development.tried`."""
    losses: list[float] = field(default_factory=list)
    """Mean loss per trained token, at every step."""
    train_seconds: float = 0.0
    """Time of all steps, over all interruptions; those of learning rates that were tried and left, too."""
    tokens_trained: int = 0
    """Answer tokens that carried loss."""
    recipe: dict[str, Any] = field(default_factory=dict)
    """The resolved recipe; its steps are those that the rows made, where it was planned without them."""
    path: str = ""
    """Which backend computed the steps, what its comparison with the reference showed, and why no faster one was used."""
    is_fastest: bool = True
    """Whether no faster backend was passed over."""
    to_fit: str | None = field(default=None, metadata=LEFT_OUT_IF_NONE)
    """What was done so that it fitted into memory: batches in parts, layers computed again. None: nothing was needed."""
    cost_usd: float | None = None
    """What the training cost; None: unknown, or nothing is paid."""
    job: dict[str, Any] | None = None
    """The provider's job: its id, its key, the tuned model, checkpoints, tokens billed."""
    taken_from: str | None = None
    """Folder of the trial that did this training, where it was not done again."""
    kept_aside: list[int] | None = field(default=None, metadata=LEFT_OUT_IF_NONE)
    """On which of the trial's labelled rows, counted from 0, no step was taken: development rows, and those that thresholds were chosen on;
    they are counted in n. None: steps were taken on all."""
    development: DevelopmentRecord | None = field(default=None, metadata=LEFT_OUT_IF_NONE)
    """What development rows were used for; None: there were none."""
    over_masking: OverMaskingBudget | None = field(default=None, metadata=LEFT_OUT_IF_NONE)
    """What a budget of over-masking rests on; None: there was none."""
    teaching: Teaching | None = field(default=None, metadata=LEFT_OUT_IF_NONE)
    """What a teacher added to the rows; None: there was none."""

    @property
    def learning_rate(self) -> float | None:
        """The rate of the model's steps: of several that were tried the one that was taken; None where no rate is known."""
        return self.development.learning_rate if self.development else self.recipe.get("learning_rate")


@dataclass(frozen=True)
class Pending:
    """A training that someone else's machine is not done with; the same call later continues."""

    reason: str
    """What is waited for."""
    seconds: float
    """When asking again makes sense."""
