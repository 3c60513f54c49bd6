"""A hosted model that its provider tunes: the same learner, with jobs behind `fine_tune`."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from tunecurve.errors import ModelError, TunecurveError
from tunecurve.learners.base import Completion, Learner, StillWaiting, TrainingProgress, TrainingRecord
from tunecurve.learners.hosted.account import Account
from tunecurve.learners.hosted.chat import HostedLearner
from tunecurve.learners.hosted.failures import host_of
from tunecurve.learners.hosted.job_types import JobRequest, ProviderJob, TuningBackend
from tunecurve.learners.hosted.jobs import JobFlow
from tunecurve.learners.hosted.manners import USUAL_BATCH, manner_of
from tunecurve.learners.hosted.names import HostedName
from tunecurve.learners.hosted.trouble import PassingTrouble
from tunecurve.learners.passes import passes_over_rows
from tunecurve.prompts import Prompt, TuningExample
from tunecurve.spec import AnswerSpec

TUNED = "tuned.json"
LONGEST_TROUBLE_SECONDS = 3600.0


class TunableHostedLearner(HostedLearner):
    """A hosted model with a tuning backend.

    Parameters
    ----------
    open_backend : callable
        Makes the backend, at the first job.
    backend_name : str
        Which one; see `manners`.
    """

    def __init__(
        self,
        asked_as: str,
        name: HostedName,
        answers: AnswerSpec,
        account: Account,
        open_backend: Callable[[], TuningBackend],
        backend_name: str,
    ) -> None:
        super().__init__(asked_as, name, answers, account)
        self._open_backend, self.backend_name = open_backend, backend_name
        self._backend: TuningBackend | None = None
        self._trouble_since: float | None = None

    @property
    def fewest_training_rows(self) -> int:
        """The fewest rows that the provider's jobs take."""
        return manner_of(self.backend_name, self.target.model).fewest_rows

    @property
    def backend(self) -> TuningBackend:
        """The provider's tuning service."""
        if self._backend is None:
            self._backend = self._open_backend()
        return self._backend

    def resolve_recipe(self, recipe: dict[str, Any], n_examples: int) -> dict[str, Any]:
        """Return the values that the provider takes; passes by the same rule as for local models."""
        given = {key: value for key, value in recipe.items() if value is not None}
        manner = manner_of(self.backend_name, self.target.model)
        batch_size = given.get("batch_size") or USUAL_BATCH if manner.takes_batch_size else None
        if manner.most_passes is not None:
            given["max_epochs"] = min(given.get("max_epochs", manner.most_passes), manner.most_passes)
        epochs = passes_over_rows(given, n_examples, batch_size or USUAL_BATCH)
        settings = self.account.settings
        size = settings.adapter_size if manner.adapter_sizes else None
        return {
            "name": given.get("name", "default"),
            "backend": self.backend_name,
            "epochs": epochs,
            "n_steps": epochs * math.ceil(n_examples / batch_size) if batch_size else None,
            "batch_size": batch_size,
            "learning_rate": None,
            "learning_rate_multiplier": settings.learning_rate_multiplier,
            "lora_rank": size,
            "adapter_size": size,
        }

    def fine_tune(
        self,
        examples: Sequence[TuningExample],
        recipe: dict[str, Any],
        *,
        seed: int,
        folder: Path,
        on_step: Callable[[TrainingProgress], None],
    ) -> tuple[HostedLearner, TrainingRecord]:
        """Bring the tuning job on its way, or look how it stands.

        Raises
        ------
        StillWaiting
            Until the provider has finished.
        """
        self.check_access(will_tune=True)
        flow = JobFlow(self.backend, self.account, self.account.price(self.target, self.name, tuned=True))
        try:
            row, job = flow.advance(self._request(examples, recipe, seed))
        except PassingTrouble as trouble:
            raise self._wait_out(trouble) from None
        except StillWaiting:
            self._trouble_since = None
            raise
        self._trouble_since = None
        self._store(folder, row["key"], job)
        return self.load_tuned(folder), _record(recipe, len(examples), row, job)

    def tuning_obstacle(self, trainings: Sequence[tuple[Sequence[TuningExample], dict[str, Any]]]) -> str | None:
        """Return why these rows, or this account and model, cannot be tuned; None: nothing is known against it."""
        try:
            for examples, recipe in trainings:
                self.backend.check_limits(self._request(examples, recipe, seed=0))
            self.backend.preflight(self.target.model)
        except TunecurveError as error:
            return str(error)
        except PassingTrouble as trouble:
            return f"{host_of(self.target)} could not be asked whether it tunes this model ({trouble}); try again"
        return None

    def _request(self, examples: Sequence[TuningExample], recipe: dict[str, Any], seed: int) -> JobRequest:
        return JobRequest(
            base_model=self.target.model,
            label=f"n{len(examples)}-seed{seed}",
            examples=examples,
            recipe=recipe,
            seed=seed,
            tokens=self._training_tokens(examples, recipe),
            place=self.backend.place(),
        )

    def _training_tokens(self, examples: Sequence[TuningExample], recipe: dict[str, Any]) -> int:
        texts = [[message.content for message in example.prompt.messages] + [example.answer] for example in examples]
        one_pass = sum(self.count_tokens(text) + 4 for row in texts for text in row)
        return int(recipe["epochs"]) * one_pass

    def _wait_out(self, trouble: PassingTrouble) -> Exception:
        """Return the reason to ask later; after an hour of nothing but trouble, to give up."""
        now = time.monotonic()
        if self._trouble_since is None:
            self._trouble_since = now
        if now - self._trouble_since > LONGEST_TROUBLE_SECONDS:
            minutes = LONGEST_TROUBLE_SECONDS / 60
            return ModelError(f"the provider's tuning service was not to be reached for {minutes:.0f} min: {trouble}")
        poll_seconds = self.account.settings.poll_seconds
        return StillWaiting(f"the provider's tuning service cannot be reached, trying again: {trouble}", poll_seconds)

    def _store(self, folder: Path, key: str, job: ProviderJob) -> None:
        content = {"key": key, "model": job.tuned_model, "checkpoints": [list(point) for point in job.checkpoints]}
        path = folder / TUNED
        temporary = path.with_name(path.name + ".tmp")
        temporary.write_text(json.dumps(content) + "\n", encoding="utf-8")
        temporary.replace(path)

    def load_tuned(self, folder: Path) -> HostedLearner:
        """Return the tuned model that `fine_tune` has left in `folder`."""
        stored = json.loads((folder / TUNED).read_text(encoding="utf-8"))
        return self._tuned(stored["model"], stored.get("key"))

    def checkpoints(self, folder: Path) -> list[tuple[int, Learner]]:
        """Return the model after every pass, as far as the provider kept them."""
        stored = json.loads((folder / TUNED).read_text(encoding="utf-8"))
        return [(epoch, self._tuned(model)) for epoch, model in stored["checkpoints"]]

    def _tuned(self, model: str, key: str | None = None) -> HostedLearner:
        if ".azure." in (self.target.base_url() or "") and model not in self.account.settings.deployments:
            raise ModelError(
                f"tuned model '{model}' is ready, but Azure answers only from deployments: deploy it, write its deployment's "
                f"name under hosted.deployments ('{model}': NAME), and run the same command"
            )
        return TunedHostedLearner(self, model, key)


class TunedHostedLearner(HostedLearner):
    """A tuned model at its provider; it can be deleted there.

    Parameters
    ----------
    untuned : TunableHostedLearner
        What was tuned.
    model : str
        The tuned model's name, or its endpoint.
    key : str or None
        Of the job that made it.
    """

    def __init__(self, untuned: TunableHostedLearner, model: str, key: str | None) -> None:
        target = untuned.target.with_model(model)
        super().__init__(untuned.name, target, untuned.answers, untuned.account, base=untuned.target)
        self.key = key

    def predict_stream(self, prompts: Sequence[Prompt], done: Collection[int] = ()) -> Iterator[tuple[int, Completion]]:
        """Yield (row index, answer) as they arrive; of a model that is gone, say how to tune another one."""
        try:
            yield from super().predict_stream(prompts, done)
        except ModelError as error:
            if self.key is None or "(404)" not in str(error):
                raise
            raise ModelError(
                f"{error}; if the tuned model was deleted there, tunecurve jobs retry {self.key} --model-is-gone lets the "
                "study pay for another one"
            ) from None


def _record(recipe: dict[str, Any], n_examples: int, row: dict[str, Any], job: ProviderJob) -> TrainingRecord:
    """Return what was trained, as the provider tells it; what it does not tell is as asked for."""
    told = job.hyperparameters
    epochs, batch_size = int(told.get("epochs", recipe["epochs"])), told.get("batch_size", recipe["batch_size"])
    steps = epochs * math.ceil(n_examples / batch_size) if batch_size else 0
    return TrainingRecord(
        steps=job.steps or steps,
        epochs=epochs,
        examples_seen=epochs * n_examples,
        losses=[],
        train_seconds=max(0.0, row["updated_at"] - row["created_at"]),
        tokens_trained=job.tokens_billed or 0,
        recipe=recipe,
        path=f"tuning job at the provider ({recipe['backend']})",
        cost_usd=row["cost_usd"],
        job={
            "id": job.provider_id,
            "key": row["key"],
            "tuned_model": job.tuned_model,
            "checkpoints": [list(point) for point in job.checkpoints],
            "tokens_billed": job.tokens_billed,
            "cost_is_estimated": bool(row["detail"].get("is_estimated")),
            "hyperparameters_told": told,
            "differences": row["detail"].get("differences") or [],
        },
    )
