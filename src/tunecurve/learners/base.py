"""What a learner is: something that predicts, and perhaps can be fine-tuned. Knows nothing of studies or files.

Answers arrive as they are ready, each with its row's index, so that long scoring can be stored and resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from tunecurve.findings import Finding
from tunecurve.prompts import Prompt, TuningExample

StopReason = Literal["end", "length", "blocked", "refused", "error"]


class StillWaiting(Exception):
    """Raised by `fine_tune` while someone else's machine does the work; asking again later continues.

    Attributes
    ----------
    seconds : float
        When asking again makes sense.
    """

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds


@dataclass(frozen=True)
class Completion:
    """One answer.

    Attributes
    ----------
    text : str
        The answer, empty when it failed.
    stop_reason : {"end", "length", "blocked", "refused", "error"}
        ``length``: cut at the cap; scored as it stands. ``blocked`` (by the provider's filter), ``refused`` (by the
        model) and ``error`` (no answer after all attempts): scored as the empty answer.
    tokens_in, tokens_out : int
        Tokens of the prompt and of the answer.
    seconds : float
        Time this answer took (its share of a batch).
    error : str or None
        What failed, or why it was blocked.
    model_version : str or None
        The version that the provider says has answered.
    cost_usd : float or None
        What the answer cost; None: unknown, or nothing is paid.
    thought : {"", "removed", "cut"}
        What was done with a thought before the answer: ``removed``; or ``cut``, never closed, so that no answer came.
    unwrapped, wrapped : str
        Wrappers that were taken off the answer, and those that are still around it; see `wrappers`.
    as_given : str or None
        The answer with the wrappers that were taken off.
    """

    text: str
    stop_reason: StopReason
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    error: str | None = None
    model_version: str | None = None
    cost_usd: float | None = None
    thought: Literal["", "removed", "cut"] = ""
    unwrapped: str = ""
    wrapped: str = ""
    as_given: str | None = None


@dataclass(frozen=True)
class TrainingProgress:
    """Where a fine-tuning run stands; sent after every optimizer step."""

    step: int
    n_steps: int
    loss: float
    tokens_per_second: float


@dataclass
class TrainingRecord:
    """What a fine-tuning run did.

    Attributes
    ----------
    steps, epochs, examples_seen : int
        Optimizer steps, passes, row-passes.
    losses : list of float
        Mean loss per trained token, at every step.
    train_seconds : float
        Time of all steps, over all interruptions.
    tokens_trained : int
        Answer tokens that carried loss.
    recipe : dict
        The resolved recipe.
    path : str
        Which way the steps were computed, and what its check against the plain way showed.
    cost_usd : float or None
        What the training cost; None: unknown, or nothing is paid.
    job : dict or None
        The provider's job: its id, its key, the tuned model, checkpoints, tokens billed.
    taken_from : str or None
        Folder of the trial that did this training, where it was not done again.
    """

    steps: int
    epochs: int
    examples_seen: int
    losses: list[float]
    train_seconds: float
    tokens_trained: int
    recipe: dict[str, Any] = field(default_factory=dict)
    path: str = ""
    cost_usd: float | None = None
    job: dict[str, Any] | None = None
    taken_from: str | None = None


@runtime_checkable
class Learner(Protocol):
    """Something that answers prompts.

    Attributes
    ----------
    name : str
        As the study names it.
    takes_prompts : bool
        Whether instruction and examples in the prompt change its answers, as with language models. The others see the
        row's input alone: they are fine-tuned, or answer by a fixed rule (a baseline).
    """

    name: str
    takes_prompts: bool

    def identity(self) -> dict[str, Any]:
        """Return everything of the learner that determines its answers (JSON-able): weights hash, precision, ..."""
        ...

    def predict_stream(self, prompts: Sequence[Prompt], done: Collection[int] = ()) -> Iterator[tuple[int, Completion]]:
        """Yield (index, answer) in any order for every prompt whose index is not in `done`."""
        ...


@runtime_checkable
class FineTunable(Learner, Protocol):
    """A learner that can be fine-tuned."""

    def resolve_recipe(self, recipe: dict[str, Any], n_examples: int) -> dict[str, Any]:
        """Return the recipe with every value filled in for this many examples."""
        ...

    def fine_tune(
        self,
        examples: Sequence[TuningExample],
        recipe: dict[str, Any],
        *,
        seed: int,
        folder: Path,
        on_step: Callable[[TrainingProgress], None],
    ) -> tuple[Learner, TrainingRecord]:
        """Fine-tune on examples by a recipe from `resolve_recipe`, resuming from what `folder` holds.

        The tuned model is stored in `folder`. When `on_step` raises, what is done is kept there first.

        Raises
        ------
        StillWaiting
            When the work is done elsewhere and not ready; the same call later continues.
        """
        ...

    def load_tuned(self, folder: Path) -> Learner:
        """Return the learner that `fine_tune` stored in `folder`."""
        ...


@runtime_checkable
class WrapsPrompts(Protocol):
    """A learner that puts something of its own around a prompt: a model's chat template."""

    def prompt_text(self, prompt: Prompt) -> str:
        """Return the text that the model reads."""
        ...


@runtime_checkable
class HasContext(Protocol):
    """A learner whose prompts and answers must fit into a context, or its trial fails."""

    def context_length(self) -> int:
        """Return the most tokens the model takes, prompt and answer together."""
        ...

    def tokens_needed(self, prompt: Prompt) -> int:
        """Return the tokens of a prompt and its longest answer."""
        ...


@runtime_checkable
class SharesTraining(Protocol):
    """A learner whose training may serve other learners too, which differ from it only in how answers are written."""

    def training_identity(self) -> dict[str, Any]:
        """Return what of the learner determines its training (JSON-able); equal ones train to the same end."""
        ...

    def tuned_files(self) -> tuple[str, ...]:
        """Return the names of files and folders in which `fine_tune` stores the tuned model."""
        ...


@dataclass(frozen=True)
class TrainingJob:
    """One of several trainings that are computed together.

    Attributes
    ----------
    examples : sequence of TuningExample
    recipe : dict
        From `FineTunable.resolve_recipe`.
    seed : int
    folder : Path
        Where the tuned model goes, as with `FineTunable.fine_tune`.
    """

    examples: Sequence[TuningExample]
    recipe: dict[str, Any]
    seed: int
    folder: Path


@runtime_checkable
class TrainsTogether(FineTunable, Protocol):
    """A learner that can compute several trainings as one."""

    def fine_tune_together(
        self, jobs: Sequence[TrainingJob], *, folder: Path, on_step: Callable[[int, TrainingProgress], None]
    ) -> list[TrainingRecord]:
        """Fine-tune for every job, and return what was done for each; `folder` holds what a later call goes on from.

        `on_step` is called with the job's place in the list.
        """
        ...


@dataclass(frozen=True)
class Workload:
    """What a trial will compute, in tokens; for the estimate of time and, where it costs, of money.

    Attributes
    ----------
    tokens_trained : int
        Tokens through the training steps, the shared instruction counted once a step.
    tokens_read : int
        Prompt tokens at scoring, over all rows.
    tokens_written : int
        Answer tokens at scoring, if answers are as long as the targets.
    steps : int
        Optimizer steps; 0 where the provider decides.
    n_calls : int
        Rows answered.
    passes : int
        Passes over the training rows.
    tokens_judged : int
        Tokens of prompts and right answers that are read once for their loss.
    """

    tokens_trained: int
    tokens_read: int
    tokens_written: int
    steps: int
    n_calls: int = 0
    passes: int = 0
    tokens_judged: int = 0


@runtime_checkable
class CountsTokens(Protocol):
    """A learner that can count tokens and say how long work takes it."""

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of a text."""
        ...

    def context_length(self) -> int:
        """Return the most tokens the model takes, prompt and answer together."""
        ...

    def estimate_seconds(self, work: Workload) -> float:
        """Return about how long the work takes on this machine."""
        ...


@runtime_checkable
class CostsMoney(Protocol):
    """A learner whose answers and training are paid for."""

    def quote_usd(self, work: Workload, *, is_tuned: bool) -> float | None:
        """Return about what a trial costs; None: unknown."""
        ...


@runtime_checkable
class PaysByTheHour(Protocol):
    """A learner some of whose costs grow with time, not with tokens."""

    def hosting_line(self) -> str | None:
        """Return in a line what stands by the hour for this learner, and how long; None when nothing does."""
        ...

    def hosting_paid_usd(self) -> float | None:
        """Return what has been paid so far for the time that something stood; None: unknown."""
        ...


@runtime_checkable
class NeedsAccess(Protocol):
    """A learner behind someone else's door: keys, accounts, what they allow."""

    def check_access(self, *, will_tune: bool) -> None:
        """Raise EnvironmentProblem when something that it needs is not set; asks nobody."""
        ...

    def tuning_obstacle(self, trainings: Sequence[tuple[Sequence[TuningExample], dict[str, Any]]]) -> str | None:
        """Return why these rows cannot be tuned on, in one line; None: nothing is known against it. Costs nothing."""
        ...


@runtime_checkable
class OwnsPromptForm(Protocol):
    """A learner that puts prompts into a form of its own, such as a local model's chat template."""

    def use_date(self, day: str) -> None:
        """Write this day (ISO), the study's own, wherever the form has a date."""
        ...

    def prompt_findings(self) -> list[Finding]:
        """Return what a reader should know about the form: switches, dates, what it cannot write."""
        ...


@runtime_checkable
class BehindAnApi(Protocol):
    """A learner that somebody else runs."""

    def model_findings(self) -> list[Finding]:
        """Return what is to be said of the model before anything is sent."""
        ...


@runtime_checkable
class TunesFromSomeRows(Protocol):
    """A learner that is tuned on no fewer rows than its provider takes.

    Attributes
    ----------
    fewest_training_rows : int
        The fewest.
    """

    fewest_training_rows: int


@runtime_checkable
class HasCheckpoints(Protocol):
    """A learner whose tuned models are kept as they were after every pass."""

    def checkpoints(self, folder: Path) -> list[tuple[int, Learner]]:
        """Return (pass, learner) for the model that `fine_tune` stored in `folder`."""
        ...


@dataclass(frozen=True)
class TargetLoss:
    """How improbable a row's right answer is to a model.

    Attributes
    ----------
    nats : float
        Minus the natural logarithm of the probability of the whole answer.
    n_units : int
        Parts of the answer, see `MeasuresLoss.loss_unit`.
    left_out : str
        Why there is no loss, in a few words; empty where there is one.
    """

    nats: float = 0.0
    n_units: int = 0
    left_out: str = ""


@runtime_checkable
class MeasuresLoss(Protocol):
    """A learner that knows how probable any answer is to it, without writing one.

    Attributes
    ----------
    loss_unit : {"token", "word", "row"}
        What a loss is a mean over: tokens of the answers, words of the inputs, rows.
    loss_note : str
        What a reader of the loss must know beside the unit; mostly empty.
    """

    loss_unit: Literal["token", "word", "row"]
    loss_note: str

    def target_losses(
        self, prompts: Sequence[Prompt], targets: Sequence[str], done: Collection[int] = ()
    ) -> Iterator[tuple[int, TargetLoss]]:
        """Yield (index, loss of the right answer) in any order for every prompt whose index is not in `done`."""
        ...


@dataclass(frozen=True)
class Loss:
    """Right answers that a step on the way from a model to its text does not let through whole.

    Attributes
    ----------
    step : str
        The step, e.g. ``"answer cap"``.
    rows : tuple of int
        Places of the answers.
    text : str
        What is wrong with them, to be read behind their count: ``"test targets are longer than ..."``.
    remedy : str
        What to do.
    """

    step: str
    rows: tuple[int, ...]
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class RoundTrip:
    """The right answers as they would come back from a perfect model, and what was lost on the way."""

    texts: list[str]
    losses: tuple[Loss, ...] = ()


@runtime_checkable
class ReturnsTargets(Protocol):
    """A learner that can say, without weights, how right answers would come back from it."""

    def return_targets(
        self, prompts: Sequence[Prompt], targets: Sequence[str], examples: Sequence[TuningExample]
    ) -> RoundTrip:
        """Send the right answers through encoding, answer cap and decoding, or through tags and rendering.

        Parameters
        ----------
        prompts, targets : sequence of Prompt, sequence of str
            The test rows, shape (rows,).
        examples : sequence of TuningExample
            All training rows: what a tagger or classifier takes its labels from.
        """
        ...


def predict(learner: Learner, prompts: Sequence[Prompt]) -> list[Completion]:
    """Return the answers to all prompts, in their order."""
    answers = dict(learner.predict_stream(prompts))
    return [answers[index] for index in range(len(prompts))]
