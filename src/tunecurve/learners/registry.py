"""From the model names of a study to learners. What is heavy is imported only for the learners that need it."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from tunecurve.errors import ModelError, UsageError, did_you_mean, needing
from tunecurve.learners.base import Learner
from tunecurve.learners.baselines.floor import FloorLearner
from tunecurve.learners.distilled import DistilledLearner
from tunecurve.learners.distilled_names import parse_distilled_name, seems_distilled
from tunecurve.learners.hosted.account import Account
from tunecurve.learners.hosted.names import HostedName, hint_at_provider, parse_hosted_name
from tunecurve.learners.model_files import is_path
from tunecurve.learners.own import named_learner
from tunecurve.own_code import is_allowed, is_reference
from tunecurve.privacy.network import refuse_address
from tunecurve.spec.gliner import GlinerSpec
from tunecurve.spec.presidio import PresidioSpec
from tunecurve.spec.prompt import AnswerSpec
from tunecurve.spec.study import CONSTRAINED, StudySpec
from tunecurve.spec.training import EncoderSpec
from tunecurve.tasks.base import AnswerKind, Task
from tunecurve.tasks.lookup import all_tasks, task_of

if TYPE_CHECKING:
    from tunecurve.learners.torch.device import Compute

# Learners that are no language models, by the first part of their names, and the answers they can give.
ANSWERS_OF_KIND: dict[str, tuple[AnswerKind, ...]] = {
    "tagger": ("mask", "entities"),
    "classifier": ("class", "labels"),
    "setfit": ("class",),
    "tfidf": ("class", "labels"),
    "presidio": ("mask",),
    "gliner": ("mask",),
    "constrained": ("mask", "object"),
}
# Those among them that answer by label or by span: no cap on tokens cuts them.
BY_LABEL_OR_SPAN = frozenset(ANSWERS_OF_KIND) - {CONSTRAINED.rstrip(":")}
# After `tagger:`, before an encoder's name.
WARM = "warm"


@dataclass(frozen=True)
class LearnerOptions:
    """What all learners of a study have in common."""

    answers: AnswerSpec = field(default_factory=AnswerSpec)
    """How answers are generated."""
    task: Task = field(default_factory=lambda: task_of("masking"))
    """What taggers write, and who may take part; default: masking."""
    encoder: EncoderSpec = field(default_factory=EncoderSpec)
    """How taggers and classifiers are fine-tuned."""
    presidio: PresidioSpec = field(default_factory=PresidioSpec)
    """What Presidio looks for."""
    gliner: GlinerSpec = field(default_factory=GlinerSpec)
    """What GLiNER models are asked for."""
    device: str = "auto"
    threads: int | None = None
    """Where local models compute; see `tunecurve.learners.torch.device.choose_compute`."""
    share: int = 1
    """How many processes share this machine's cores."""
    account: Account | None = None
    """Ledger, budget and settings for models behind a provider's API; without it they are refused."""
    on_message: Callable[[str], None] = lambda line: None
    """Told in a line what takes time."""
    four_bit_weights: bool | Literal["auto"] = False
    """Whether frozen weights of local language models are kept in four bits; auto: where nothing else fits a GPU."""

    @classmethod
    def of_study(cls, spec: StudySpec, account: Account, device: str, threads: int | None) -> LearnerOptions:
        """Return the options that a study file sets, with the account that pays and where to compute."""
        return cls(
            spec.answers,
            spec.kind,
            spec.encoder,
            spec.presidio,
            spec.gliner,
            device,
            threads,
            account=account,
            four_bit_weights=spec.four_bit_weights,
        )

    def compute(self) -> Compute:
        """Return where local models compute."""
        from tunecurve.learners.torch.device import choose_compute

        return choose_compute(self.device, self.threads, self.share)


def build_learners(models: Sequence[str], options: LearnerOptions | None = None) -> dict[str, Learner]:
    """Return the learners by name, as in the study file, the floor first.

    Raises
    ------
    EnvironmentProblem
        When the packages for a model, or the key of its provider, are missing.
    ModelError
        When a model cannot be fetched or loaded.
    UsageError
        When a model does not know the task.
    """
    options = options or LearnerOptions()
    return {"floor": FloorLearner()} | {name: _build(name, options) for name in models}


def _build(name: str, options: LearnerOptions, *, is_teacher: bool = False) -> Learner:
    distilled = parse_distilled_name(name)
    if distilled is not None:
        student, teacher = _build(distilled.student, options), _build(distilled.teacher, options, is_teacher=True)
        return DistilledLearner(name, student, teacher, distilled.times)
    kind, _, rest = name.partition(":")
    if kind in ANSWERS_OF_KIND and options.task.answer not in ANSWERS_OF_KIND[kind]:
        possible = ("mask",) if _without_warm(kind, rest)[0] else ANSWERS_OF_KIND[kind]
        able = [task.name for task in all_tasks() if task.answer in possible]
        raise UsageError(
            f"'{name}' is for {' and '.join(able)} tasks, and this one is {options.task.name}; leave it out, or check --task"
        )
    if kind == "presidio":
        from tunecurve.learners.baselines.presidio import PresidioLearner

        return PresidioLearner(options.presidio)
    if kind == "gliner":
        return _gliner(name, rest, options)
    if kind == "tfidf":
        with needing("local", f"model '{name}'"):
            import sklearn  # noqa: F401
        from tunecurve.learners.baselines.tfidf import TfidfLearner
        from tunecurve.learners.baselines.tfidf_label_sets import TfidfLabelSets

        return (TfidfLabelSets if options.task.answer == "labels" else TfidfLearner)(name)
    if kind in ("tagger", "classifier", "setfit"):
        return _encoder(name, kind, rest, options)
    bare_name = name.removeprefix(CONSTRAINED)
    hosted = parse_hosted_name(bare_name)
    if names_code(name) and is_allowed():
        return named_learner(name)
    if hosted is None:
        return _local(bare_name.removeprefix("hf:"), options, is_constrained=bare_name != name)
    if bare_name != name:
        raise UsageError(
            f"'{name}': a provider's API does not let its answers be constrained, expected a local model after "
            f"'{CONSTRAINED}'; use '{bare_name}'"
        )
    return _hosted(name, hosted, options, is_teacher=is_teacher)


def _gliner(name: str, folder: str, options: LearnerOptions) -> Learner:
    from tunecurve.learners.gliner.folder import resolve_gliner

    files = resolve_gliner(name, folder)  # what is wrong with it is said before what is missing here
    with needing("gliner", f"model '{name}'"):
        if "gliner" not in sys.modules and find_spec("gliner") is None:
            raise ModuleNotFoundError(name="gliner")
    _need_local(name, options.device)
    from tunecurve.learners.gliner.learner import GlinerLearner

    return GlinerLearner(name, files, options.compute(), options.gliner)


def _hosted(name: str, parts: HostedName, options: LearnerOptions, *, is_teacher: bool) -> Learner:
    if options.account is None:
        raise UsageError(f"'{name}' is behind a provider's API, which this command does not use; name a local model")
    refuse_address(name, parts.base_url())
    from tunecurve.learners.hosted.build import build_hosted_learner, tuning_backend_of, why_not_tunable

    learner = build_hosted_learner(name, parts, options.answers, options.account)
    is_asked_to_tune = options.account.settings.tuning != "none" and not is_teacher
    if is_asked_to_tune and tuning_backend_of(parts, options.account.settings) is None:
        options.on_message(why_not_tunable(parts))
    return learner


def _encoder(name: str, kind: str, encoder_name: str, options: LearnerOptions) -> Learner:
    from tunecurve.learners.encoder.weights import BUILTIN_ENCODER, check_encoder, resolve_encoder

    if name.endswith(":"):
        raise UsageError(
            f"'{name}': no encoder is named behind the last ':', expected one, e.g. {name}all-mpnet-base-v2; or use "
            f"'{name[:-1]}'"
        )
    is_warm, encoder_name = _without_warm(kind, encoder_name)
    check_encoder(encoder_name or BUILTIN_ENCODER)
    _need_local(name, options.device)
    from tunecurve.learners.encoder.classifier import ClassifierLearner
    from tunecurve.learners.encoder.label_set_classifier import LabelSetClassifier
    from tunecurve.learners.encoder.tagger import EntityTagger, TaggerLearner

    build: Any = {
        "mask": TaggerLearner,
        "entities": EntityTagger,
        "class": ClassifierLearner,
        "labels": LabelSetClassifier,
    }[options.task.answer]
    if is_warm:
        if options.task.answer != "mask":
            raise UsageError(
                f"'{name}' starts from rows whose personal data are masked, expected task: masking, and this one is "
                f"{options.task.name}; use 'tagger'"
            )
        from tunecurve.learners.encoder.warm_tagger import WarmTaggerLearner

        build = WarmTaggerLearner
    if kind == "setfit":
        from tunecurve.learners.encoder.setfit import SetFitLearner

        build = SetFitLearner
    files = resolve_encoder(encoder_name or BUILTIN_ENCODER, on_message=options.on_message)
    return build(name, files, options.compute(), options.encoder, checkpoint_every_seconds=_checkpoint_seconds())


def _without_warm(kind: str, encoder_name: str) -> tuple[bool, str]:
    """Return whether a tagger has a warm start (``tagger:warm``, ``tagger:warm:NAME``), and its encoder's name."""
    first, _, rest = encoder_name.partition(":")
    return (True, rest) if kind == "tagger" and first == WARM else (False, encoder_name)


def _refuse_missing_four_bits(name: str, options: LearnerOptions) -> None:
    """Refuse weights in four bits where their package is missing, before torch or a model is loaded."""
    is_served = options.account is not None and options.account.settings.vllm.model == name
    with needing("4bit", f"four_bit_weights: true for model '{name}'", ", or set four_bit_weights: false"):
        is_there = "bitsandbytes" in sys.modules or find_spec("bitsandbytes") is not None
        if options.four_bit_weights is True and not is_served and not is_there:
            raise ModuleNotFoundError(name="bitsandbytes")


def _local(name: str, options: LearnerOptions, *, is_constrained: bool) -> Learner:
    from tunecurve.learners.torch.weights import check_model, resolve_model

    with _with_hint(name):
        check_model(name)
    _refuse_missing_four_bits(name, options)
    _need_local(name, options.device)
    from tunecurve.learners.lm.base_model import with_base_weights
    from tunecurve.learners.lm.constrained import CONSTRAINED_LEARNERS
    from tunecurve.learners.lm.decoding.generate import AnswerLimits
    from tunecurve.learners.lm.learner import LocalLearner

    limits = AnswerLimits(**options.answers.model_dump(exclude={"clean"}))
    with _with_hint(name):
        files = resolve_model(name, on_message=options.on_message)
    account, compute = options.account, options.compute()
    if account is not None and account.settings.vllm.model == name and not is_constrained:
        if options.four_bit_weights is True:
            raise UsageError(
                f"four_bit_weights: true, and hosted.vllm.model is '{name}', whose server answers with weights of its own; expected "
                "four_bit_weights: false, or no hosted.vllm"
            )
        from tunecurve.learners.hosted.vllm_server import VLLM
        from tunecurve.learners.lm.served import ServedLearner

        refuse_address(name, VLLM.base_url())
        return ServedLearner(files, compute, limits, checkpoint_every_seconds=_checkpoint_seconds(), account=account)
    build = CONSTRAINED_LEARNERS[options.task.answer] if is_constrained else LocalLearner
    compute = with_base_weights(compute, files, options.four_bit_weights)
    return build(files, compute, limits, checkpoint_every_seconds=_checkpoint_seconds())


def _need_local(name: str, device: str) -> None:
    """Refuse what needs packages of the extra `local`, or a device, where they are missing; quieten the packages where they are not."""
    with (
        needing("local", f"model '{name}' runs on this machine and", _as_next_sentence("", _hint(name))),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", "IProgress not found")  # no bar is shown, in notebooks neither
        import torch  # noqa: F401

        from tunecurve.learners.torch.device import check_device

        check_device(device)  # torch alone tells; the others take a machine that is busy half a minute
        import peft  # noqa: F401
        import transformers
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()


def names_code(name: str) -> bool:
    """Return whether a model's name is that of code, ``package.module:name``, and not one like ``tagger:warm`` or ``hf:gpt2``."""
    return is_reference(name) and name.partition(":")[0] not in (*ANSWERS_OF_KIND, "hf")


def _hint(name: str) -> str:
    """Return what a name that no local model has may have meant, as a sentence; empty where nothing is known."""
    if names_code(name):
        return f" If it is a learner of your own, and you trust {name.partition(':')[0]}, add --allow-code (Python: allow_code=True)."
    if seems_distilled(name):
        return " Before a teacher's name stands how many inputs it answers for every labelled row, 1 to 999: tagger+4x:TEACHER."
    kind, colon, rest = name.partition(":")
    if colon and kind not in ANSWERS_OF_KIND and kind.lower() in ANSWERS_OF_KIND:
        return f" Did you mean '{kind.lower()}:{rest}'?"
    if kind in ANSWERS_OF_KIND or is_path(name):
        return ""
    return hint_at_provider(name) or did_you_mean(name, ANSWERS_OF_KIND)


@contextmanager
def _with_hint(name: str) -> Iterator[None]:
    """Say what a name that no local model has may have meant, behind what is wrong with it."""
    try:
        yield
    except ModelError as error:
        raise type(error)(f"{error}{_as_next_sentence(str(error), _hint(name))}") from None


def _as_next_sentence(line: str, sentence: str) -> str:
    return sentence if not sentence or line.endswith((".", "?")) else f".{sentence}"


def _checkpoint_seconds() -> float:
    return float(os.environ.get("TUNECURVE_CHECKPOINT_SECONDS", "60"))
