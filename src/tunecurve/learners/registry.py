"""From the model names of a study to learners. What is heavy is imported only for the learners that need it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tunecurve.errors import EnvironmentProblem, UsageError
from tunecurve.learners.base import Learner
from tunecurve.learners.floor import FloorLearner
from tunecurve.learners.hosted.account import Account
from tunecurve.learners.hosted.names import HostedName, parse_hosted_name
from tunecurve.local_only import refuse_address
from tunecurve.spec import CONSTRAINED, AnswerSpec

if TYPE_CHECKING:
    from tunecurve.learners.local.learner import LocalLearner


def build_learners(
    models: Sequence[str],
    answers: AnswerSpec,
    *,
    device: str = "auto",
    threads: int | None = None,
    account: Account | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Learner]:
    """Return the learners by name, the floor first.

    Parameters
    ----------
    models : sequence of str
        Names as in the study file.
    answers : AnswerSpec
        How answers are generated.
    device, threads
        Where local models compute; see `tunecurve.learners.local.device.choose_compute`.
    account : Account, optional
        Ledger, budget and settings for models behind a provider's API; without it they are refused.
    say : callable
        Told in a line what takes time.

    Raises
    ------
    EnvironmentProblem
        When the packages for a model, or the key of its provider, are missing.
    ModelError
        When a model cannot be fetched or loaded.
    """
    learners: dict[str, Learner] = {"floor": FloorLearner()}
    for name in models:
        if name == "presidio":
            learners[name] = _presidio()
            continue
        bare_name = name.removeprefix(CONSTRAINED)
        is_constrained = bare_name != name
        hosted = parse_hosted_name(bare_name)
        if hosted is not None and is_constrained:
            raise UsageError(
                f"'{name}': a provider's API does not let its answers be constrained, expected a local model after "
                f"'{CONSTRAINED}'; use '{bare_name}'"
            )
        if hosted is None:
            build = _constrained if is_constrained else _local
            learners[name] = build(bare_name.removeprefix("hf:"), answers, device, threads, say)
        else:
            learners[name] = _hosted(name, hosted, answers, account, say)
    return learners


def _hosted(
    name: str, parts: HostedName, answers: AnswerSpec, account: Account | None, say: Callable[[str], None]
) -> Learner:
    if account is None:
        raise UsageError(f"'{name}' is behind a provider's API, which this command does not use; name a local model")
    refuse_address(name, parts.base_url())
    from tunecurve.learners.hosted.build import build_hosted_learner, tuning_backend_of, why_not_tunable

    learner = build_hosted_learner(name, parts, answers, account)
    if tuning_backend_of(parts, account.settings) is None and account.settings.tuning != "none":
        say(why_not_tunable(parts))
    return learner


def _presidio() -> Learner:
    from tunecurve.learners.presidio import PresidioLearner

    return PresidioLearner()


def _local(name: str, answers: AnswerSpec, device: str, threads: int | None, say: Callable[[str], None]) -> Learner:
    _import_what_local_models_need(name)
    from tunecurve.learners.local.learner import LocalLearner

    return _build_local(LocalLearner, name, answers, device, threads, say)


def _constrained(
    name: str, answers: AnswerSpec, device: str, threads: int | None, say: Callable[[str], None]
) -> Learner:
    _import_what_local_models_need(name)
    from tunecurve.learners.local.constrained import ConstrainedLearner

    return _build_local(ConstrainedLearner, name, answers, device, threads, say)


def _import_what_local_models_need(name: str) -> None:
    try:
        import peft  # noqa: F401
        import torch  # noqa: F401
        import transformers
    except ImportError as error:
        raise EnvironmentProblem(
            f"model '{name}' runs on this machine and needs the extra 'local' ({error.name or error} is missing); "
            "run: pip install 'tunecurve[local]'"
        ) from None
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()


def _build_local(
    kind: type[LocalLearner],
    name: str,
    answers: AnswerSpec,
    device: str,
    threads: int | None,
    say: Callable[[str], None],
) -> Learner:
    from tunecurve.learners.local.device import choose_compute
    from tunecurve.learners.local.generate import AnswerLimits
    from tunecurve.learners.local.weights import resolve_model

    compute = choose_compute(device, threads)
    return kind(
        resolve_model(name, say=say),
        compute,
        AnswerLimits(**answers.model_dump()),
        checkpoint_every_seconds=float(os.environ.get("TUNECURVE_CHECKPOINT_SECONDS", "60")),
    )
