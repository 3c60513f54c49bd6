"""What a learner is: something that predicts, and perhaps can be fine-tuned. Knows nothing of studies or files.

Answers arrive as they are ready, each with its row's index, so that long scoring can be stored and resumed. A subclass
writes `identity` and `predict_stream`; everything else has a default, and what it leaves alone it cannot do.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunecurve.errors import ModelError, UsageError
from tunecurve.findings import Finding
from tunecurve.learners.completion import Completion, Decoder, StopReason, unanswered
from tunecurve.learners.losses import Loss, LossUnit, RoundTrip, TargetLoss
from tunecurve.learners.training import Pending, PlannedTraining, TrainingJob, TrainingProgress, TrainingRecord
from tunecurve.learners.workload import Resources, Workload
from tunecurve.prompts import Prompt, TuningExample

if TYPE_CHECKING:
    from tunecurve.learners.converted import ConvertedModel, ModelFormat
    from tunecurve.learners.model_files import ModelFiles
    from tunecurve.learners.unlabelled_rows import UnlabelledRows

__all__ = [
    "Completion", "Decoder", "Learner", "Loss", "Pending", "RoundTrip", "StopReason", "TargetLoss", "TrainingJob", "TrainingProgress",
    "TrainingRecord", "Tuned", "Workload", "predict", "unanswered",
]  # fmt: skip


class Learner(ABC):
    """Something that answers prompts.

    Attributes
    ----------
    name : str
        As the study names it.
    takes_prompts : bool
        Whether instruction and examples in the prompt change its answers, as with language models. The others see the
        row's input alone: they are fine-tuned, or answer by a fixed rule (a baseline).
    answers_are_cleaned : bool
        Whether what a study takes off answers (thoughts, a code fence) is taken off its answers, too: not where these are labels, or
        the input with parts replaced.
    is_paid : bool
        Whether answers and training cost money.
    loss_unit, loss_note : {"token", "word", "row"}, str
        What a loss is a mean over: tokens of the answers, words of the inputs, rows; what else its reader must know, mostly nothing.
    files : ModelFiles or None
        The model's files, which other machines need, too.
    is_asked_untrained : bool
        Whether a study prompts it without training, too, where it takes prompts.
    needs_answer_shape : bool
        Whether its answers hang on the shape that a trial's training rows show.
    settings_read : frozenset of str or None
        Settings of the study file that its training reads, e.g. ``"encoder.epochs"``; None: not known.

    Examples
    --------
    A baseline writes two methods:

    >>> class Upper(Learner):
    ...     name = "upper"
    ...     def identity(self):
    ...         return {"kind": "upper", "version": 1}
    ...     def predict_stream(self, prompts, done=()):
    ...         for index, prompt in unanswered(prompts, done):
    ...             yield index, Completion(prompt.source.upper(), "end")
    >>> [answer.text for answer in predict(Upper(), [Prompt((), "call ann")])]
    ['CALL ANN']
    """

    name: str
    takes_prompts: bool = False
    answers_are_cleaned: bool = True
    is_paid: bool = False
    loss_unit: LossUnit = "row"
    loss_note: str = ""
    files: ModelFiles | None = None
    needs_answer_shape: bool = False
    is_asked_untrained: bool = True
    settings_read: frozenset[str] | None = None

    @abstractmethod
    def identity(self) -> dict[str, object]:
        """Return everything of the learner that determines its answers (JSON-able): weights hash, precision, ..."""

    @abstractmethod
    def predict_stream(self, prompts: Sequence[Prompt], done: Collection[int] = ()) -> Iterator[tuple[int, Completion]]:
        """Yield (index, answer) in any order for every prompt whose index is not in `done`."""

    @property
    def decoder(self) -> Decoder | None:
        """Which implementation wrote the last answers; None where there is but one, or none was written yet."""
        return None

    # Fine-tuning

    @property
    def can_fine_tune(self) -> bool:
        """Whether it can be fine-tuned: `fine_tune` is written."""
        return self._writes("fine_tune")

    @property
    def can_train_together(self) -> bool:
        """Whether it can compute several trainings as one: `fine_tune_together` is written."""
        return self._writes("fine_tune_together")

    @property
    def answers_untrained(self) -> bool:
        """Whether it has an answer without prompt and training rows, though it can be fine-tuned: it is drawn as zero-shot."""
        return False

    def preparation_seconds(self) -> float:
        """Return about how long is needed once, before its first trial; 0 where it is done."""
        return 0.0

    def make_ready(self, on_step: Callable[[TrainingProgress], None]) -> None:  # noqa: B027  (most need nothing)
        """Do what all its trials need, where it is not done; when `on_step` raises, what is done is kept."""

    @property
    def fewest_training_rows(self) -> int:
        """The fewest rows that it is fine-tuned on."""
        return 1

    @property
    def trains_here(self) -> bool:
        """Whether it is tuned on this machine, which costs no money."""
        return not self.is_paid

    @property
    def most_training_rows(self) -> int | None:
        """The most rows of a study that it is fine-tuned on; None: there is no bound."""
        return None

    @property
    def has_teacher(self) -> bool:
        """Whether it makes use of inputs that nobody labelled: `use_unlabelled` is written."""
        return self._writes("use_unlabelled")

    def use_unlabelled(self, rows: UnlabelledRows) -> None:  # noqa: B027  (most need none)
        """Take the inputs that nobody labelled from here."""

    def work_of_teacher(self, work: Workload) -> Workload | None:
        """Return what a teacher computes or sends beside this work; None: there is none, or it is not known."""
        return None

    def rows_trained(self, train_size: int) -> int:
        """Return how many rows a training on so many labelled ones has, its development rows among them."""
        return train_size

    def n_windows(self, n_tokens: int) -> int:
        """Return as how many rows of its training steps an input of so many tokens is read; default: as one."""
        return 1

    def further_inputs(self, train_size: int, seed: int) -> list[str]:
        """Return the inputs that nobody labelled of which a training makes use, beside its rows."""
        return []

    def resolve_recipe(self, recipe: dict[str, Any], n_examples: int) -> dict[str, Any]:
        """Return the recipe with every value filled in for this many examples; default: one fit over all rows."""
        return {"name": "one fit", "epochs": 1, "n_steps": 1, "learning_rate": None, "batch_size": n_examples}

    def fine_tune(self, job: TrainingJob, on_step: Callable[[TrainingProgress], None]) -> Tuned | Pending:
        """Fine-tune on the job's examples, resuming from what its folder holds, and store the tuned model there.

        Parameters
        ----------
        job : TrainingJob
            Examples, recipe, seed and folder.
        on_step : callable
            Called after every step. When it raises, what is done is kept in the folder first.

        Returns
        -------
        Tuned or Pending
            `Pending` while someone else's machine does the work; the same call later continues.
        """
        raise ModelError(f"'{self.name}' cannot be fine-tuned; give no --train-sizes for it")

    def fine_tune_together(
        self, jobs: Sequence[TrainingJob], *, folder: Path, on_step: Callable[[int, TrainingProgress], None]
    ) -> list[TrainingRecord]:
        """Fine-tune for every job, and return what was done for each; `folder` holds what a later call goes on from.

        `on_step` is called with the job's position in the list.
        """
        raise ModelError(f"trainings of '{self.name}' cannot be computed together; set train_together: false")

    def plan_trainings(self, jobs: Sequence[TrainingJob]) -> PlannedTraining | None:
        """Return what trainings will need; their jobs may hold only the longest examples. None: that is not known."""
        return None

    def load_tuned(self, folder: Path) -> Learner:
        """Return the learner that `fine_tune` stored in `folder`."""
        raise ModelError(f"'{self.name}' has no tuned model that could be loaded")

    def training_identity(self) -> dict[str, object] | None:
        """Return what determines its training (JSON-able): equal ones train once; None: no other's training serves it."""
        return None

    def tuned_files(self) -> tuple[str, ...]:
        """Return the names of files and folders in which `fine_tune` stores the tuned model; for shared trainings."""
        return ()

    def tuning_obstacle(self, jobs: Iterable[TrainingJob]) -> str | None:
        """Return why these jobs cannot be done, in one line; None: nothing is known against it. Costs nothing."""
        return None

    def check_cap(self, job: TrainingJob, beside_usd: float) -> None:  # noqa: B027  (most cost nothing)
        """Raise where the cap on spending does not hold a job, and what is paid before it."""

    def checkpoints(self, folder: Path) -> list[tuple[int, Learner]]:
        """Return (pass, learner) for every kept state of the model that `fine_tune` stored in `folder`."""
        return []

    def save_merged(self, destination: Path) -> None:
        """Write the tuned model as one that needs nothing of this package."""
        raise UsageError(f"'{self.name}' has no adapter to merge; only language models of this machine have one")

    def convert(self, kind: ModelFormat, folder: Path) -> ConvertedModel:
        """Write the tuned model in a format of other tools into a folder, and return how it answers there; `UsageError` if it cannot be."""
        raise UsageError(
            f"'{self.name}' cannot be written as {kind}; language models of this machine become safetensors, gguf-f16 or "
            "gguf-q8_0, taggers and classifiers (classifier, setfit) onnx"
        )

    # Prompts

    def use_date(self, day: str) -> None:  # noqa: B027  (nothing to do without a date)
        """Write this day (ISO), the study's own, wherever prompts have a date."""

    def prompt_text(self, prompt: Prompt) -> str | None:
        """Return the text that the model reads, with its turns and marks; None: nothing is put around a prompt."""
        return None

    def prompt_findings(self) -> list[Finding]:
        """Return what a reader should know about the form of its prompts: switches, dates, what it cannot write."""
        return []

    def show_training_example(self, example: TuningExample) -> str | None:
        """Return a training example as the model reads it, the tokens that carry loss between « and »; None: no tokens."""
        return None

    # What it says of itself before it runs

    def model_findings(self) -> list[Finding]:
        """Return what is to be said of the model before anything is sent."""
        return []

    def row_findings(self, examples: Sequence[TuningExample]) -> list[Finding]:
        """Return what is to be said of it on the rows of a study; raises `UsageError` when it must not be measured on them."""
        return []

    def check_access(self, *, will_tune: bool = False) -> None:  # noqa: B027  (most need no access)
        """Raise EnvironmentProblem when a key, a login or an address is not set; makes no network call."""

    def return_targets(
        self, prompts: Sequence[Prompt], targets: Sequence[str], examples: Sequence[TuningExample]
    ) -> RoundTrip | None:
        """Return how right answers would come back from it, without weights; None: unknown.

        Parameters
        ----------
        prompts, targets : sequence of Prompt, sequence of str
            The test rows, shape (rows,).
        examples : sequence of TuningExample
            All training rows: what a tagger or classifier takes its labels from.
        """
        return None

    # Machine, tokens, time and money

    @property
    def resources(self) -> Resources:
        """What of a machine it computes with."""
        return Resources()

    @property
    def counts_tokens(self) -> bool:
        """Whether it can say how many tokens a text has: `count_tokens` is written."""
        return self._writes("count_tokens")

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of a text."""
        raise ModelError(f"'{self.name}' counts no tokens")

    def context_length(self) -> int | None:
        """Return the most tokens the model takes, prompt and answer together; None: no bound is known."""
        return None

    def tokens_needed(self, prompt: Prompt) -> int:
        """Return the tokens of a prompt and its longest answer; for learners with a context."""
        return 0

    def estimate_seconds(self, work: Workload) -> float:
        """Return about how long the work takes; default: no time worth telling."""
        return 0.0

    def n_calls(self, work: Workload) -> int:
        """Return how many answers of the work are paid for."""
        return work.n_calls if self.is_paid else 0

    def quote_usd(self, work: Workload, *, is_tuned: bool) -> float | None:
        """Return about what a trial costs; None: unknown."""
        return None if self.is_paid else 0.0

    def hosting_line(self) -> str | None:
        """Return in a line what stands by the hour for this learner, and how long; None when nothing does."""
        return None

    def hosting_paid_usd(self) -> float | None:
        """Return what has been paid so far for the time that something stood; None: unknown."""
        return 0.0

    # The loss of right answers

    @property
    def measures_loss(self) -> bool:
        """Whether it knows how probable any answer is to it, without writing one: `target_losses` is written."""
        return self._writes("target_losses")

    def target_losses(
        self, prompts: Sequence[Prompt], targets: Sequence[str], done: Collection[int] = ()
    ) -> Iterator[tuple[int, TargetLoss]]:
        """Yield (index, loss of the right answer) in any order for every prompt whose index is not in `done`."""
        raise ModelError(f"'{self.name}' does not tell the loss of an answer")

    def _writes(self, method: str) -> bool:
        """Return whether a subclass has its own method of this name."""
        return getattr(type(self), method) is not getattr(Learner, method)


@dataclass(frozen=True)
class Tuned:
    """A training that is done."""

    learner: Learner
    """The tuned one, as `Learner.load_tuned` returns it."""
    record: TrainingRecord
    """What the training did."""


def predict(learner: Learner, prompts: Sequence[Prompt]) -> list[Completion]:
    """Return the answers to all prompts, in their order."""
    answers = dict(learner.predict_stream(prompts))
    return [answers[index] for index in range(len(prompts))]
