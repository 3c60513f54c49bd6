"""From the model names of a study to learners. What is heavy is imported only for the learners that need it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from tunecurve.errors import EnvironmentProblem
from tunecurve.learners.base import Learner
from tunecurve.learners.floor import FloorLearner
from tunecurve.spec import AnswerSpec


def build_learners(
    models: Sequence[str],
    answers: AnswerSpec,
    *,
    device: str = "auto",
    threads: int | None = None,
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
    say : callable
        Told in a line what takes time.

    Raises
    ------
    EnvironmentProblem
        When the packages for local models are not installed.
    ModelError
        When a model cannot be fetched or loaded.
    """
    learners: dict[str, Learner] = {"floor": FloorLearner()}
    for name in models:
        learners[name] = _local(name, answers, device, threads, say)
    return learners


def _local(name: str, answers: AnswerSpec, device: str, threads: int | None, say: Callable[[str], None]) -> Learner:
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
    from tunecurve.learners.local.device import choose_compute
    from tunecurve.learners.local.generate import AnswerLimits
    from tunecurve.learners.local.learner import LocalLearner
    from tunecurve.learners.local.weights import resolve_model

    compute = choose_compute(device, threads)
    return LocalLearner(
        resolve_model(name, say=say),
        compute,
        AnswerLimits(**answers.model_dump()),
        checkpoint_every_seconds=float(os.environ.get("TUNECURVE_CHECKPOINT_SECONDS", "60")),
    )
