"""A hosted model that its provider tunes: the same learner, with jobs behind `fine_tune`."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tunecurve.errors import ModelError, TunecurveError
from tunecurve.findings import Finding
from tunecurve.learners.base import Learner, Pending, TrainingJob, TrainingProgress, Tuned, Workload
from tunecurve.learners.epochs import epochs_for
from tunecurve.learners.hosted.account import Account
from tunecurve.learners.hosted.budget import unknown_price
from tunecurve.learners.hosted.deployments.lifecycle import DeploymentFlow
from tunecurve.learners.hosted.deployments.types import Hosting
from tunecurve.learners.hosted.learner import HostedLearner
from tunecurve.learners.hosted.ledger.job_rows import JobRow, ProviderJob, TuningRecipe
from tunecurve.learners.hosted.names import HostedName
from tunecurve.learners.hosted.prices import hosting_usd, money
from tunecurve.learners.hosted.transport.failures import host_of
from tunecurve.learners.hosted.tuned import TunedHostedLearner, record_of
from tunecurve.learners.hosted.tuning.backend import TuningBackend
from tunecurve.learners.hosted.tuning.errors import TransientError, asking
from tunecurve.learners.hosted.tuning.jobs import JobFlow
from tunecurve.learners.hosted.tuning.limits import USUAL_BATCH, manner_of
from tunecurve.learners.hosted.tuning.types import JobRequest
from tunecurve.spec.prompt import AnswerSpec
from tunecurve.storage.files import write_text

TUNED = "tuned.json"
LONGEST_TROUBLE_SECONDS = 3600.0


@dataclass(frozen=True)
class TuningService:
    """Who tunes a model."""

    name: str
    """Which backend; see `limits`."""
    open: Callable[[], TuningBackend]
    """Makes the backend, at the first job."""
    hosting: Hosting | None = None
    """Where tuned models answer only from a deployment: how one is made, and what it costs."""


class TunableHostedLearner(HostedLearner):
    """A hosted model with a tuning backend."""

    def __init__(
        self, asked_as: str, name: HostedName, answers: AnswerSpec, account: Account, tuning: TuningService
    ) -> None:
        super().__init__(asked_as, name, answers, account)
        self._open_backend, self.backend_name, self.hosting = tuning.open, tuning.name, tuning.hosting
        self._backend: TuningBackend | None = None
        self._trouble_since: float | None = None

    settings_read = frozenset(f"recipe.{name}" for name in ("name", "epochs", "min_steps", "max_epochs", "batch_size"))

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
        """Return the values that the provider takes; epochs by the same rule as for local models."""
        given = {key: value for key, value in recipe.items() if value is not None}
        manner = manner_of(self.backend_name, self.target.model)
        batch_size = given.get("batch_size") or USUAL_BATCH if manner.takes_batch_size else None
        if manner.most_epochs is not None:
            given["max_epochs"] = min(given.get("max_epochs", manner.most_epochs), manner.most_epochs)
        epochs = epochs_for(given, n_examples, batch_size or USUAL_BATCH)
        settings = self.account.settings
        size = settings.adapter_size if manner.adapter_sizes else None
        resolved = TuningRecipe(
            epochs,
            given.get("name", "default"),
            self.backend_name,
            n_steps=epochs * math.ceil(n_examples / batch_size) if batch_size else None,
            batch_size=batch_size,
            learning_rate=settings.together.learning_rate if manner.takes_learning_rate else None,
            learning_rate_multiplier=settings.learning_rate_multiplier,
            lora_rank=size,
            adapter_size=size,
        )
        return dict(vars(resolved))

    def fine_tune(self, job: TrainingJob, on_step: Callable[[TrainingProgress], None]) -> Tuned | Pending:
        """Bring the tuning job on its way, or look how it stands; pending until the provider has finished."""
        self.check_access(will_tune=True)
        training_usd = self.account.price(self.target, self.name, tuned=True).training_usd
        flow = JobFlow(self.backend, self.account, training_usd, self._probe_deployments)
        try:
            row = flow.advance(self._request(job))
        except TransientError as trouble:
            return self._wait_out(trouble)
        self._trouble_since = None
        if isinstance(row, Pending):
            return row
        self._store(job.folder, row)
        return Tuned(self.load_tuned(job.folder), record_of(row, job.recipe))

    def tuning_obstacle(self, jobs: Iterable[TrainingJob]) -> str | None:
        """Return why these rows, or this account and model, cannot be tuned; None: nothing is known against it."""
        try:
            for job in jobs:
                self.backend.check_limits(self._request(replace(job, seed=0)))
            self.backend.preflight(self.target.model)
            self._probe_deployments()
        except TunecurveError as error:
            return str(error)
        except TransientError as trouble:
            return f"{host_of(self.target)} could not be asked whether it tunes this model ({trouble}); try again"
        return None

    def check_cap(self, job: TrainingJob, beside_usd: float) -> None:
        """Raise where the cap does not hold a job of this size, unless this study has made it: its money is booked."""
        n_labelled = len(job.examples) - job.n_taught
        made = self.account.ledger.jobs("study = ?", (self.account.study,))
        if any(
            row.model == self.target.model and re.fullmatch(rf"n{n_labelled}\+\d+-seed{job.seed}", row.label)
            for row in made
        ):
            return
        usd = self.account.price(self.target, self.name, tuned=True).training_cost_usd(self._training_tokens(job))
        what = f"tuning '{self.target.model}' on {len(job.examples)} rows, {job.n_taught} of them still to be paid for,"
        self.account.budget.settle(self.account.budget.reserve(None if usd is None else usd + beside_usd, what), 0.0)

    def _probe_deployments(self) -> None:
        """Raise where tuned models could not answer: a job that nobody can ask is paid for nothing."""
        if self.hosting is not None:
            with asking(f"deployments of tuned models of '{self.target.model}' cannot be made"):
                self.hosting.open("").probe()

    def _request(self, job: TrainingJob) -> JobRequest:
        return JobRequest(
            base_model=self.target.model,
            label=f"n{len(job.examples) - job.n_taught}{f'+{job.n_taught}' if job.n_taught else ''}-seed{job.seed}",
            examples=job.examples,
            recipe=TuningRecipe(**job.recipe),
            seed=job.seed,
            tokens=self._training_tokens(job),
            place=self.backend.place(),
        )

    def _training_tokens(self, job: TrainingJob) -> int:
        texts = [
            [message.content for message in example.prompt.messages] + [example.answer] for example in job.examples
        ]
        one_pass = sum(self.count_tokens(text) + 4 for row in texts for text in row)
        return int(job.recipe["epochs"]) * one_pass

    def _wait_out(self, trouble: TransientError) -> Pending:
        """Return the reason to ask later; after an hour of nothing but trouble, give up."""
        now = time.monotonic()
        if self._trouble_since is None:
            self._trouble_since = now
        if now - self._trouble_since > LONGEST_TROUBLE_SECONDS:
            minutes = LONGEST_TROUBLE_SECONDS / 60
            raise ModelError(
                f"the provider's tuning service was not to be reached for {minutes:.0f} min: {trouble}"
            ) from None
        poll_seconds = self.account.settings.poll_seconds
        return Pending(f"the provider's tuning service cannot be reached, trying again: {trouble}", poll_seconds)

    def _store(self, folder: Path, row: JobRow) -> None:
        job = row.job or ProviderJob("", "unknown")
        content = {"key": row.key, "model": job.tuned_model, "checkpoints": [list(point) for point in job.checkpoints]}
        write_text(folder / TUNED, json.dumps(content) + "\n")

    def load_tuned(self, folder: Path) -> HostedLearner:
        """Return the tuned model that `fine_tune` has left in `folder`."""
        stored = json.loads((folder / TUNED).read_text(encoding="utf-8"))
        return self._tuned(stored["model"], stored.get("key"))

    def checkpoints(self, folder: Path) -> list[tuple[int, Learner]]:
        """Return the model after every pass, as far as the provider kept them."""
        stored = json.loads((folder / TUNED).read_text(encoding="utf-8"))
        return [(epoch, self._tuned(model)) for epoch, model in stored["checkpoints"]]

    def _tuned(self, model: str, key: str | None = None) -> HostedLearner:
        is_at_azure = ".azure." in (self.target.base_url() or "")
        if self.hosting is None and is_at_azure and model not in self.account.settings.deployments:
            raise ModelError(
                f"tuned model '{model}' is ready, but Azure answers only from deployments: deploy it, write its deployment's "
                f"name under hosted.deployments ('{model}': NAME), and run the same command"
            )
        return TunedHostedLearner(self, model, key, self.deployment_flow)

    def model_findings(self) -> list[Finding]:
        """Return also what people should know of how its provider trains."""
        remark = manner_of(self.backend_name, self.target.model).remark
        note = Finding("tuning-manner", f"'{self.name}': its provider {remark}", is_note=True)
        return [*super().model_findings(), *([note] if remark else [])]

    # Deployments

    def check_access(self, *, will_tune: bool = False) -> None:
        """Raise also for what a deployment needs and its price, before anything else is paid."""
        super().check_access(will_tune=will_tune)
        if will_tune and self.hosting is not None:
            self.hosting.check()
            if self.account.settings.max_cost is not None and self.hosting_usd_per_hour() is None:
                raise unknown_price(f"hosting tuned models of '{self.name}'")

    def hosting_usd_per_hour(self) -> float | None:
        """Return what a deployment costs an hour, the study's own price first; None: unknown."""
        own = self.account.price(self.target, self.name, tuned=True).hosting_usd
        return own if own is not None or self.hosting is None else self.hosting.usd_per_hour

    def quote_usd(self, work: Workload, *, is_tuned: bool) -> float | None:
        """Return about what a trial costs, the minutes included that deployments of its models are assumed to stand."""
        quote = super().quote_usd(work, is_tuned=is_tuned)
        if quote is None or not is_tuned or self.hosting is None:
            return quote
        seconds = self.account.settings.hosting.minutes * 60
        usd = hosting_usd(seconds, self.hosting_usd_per_hour(), self.hosting.billed_seconds)
        times = work.epochs if self.account.settings.checkpoints else 1
        return None if usd is None else quote + usd * times

    def hosting_line(self) -> str | None:
        """Return what a deployment of a tuned model is assumed to cost; None where none has to stand."""
        if self.hosting is None:
            return None
        minutes, rate = self.account.settings.hosting.minutes, self.hosting_usd_per_hour()
        usd = hosting_usd(minutes * 60, rate, self.hosting.billed_seconds)
        source = self.hosting.source if rate == self.hosting.usd_per_hour else "study file"
        kept = "kept afterwards (hosting.keep), and not in the quote from then on" if self._keeps else "then deleted"
        return (
            f"{self.name}, tuned: each answers from a deployment of its own, {money(rate)} an hour ({source}), assumed to stand "
            f"{minutes:g} min a trial (hosting.minutes): {money(usd)} a trial, in the quote; {kept}."
        )

    @property
    def _keeps(self) -> bool:
        return self.account.settings.hosting.keep

    def deployment_flow(self, model: str) -> DeploymentFlow | None:
        """Return what makes a tuned model answer; None where it answers by itself, or from a deployment of its user's own."""
        if self.hosting is None or model in self.account.settings.deployments:
            return None
        return DeploymentFlow(self.hosting.open(model), self.account, self.hosting_usd_per_hour())
