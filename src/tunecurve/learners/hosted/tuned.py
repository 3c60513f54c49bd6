"""A tuned model at its provider: what answers, from a deployment where one has to stand, and what its training was."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace

from tunecurve.cancellation import Cancellation
from tunecurve.errors import Interrupted, ModelError
from tunecurve.learners.base import Completion, TrainingRecord
from tunecurve.learners.hosted.deployments.lifecycle import AnsweredMeanwhile, DeploymentFlow, LiveDeployment
from tunecurve.learners.hosted.deployments.new_deployment import NewDeploymentGateway
from tunecurve.learners.hosted.learner import HostedLearner
from tunecurve.learners.hosted.ledger.job_rows import JobRow, ProviderJob
from tunecurve.learners.hosted.names import HostedName
from tunecurve.learners.hosted.transport.batches import BatchBook
from tunecurve.learners.hosted.transport.calls import Call
from tunecurve.learners.hosted.transport.gateway import Gateway
from tunecurve.learners.hosted.transport.inspect_adapter import InspectGateway
from tunecurve.prompts import Prompt


class TunedHostedLearner(HostedLearner):
    """A tuned model at its provider; it can be deleted there. `flow_of` makes the deployment that it answers from, if it needs one."""

    def __init__(
        self, untuned: HostedLearner, model: str, key: str | None, flow_of: Callable[[str], DeploymentFlow | None]
    ) -> None:
        target = untuned.target.with_model(model)
        super().__init__(untuned.name, target, untuned.answers, untuned.account, base=untuned.target)
        self.key, self._flow_of = key, flow_of
        self._live: LiveDeployment | None = None

    def hosting_paid_usd(self) -> float | None:
        """Return what deployments of this model have cost this study; None: unknown."""
        return self.account.ledger.hosting_of(self.account.study, self.target.model)

    def _answering(self) -> HostedName:
        return super()._answering() if self._live is None else self.target.with_model(self._live.answers_as)

    def _open_gateway(self, book: BatchBook | None) -> Gateway:
        live = self._live
        if live is None:
            gateway = super()._open_gateway(book)
            row = self.account.ledger.job(self.key) if self.key is not None and book is None else None
            if row is None:
                return gateway
            age = max(0.0, time.time() - row.updated_at)
            return NewDeploymentGateway(gateway, self.account.cancellation, age, self.account.on_message)
        options = replace(self._options(), base_url=live.answers_at)
        gateway = InspectGateway(self._answering(), options, book)
        return NewDeploymentGateway(
            gateway,
            Cancellation(lambda: self.account.cancellation.is_requested, lambda: live.error is not None),
            on_message=self.account.on_message,
            is_gone=live.is_gone,
            named=(live.answers_as, self.target.model),
        )

    def _cancellation(self) -> Cancellation:
        return Cancellation(
            lambda: self.account.cancellation.is_requested, lambda: self._live is not None and self._live.must_end()
        )

    def _ask(self, calls: Sequence[Call], n_rows: int) -> Generator[tuple[Call, Completion], None, None]:
        """Yield calls with their answers; where a deployment has to stand for that, it stands for no longer."""
        flow = self._flow_of(self.target.model)
        if flow is None:
            yield from super()._ask(calls, n_rows)
            return
        keys = [call.key for call in calls]
        try:
            with flow.answering(self.target.model, lambda: len(self.account.ledger.answers(keys)) < len(keys)) as live:
                self._live = live
                yield from self._ask_within_the_cap(calls, n_rows, live)
        except AnsweredMeanwhile:
            recorded = self.account.ledger.answers(keys)
            for call in calls:
                yield call, recorded[call.key].completion()
        finally:
            self._live = None

    def _ask_within_the_cap(
        self, calls: Sequence[Call], n_rows: int, live: LiveDeployment
    ) -> Generator[tuple[Call, Completion], None, None]:
        try:
            with closing(super()._ask(calls, n_rows)) as stream:
                for item in stream:
                    yield item
                    if live.must_end():
                        break
        except Interrupted:
            if live.error is None:
                raise
        if live.error is not None:
            raise live.error

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


def record_of(row: JobRow, recipe: dict[str, object]) -> TrainingRecord:
    """Return what was trained, as the provider tells it; what it does not tell is as asked for."""
    job = row.job or ProviderJob("", "unknown")
    told = job.hyperparameters
    epochs = job.epochs_made or int(told.get("epochs", row.recipe.epochs))
    batch_size = told.get("batch_size", row.recipe.batch_size)
    steps = epochs * math.ceil(row.n_rows / batch_size) if batch_size else 0
    return TrainingRecord(
        steps=job.steps or steps,
        epochs=epochs,
        examples_seen=epochs * (job.examples or row.n_rows),
        losses=[],
        train_seconds=max(0.0, row.updated_at - row.created_at),
        tokens_trained=job.tokens_billed or 0,
        recipe=recipe,
        path=f"tuning job at the provider ({row.recipe.backend})",
        cost_usd=row.cost_usd,
        job={
            "id": job.provider_id,
            "key": row.key,
            "tuned_model": job.tuned_model,
            "checkpoints": [list(point) for point in job.checkpoints],
            "tokens_billed": job.tokens_billed,
            "cost_is_estimated": row.is_estimated,
            "hyperparameters_told": dict(told),
            "differences": list(row.differences),
        },
    )
