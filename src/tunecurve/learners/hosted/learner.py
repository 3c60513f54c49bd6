"""A model behind a provider's API, prompted; tuned models answer the same way under another name."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import closing
from typing import Any

from tunecurve.cancellation import Cancellation
from tunecurve.findings import Finding
from tunecurve.learners.base import Completion, Learner, Loss, RoundTrip, Workload
from tunecurve.learners.hosted.account import Account
from tunecurve.learners.hosted.budget import unknown_price
from tunecurve.learners.hosted.known_models import findings_on
from tunecurve.learners.hosted.names import HostedName, is_endpoint
from tunecurve.learners.hosted.prices import BATCH_SHARE, Price
from tunecurve.learners.hosted.transport.access import check_access, unsent_settings
from tunecurve.learners.hosted.transport.aws_access import region_of
from tunecurve.learners.hosted.transport.batches import BatchBook
from tunecurve.learners.hosted.transport.calls import Call, SendingLimits
from tunecurve.learners.hosted.transport.gateway import Gateway, GatewayOptions
from tunecurve.learners.hosted.transport.inspect_adapter import InspectGateway
from tunecurve.learners.hosted.transport.sender import Sender
from tunecurve.privacy.redact import redact
from tunecurve.prompts import Prompt
from tunecurve.spec.prompt import AnswerSpec
from tunecurve.spec.study import stable_hash

# Of English text, by most tokenizers; replaced by what the ledger has measured for a model.
USUAL_TOKENS_PER_CHARACTER = 0.25
# For bounds: few texts have more tokens than one for every two characters.
MOST_TOKENS_PER_CHARACTER = 0.5
TOKENS_AROUND_TURN = 5
# Scripts of which a character is often a token of its own begin here: Greek, Cyrillic, Arabic, Devanagari, Chinese, ...
FIRST_DENSE_CHARACTER = "\u0370"
# The ledger's key of a call changes when what is sent changes; so does this, when the way of sending does.
CALL_FORMAT = 1


# Settings that say how the server speaks.
_MANNERS = ("api", "stream", "max_tokens_field", "system_as_user", "reasoning_effort", "extra_body")
_USUAL = GatewayOptions()


class HostedLearner(Learner):
    """A hosted model that answers prompts; a tuned one knows its base."""

    takes_prompts = True
    is_paid = True

    def __init__(
        self, asked_as: str, name: HostedName, answers: AnswerSpec, account: Account, base: HostedName | None = None
    ) -> None:
        self.name, self.target, self.answers, self.account, self.base = asked_as, name, answers, account, base
        self._rates: tuple[float, float] | None = None

    def identity(self) -> dict[str, object]:
        """Return what determines the answers: provider, address, model and everything sent beside the prompt."""
        options = self._options()
        sent = {key: getattr(options, key) for key in ("temperature", "top_p", "top_k", "seed", "thinking", "safety")}
        is_deployed = self.target.model in self.account.settings.deployments
        deployed = {"deployment": self._answering().model} if is_deployed else {}
        return {
            "kind": "hosted",
            "name": self.name,
            "provider": self.target.provider,
            "service": self.target.service,
            "model": self.target.model,
            "base_url": redact(self.target.base_url() or "") or None,
            **sent,
            # Only what is set: earlier answers keep their keys.
            **{key: value for key in _MANNERS if (value := getattr(options, key)) != getattr(_USUAL, key)},
            **deployed,
            **({"endpoint_of": family} if (family := self._told_family()) else {}),
            "max_extra_tokens": self.account.settings.max_extra_tokens,
            "answers": {"ratio": self.answers.max_tokens_per_input_token, "extra": self.answers.max_extra_tokens},
        }

    def _answering(self) -> HostedName:
        """Return who is called: the model, or the deployment that answers for it."""
        return self.target.with_model(self.account.settings.deployments.get(self.target.model, self.target.model))

    def _told_family(self) -> str | None:
        """Return what an endpoint that the study names was tuned from, where the study says so."""
        return self.account.settings.vertex.endpoint_of if is_endpoint(self.target) else None

    def _options(self) -> GatewayOptions:
        settings = self.account.settings
        return GatewayOptions(
            temperature=settings.temperature,
            top_p=settings.top_p,
            top_k=settings.top_k,
            seed=settings.seed,
            thinking=settings.thinking,
            safety=settings.safety,
            batch=settings.batch,
            timeout_seconds=settings.timeout_seconds,
            family=self.base.model if self.base is not None else self._told_family(),
            **{key: getattr(settings, key) for key in _MANNERS},
            project=settings.vertex.project,
            location=settings.vertex.location,
            aws_region=region_of(settings.bedrock) if self.target.provider == "bedrock" else None,
        )

    def check_access(self, *, will_tune: bool = False) -> None:
        """Raise EnvironmentProblem when a key, an address or a project is not set, MoneyError when a cap cannot be kept; asks
        nobody."""
        check_access(self.target, self.name, self.account.settings, will_tune=will_tune)
        if self.account.settings.max_cost is not None:
            self._refuse_unknown_prices(will_tune=will_tune)

    def _refuse_unknown_prices(self, *, will_tune: bool) -> None:
        """Raise MoneyError where the cap would stop the study only after something else has been paid."""
        unknown = [] if self.price.call_usd(1, 1) is not None else [f"a call to '{self.name}'"]
        tuned = self.account.price(self.target, self.name, tuned=True)
        if will_tune and tuned.training_usd is None:
            unknown.append(f"tuning '{self.name}'")
        if will_tune and not unknown and tuned.call_usd(1, 1) is None:
            unknown.append(f"a call to what is tuned from '{self.name}'")
        if unknown:
            raise unknown_price(" and of ".join(unknown), self._price_of_a_similar_name())

    def _price_of_a_similar_name(self) -> str | None:
        """Return the name under hosted.prices that may be this model's, mistyped."""
        given = self.account.settings.prices
        close = [] if self.name in given else difflib.get_close_matches(self.name, given, n=1)
        return close[0] if close else None

    def model_findings(self) -> list[Finding]:
        """Return what is to be said of the model before anything is sent: that it is retired, or in no table."""
        is_priced = self.price.call_usd(1, 1) is not None
        found = findings_on(self.name, self.target, is_priced=is_priced)
        return [*found, *unsent_settings(self.target, self.name, self.account.settings)]

    @property
    def price(self) -> Price:
        """What a token costs, tuned models at their own price; half in batch mode."""
        family = self._told_family()
        named = self.target if family is None else self.target.with_model(family)
        return self._price_of(self.base or named, is_tuned=self.base is not None or family is not None)

    def _price_of(self, name: HostedName, *, is_tuned: bool) -> Price:
        price = self.account.price(name, self.name, tuned=is_tuned)
        if not self.account.settings.batch or price.input_usd is None or price.output_usd is None:
            return price
        source = f"{price.source}; half of it in batch mode"
        return Price(price.input_usd * BATCH_SHARE, price.output_usd * BATCH_SHARE, price.training_usd, source)

    def predict_stream(self, prompts: Sequence[Prompt], done: Collection[int] = ()) -> Iterator[tuple[int, Completion]]:
        """Yield (row index, answer) as they arrive; recorded answers come from the ledger and are not paid again."""
        calls = self._calls(prompts, set(done))
        recorded = self.account.ledger.answers([call.key for call in calls])
        for call in calls:
            if call.key in recorded:
                for index in call.indexes:
                    yield index, recorded[call.key].completion()
        missing = [call for call in calls if call.key not in recorded]
        if not missing:
            return
        with closing(self._ask(missing, len(prompts))) as stream:
            for call, answer in stream:
                for index in call.indexes:
                    yield index, answer

    def _ask(self, calls: Sequence[Call], n_rows: int) -> Generator[tuple[Call, Completion], None, None]:
        """Yield calls that nobody has recorded with their answers, as they arrive."""
        with closing(self._sender(n_rows).stream(calls)) as stream:
            yield from stream

    def _open_gateway(self, book: BatchBook | None) -> Gateway:
        """Return what sends, made inside the event loop that uses it."""
        return InspectGateway(self._answering(), self._options(), book)

    def _cancellation(self) -> Cancellation:
        """Return what ends the sending, also while no answer comes."""
        return self.account.cancellation

    def _sender(self, n_rows: int) -> Sender:
        self.check_access()
        settings = self.account.settings
        # A batch is one request to the provider, so all its rows are in flight together.
        limits = SendingLimits(
            concurrency=n_rows if settings.batch else settings.concurrency,
            max_attempts=settings.max_attempts,
            max_failures=math.floor(settings.failed_rows_allowed * n_rows),
            leaves_in_flight=settings.batch,
        )
        keeps = settings.keep_training_files
        book = BatchBook(self.account.ledger, self.account.on_message, keeps_files=keeps) if settings.batch else None
        return Sender(
            lambda: self._open_gateway(book), self.account, self.name, self.price, limits, self._cancellation()
        )

    def _calls(self, prompts: Sequence[Prompt], done: set[int]) -> list[Call]:
        """Return the calls for all rows that are not done, one for rows with equal prompts."""
        sent = {**self.identity(), "format": CALL_FORMAT, "batch": self.account.settings.batch, "repeat": 0}
        rows: dict[str, list[int]] = {}
        parts: dict[str, tuple[Prompt, int]] = {}
        for index, prompt in enumerate(prompts):
            if index in done:
                continue
            max_tokens = self._cap_of(prompt)
            messages = [[message.role, message.content] for message in prompt.messages]
            key = stable_hash({**sent, "messages": messages, "max_tokens": max_tokens}, 64)
            rows.setdefault(key, []).append(index)
            parts[key] = (prompt, max_tokens)
        return [Call(key, parts[key][0].messages, parts[key][1], tuple(indexes)) for key, indexes in rows.items()]

    def context_length(self) -> int | None:
        """Return the most tokens the model takes, where the study says so."""
        return self.account.settings.context_tokens

    def tokens_needed(self, prompt: Prompt) -> int:
        """Return a high count of the tokens of a prompt and its longest answer, whatever earlier calls have measured."""
        around = TOKENS_AROUND_TURN * len(prompt.messages)
        return sum(_most_tokens(message.content) for message in prompt.messages) + around + self._cap_of(prompt)

    def _cap_of(self, prompt: Prompt) -> int:
        if prompt.max_tokens is None:
            return self._answer_cap(prompt.source)
        return prompt.max_tokens + self.account.settings.max_extra_tokens

    def _answer_cap(self, source: str) -> int:
        tokens = len(source) * MOST_TOKENS_PER_CHARACTER
        study_cap = math.ceil(tokens * self.answers.max_tokens_per_input_token) + self.answers.max_extra_tokens
        return study_cap + self.account.settings.max_extra_tokens

    def return_targets(self, prompts: Sequence[Prompt], targets: Sequence[str], examples: Sequence[Any]) -> RoundTrip:
        """Cut the right answers at the cap, their tokens estimated."""
        kept, cut = list(targets), []
        for row, (prompt, target) in enumerate(zip(prompts, targets, strict=True)):
            cap, tokens = self._answer_cap(prompt.source), self.count_tokens(target)
            if tokens > cap:
                kept[row] = target[: len(target) * cap // tokens]
                cut.append(row)
        what = "test targets are longer than the longest answer allowed (tokens estimated)"
        remedy = "raise answers.max_tokens_per_input_token or answers.max_extra_tokens"
        return RoundTrip(kept, (Loss("answer cap", tuple(cut), what, remedy),) if cut else ())

    # What `plan` asks

    def count_tokens(self, text: str) -> int:
        """Return about how many tokens a text has: as measured on this model's earlier calls, else a quarter of its length."""
        if self._rates is None:
            measured = None
            if self.account.ledger_path.exists():
                measured = self.account.ledger.tokens_per_character(self.name)
            self._rates = measured or (USUAL_TOKENS_PER_CHARACTER, USUAL_TOKENS_PER_CHARACTER)
        return math.ceil(len(text) * self._rates[0])

    def estimate_seconds(self, work: Workload) -> float:
        """Return about how long the calls take, at 1.5 s each; a tuning job's hours are the provider's."""
        return 1.5 * work.n_calls / self.account.settings.concurrency

    def quote_usd(self, work: Workload, *, is_tuned: bool) -> float | None:
        """Return about what a trial costs, one that trains at the tuned model's price; None: unknown."""
        price = self._price_of(self.target, is_tuned=is_tuned)
        answers = price.call_usd(work.tokens_read, work.tokens_written)
        if answers is None or not is_tuned:
            return answers
        training = price.training_cost_usd(work.tokens_trained)
        # Every checkpoint answers all rows; the last one is the tuned model itself.
        times = work.epochs if self.account.settings.checkpoints else 1
        return None if training is None else answers * times + training


def _most_tokens(text: str) -> int:
    """Return a high count of a text's tokens: half a character's, one for every character of a dense script; emoji may have more.

    >>> _most_tokens("Kattie, call"), _most_tokens("今日は電話")
    (6, 5)
    """
    n_dense = sum(character >= FIRST_DENSE_CHARACTER for character in text)
    return math.ceil((len(text) - n_dense) * MOST_TOKENS_PER_CHARACTER) + n_dense
